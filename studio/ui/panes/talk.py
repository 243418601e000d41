"""Talking with a chat model: the conversation, its entry below, and how full its context is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.conversation import Turn
from studio.ui.widgets.buttons import Well, quiet
from studio.ui.widgets.chatview import ChatView

FULL = 0.85
"""The share of the context from which on one is warned."""


class Talk(QWidget):
    """The page of a conversation; what is written next stands in `foot`, which the pane shows."""

    edit_wanted = Signal(str)
    """The words of an earlier turn of the person, to be written anew."""
    edit_ended = Signal()
    """The earlier turn is to stay as it was."""
    again_wanted = Signal(int)
    """The number of the model's turn that is to be said again."""
    copy_wanted = Signal(str)

    def __init__(self, foot: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ChatView()
        self._rewind: int | None = None
        well = Well("field")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(well)
        self.meter = QLabel()
        self.meter.setObjectName("context")
        self.meter.setProperty("role", "small")
        self.warning = QLabel()
        self.warning.setObjectName("context-warning")
        self.warning.setProperty("role", "warning")
        self.warning.setWordWrap(True)
        self.warning.hide()
        self.hint = QLabel(self.tr("You go on from an earlier turn: what came after it goes."))
        self.hint.setProperty("role", "small")
        self.hint.setWordWrap(True)
        self.leave = quiet("edit-leave", "x", self.tr("Leave it as it was"), self.end_edit)
        self._rewinding = QWidget()
        line = QHBoxLayout(self._rewinding)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.hint, 1)
        line.addWidget(self.leave)
        self._rewinding.hide()
        self.entry = QHBoxLayout()
        self.entry.setSpacing(theme.GAP)
        self.below = QVBoxLayout(foot)
        self.below.setContentsMargins(0, 0, 0, 0)
        self.below.setSpacing(theme.HAIR)
        self.below.addWidget(self.warning)
        self.below.addWidget(self._rewinding)
        self.below.addLayout(self.entry)
        self.view.edit_wanted.connect(self._edit)
        self.view.again_wanted.connect(self.again_wanted)
        self.view.copy_wanted.connect(self.copy_wanted)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said, and will still have been said when the next turn is made."""
        return self.view.turns if self._rewind is None else self.view.turns[: self._rewind]

    @property
    def editing(self) -> bool:
        """Whether an earlier turn is being written anew."""
        return self._rewind is not None

    def show_turns(self, turns: Sequence[Turn], author: str, attached: str = "") -> None:
        """Show a conversation as it was left; `attached` names the document that it is about."""
        self._stop_edit()
        self.view.set_turns(turns, author)
        self.view.attach(attached)

    def begin(self, turns: Sequence[Turn], author: str, attached: str = "") -> None:
        """The model answers these now."""
        self._stop_edit()
        self.view.begin(turns, author)
        self.view.attach(attached)

    def end_edit(self) -> None:
        """Leave the earlier turn as it was."""
        if self.editing:
            self._stop_edit()
            self.edit_ended.emit()

    def tell_context(self, summary: Mapping[str, Any]) -> None:
        """How much of what the model can keep in mind is used, from an output's summary."""
        used, size = summary.get("context_used"), summary.get("context_size")
        self.warning.hide()
        self.meter.clear()
        if not (isinstance(used, int) and isinstance(size, int) and size > 0):
            return
        number = QLocale().toString
        self.meter.setText(
            self.tr("{used} of {size} tokens").format(used=number(used), size=number(size))
        )
        self.meter.setToolTip(self.tr("How much of what the model can keep in mind is used"))
        full = used / size >= FULL
        self.meter.setProperty("role", "warning" if full else "small")
        self.meter.style().unpolish(self.meter)
        self.meter.style().polish(self.meter)
        if full:
            self.warning.setText(
                self.tr(
                    "The model can hardly keep more in mind. Begin a new chat, or go on from an "
                    "earlier turn."
                )
            )
            self.warning.show()

    def _edit(self, number: int) -> None:
        self._rewind = number
        self.view.dim(number)
        self._rewinding.show()
        self.edit_wanted.emit(self.view.turns[number].content)

    def _stop_edit(self) -> None:
        self._rewind = None
        self.view.dim(None)
        self._rewinding.hide()
