"""The settings of the network and of the folders for models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.core.settings import Settings, SettingsFile
from studio.models.remote import Account
from studio.ui.app import build
from studio.ui.panes.settings import SettingsPane
from studio.ui.window import Window
from tests.ui.conftest import begin
from tests.ui.hubs import Stand
from tests.ui.panes import click, find, until

KEY = Qt.Key


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def window(dressed: QApplication, paths: Paths, stand: Stand, qtbot: QtBot) -> Iterator[Window]:
    window = build(paths, begin=begin(), courier=stand)
    window.resize(1000, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("settings")
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def pane(window: Window) -> SettingsPane:
    return find(window, SettingsPane, "settings-pane")


def kept(paths: Paths) -> Settings:
    """What the next start will read."""
    return SettingsFile(paths.settings_file).load().settings


def choose(window: Window, qtbot: QtBot, folder: Path) -> None:
    """Answer the folder dialog that is open."""
    until(qtbot, lambda: window.findChild(QFileDialog, "folder-dialog") is not None)
    dialog = find(window, QFileDialog, "folder-dialog")
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setText(str(folder))

    def gone() -> bool:
        waiting = window.findChild(QFileDialog, "folder-dialog")
        if waiting is not None and waiting.isVisible():
            QTest.keyClick(line, KEY.Key_Return)
        return waiting is None

    until(qtbot, gone)


def test_offline_and_limits_are_kept_at_once(
    pane: SettingsPane, paths: Paths, stand: Stand, qtbot: QtBot
) -> None:
    offline = find(pane, QCheckBox, "stay-offline")
    offline.setFocus()
    QTest.keyClick(offline, KEY.Key_Space)
    assert kept(paths).stay_offline
    connections = find(pane, QSpinBox, "connections")
    connections.setFocus()
    connections.selectAll()
    QTest.keyClicks(connections, "3")
    QTest.keyClick(connections, KEY.Key_Return)
    assert kept(paths).download_connections == 3
    speed = find(pane, QDoubleSpinBox, "bandwidth")
    speed.setFocus()
    QTest.keyClick(speed, KEY.Key_Up)
    assert kept(paths).download_kb == 500
    assert speed.text() == "0.5 MB/s"
    QTest.keyClick(speed, KEY.Key_Down)
    assert kept(paths).download_kb == 0
    assert speed.text() == "As fast as it goes"
    assert stand.link is None, "nothing of it needs a courier"


def test_another_hub_is_checked_before_it_is_kept(
    pane: SettingsPane, paths: Paths, qtbot: QtBot
) -> None:
    field = find(pane, QLineEdit, "endpoint")
    field.setFocus()
    QTest.keyClicks(field, "models.example.org")
    QTest.keyClick(field, KEY.Key_Return)
    assert kept(paths).endpoint == ""
    row = field.parentWidget()
    assert row is not None
    assert any("no address" in label.text() for label in row.findChildren(QLabel))
    field.clear()
    QTest.keyClicks(field, "https://models.example.org/")
    QTest.keyClick(field, KEY.Key_Return)
    assert kept(paths).endpoint == "https://models.example.org"
    assert not any("no address" in label.text() for label in row.findChildren(QLabel))


def test_the_account_is_looked_up_only_when_asked_for(
    pane: SettingsPane, stand: Stand, qtbot: QtBot
) -> None:
    links = [stand.link]
    account = find(pane, QPushButton, "account")
    account.setFocus()
    QTest.keyClick(account, KEY.Key_Space)
    link = stand.link
    assert links == [None]
    assert link is not None
    assert link.actions() == ["signed_in"]
    token = find(pane, QLineEdit, "token")
    until(qtbot, token.isVisible)
    token.setFocus()
    QTest.keyClicks(token, "hf_mine")
    QTest.keyClick(token, KEY.Key_Return)
    until(qtbot, lambda: "sign_in" in link.open.values())
    assert link.asked[-1] == ("sign_in", ("hf_mine",))
    link.answer("sign_in", Account("ann", "run", "You stay signed in until Triptych ends."))
    leave = find(pane, QPushButton, "sign-out-button")
    until(qtbot, leave.isVisible)
    words = find(pane, QLabel, "sign-in-words").text()
    assert words == "Signed in as ann. You stay signed in until Triptych ends."
    assert not token.isVisible()
    click(qtbot, leave)
    until(qtbot, lambda: "sign_out" in link.open.values())
    link.answer("sign_out", Account(""))
    until(qtbot, token.isVisible)


def test_downloads_go_to_another_folder_and_are_seen_there_at_once(
    window: Window, pane: SettingsPane, paths: Paths, tmp_path: Path, qtbot: QtBot
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    click(qtbot, find(pane, QPushButton, "downloads-folder-change"))
    choose(window, qtbot, disk)
    assert kept(paths).downloads_folder == str(disk)
    assert disk in window.studio.store.places
    assert paths.hub in window.studio.store.places  # what is there already is found further on
    click(qtbot, find(pane, QPushButton, "downloads-folder-reset"))
    assert kept(paths).downloads_folder == ""


def test_further_folders_come_and_go(
    window: Window, pane: SettingsPane, paths: Paths, tmp_path: Path, qtbot: QtBot
) -> None:
    more = tmp_path / "more models"
    more.mkdir()
    add = find(pane, QPushButton, "add-model-folder")
    click(qtbot, add)
    choose(window, qtbot, more)
    assert kept(paths).model_folders == (str(more),)
    assert more in window.studio.store.places
    folders = find(pane, QWidget, "model-folders")
    gone = folders.findChild(QToolButton, "remove-model-folder")
    assert gone is not None
    assert str(more) in gone.accessibleName()
    click(qtbot, gone)
    assert kept(paths).model_folders == ()
    assert more not in window.studio.store.places
    assert window.focusWidget() is add
