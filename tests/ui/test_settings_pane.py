"""The settings: each choice is kept at once and, where it can, holds at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.core.messages import DeviceReport
from studio.core.paths import Paths
from studio.core.settings import Settings, SettingsFile
from studio.ui import theme
from studio.ui.panes.settings import SettingsPane, languages
from studio.ui.window import Window
from tests.ui.panes import click, find

KEY = Qt.Key
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class Opened(QObject):
    """Hears what would be opened in the system's own programs."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[QUrl] = []
        handle: Any = QDesktopServices.setUrlHandler  # its types say bytes and it wants str
        handle("file", self, "hear")

    @Slot(QUrl)
    def hear(self, url: QUrl) -> None:
        self.urls.append(url)


@pytest.fixture
def outside() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    QDesktopServices.unsetUrlHandler("file")


@pytest.fixture
def settings(window: Window, qtbot: QtBot) -> SettingsPane:
    """The pane, in front."""
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("settings")
    return find(window, SettingsPane, "settings-pane")


def kept(paths: Paths) -> Settings:
    """What the next start will read."""
    return SettingsFile(paths.settings_file).load().settings


def pick(pane: QWidget, name: str, value: str) -> None:
    """Choose an option by keys."""
    combo = find(pane, QComboBox, name)
    combo.setFocus()
    QTest.keyClick(combo, KEY.Key_Home)
    for _ in range(combo.count()):
        if combo.currentData() == value:
            return
        QTest.keyClick(combo, KEY.Key_Down)
    raise AssertionError(f"there is no {value}")


def test_the_theme_changes_the_window_at_once(settings: SettingsPane, paths: Paths) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    for choice, tokens in (("light", theme.LIGHT), ("dark", theme.DARK)):
        pick(settings, "theme", choice)
        assert theme.tokens() is tokens
        assert app.palette().window().color().name() == tokens.window
        assert kept(paths).theme == choice


def test_threads_and_memory_are_kept_when_the_number_is_whole(
    settings: SettingsPane, paths: Paths
) -> None:
    threads, memory = find(settings, QSpinBox, "threads"), find(settings, QDoubleSpinBox, "memory")
    assert threads.text() == "Automatic"
    assert threads.maximum() == (os.cpu_count() or 1)
    threads.setFocus()
    QTest.keyClick(threads, KEY.Key_Up)
    assert kept(paths).threads == 1
    memory.setFocus()
    memory.selectAll()
    QTest.keyClicks(memory, "2")
    assert kept(paths).memory_mb == 4096, "while one types nothing is changed"
    QTest.keyClick(memory, KEY.Key_Return)
    assert kept(paths).memory_mb == 2048
    QTest.keyClick(memory, KEY.Key_Up)
    assert kept(paths).memory_mb == 2560


def test_the_wheel_changes_nothing_that_is_scrolled_past(settings: SettingsPane) -> None:
    for widget in (find(settings, QComboBox, "device"), find(settings, QSpinBox, "threads")):
        assert widget.focusPolicy() == Qt.FocusPolicy.StrongFocus


@pytest.mark.parametrize(
    ("name", "field"), [("mark-ai", "mark_ai"), ("desktop-notices", "desktop_notices")]
)
def test_switches(settings: SettingsPane, paths: Paths, name: str, field: str) -> None:
    box = find(settings, QCheckBox, name)
    assert box.isChecked()
    QTest.keyClick(box, KEY.Key_Space)
    assert getattr(kept(paths), field) is False
    QTest.keyClick(box, KEY.Key_Space)
    assert getattr(kept(paths), field) is True


def test_the_device_row_tells_what_there_is(
    window: Window, settings: SettingsPane, qtbot: QtBot, paths: Paths
) -> None:
    def told(words: str) -> bool:
        return any(words in label.text() for label in settings.findChildren(QLabel))

    assert told("as soon as an engine has started")
    window.studio.engine.warm("text")
    qtbot.waitUntil(lambda: window.studio.engine.device() is not None, timeout=20_000)
    device = window.studio.engine.device()
    assert device is not None
    qtbot.waitUntil(lambda: told(device.name))
    pick(settings, "device", "cuda")
    assert kept(paths).provider == "cuda"
    if CUDA not in device.providers:
        assert told("There is no graphics card")
        assert told("Nothing can be made until you choose another device")


