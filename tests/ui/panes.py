"""What the tests of the create panes share: a window on small families, and how to wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.engine.registry import Entry
from studio.engine.supervisor import Supervisor
from studio.library import Item, Query
from studio.ui.app import build
from studio.ui.panes.create import CreatePane
from studio.ui.window import Window
from tests.ui import makers

W = TypeVar("W", bound=QWidget)

PATIENCE = 20_000
"""Milliseconds after which a test gives up; an engine starts in less than one of them."""


def open_window(paths: Paths, qtbot: QtBot, entries: Sequence[Entry] = makers.ENTRIES) -> Window:
    """The window on the small families, shown and active; the caller closes it."""
    window = build(paths, begin=partial(Supervisor, entries=tuple(entries)))
    window.resize(1440, 900)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE)
    return window


def warm(pane: CreatePane, qtbot: QtBot) -> None:
    """Wait until the pane's lane stands."""
    pane.studio.engine.warm(pane.kind)
    qtbot.waitUntil(pane.composer.button.isEnabled, timeout=PATIENCE)


def find(parent: QWidget, kind: type[W], name: str) -> W:
    """A widget by its object name."""
    found = parent.findChild(kind, name)
    assert found is not None, f"there is no {name}"
    return found


def click(qtbot: QtBot, widget: QWidget) -> None:
    # What was just put into a layout is shown with the next turn of the event loop.
    qtbot.waitUntil(widget.isVisible, timeout=PATIENCE)
    assert widget.isEnabled(), f"{widget.objectName()} cannot be used"
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def write(qtbot: QtBot, pane: CreatePane, wish: str) -> None:
    """Type a wish into the prompt, in the place of what stands there."""
    prompt = pane.composer.prompt
    prompt.setFocus()
    qtbot.waitUntil(prompt.hasFocus, timeout=PATIENCE)
    QTest.keyClick(prompt, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(prompt, wish)


def make(qtbot: QtBot, pane: CreatePane, wish: str, **values: int | float | str) -> Item:
    """Make something from the beginning to the end; gives what is shown then."""
    write(qtbot, pane, wish)
    pane.composer.set_values(values)
    with qtbot.waitSignal(pane.follower.finished, timeout=PATIENCE):
        click(qtbot, pane.composer.button)
    qtbot.waitUntil(lambda: pane.view == "items" and not pane.busy, timeout=PATIENCE)
    item = pane.current()
    assert item is not None
    return item


def items(pane: CreatePane) -> list[Item]:
    """What the library has of the pane's kind, newest first."""
    return pane.studio.library.items(Query(kind=pane.kind))


def choose(qtbot: QtBot, button: QWidget, name: str) -> None:
    """Open the menu of a tool button and choose the entry called `name`."""
    assert isinstance(button, QToolButton)
    qtbot.waitUntil(button.isEnabled, timeout=PATIENCE)
    menu = button.menu()
    assert menu is not None
    menu.popup(button.mapToGlobal(button.rect().bottomLeft()))
    qtbot.waitUntil(menu.isVisible, timeout=PATIENCE)
    action = next((a for a in menu.actions() if a.objectName() == name), None)
    assert action is not None, [a.objectName() for a in menu.actions()]
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def answer_save(qtbot: QtBot, parent: QWidget, path: str) -> None:
    """Type a path into the save dialog and press Return."""

    def dialog() -> QFileDialog | None:
        return parent.window().findChild(QFileDialog, "save-dialog")

    qtbot.waitUntil(lambda: dialog() is not None, timeout=PATIENCE)
    shown = dialog()
    assert shown is not None
    line = shown.findChild(QLineEdit)
    assert line is not None
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, path)

    def gone() -> bool:
        # The dialog reads the folder first; until then it does not take an answer.
        if (waiting := dialog()) is not None and waiting.isVisible():
            QTest.keyClick(line, Qt.Key.Key_Return)
        return dialog() is None

    qtbot.waitUntil(gone, timeout=PATIENCE)


def until(qtbot: QtBot, what: Callable[[], bool]) -> None:
    qtbot.waitUntil(what, timeout=PATIENCE)
