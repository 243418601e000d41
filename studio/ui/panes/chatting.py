"""The half of the text pane that holds a conversation with a chat model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget

from studio.core.recipe import Recipe
from studio.library import Item
from studio.ui.conversation import (
    CHAT,
    HISTORY,
    Turn,
    as_markdown,
    asked,
    attached,
    history_of,
    is_chat,
    turns_of,
)
from studio.ui.panes.create import CreatePane
from studio.ui.panes.talk import Talk


class ChattingPane(CreatePane):
    """A create pane whose prompt moves below a conversation when the form is set to one.

    Each answer is an item of the library; its recipe holds what was said before.
    """

    talk: Talk
    sheets: QStackedWidget
    """What is made otherwise, and the conversation."""

    def build_talk(self, other: QWidget) -> QStackedWidget:
        """The pages of a result: `other`, and the conversation."""
        self.talk = Talk(self.foot)
        self.talk.edit_wanted.connect(self._edit_turn)
        self.talk.edit_ended.connect(lambda: self.composer.prompt.set_text(""))
        self.talk.again_wanted.connect(self._say_again)
        self.talk.copy_wanted.connect(self.copied)
        self.chatting = False
        """The form is set to a conversation: what is written is said, and answered."""
        self.loading = 0
        """Counts what was opened, so that what comes late is not shown any more."""
        self.streamed = ""
        """What came of the job that runs."""
        self._told_stories: bool | None = None
        """The chosen model is a starter model; None before one was chosen."""
        self._task = ""
        self._said = ""
        """What was said last, to be there again where it cannot be answered."""
        self._attached = ""
        self.answering: tuple[Turn, ...] = ()
        """What the model answers now, where it is a conversation."""
        sheets = QStackedWidget()
        sheets.addWidget(other)
        sheets.addWidget(self.talk)
        self.composer.changed.connect(self._mind_mode)
        return sheets

    def show_buttons(self) -> None:
        """Show what can be done with what is shown."""
        raise NotImplementedError

    def primary(self) -> None:
        if not (self.chatting and self.ready):
            super().primary()
            return
        wish = self.composer.prompt.text()
        files = self.composer.files()
        opening = bool(files) and not self.talk.turns  # a document needs no words
        if self.busy or not (wish.strip() or opening):
            return  # the answer comes before the next question
        self._said = wish
        values = {**self.composer.values(), HISTORY: history_of(self.talk.turns)}
        self.composer.seed.roll()
        if self.submit(values, self.composer.seed.value(), files, keep=True):
            self.composer.prompt.set_text("")

    def stop(self) -> None:
        """Stop the answer; where there is none, leave an earlier turn as it was."""
        if self.talk.editing and not self.busy:
            self.talk.end_edit()
        else:
            super().stop()

    @property
    def stoppable(self) -> bool:
        return self.busy or self.talk.editing

    def clear(self) -> None:
        """A new chat keeps the settings of the last one."""
        if not self.chatting:
            super().clear()
            return
        self.leave()
        self.talk.show_turns((), "")
        self.talk.tell_context({})
        self.items, self.view = (), "empty"
        self.composer.prompt.set_text("")
        self.show_view()
        self.focus_prompt()

    def open_item(self, item: Item) -> None:
        super().open_item(item)
        if is_chat(item.recipe):
            self.composer.prompt.set_text("")

    def apply_recipe(self, recipe: Recipe) -> None:
        super().apply_recipe(recipe)
        if recipe.kind == self.kind and is_chat(recipe) and self.chatting:
            before = turns_of(recipe.values.get(HISTORY, ""))
            self._attached = attached(recipe)
            self.leave()
            self.items, self.view = (), "items" if before else "empty"
            self.show_turns(before)
            self.show_view()

    def model_chosen(self) -> None:
        """With a chat model one talks; the starter model only tells stories.

        Only from one sort to the other, and while nothing is shown: else the form stays.
        """
        super().model_chosen()
        if self.chatting:
            self.composer.set_make(self.tr("Send"), "send")
        offer, before = self.chooser.offer, self._told_stories
        self._told_stories = offer.starter if offer is not None else None
        spec = self.chooser.spec
        able = spec is not None and spec.control(HISTORY) is not None
        if able and self.view == "empty" and before not in (None, self._told_stories):
            if self._told_stories:
                self.composer.reset(["kind"])
            else:
                self.composer.set_values({"kind": CHAT})

    def _mind_mode(self) -> None:
        """Stand as the form's kind of text wants it: with the prompt above, or below a chat."""
        spec = self.chooser.spec
        able = spec is not None and spec.control(HISTORY) is not None
        chatting = able and self.composer.form.values().get("kind") == CHAT
        if chatting == self.chatting:
            return
        self.chatting = chatting
        self._hint()
        if chatting:
            self.composer.lend(self.talk.entry, self.talk.below)
            self.composer.set_make(self.tr("Send"), "send")
        else:
            self.composer.take_back()
            self.composer.set_make(self.make_words())
        self.foot.setVisible(chatting)
        words = self.tr("New chat") if chatting else self.tr("Start anew")
        self.anew.setToolTip(words)
        self.anew.setAccessibleName(words)
        self.empty.set_examples(() if chatting or spec is None else spec.examples)
        if self.view == "items" and self.is_talk != chatting:
            made = self.current()
            if made is not None and made.recipe.values.get("prompt") == self.composer.prompt.text():
                self.composer.prompt.set_text("")  # that wish was granted
            self.leave()
            self.items, self.view = (), "empty"
        if not self.is_talk:
            self.talk.show_turns((), "")
            self.talk.tell_context({})
        self.show_view()
        self._tell()

    def set_task(self, words: str) -> None:
        """What the next words are taken for; it stands in the entry while that is empty."""
        self._task = words
        self._hint()

    def _hint(self) -> None:
        usual = self.tr("Say something") if self.chatting else None
        self.composer.set_placeholder(self._task or usual)

    def show_view(self) -> None:
        super().show_view()
        if self.chatting:
            self.composer.make_room(True)
        self.show_buttons()

    @property
    def is_talk(self) -> bool:
        """Whether what is shown is a conversation."""
        return self.view != "empty" and self.sheets.currentWidget() is self.talk

    def _author(self) -> str:
        offer = self.chooser.offer
        return offer.title if offer is not None else self.tr("Model")

    def show_turns(self, turns: Sequence[Turn]) -> None:
        self.sheets.setCurrentWidget(self.talk)
        self.talk.show_turns(turns, self._author(), self._attached)
        self.show_buttons()

    def _edit_turn(self, words: str) -> None:
        self.composer.prompt.set_text(words)
        self.focus_prompt()

    def _say_again(self, number: int) -> None:
        """Have a turn of the model said once more, with another seed; what came after it goes."""
        turns = self.talk.view.turns[:number]
        if self.busy or not turns or turns[-1].role != "user":
            return
        values = {**self.composer.values(), "prompt": turns[-1].content}
        self.composer.seed.set_locked(False)
        self._said = ""
        self.submit({**values, HISTORY: history_of(turns[:-1])}, self.composer.seed.roll())

    def talk_begin(self, recipe: Recipe) -> bool:
        """A job begins. Whether it answers in a conversation."""
        self.streamed = ""
        self.answering = asked(recipe) if is_chat(recipe) else ()
        self._attached = attached(recipe)
        return bool(self.answering)

    def talk_preview(self, text: str) -> bool:
        """More of what is written. Whether that is said in a conversation."""
        self.streamed += text
        if self.answering and self.view == "live":
            self.talk.view.append_text(text)
        return bool(self.answering)

    def talk_live(self) -> bool:
        """Show what is being said. False where it is no conversation."""
        if self.answering:
            self.sheets.setCurrentWidget(self.talk)
            self.talk.begin(self.answering, self._author(), self._attached)
            self.talk.view.append_text(self.streamed)
        return bool(self.answering)

    def unanswered(self) -> bool:
        """There was no answer: what was said is there to be said again.

        Whether the conversation stands as it did before.
        """
        if self.chatting and not self.composer.prompt.text():
            self.composer.prompt.set_text(self._said)
        before = self.answering[:-1]
        if self.view != "live" or not before:
            return False
        self.items, self.view = self._before, "items"
        self.show_turns(before)
        self.show_view()
        return True

    def open_talk(self, item: Item, turn: int) -> None:
        """Show the whole conversation of which the item is the last turn."""
        before, library = asked(item.recipe), self.studio.library
        self._attached = attached(item.recipe)
        self.talk.tell_context(item.summary)
        if self.talk.view.writing and self.talk.view.turns == before:
            self.show_turns((*before, Turn("assistant", self.streamed)))

        def put(text: str) -> None:
            if turn == self.loading:
                self.show_turns((*before, Turn("assistant", text.removesuffix("\n"))))

        self.work.run(lambda: library.text(item), put, self.complain)

    def last_said(self) -> str:
        """The model's last turn, or what there is of it."""
        view = self.talk.view
        last = next((t.content for t in reversed(view.turns) if t.role == "assistant"), "")
        return view.live_text() or last

    def whole_talk(self) -> str:
        """All of the conversation, as Markdown."""
        return as_markdown(self.talk.view.turns, self.tr("You"), self._author())

    def copied(self, words: str) -> None:
        """Put words on the clipboard, and say so."""
        QApplication.clipboard().setText(words)
        self.composer.set_status(self.tr("Copied"))
