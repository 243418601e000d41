"""Keys that a part of the window wants for itself although the window binds them too."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def claims_escape(event: QEvent, wanted: Callable[[], bool] = lambda: True) -> bool:
    """Whether Escape is about to go to the window's shortcut; accepted, it comes as a key press.

    For `event` of a widget that goes back or lets go on Escape.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if event.key() != Qt.Key.Key_Escape or event.modifiers() != Qt.KeyboardModifier.NoModifier:
        return False
    if not wanted():
        return False
    event.accept()
    return True