def test_a_graphics_card_is_named(
    window: Window, settings: SettingsPane, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = DeviceReport((CUDA, CPU), "NVIDIA RTX 4070", "12 GiB")
    monkeypatch.setattr(window.studio.engine, "device", lambda: report)
    pick(settings, "device", "cpu")
    words = " ".join(label.text() for label in settings.findChildren(QLabel))
    assert "There is NVIDIA RTX 4070 (12 GiB). It is not used." in words


def test_another_library_folder_holds_from_the_next_start(
    window: Window, settings: SettingsPane, paths: Paths, qtbot: QtBot, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    where, note = (find(settings, QLabel, f"library-folder-{n}") for n in ("where", "note"))
    assert where.text() == str(paths.library)
    change = find(settings, QPushButton, "library-folder-change")
    click(qtbot, change)
    _answer(settings, qtbot, other)
    qtbot.waitUntil(lambda: kept(paths).library_folder == str(other))
    assert where.text() == str(paths.library), "what is used now is still shown"
    assert note.text() == f"From the next start on: {other}"
    click(qtbot, find(settings, QPushButton, "library-folder-reset"))
    assert kept(paths).library_folder == ""
    assert "From the next start" not in note.text()


def _answer(pane: QWidget, qtbot: QtBot, folder: Path) -> None:
    """Paste a folder into the dialog and press Return."""
    qtbot.waitUntil(lambda: pane.findChild(QFileDialog, "folder-dialog") is not None)
    dialog = find(pane, QFileDialog, "folder-dialog")
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setFocus()
    line.selectAll()
    QGuiApplication.clipboard().setText(str(folder))
    QTest.keyClick(line, KEY.Key_V, Qt.KeyboardModifier.ControlModifier)

    def answered() -> bool:
        # The dialog reads the folder first; until then it does not take an answer.
        waiting = pane.findChild(QFileDialog, "folder-dialog")
        if waiting is not None and waiting.isVisible():
            QTest.keyClick(line, KEY.Key_Return)
        return waiting is None

    qtbot.waitUntil(answered)


def test_folders_are_opened_in_the_systems_own_program(
    settings: SettingsPane, paths: Paths, outside: Opened, qtbot: QtBot
) -> None:
    for name in ("library-folder", "models-folder", "log-folder"):
        button = find(settings, QPushButton, f"{name}-open")
        QTest.keyClick(button, KEY.Key_Space)
    assert [Path(url.toLocalFile()) for url in outside.urls] == [
        paths.library,
        paths.models,
        paths.logs,
    ]


def test_only_languages_that_exist_are_offered(settings: SettingsPane, paths: Paths) -> None:
    combo = find(settings, QComboBox, "language")
    offered = [combo.itemData(row) for row in range(combo.count())]
    assert offered[0] == "system"
    assert "en" in offered
    assert offered == [code for code, _ in languages("")]
    pick(settings, "language", "en")
    assert kept(paths).language == "en"
    assert any("next start" in label.text() for label in settings.findChildren(QLabel))


def test_credits_name_what_it_is_built_on(settings: SettingsPane, qtbot: QtBot) -> None:
    button = find(settings, QPushButton, "licences")
    QTest.keyClick(button, KEY.Key_Space)
    credits = find(settings, QTextBrowser, "credits")
    assert credits.isVisible()
    text = credits.toPlainText()
    for word in ("PySide6", "LGPL", "torch", "SIL Open Font License", "Lucide", "Apache"):
        assert word in text


def test_a_choice_that_cannot_be_kept_is_told_and_still_holds(
    window: Window, settings: SettingsPane, paths: Paths
) -> None:
    paths.settings_file.unlink(missing_ok=True)
    paths.settings_file.mkdir(parents=True)  # nothing can be written in the place of a folder
    (paths.settings_file / "full").touch()
    QTest.keyClick(find(settings, QCheckBox, "mark-ai"), KEY.Key_Space)
    assert window.studio.settings.mark_ai is False
    assert [n.kind for n in window.studio.notices.shown] == ["error"]


def test_a_change_from_elsewhere_is_shown(window: Window, settings: SettingsPane) -> None:
    before = window.studio.settings
    window.studio.change(threads=0, mark_ai=False, theme="light")
    assert find(settings, QComboBox, "theme").currentData() == "light"
    assert not find(settings, QCheckBox, "mark-ai").isChecked()
    assert window.studio.settings == dataclasses.replace(before, mark_ai=False, theme="light")
