"""Dropping a file on a part of the window, as a file manager does."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget


def drop(pane: QWidget, path: Path) -> bool:
    """Drop a file on the pane; whether it was taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    held, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    action = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(9, 9), action, data, held, none)
    QApplication.sendEvent(pane, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(9, 9), action, data, held, none)
    QApplication.sendEvent(pane, event)
    return event.isAccepted()
