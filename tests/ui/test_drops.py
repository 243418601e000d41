"""A file dropped on a field is for the window; words dropped there are words."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from studio.ui.widgets.prompt import PromptEdit
from studio.ui.widgets.textview import TextView


def accepted(field: QPlainTextEdit, mime: QMimeData) -> bool:
    event = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(field.viewport(), event)
    return event.isAccepted()


@pytest.mark.parametrize("kind", [PromptEdit, TextView])
def test_files_go_by_and_words_go_in(kind: type[QPlainTextEdit], qtbot: QtBot) -> None:
    field = kind()
    qtbot.addWidget(field)
    field.show()
    words, file = QMimeData(), QMimeData()
    words.setText("a fox")
    file.setUrls([QUrl.fromLocalFile("fox.png")])
    assert accepted(field, words)
    assert not accepted(field, file)
