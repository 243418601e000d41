"""The pane for texts: written as one watches, then one's own to edit and to go on from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent
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
from studio.ui.draft import Draft, DraftFile, keep_draft
from studio.ui.engine import JobView
from studio.ui.panes.create import CreatePane
from studio.ui.widgets.buttons import Well, menu_tool, quiet, tool
from studio.ui.widgets.savemenu import SaveMenu
from studio.ui.widgets.textview import TextView

PAUSE_MS = 1000
"""After the last key, what was typed is written to the disk."""
START = "start"
"""The setting by which a family goes on from a text."""


class TextPane(CreatePane):
    """Stories, fables, poems and rhymes."""

    kind: Kind = "text"
    picture = "type"

    @property
    def title(self) -> str:
        return self.tr("Text")

    def make_words(self) -> str:
        return self.tr("Write")

    def idle_words(self) -> str:
        return self.tr("Write a wish above, or begin with one of these.")

    def build_result(self) -> QWidget:
        self.live = TextView()
        self.live.setObjectName("live-text")
        self.live.setAccessibleName(self.tr("Text being written"))
        self.text = TextView()
        self.text.edited.connect(self._edited)
        self.text.counted.connect(self._count)
        self.live.counted.connect(self._count)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.text)
        self.pages.addWidget(self.live)
        well = Well("field")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.pages)

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

        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.go_on)
        bar.addWidget(self.once_more)
        bar.addWidget(self.keep_button)
        bar.addStretch(1)
        bar.addWidget(self.words)
        bar.addSpacing(theme.HAIR)
        for button in (self.copy, self.save, self.send):
            bar.addWidget(button)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(well, 1)
        column.addLayout(bar)
        self._drafts = DraftFile(self.studio.paths.data / "draft.json")
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._typed)
        self.text.textChanged.connect(self._typing)
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self._quitting)
        self._recover()
        self._streamed = ""
        self._stopped: Recipe | None = None
        self._loading = 0
        return page

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.words.setVisible(self.roomy)

    # Live

    def live_begin(self, job: JobView) -> None:
        self._streamed = ""
        self.live.begin()

    def live_preview(self, preview: Preview) -> None:
        if isinstance(preview, TextPreview):
            self._streamed += preview.text
            self.live.append_text(preview.text)

    def show_live(self) -> None:
        self.pages.setCurrentWidget(self.live)
        self.live.counted.emit(self.live.count())
        self._show_buttons()

    def live_rest(self, recipe: Recipe) -> bool:
        """What was written until Stop is a text as well: keep it, and let it be gone on from."""
        text, self._streamed = self._streamed, ""
        if not text.strip() or text.strip() == str(recipe.values.get(START, "")).strip():
            return False
        shown = self.view == "live"
        self._stopped = recipe
        if shown:
            self.items, self.view = (), "items"
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
        self._loading += 1
        turn = self._loading
        at = self.live.verticalScrollBar().value() if self.live.writing else 0
        if self.live.writing:
            self.live.end()
            self._put(self._streamed, at)  # at once; the library has the same

        def put(text: str) -> None:
            text = text.removesuffix("\n")
            if turn == self._loading and not self.text.dirty and text != self.text.text():
                self._put(text, at)

        library = self.studio.library
        self.work.run(lambda: library.text(item), put, self.complain)

    def leave(self) -> None:
        self.keep()
        self._loading += 1

    def words_shown(self) -> str:
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Save):
            self.keep()
        else:
            super().keyPressEvent(event)

    def _put(self, text: str, scroll: int = 0) -> None:
        self.text.set_text(text)
        self.text.verticalScrollBar().setValue(scroll)
        self.pages.setCurrentWidget(self.text)
        self._show_buttons()

    def _keep_new(self, recipe: Recipe, text: str, shown: bool) -> None:
        library, mark = self.studio.library, self.studio.settings.mark_ai

        def kept(item: Item) -> None:
            if not self.text.dirty:
                self.work.run(self._drafts.clear)
            if shown and self.view == "items" and not self.items:
                self.items = (item,)
                self._show_buttons()
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
        chosen = self.text.textCursor().selection().toPlainText() if self.view == "items" else ""
        QApplication.clipboard().setText(chosen or self.words_shown())
        self.composer.set_status(self.tr("Copied"))

    def _edited(self, dirty: bool) -> None:
        # One takes the other's place: there is not room for both in a narrow pane.
        self.keep_button.setVisible(dirty)
        self.once_more.setVisible(not dirty)

    def _count(self, words: int) -> None:
        self.words.setText(self.tr("{n} words").format(n=words))

    def _show_buttons(self) -> None:
        kept = self.view == "items"
        for button in (self.go_on, self.once_more, self.save):
            button.setEnabled(kept)
