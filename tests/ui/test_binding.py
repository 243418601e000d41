"""The Qt binding itself: a fault there ends the program after minutes, anywhere."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot


class Bell(QObject):
    """Something that rings."""

    rung = Signal(str, object)


def test_calls_neither_eat_nor_hoard_the_constants(qtbot: QtBot) -> None:
    """PySide6 6.12.0 lost a reference to None or True with every call on Python 3.11.

    There, None is not immortal yet, and the interpreter aborts when the last one is gone.
    """
    label = QLabel()
    qtbot.addWidget(label)
    image = QImage(10, 10, QImage.Format.Format_RGB32)
    bell = Bell()
    bell.rung.connect(lambda _name, _thing: None)

    def calls() -> None:
        label.setText("x")
        label.setVisible(False)
        label.resize(20, 20)
        bell.rung.emit("x", object())
        with QPainter(image) as painter:
            painter.save()
            painter.drawLine(0, 0, 5, 5)
            painter.restore()

    calls()
    before = [sys.getrefcount(constant) for constant in (None, True, False)]
    for _ in range(1000):
        calls()
    after = [sys.getrefcount(constant) for constant in (None, True, False)]
    assert all(abs(new - old) < 500 for new, old in zip(after, before, strict=True))
