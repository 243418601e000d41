"""A conversation as it is read: turn below turn, the last one growing while it is said."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGraphicsOpacityEffect, QScrollArea, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.conversation import Turn
from studio.ui.widgets.turnview import TurnView

COLUMN = 720
"""Pixels beyond which lines become tiring to read."""
AT_ONCE = 12
"""Turns of a long conversation that are laid out at once; some 6 ms each."""
NEAR = 24
"""Pixels from the end within which it is followed."""


class ChatView(QScrollArea):
    """The turns of a conversation; says which one is to be edited, said again or copied."""

    edit_wanted = Signal(int)
    """The number of a turn of the person."""
    again_wanted = Signal(int)
    """The number of a turn of the model."""
    copy_wanted = Signal(str)
    """What one of the two has said."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chat")
        self.setAccessibleName(self.tr("Conversation"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("#chat, #chat-ground { background: transparent; }")
        self.views: list[TurnView] = []
        """The turns that are laid out: the last ones, until the others have followed."""
        self._turns: tuple[Turn, ...] = ()
        self._earlier: list[Turn] = []
        """Of a long conversation, what is laid out little by little, from the end."""
        self._faint: int | None = None
        self._attached = ""
        self._later = QTimer(self, interval=0)
        self._later.timeout.connect(self._lay_earlier)
        self._author = ""
        self._writing = False
        self._following = True
        ground = QWidget()
        ground.setObjectName("chat-ground")
        self._column = QVBoxLayout(ground)
        self._column.setSpacing(theme.GAP)
        self._column.addStretch(1)
        self.setWidget(ground)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda _low, high: self._grown(high))
        bar.valueChanged.connect(self._scrolled)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said, without what is being said now."""
        return self._turns

    @property
    def writing(self) -> bool:
        return self._writing

    def set_turns(self, turns: Sequence[Turn], author: str) -> None:
        """Show a conversation; `author` is what the model is called."""
        new = tuple(turns)
        if self._writing and new[:-1] == self._turns:
            self.views[-1].finish(new[-1].content)  # it was seen coming; nothing else moves
            self._turns, self._writing = new, False
            self._usable()
            return
        shared = 0
        same = author == self._author and not self._writing
        while same and shared < min(len(new), len(self._turns)):
            if new[shared] != self._turns[shared]:
                break
            shared += 1
        if shared < len(self._earlier):
            shared = 0
        kept = max(0, shared - len(self._earlier))
        for view in self.views[kept:]:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self.views[kept:]
        self._author, self._turns, self._writing = author, new, False
        if not kept:
            shared = max(0, len(new) - AT_ONCE)
            self._earlier = list(new[:shared])
            self._later.start()
        for turn in new[shared:]:
            self._add(turn)
        self.dim(None)
        self._usable()
        self.to_end()

    def begin(self, turns: Sequence[Turn], author: str) -> None:
        """Show a conversation whose next turn is the model's, about to be said."""
        self.set_turns(turns, author)
        self._add(Turn("assistant", ""))
        self._writing = True
        self._usable()
        self.to_end()

    def attach(self, name: str) -> None:
        """Show the name of a document on the first turn, or none."""
        self._attached = name
        if self.views and not self._earlier:
            self.views[0].attach(name)

    def append_text(self, text: str) -> None:
        """More of the turn that is being said."""
        if self._writing:
            self.views[-1].append_text(text)

    def live_text(self) -> str:
        """What was said of the last turn until now."""
        return self.views[-1].text() if self._writing else ""

    def dim(self, start: int | None) -> None:
        """Show the turns from this one on as about to be left out; None shows all as they are."""
        self._faint = start
        for number, view in enumerate(self.views, len(self._earlier)):
            faint = start is not None and number >= start
            effect = view.graphicsEffect()
            if faint and effect is None:
                veil = QGraphicsOpacityEffect(view)
                veil.setOpacity(0.4)
                view.setGraphicsEffect(veil)
            elif effect is not None:
                effect.setEnabled(faint)

    def to_end(self) -> None:
        """Show the end and follow it."""
        self._following = True
        QTimer.singleShot(0, self, lambda: self._grown(self.verticalScrollBar().maximum()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        spare = max(theme.INSET, (self.width() - COLUMN) // 2)
        self._column.setContentsMargins(spare, theme.INSET, spare, theme.INSET)
        super().resizeEvent(event)

    def _add(self, turn: Turn, place: int | None = None) -> None:
        place = len(self.views) if place is None else place
        you = self.tr("You")
        view = TurnView(turn, you if turn.role == "user" else self._author)
        view.copy_wanted.connect(lambda: self.copy_wanted.emit(view.text()))
        view.edit_wanted.connect(lambda: self.edit_wanted.emit(self._number(view)))
        view.again_wanted.connect(lambda: self.again_wanted.emit(self._number(view)))
        self._column.insertWidget(place, view)
        self.views.insert(place, view)

    def _number(self, view: TurnView) -> int:
        return len(self._earlier) + self.views.index(view)

    def _lay_earlier(self) -> None:
        """One more of those before; the person can type meanwhile."""
        if not self._earlier:
            self._later.stop()
            return
        self._add(self._earlier.pop(), 0)
        self.views[0].set_usable(not self._writing)
        if self._faint is not None:
            self.dim(self._faint)
        self.attach(self._attached)

    def _usable(self) -> None:
        for view in self.views:
            view.set_usable(not self._writing)

    def _grown(self, end: int) -> None:
        if self._following:
            self.verticalScrollBar().setValue(end)

    def _scrolled(self, value: int) -> None:
        bar = self.verticalScrollBar()
        self._following = value >= bar.maximum() - NEAR
