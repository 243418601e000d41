"""The pane for texts: written as one watches, then one's own; or said in a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QTextDocument
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.messages import Preview, TextPreview
from studio.core.recipe import Recipe
from studio.library import Item
from studio.ui import theme
from studio.ui.conversation import Turn, asked, is_chat
from studio.ui.draft import Draft, DraftFile, keep_draft
from studio.ui.engine import JobView
from studio.ui.panes.audio import SPEECH
from studio.ui.panes.chatting import ChattingPane
from studio.ui.panes.tasks import Tasks
from studio.ui.panes.wording import FILL, REWRITE, Wording
from studio.ui.stock import look
from studio.ui.studio import Handover
from studio.ui.widgets.buttons import Well, menu_tool, quiet, tool
from studio.ui.widgets.savemenu import SaveMenu
from studio.ui.widgets.textview import TextView

PAUSE_MS = 1000
"""After the last key, what was typed is written to the disk."""
START = "start"
"""The setting by which a family goes on from a text."""


class TextPane(ChattingPane):
    """Stories, poems and whatever else is written; with a chat model, conversations."""

    kind: Kind = "text"
    picture = "type"

    @property
    def title(self) -> str:
        return self.tr("Text")

    def make_words(self) -> str:
        spec = self.chooser.spec
        words = {FILL: self.tr("Fill in"), REWRITE: self.tr("Rewrite")}
        return words.get(spec.id if spec is not None else "", self.tr("Write"))

    def idle_words(self) -> str:
        offer = self.chooser.offer
        if self.chatting and offer is not None and offer.starter:
            return self.tr("This model only tells stories. Add a chat model on the Models page.")
        if self.chatting:
            return self.tr("Say something below, and the model answers.")
        return super().idle_words()

    def build_result(self) -> QWidget:
        self.live = TextView()
        self.live.setObjectName("live-text")
        self.live.setAccessibleName(self.tr("Text being written"))
        self.text = TextView()
        self.text.edited.connect(self._edited)
        self.text.counted.connect(self._count)
        self.wording = Wording(self, self.text, self.continue_)
        self.tasks = Tasks(self)
        self.tasks.loaded.connect(self.wording.set_presets)
        self.tasks.described.connect(self.set_task)
        self.live.counted.connect(self._count)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.text)
        self.pages.addWidget(self.live)
        well = Well("field")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.pages)
        self.sheets = self.build_talk(well)

        self.go_on = quiet("continue", "corner-down-right", self.tr("Continue"), self.continue_)
        self.go_on.setToolTip(self.tr("Go on from the cursor, or from the end"))
        self.once_more = quiet("again", "refresh-cw", self.tr("Again"), self.again)
        self.once_more.setToolTip(self.tr("The same wish with another seed"))
        self.keep_button = quiet("keep", "check", self.tr("Keep"), self.keep)
        keys = QKeySequence(QKeySequence.StandardKey.Save)
        native = keys.toString(QKeySequence.SequenceFormat.NativeText)
        self.keep_button.setToolTip(self.tr("Put your edit into the library") + f"  ({native})")
        self.keep_button.hide()
        self.words = QLabel()
        self.words.setObjectName("words")
        self.words.setProperty("role", "small")
        self.copy = tool("copy", "copy", self.tr("Copy the text"), self._copy)
        self.save, _ = menu_tool("save", "download", self.tr("Save a copy"))
        save_menu = SaveMenu(self.current, self.work, self.save, before=self.keep)
        save_menu.failed.connect(self.complain)
        self.save.setMenu(save_menu)
        self.send, send_menu = menu_tool("send", "send", self.tr("Send to another pane"))
        illustrate = send_menu.addAction(self.tr("Illustrate this text"))
        illustrate.setObjectName("send-image")
        illustrate.triggered.connect(lambda: self.send_to("image"))
        tune = send_menu.addAction(self.tr("Make a tune for this"))
        tune.setObjectName("send-audio")
        tune.triggered.connect(lambda: self.send_to("audio"))
        aloud = send_menu.addAction(self.tr("Read it aloud"))
        aloud.setObjectName("read-aloud")
        aloud.triggered.connect(self.read_aloud)

        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.go_on)
        bar.addWidget(self.once_more)
        bar.addWidget(self.keep_button)
        bar.addStretch(1)
        bar.addWidget(self.words)
        bar.addWidget(self.talk.meter)
        bar.addSpacing(theme.HAIR)
        for button in (self.copy, self.save, self.send):
            bar.addWidget(button)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(self.sheets, 1)
        column.addLayout(bar)
        self._drafts = DraftFile(self.studio.paths.data / "draft.json")
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._typed)
        self.text.textChanged.connect(self._typing)
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self._quitting)
        self._recover()
        self._stopped: Recipe | None = None
        return page

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.show_buttons()

    # Live

    def live_begin(self, job: JobView) -> None:
        if not self.talk_begin(job.recipe):
            self.live.begin()

    def live_preview(self, preview: Preview) -> None:
        if isinstance(preview, TextPreview) and not self.talk_preview(preview.text):
            self.live.append_text(preview.text)

    def show_live(self) -> None:
        if not self.talk_live():
            self.sheets.setCurrentIndex(0)
            self.pages.setCurrentWidget(self.live)
            self.live.counted.emit(self.live.count())
        self.show_buttons()

    def live_rest(self, recipe: Recipe) -> bool:
        """What was written until Stop is a text as well: keep it, and let it be gone on from."""
        text, self.streamed = self.streamed, ""
        if is_chat(recipe) and not text.strip():
            return self.unanswered()
        if not text.strip() or text.strip() == str(recipe.values.get(START, "")).strip():
            return False
        shown = self.view == "live"
        self._stopped = recipe
        if shown:
            self.items, self.view = (), "items"
            if is_chat(recipe):
                self.show_turns((*asked(recipe), Turn("assistant", text)))
            else:
                self._put(text)
            self.show_view()
        self._keep_new(recipe, text, shown)
        return True

    def may_give_way(self) -> bool:
        """Nobody wants the page turned while reading."""
        return False

    # Kept

    def show_items(self, items: Sequence[Item]) -> None:
        item = items[-1]
        self.items = (item,)
        self.loading += 1
        turn = self.loading
        if is_chat(item.recipe):
            self.open_talk(item, turn)
            return
        self.sheets.setCurrentIndex(0)
        at = self.live.verticalScrollBar().value() if self.live.writing else 0
        if self.live.writing:
            self.live.end()
            self._put(self.streamed, at)  # at once; the library has the same

        def put(text: str) -> None:
            text = text.removesuffix("\n")
            if turn == self.loading and not self.text.dirty and text != self.text.text():
                self._put(text, at)

        library = self.studio.library
        self.work.run(lambda: library.text(item), put, self.complain)

    def leave(self) -> None:
        self.keep()
        self.loading += 1

    def words_shown(self) -> str:
        if self.is_talk:
            return self.last_said()
        return self.live.text() if self.view == "live" else self.text.text()

    def keep(self) -> None:
        """Put what was typed into the library, as a text of its own."""
        if not self.text.dirty:
            return
        item = self.current()
        text, library = self.text.text(), self.studio.library
        self.text.mark_saved()
        self._pause.stop()
        if item is None:  # what was stopped a moment ago is not in the library yet
            if self._stopped is not None:
                self._keep_new(self._stopped, text, shown=True)
            return
        self.work.run(
            lambda: library.save_edit(item.id, text.rstrip("\n") + "\n"),
            partial(self._kept, item),
            partial(self._not_kept, text),
        )

    def continue_(self) -> None:
        """Go on from the cursor or from the end, with the settings of the form."""
        spec = self.chooser.spec
        if spec is None or spec.control(START) is None:
            return
        start = self.text.until_cursor()
        self.keep()
        self.composer.seed.roll()
        values = {**self.composer.values(), START: start}
        self.submit(values, self.composer.seed.value(), self.composer.files())

    def read_aloud(self) -> None:
        """Have the sound pane speak what is shown, or what is selected in it."""
        chosen = "" if self.is_talk else self.text.textCursor().selection().toPlainText()
        words = (chosen or self.words_shown()).strip()
        if self.is_talk:  # its marks are not to be spoken
            page = QTextDocument()
            page.setMarkdown(words)
            words = page.toPlainText()
        studio = self.studio

        def speak(able: bool) -> None:
            if able:
                values = {"prompt": words}
                studio.hand(Handover("audio", values, family=SPEECH, make=True))
                return
            studio.notices.show(
                self.tr("There is no voice here to read with."),
                self.tr("Add one on the Models page, for instance a Piper voice."),
                kind="info",
                actions=[(self.tr("Open Models"), lambda: studio.show_page.emit("models"))],
            )

        if words:
            specs, store = studio.engine.families("audio"), studio.store
            self.work.run(lambda: bool(look(store, specs).of(SPEECH)), speak, self.complain)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Save):
            self.keep()
        else:
            super().keyPressEvent(event)

    def _put(self, text: str, scroll: int = 0) -> None:
        self.text.set_text(text)
        self.text.verticalScrollBar().setValue(scroll)
        self.pages.setCurrentWidget(self.text)
        self.show_buttons()

    def _keep_new(self, recipe: Recipe, text: str, shown: bool) -> None:
        library, mark = self.studio.library, self.studio.settings.mark_ai

        def kept(item: Item) -> None:
            if not self.text.dirty:
                self.work.run(self._drafts.clear)
            if shown and self.view == "items" and not self.items:
                self.items = (item,)
                self.show_buttons()
            self.studio.library_changed.emit()

        self.work.run(
            lambda: keep_draft(library, recipe, text, mark), kept, partial(self._not_kept, text)
        )

    def _typing(self) -> None:
        if self.text.dirty:
            self._pause.start()

    def _draft(self) -> Draft | None:
        item = self.current()
        recipe = item.recipe if item is not None else self._stopped
        if recipe is None or not self.text.dirty:
            return None
        return Draft(item.id if item is not None else "", recipe, self.text.text())

    def _typed(self) -> None:
        if (draft := self._draft()) is not None:
            self.work.run(lambda: self._drafts.write(draft), None, self.complain)

    def _quitting(self) -> None:
        # The last chance; the file becomes an item at the next start.
        if (draft := self._draft()) is not None:
            with suppress(StudioError):
                self._drafts.write(draft)

    def _recover(self) -> None:
        drafts, library, mark = self._drafts, self.studio.library, self.studio.settings.mark_ai

        def recovered(item: Item | None) -> None:
            if item is not None:
                self.studio.library_changed.emit()

        self.work.run(lambda: drafts.recover(library, mark), recovered, self.complain)

    def _kept(self, before: Item, item: Item) -> None:
        self.work.run(self._drafts.clear)
        if self.items and self.items[0].id == before.id:
            self.items = (item,)
            self.mark_history()
        self.studio.library_changed.emit()

    def _not_kept(self, text: str, error: StudioError) -> None:
        if self.text.text() == text:
            self.text.mark_dirty()
        # It may have left the screen already; nothing typed is ever lost.
        copy = partial(QApplication.clipboard().setText, text)
        self.studio.notices.show(
            error.message, error.hint, actions=[(self.tr("Copy the text"), copy)]
        )

    def _copy(self) -> None:
        if self.is_talk:
            self.copied(self.whole_talk())
            return
        chosen = self.text.textCursor().selection().toPlainText() if self.view == "items" else ""
        self.copied(chosen or self.words_shown())

    def _edited(self, _dirty: bool) -> None:
        self.show_buttons()

    def _count(self, words: int) -> None:
        self.words.setText(self.tr("{n} words").format(n=words))

    def show_buttons(self) -> None:
        kept, talk = self.view == "items", self.is_talk
        for button in (self.go_on, self.once_more, self.save):
            button.setEnabled(kept)
        # Of two, one takes the other's place: there is not room for both in a narrow pane.
        self.once_more.setVisible(talk or not self.text.dirty)
        self.keep_button.setVisible(not talk and self.text.dirty)
        self.go_on.setVisible(not talk)
        self.words.setVisible(not talk and self.roomy)
        self.talk.meter.setVisible(talk and bool(self.talk.meter.text()))
