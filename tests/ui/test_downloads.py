"""The list of downloads: how each stands, what can be done with it by keys and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.core.settings import SettingsFile
from studio.models.transfer.journal import Entry, Journal
from studio.models.transfer.plan import TransferPlan
from studio.ui.app import build, left_downloading
from studio.ui.panes.downloads import DownloadsView
from studio.ui.panes.models import ModelsPane
from studio.ui.widgets.itembars import Message
from studio.ui.window import Window
from tests.ui import hubs
from tests.ui.conftest import begin
from tests.ui.hubs import GB, Stand, StandIn
from tests.ui.panes import click, find, until

KEY = Qt.Key
ROLE = int(Qt.ItemDataRole.AccessibleTextRole)

HERON = hubs.download("lake/heron")
EGRET = hubs.download("lake/egret", state="paused", speed=0.0)
CRANE = hubs.download(
    "lake/crane", state="failed", speed=0.0, message="The line was cut.", hint="Try again."
)
STORK = hubs.download("lake/stork", state="done", done=2 * GB, speed=0.0)


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def window(dressed: QApplication, paths: Paths, stand: Stand, qtbot: QtBot) -> Iterator[Window]:
    window = build(paths, begin=begin(), courier=stand)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("models")
    click(qtbot, find(window, QWidget, "tab-downloads"))
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def view(window: Window) -> DownloadsView:
    return find(window, DownloadsView, "downloads-view")


@pytest.fixture
def link(view: DownloadsView, stand: Stand) -> StandIn:
    assert stand.link is not None
    return stand.link


def said(view: DownloadsView) -> list[str]:
    """What is read out of each row."""
    rows = view.list.rows
    return [str(rows.index(row, 0).data(ROLE)) for row in range(rows.rowCount())]


def show(qtbot: QtBot, view: DownloadsView, link: StandIn) -> None:
    link.tell(HERON, EGRET, CRANE, STORK)
    until(qtbot, lambda: view.list.rows.rowCount() == 4)


def test_nothing_at_first_and_the_way_to_models(
    window: Window, view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    message = find(view, Message, "message")
    assert message.isVisible()
    click(qtbot, message.button)
    assert find(window, ModelsPane, "models-pane").view == "discover"
    assert link.started == 0


def test_what_an_earlier_run_left_is_asked_of_the_courier(
    window: Window, view: DownloadsView, link: StandIn, paths: Paths, qtbot: QtBot
) -> None:
    journal = Journal(paths.data / "downloads")
    journal.write(Entry(plan=plan(paths), state="paused", began="2026-11-23T08:00:00"))
    window.show_page("create")
    window.show_page("models")
    until(qtbot, lambda: link.started == 1)


def test_each_says_how_it_stands_and_all_together_too(
    view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    show(qtbot, view, link)
    heron, egret, crane, stork = said(view)
    assert "Heron" in heron
    assert "476.8 MB of 1.9 GB" in heron
    assert "11.9 MB/s" in heron
    assert "2 min left" in heron
    assert "Paused" in egret
    assert "The line was cut." in crane
    assert "Try again." in crane
    assert "Installed" in stork
    total = find(view, QLabel, "total").text()
    assert total == "1 download · 11.9 MB/s · 2 min left"
    link.change("lake/heron:int4", done=GB, speed=20e6)
    until(qtbot, lambda: "953.7 MB of 1.9 GB" in said(view)[0])
    until(qtbot, lambda: "19.1 MB/s" in find(view, QLabel, "total").text())


def test_the_buttons_in_a_row_do_what_they_show(
    view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    show(qtbot, view, link)

    def press(of: str, deed: str) -> None:
        place = view.list.button_at(of, deed)  # type: ignore[arg-type]
        QTest.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)

    press("lake/heron:int4", "pause")
    until(qtbot, lambda: "Paused" in said(view)[0])
    press("lake/egret:int4", "resume")
    press("lake/crane:int4", "resume")
    press("lake/stork:int4", "forget")
    until(qtbot, lambda: view.list.rows.rowCount() == 3)
    press("lake/heron:int4", "cancel")
    until(qtbot, lambda: view.list.rows.rowCount() == 2)
    assert link.asked == [
        ("pause", ("lake/heron:int4",)),
        ("resume", ("lake/egret:int4",)),
        ("resume", ("lake/crane:int4",)),
        ("forget", ("lake/stork:int4",)),
        ("cancel", ("lake/heron:int4",)),
    ]


def test_everything_by_keys(view: DownloadsView, link: StandIn, qtbot: QtBot) -> None:
    show(qtbot, view, link)
    view.list.setFocus()
    QTest.keyClick(view.list, KEY.Key_Home)
    QTest.keyClick(view.list, KEY.Key_Space)
    until(qtbot, lambda: "Paused" in said(view)[0])
    QTest.keyClick(view.list, KEY.Key_Down)
    QTest.keyClick(view.list, KEY.Key_Down)
    until(qtbot, lambda: find(view, QLabel, "download-why").isVisible())
    assert "The line was cut. Try again." in find(view, QLabel, "download-why").text()
    again = find(view, QPushButton, "download-resume")
    assert again.accessibleName() == "Try again"
    # Tab goes from the list to its buttons, and the keys stay with the button that changes.
    QTest.keyClick(view.list, KEY.Key_Tab)
    until(qtbot, again.hasFocus)
    QTest.keyClick(again, KEY.Key_Space)
    pause = find(view, QPushButton, "download-pause")
    until(qtbot, lambda: pause.isVisible() and pause.hasFocus())
    view.list.setFocus()
    QTest.keyClick(view.list, KEY.Key_Delete)
    until(qtbot, lambda: view.list.rows.rowCount() == 3)
    assert link.asked[-1] == ("cancel", ("lake/crane:int4",))


def test_one_that_waits_is_put_first_by_mouse_and_by_keys(
    view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    ibis = hubs.download("lake/ibis", state="waiting", speed=0.0, behind=True)
    link.tell(HERON, ibis)
    until(qtbot, lambda: view.list.rows.rowCount() == 2)
    QTest.mouseClick(
        view.list.viewport(), Qt.MouseButton.LeftButton,
        pos=view.list.button_at("lake/ibis:int4", "put_first"),
    )  # fmt: skip
    button = find(view, QPushButton, "download-put_first")
    until(qtbot, button.isVisible)
    assert button.accessibleName() == "Download this first"
    view.list.setFocus()
    QTest.keyClick(view.list, KEY.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert link.asked == [("put_first", ("lake/ibis:int4",))] * 2
    link.tell(replace(ibis, behind=False), replace(HERON, behind=True))
    until(qtbot, lambda: not button.isVisible())
    QTest.keyClick(view.list, KEY.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert len(link.asked) == 2  # it is the first already


def test_all_of_them_at_once(view: DownloadsView, link: StandIn, qtbot: QtBot) -> None:
    show(qtbot, view, link)
    click(qtbot, find(view, QPushButton, "resume-all"))
    until(qtbot, lambda: find(view, QLabel, "total").text().startswith("3 downloads"))
    assert [args for action, args in link.asked if action == "resume"] == [
        ("lake/egret:int4",),
        ("lake/crane:int4",),
    ]
    click(qtbot, find(view, QPushButton, "pause-all"))
    until(qtbot, lambda: sum("Paused" in words for words in said(view)) == 3)
    click(qtbot, find(view, QPushButton, "clear-finished"))
    until(qtbot, lambda: view.list.rows.rowCount() == 3)
    assert not find(view, QPushButton, "clear-finished").isVisible()
    assert find(view, QLabel, "total").text() == "3 wait for you"


def test_a_menu_offers_the_same(view: DownloadsView, link: StandIn, qtbot: QtBot) -> None:
    show(qtbot, view, link)
    place = view.list.visualRect(view.list.rows.index(1, 0)).center()
    view.list.customContextMenuRequested.emit(place)
    menu = next(m for m in view.findChildren(QMenu) if m.isVisible())
    assert [a.text() for a in menu.actions()] == ["Resume", "Cancel"]
    QTest.mouseClick(
        menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[0]).center()
    )
    until(qtbot, lambda: ("resume", ("lake/egret:int4",)) in link.asked)


def test_the_current_row_stays_the_current_one(
    view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    show(qtbot, view, link)
    view.list.setFocus()
    QTest.keyClick(view.list, KEY.Key_Down)
    assert find(view, QLabel, "download-which").text() == "Egret"
    link.tell(EGRET, replace(HERON, state="done", speed=0.0), hubs.download("lake/new"), CRANE)
    until(qtbot, lambda: any("New" in words for words in said(view)))
    assert find(view, QLabel, "download-which").text() == "Egret"
    assert [words.split(" ")[0] for words in said(view)] == ["Egret", "New", "Crane", "Heron"]


def test_what_came_and_what_failed_is_told_wherever_one_is(
    window: Window, view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    show(qtbot, view, link)
    window.show_page("create")
    link.change("lake/heron:int4", state="failed", message="No space.", hint="Make room.")
    shown = window.studio.notices
    until(qtbot, lambda: len(shown.shown) == 1)
    assert shown.shown[0].message == "“Heron” could not be downloaded: No space."
    assert shown.shown[0].hint == "Make room."
    click(qtbot, find(window, QPushButton, "noticeAction"))
    assert find(window, ModelsPane, "models-pane").view == "downloads"
    link.change("lake/egret:int4", state="done", done=2 * GB)
    until(qtbot, lambda: [n.message for n in shown.shown] == ["“Egret” is here."])
    assert window.status.downloads is None or not window.status.downloads.isVisible()


def test_the_tab_and_the_status_line_say_that_something_goes_on(
    window: Window, view: DownloadsView, link: StandIn, qtbot: QtBot
) -> None:
    tab = find(window, QWidget, "tab-downloads")
    assert tab.accessibleName() == "Downloads"
    link.tell(HERON, replace(EGRET, state="waiting"))
    until(qtbot, lambda: tab.accessibleName() == "Downloads, 2 at work")
    until(qtbot, lambda: window.status.downloads is not None)
    assert window.status.downloads is not None
    assert window.status.downloads.isVisible()
    assert "Heron" in window.status.downloads.toolTip()
    link.tell(EGRET)
    until(qtbot, lambda: tab.accessibleName() == "Downloads")
    until(qtbot, lambda: window.status.downloads is not None)
    until(qtbot, lambda: not window.status.downloads.isVisible())  # type: ignore[union-attr]


def test_the_view_is_the_same_at_the_next_start(
    window: Window, view: DownloadsView, paths: Paths, qtbot: QtBot
) -> None:
    kept = SettingsFile(paths.settings_file).load
    until(
        qtbot,
        lambda: kept().settings.last_values.get("models.page", {}).get("view") == "downloads",
    )


def plan(paths: Paths) -> TransferPlan:
    return TransferPlan(
        id="lake/heron",
        repo="lake/heron",
        revision=hubs.REVISION,
        files=(),
        cache=paths.hub,
        variant="",
        title="Heron",
        kind="text",
    )


def test_what_was_left_running_is_seen_without_a_courier(paths: Paths) -> None:
    journal = Journal(paths.data / "downloads")
    assert not left_downloading(paths)
    journal.write(Entry(plan=plan(paths), state="paused", began="2026-11-23T08:00:00"))
    assert not left_downloading(paths)
    journal.write(Entry(plan=plan(paths), state="waiting", began="2026-11-23T08:00:00"))
    assert left_downloading(paths)


def test_closing_the_window_ends_the_courier(
    dressed: QApplication, paths: Paths, stand: Stand
) -> None:
    window = build(paths, begin=begin(), courier=stand)
    hub = window.studio.hub
    hub.begin()
    assert stand.link is not None
    assert stand.link.started == 1
    window.close()
    window.studio.close()
    assert stand.link.closed
    window.deleteLater()
