"""Help with single words and passages of a text: other words, rewriting, going on from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QMenu

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Failed
from studio.core.presets import Preset
from studio.core.recipe import Recipe
from studio.ui.asks import Answered
from studio.ui.panes.create import CreatePane
from studio.ui.stock import Offer
from studio.ui.widgets.presetbutton import TONES
from studio.ui.widgets.suggestions import Suggestions
from studio.ui.widgets.textview import TextView

FILL, REWRITE, CHAT = "text.fill", "text.rewrite", "text.chat"
BLANK = "___"
BEFORE, AFTER = 700, 400
"""Characters around a word that tell what fits there; a masked model reads some 500 tokens."""
COUNT = 8
LONGEST = 8_000
"""Characters of a passage that is rewritten at once."""


class Wording(QObject):
    """The context menu and the key of a text, and the questions that they put to the models."""

    def __init__(self, pane: CreatePane, text: TextView, go_on: Callable[[], None]) -> None:
        super().__init__(pane)
        self._pane = pane
        self._text = text
        self._go_on = go_on
        self._question = ""
        """The id of the question that waits for its answer."""
        self._cursor = QTextCursor()
        """Where the answer goes."""
        self._presets: tuple[Preset, ...] = ()
        self.popup = Suggestions(text)
        self.popup.chosen.connect(self._replace)
        self.popup.left.connect(self._left)
        text.menu_opened.connect(self._extend)
        text.words_wanted.connect(self.other_words)

    def set_presets(self, presets: tuple[Preset, ...]) -> None:
        """The tasks that there are; some of them say a passage in another tone."""
        self._presets = presets

    def other_words(self) -> None:
        """Suggest what could stand in the place of the selected words, or of the word here."""
        offer = next(iter(self._pane.stock.of(FILL)), None)
        if offer is None:
            self._need(
                self.tr("There is no model here that suggests words."),
                self.tr("Add a model of the BERT family, for instance distilbert-base-uncased."),
            )
            return
        before, chosen, after = self._text.around(BEFORE, AFTER)
        if chosen:
            prompt = f"{before}{BLANK}{after}"
            values: dict[str, Value] = {"prompt": prompt, "count": COUNT, "original": chosen[:200]}
            words = self.tr("Instead of “{words}”").format(words=_short(chosen))
            self._ask(offer, values, words, lambda a: _suggested(a, chosen))

    def rewrite(self, tone: Preset | None = None) -> None:
        """Have the selected passage said in other words, by a tone or by a rewriting model."""
        offer = self._rewriter(tone)
        _, chosen, _ = self._text.around(0, 0)
        if offer is None or not chosen:
            return
        if len(chosen) > LONGEST:
            self._pane.complain(
                StudioError(
                    self.tr("This is too long to be rewritten at once."),
                    self.tr("Select at most {n} characters.").format(n=f"{LONGEST:,}"),
                )
            )
            return
        values = {**(tone.values if tone is not None else {"task": "rewrite"}), "prompt": chosen}
        words = tone.title if tone is not None else self.tr("In other words")
        self._ask(offer, values, words, _texts)

    def _extend(self, menu: QMenu) -> None:
        """Put our own lines above those of every text."""
        first = next(iter(menu.actions()), None)
        ours = QMenu(menu)
        other = ours.addAction(self.tr("Other words…") + "\tCtrl+Space")
        other.triggered.connect(self.other_words)
        other.setObjectName("other-words")
        other.setEnabled(bool(self._text.text().strip()))
        selected = self._text.textCursor().hasSelection()
        tones = [p for p in self._presets if p.id.startswith(TONES)]
        tones = tones if self._chat() is not None else []
        plain = self._pane.stock.of(REWRITE)
        if tones:
            again = ours.addMenu(self.tr("Rewrite the selection"))
            if plain:
                again.addAction(self.tr("In other words")).triggered.connect(self._plainly)
            for tone in tones:
                line = again.addAction(tone.title.replace("&", "&&"))
                line.setObjectName(tone.id)
                line.triggered.connect(lambda _checked=False, t=tone: self.rewrite(t))
            again.setEnabled(selected)
            again.menuAction().setObjectName("rewrite")
        else:
            line = ours.addAction(self.tr("Rewrite the selection…"))
            line.setObjectName("rewrite")
            line.triggered.connect(self._plainly if plain else self._need_rewriter)
            line.setEnabled(selected)
        on = ours.addAction(self.tr("Continue from here"))
        on.triggered.connect(self._go_on)
        on.setObjectName("continue-here")
        for action in ours.actions():
            menu.insertAction(first, action) if first is not None else menu.addAction(action)
        if first is not None:
            menu.insertSeparator(first)

    def _plainly(self) -> None:
        self.rewrite()

    def _chat(self) -> Offer | None:
        """A model that does what it is told: the chosen one, or the first; no starter model."""
        chosen = self._pane.chooser.offer
        able = [o for o in self._pane.stock.of(CHAT) if not o.starter]
        return chosen if chosen in able else next(iter(able), None)

    def _rewriter(self, tone: Preset | None) -> Offer | None:
        return self._chat() if tone is not None else next(iter(self._pane.stock.of(REWRITE)), None)

    def _need_rewriter(self) -> None:
        self._need(
            self.tr("There is no model here that rewrites."),
            self.tr("Add a chat model, or one of the T5 or BART family."),
        )

    def _need(self, message: str, hint: str) -> None:
        studio = self._pane.studio
        open_models = (self.tr("Open Models"), lambda: studio.show_page.emit("models"))
        studio.notices.show(message, hint, kind="info", actions=[open_models])

    def _ask(
        self,
        offer: Offer,
        values: Mapping[str, Value],
        title: str,
        read: Callable[[Sequence[Answered]], list[str]],
    ) -> None:
        self._cursor = self._text.textCursor()
        place = self._text.viewport().mapToGlobal(self._text.cursorRect().bottomLeft())
        known = {c.name for c in offer.spec.controls}
        fitting = {n: v for n, v in values.items() if n in known}
        seed = self._pane.composer.seed.value()
        recipe = Recipe("text", offer.spec.id, offer.model, seed, fitting)

        def answered(answers: Sequence[Answered]) -> None:
            self._question = ""
            words = read(answers)
            nothing = self.tr("Nothing else came to the model’s mind.")
            self.popup.offer(words, "" if words else nothing)

        def failed(why: Failed) -> None:
            self._question = ""
            self.popup.close()
            self._pane.studio.notices.show(why.message, why.hint)

        self.popup.wait_at(place, title)
        try:
            self._question = self._pane.studio.engine.ask(recipe, answered, failed)
        except StudioError as error:
            self.popup.close()
            self._pane.complain(error)

    def _left(self) -> None:
        if self._question:
            self._pane.studio.engine.cancel(self._question)
            self._question = ""
        self._text.setFocus()

    def _replace(self, words: str) -> None:
        # The cursor has moved along with what was typed meanwhile.
        if self._cursor.hasSelection():
            self._cursor.insertText(words)
            self._text.setTextCursor(self._cursor)


def _short(text: str, limit: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _suggested(answers: Sequence[Answered], instead: str) -> list[str]:
    """The words of a masked model, in the case of what they stand for, without that itself."""
    found: list[str] = []
    for answer in answers:
        told: Any = answer.summary.get("suggestions")
        entries = told if isinstance(told, list) else []
        for entry in entries:
            text = entry.get("text") if isinstance(entry, dict) else None
            if isinstance(text, str) and text.strip():
                word = text.strip()
                if instead[:1].isupper():
                    word = word[:1].upper() + word[1:]
                if word.casefold() != instead.casefold() and word not in found:
                    found.append(word)
    return found


def _texts(answers: Sequence[Answered]) -> list[str]:
    return [a.text.strip() for a in answers if a.text.strip()]
