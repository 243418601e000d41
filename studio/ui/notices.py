"""What the window tells a person without stopping them: what failed, what to do, one click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Signal

from studio.core.errors import StudioError

NoticeKind = Literal["error", "info"]
Action = tuple[str, Callable[[], None]]

KEPT = 4
"""How many stand at once; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: what happened, what to do about it, and buttons that do it."""

    id: int
    message: str
    hint: str
    kind: NoticeKind
    actions: tuple[Action, ...]
    dismissed: Callable[[], None] | None = None
    """Called when a person puts it away without any of the actions."""


class Notices(QObject):
    """The notices that stand at this moment; a strip shows them."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown: list[Notice] = []
        self._next = 1

    @property
    def shown(self) -> tuple[Notice, ...]:
        """Oldest first."""
        return tuple(self._shown)

    def show(
        self,
        message: str,
        hint: str = "",
        kind: NoticeKind = "error",
        actions: Sequence[Action] = (),
        dismissed: Callable[[], None] | None = None,
    ) -> int:
        """Show a notice and give its id. The same words again replace what stands."""
        notice = Notice(self._next, message, hint, kind, tuple(actions), dismissed)
        self._next += 1
        kept = [n for n in self._shown if (n.message, n.hint) != (message, hint)]
        self._shown = [*kept, notice][-KEPT:]
        self.changed.emit()
        return notice.id

    def error(self, error: StudioError) -> int:
        """Show what a StudioError says."""
        return self.show(error.message, error.hint)

    def dismiss(self, notice: int, *, by_hand: bool = False) -> None:
        """Take one away; one that is gone already is no matter."""
        gone = next((n for n in self._shown if n.id == notice), None)
        if gone is None:
            return
        self._shown.remove(gone)
        self.changed.emit()
        if by_hand and gone.dismissed is not None:
            gone.dismissed()
