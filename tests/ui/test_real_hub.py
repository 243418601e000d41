"""The window against a hub: a real courier, a real download, and what was downloaded is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths, resources
from studio.core.settings import SettingsFile
from studio.engine.supervisor import Supervisor
from studio.models.token import VARIABLES
from studio.ui.app import build, left_downloading
from studio.ui.panes.discover import DiscoverView
from studio.ui.widgets.modelchooser import ModelChooser
from studio.ui.window import Window
from tests.hub import Hub, Repo
from tests.ui.panes import click, find, until

STORY = resources() / "models" / "triptych-story"
REPO = "lake/storyteller"
TOKEN = "hf_OnlyForThisTest"
RATE = 1_500_000
"""Bytes a second: slow enough to do something meanwhile."""

Open = Callable[[], Window]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    # Nobody's keyring is touched: the courier finds none.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with Hub(rate=RATE, buffer=1 << 14) as running:
        yield running


@pytest.fixture
def opened(dressed: QApplication, paths: Paths, hub: Hub, qtbot: QtBot) -> Iterator[Open]:
    """Opens the window on the one folder, as often as a test wants; it knows the hub."""
    file = SettingsFile(paths.settings_file)
    file.save(replace(file.load().settings, endpoint=hub.endpoint))
    windows: list[Window] = []

    def open_it() -> Window:
        window = build(paths, begin=partial(Supervisor))
        window.resize(1280, 800)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        windows.append(window)
        return window

    yield open_it
    for window in windows:
        close(window)
        window.deleteLater()


def close(window: Window) -> None:
    window.close()
    window.studio.close()


def open_page(window: Window, qtbot: QtBot, words: str) -> DiscoverView:
    """Search and open what is found first."""
    window.show_page("models")
    click(qtbot, find(window, QWidget, "tab-discover"))
    view = find(window, DiscoverView, "discover-view")
    field = view.search.search
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClicks(field, words)
    QTest.keyClick(field, Qt.Key.Key_Return)
    until(qtbot, lambda: view.list.rows.rowCount() == 1)
    view.list.setFocus()
    QTest.keyClick(view.list, Qt.Key.Key_Return)
    return view


def test_a_model_is_found_got_over_two_runs_and_used(
    opened: Open, paths: Paths, hub: Hub, qtbot: QtBot
) -> None:
    hub.add(Repo.of_folder(REPO, STORY))
    window = opened()
    window.studio.engine.warm("text")
    until(qtbot, lambda: bool(window.studio.engine.families("text")))
    view = open_page(window, qtbot, "storyteller")
    until(qtbot, lambda: view.page.page is not None)
    assert "Runs with: Words" in find(view, QLabel, "runs-with").text()
    until(qtbot, lambda: "are free" in find(view, QLabel, "room").text())
    click(qtbot, view.page.get.button)
    until(qtbot, lambda: view.page.get.bar.isVisible() and view.page.get.bar.value() > 50)
    # Paused, it stands still; then it goes on.
    click(qtbot, view.page.get.pause)
    until(qtbot, lambda: view.page.get.pause.text() == "Resume")
    click(qtbot, view.page.get.pause)
    until(qtbot, lambda: view.page.get.pause.text() == "Pause")
    until(qtbot, lambda: view.page.get.bar.value() > 200)
    close(window)
    assert left_downloading(paths)
    # At the next start it goes on by itself.
    hub.rate = 0
    window = opened()
    window.studio.go_on(partial(left_downloading, paths))
    shown = window.studio.notices
    until(qtbot, lambda: any("is here" in notice.message for notice in shown.shown))
    assert not left_downloading(paths)
    size = sum(file.stat().st_size for file in STORY.rglob("*") if file.is_file())
    assert hub.log.sent() < 1.3 * size, "what was there was not fetched again"
    window.studio.engine.warm("text")
    until(qtbot, lambda: bool(window.studio.engine.families("text")))
    action = next(
        b for b in window.findChildren(QPushButton, "noticeAction") if b.text() == "Make something"
    )
    click(qtbot, action)
    assert window.page == "create"
    chooser = find(find(window, QWidget, "text-pane"), ModelChooser, "model")
    until(qtbot, lambda: chooser.model_id == REPO)


def test_a_gated_model_is_got_with_a_token(
    opened: Open, paths: Paths, hub: Hub, qtbot: QtBot
) -> None:
    hub.rate = 0
    hub.add(Repo.of_folder(REPO, STORY, gated="auto"))
    hub.user(TOKEN, "ann", REPO)
    window = opened()
    window.studio.engine.warm("text")
    view = open_page(window, qtbot, "storyteller")
    gate = find(view, QWidget, "gate")
    until(qtbot, gate.isVisible)
    token = find(gate, QLineEdit, "token")
    token.setFocus()
    QTest.keyClicks(token, "hf_wrong")
    QTest.keyClick(token, Qt.Key.Key_Return)
    trouble = find(gate, QLabel, "sign-in-trouble")
    until(qtbot, trouble.isVisible)
    assert "hf_wrong" not in trouble.text()
    QTest.keyClicks(token, TOKEN)
    QTest.keyClick(token, Qt.Key.Key_Return)
    until(qtbot, lambda: "Signed in as ann" in find(gate, QLabel, "sign-in-words").text())
    until(qtbot, lambda: view.page.page is not None and view.page.get.button.isVisible())
    click(qtbot, view.page.get.button)
    shown = window.studio.notices
    until(qtbot, lambda: any("is here" in notice.message for notice in shown.shown))
    model = window.studio.store.find(REPO)
    assert model is not None
    assert not model.problem
    # The token is nowhere on the disk.
    for file in paths.config.parent.rglob("*"):
        if file.is_file():
            assert TOKEN.encode() not in file.read_bytes(), file


def test_offline_nothing_leaves_the_window(
    opened: Open, paths: Paths, hub: Hub, qtbot: QtBot
) -> None:
    hub.add(Repo.of_folder(REPO, STORY))
    window = opened()
    view = open_page(window, qtbot, "storyteller")
    until(qtbot, lambda: view.page.page is not None)
    window.studio.change(stay_offline=True)
    asked = len(hub.log.all())
    QTest.keyClick(view.page, Qt.Key.Key_Escape)
    view.list.setFocus()
    QTest.keyClick(view.list, Qt.Key.Key_Return)
    trouble = find(view, QLabel, "trouble-words")
    until(qtbot, trouble.isVisible)
    assert "stay off the network" in trouble.text()
    assert len(hub.log.all()) == asked
