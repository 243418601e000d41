"""Discover: the catalogue without a network, the search, the page of a model, and its download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.licences import may_sell
from studio.core.paths import Paths
from studio.core.settings import SettingsFile
from studio.core.speed import Speed, save
from studio.engine.supervisor import Supervisor
from studio.models.hub.query import Query
from studio.models.remote import Account
from studio.ui.app import build
from studio.ui.panes.discover import DiscoverView
from studio.ui.panes.models import ModelsPane
from studio.ui.widgets.foundlist import FoundList
from studio.ui.widgets.itembars import Message
from studio.ui.window import Window
from tests.ui import hubs
from tests.ui.conftest import Begin, begin
from tests.ui.hubs import GB, Stand, StandIn
from tests.ui.panes import click, find, until

KEY = Qt.Key


@pytest.fixture
def stand() -> Stand:
    return Stand()


def open_discover(paths: Paths, stand: Stand, qtbot: QtBot, begin: Begin) -> Window:
    """The window on the Discover view, with a courier that a test answers for."""
    window = build(paths, begin=begin, courier=stand)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("models")
    click(qtbot, find(window, QWidget, "tab-discover"))
    return window


def close(window: Window) -> None:
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def window(dressed: QApplication, paths: Paths, stand: Stand, qtbot: QtBot) -> Iterator[Window]:
    window = open_discover(paths, stand, qtbot, begin())
    yield window
    close(window)


@pytest.fixture
def able(dressed: QApplication, paths: Paths, stand: Stand, qtbot: QtBot) -> Iterator[Window]:
    """The same with the real families, as the catalogue has what they run."""
    window = open_discover(paths, stand, qtbot, Supervisor)
    for kind in KINDS:
        window.studio.engine.warm(kind)
    listed = find(window, FoundList, "found-list")
    until(qtbot, lambda: all(window.studio.engine.families(kind) for kind in KINDS))

    def kinds() -> set[object]:
        found = (listed.rows.found(row) for row in range(listed.rows.rowCount()))
        return {f.kind for f in found if f is not None}

    until(qtbot, lambda: kinds() == set(KINDS))
    yield window
    close(window)


@pytest.fixture
def view(window: Window) -> DiscoverView:
    return find(window, DiscoverView, "discover-view")


@pytest.fixture
def link(view: DiscoverView, stand: Stand) -> StandIn:
    assert stand.link is not None
    return stand.link


def titles(view: DiscoverView) -> list[str]:
    rows = view.list.rows
    return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]


def everything_said(view: DiscoverView) -> str:
    """How all that are listed would go here."""
    found = (view.list.rows.found(row) for row in range(view.list.rows.rowCount()))
    return " ".join(f.fit.sentence for f in found if f is not None and f.fit is not None)


def search(qtbot: QtBot, view: DiscoverView, words: str) -> None:
    field = view.search.search
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClicks(field, words)
    QTest.keyClick(field, KEY.Key_Return)


def press_card(view: DiscoverView, row: int) -> None:
    place = view.list.visualRect(view.list.rows.index(row, 0)).center()
    QTest.mouseClick(
        view.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place.x(), place.y())
    )


def open_page(qtbot: QtBot, view: DiscoverView, link: StandIn, page: object) -> None:
    """Search for something, open what is found first, and have its page come."""
    search(qtbot, view, "heron")
    until(qtbot, lambda: "search" in link.open.values())
    link.answer("search", (page.found,))  # type: ignore[attr-defined]
    until(qtbot, lambda: view.list.rows.rowCount() == 1)
    press_card(view, 0)
    until(qtbot, lambda: "page" in link.open.values())
    link.answer("page", page)
    until(qtbot, lambda: view.page.page is not None)


def test_the_catalogue_is_there_and_nobody_was_asked(
    able: Window, stand: Stand, qtbot: QtBot
) -> None:
    view = find(able, DiscoverView, "discover-view")
    assert find(view, QLabel, "found-heading").text() == "Recommended for this computer"
    assert "of memory" in find(view, QLabel, "found-sub").text()
    role = int(Qt.ItemDataRole.AccessibleTextRole)
    everything = view.list.rows.rowCount()
    for row in range(everything):
        found = view.list.rows.found(row)
        assert found is not None
        assert found.words
        assert found.fit is not None
        assert found.title in str(view.list.rows.index(row, 0).data(role))
    # What an engine measures meanwhile is told as soon as it is looked at again.
    assert "tokens a second" not in everything_said(view)
    save(able.studio.paths.cache, "CPUExecutionProvider", Speed({"int4": 2e10}, 2e11))
    able.show_page("library")
    able.show_page("models")
    until(qtbot, lambda: "tokens a second here" in everything_said(view))
    assert "seconds for each step of a picture" in everything_said(view)
    # Narrowed by kind, and by what one may do with what one makes.
    click(qtbot, find(view, QPushButton, "find-audio"))
    shown = [view.list.rows.found(row) for row in range(view.list.rows.rowCount())]
    assert shown
    assert all(f is not None and f.kind == "audio" for f in shown)
    click(qtbot, find(view, QPushButton, "find-all"))
    assert view.list.rows.rowCount() == everything
    click(qtbot, find(view, QPushButton, "find-sell"))
    shown = [view.list.rows.found(row) for row in range(view.list.rows.rowCount())]
    assert 0 < len(shown) < everything
    assert all(f is not None and may_sell(f.licence) for f in shown)
    click(qtbot, find(view, QPushButton, "find-sell"))
    # One column in a narrow window.
    able.resize(520, 700)

    def lefts() -> set[int]:
        return {view.list.visualRect(view.list.rows.index(row, 0)).left() for row in range(6)}

    until(qtbot, lambda: len(lefts()) == 1)
    last = view.list.visualRect(view.list.rows.index(0, 0))
    assert last.right() <= view.list.viewport().width()
    able.resize(1280, 800)
    until(qtbot, lambda: len(lefts()) > 1)
    # All that without a courier.
    assert stand.link is not None
    assert stand.link.started == 0
    assert stand.link.asked == []


def test_what_is_typed_is_searched_with_its_filters(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    click(qtbot, find(view, QPushButton, "find-text"))
    click(qtbot, find(view, QPushButton, "find-sell"))
    search(qtbot, view, "heron")
    until(qtbot, lambda: "search" in link.actions())
    [(_, (query,))] = [asked for asked in link.asked if asked[0] == "search"]
    assert isinstance(query, Query)
    assert (query.words, query.kind, query.sell) == ("heron", "text", True)
    assert find(view, QWidget, "searching").isVisible()
    assert find(view, QLabel, "found-heading").text() == "Looking for “heron”…"
    link.answer("search", (hubs.found(), hubs.found("lake/egret")))
    until(qtbot, lambda: titles(view) == ["Heron", "Egret"])
    assert not find(view, QWidget, "searching").isVisible()
    sort = find(view, QComboBox, "find-sort")
    sort.setFocus()
    QTest.keyClick(sort, KEY.Key_Down)
    until(qtbot, lambda: link.actions().count("search") == 2)
    query = link.asked[-1][1][0]
    assert isinstance(query, Query)
    assert query.sort == "downloads"


def test_typing_on_asks_once_typing_pauses(view: DiscoverView, link: StandIn, qtbot: QtBot) -> None:
    field = view.search.search
    field.setFocus()
    QTest.keyClicks(field, "her")
    QTest.keyClicks(field, "on")
    until(qtbot, lambda: "search" in link.actions())
    asked = [args[0] for action, args in link.asked if action == "search"]
    assert [getattr(query, "words", "") for query in asked] == ["heron"]


def test_a_late_answer_to_an_older_search_is_thrown_away(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    search(qtbot, view, "old")
    until(qtbot, lambda: link.actions().count("search") == 1)
    view.search.search.clear()
    search(qtbot, view, "new")
    until(qtbot, lambda: link.actions().count("search") == 2)
    link.answer("search", (hubs.found("lake/old"),))
    link.answer("search", (hubs.found("lake/new"),))
    until(qtbot, lambda: titles(view) == ["New"])


def test_more_is_asked_for_when_one_comes_to_the_end(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    search(qtbot, view, "many")
    until(qtbot, lambda: "search" in link.open.values())
    found = [hubs.found(f"lake/m{n:03}") for n in range(48)]
    link.answer("search", tuple(found[:24]))
    until(qtbot, lambda: view.list.rows.rowCount() == 24)
    bar = view.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    until(qtbot, lambda: link.actions().count("search") == 2)
    link.answer("search", tuple(found))
    until(qtbot, lambda: view.list.rows.rowCount() == 48)
    assert titles(view)[:24] == [f.title for f in found[:24]]


def test_nothing_found_and_no_network_say_what_to_do(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    search(qtbot, view, "qqq")
    until(qtbot, lambda: "search" in link.open.values())
    link.answer("search", ())
    message = find(view, Message, "message")
    until(qtbot, message.isVisible)
    words = [label.text() for label in message.findChildren(QLabel)]
    assert "Nothing that Triptych can run" in words
    view.search.search.clear()
    search(qtbot, view, "rrr")
    until(qtbot, lambda: "search" in link.open.values())
    link.answer("search", StudioError("There is no network.", "Check the cable."))
    until(qtbot, lambda: message.button.text() == "Try again")
    words = [label.text() for label in message.findChildren(QLabel)]
    assert "There is no network." in words
    assert "Check the cable." in words
    click(qtbot, message.button)
    until(qtbot, lambda: link.actions().count("search") == 3)
    link.answer("search", (hubs.found(),))
    until(qtbot, lambda: titles(view) == ["Heron"])
    # And when the courier dies, it says so as well.
    view.search.search.clear()
    search(qtbot, view, "sss")
    until(qtbot, lambda: "search" in link.open.values())
    link.die()
    until(qtbot, lambda: message.isVisible() and message.button.text() == "Try again")


def test_the_offline_switch_leaves_the_catalogue(
    window: Window, view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    window.studio.change(stay_offline=True)
    bar = find(view, QWidget, "offline-bar")
    until(qtbot, bar.isVisible)
    assert not view.search.search.isEnabled()
    assert not find(view, QPushButton, "browse-hub").isVisible()
    heading = find(view, QLabel, "found-heading")
    until(qtbot, lambda: heading.text() == "Recommended for this computer")
    click(qtbot, find(view, QPushButton, "go-online"))
    assert view.search.search.isEnabled()
    assert not window.studio.settings.stay_offline
    assert not bar.isVisible()


def test_a_page_says_all_before_the_download(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    page = hubs.page(
        hubs.found("lake/heron", licence="cc-by-nc-4.0"),
        hubs.variant("int4", 2 * GB),
        hubs.variant("fp16", 7 * GB, "no"),
        hubs.variant("cuda", problem="It is made for CUDA.", hint="Choose another."),
        best="int4",
    )
    open_page(qtbot, view, link, page)
    card = view.page
    assert card.title.raw == "Heron"
    assert find(card, QLabel, "may-sell").text() == "No"
    assert "Not for earning money" in find(card, QLabel, "page-licence").text()
    until(qtbot, lambda: "briefly" in card.card.toPlainText())
    chosen = card.get.variant()
    assert chosen is not None
    assert chosen.id == "int4"
    assert card.get.button.accessibleName() == "Download · 1.9 GB"
    assert "fits into the memory" in find(card, QLabel, "fit").text()
    # Another one by keys; what cannot be run cannot be chosen.
    card.get.variants.setFocus()
    QTest.keyClick(card.get.variants, KEY.Key_Down)
    chosen = card.get.variant()
    assert chosen is not None
    assert chosen.id == "fp16"
    assert "48 GB" in find(card, QLabel, "fit").text()
    QTest.keyClick(card.get.variants, KEY.Key_Down)
    assert card.get.variant() == chosen
    said = card.get.variants.rows.index(2, 0).data(int(Qt.ItemDataRole.AccessibleTextRole))
    assert "It is made for CUDA." in str(said)
    # The files, and those that are never taken, with the reason.
    fold = find(card, QPushButton, "refused-fold")
    assert fold.text() == "Left out for safety (1)"
    click(qtbot, fold)
    refused = card.get.findChild(QWidget, "refused")
    assert refused is not None
    assert refused.isVisible()
    # Back with Escape; the list is as it was.
    QTest.keyClick(card.get.variants, KEY.Key_Escape)
    until(qtbot, view.list.isVisible)
    assert titles(view) == ["Heron"]


def test_many_variants_are_filtered_by_words(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    names = [f"{name} ({tongue})" for tongue in ("de_DE", "en_US", "it_IT") for name in "abcd"]
    ways = [hubs.variant(f"v{n}", GB, title=title) for n, title in enumerate(names)]
    open_page(qtbot, view, link, hubs.page(None, *ways, best="v5"))
    card = view.page.get
    field = find(card, QLineEdit, "variant-filter")
    assert field.isVisible()
    field.setFocus()
    QTest.keyClicks(field, "it d")
    assert card.variants.rows.rowCount() == 1
    chosen = card.variant()
    assert chosen is not None
    assert chosen.title == "d (it_IT)"
    QTest.keyClicks(field, "x")
    assert "No variant is called so" in find(view, QLabel, "fit").text()
    assert not card.button.isVisible()
    field.clear()
    assert card.variants.rows.rowCount() == 12
    until(qtbot, card.button.isVisible)


def test_a_download_is_begun_followed_and_paused_from_the_page(
    window: Window, paths: Paths, view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    open_page(qtbot, view, link, hubs.page())
    click(qtbot, view.page.get.button)
    until(qtbot, lambda: "get" in link.actions())
    assert link.asked[-1] == ("get", ("lake/heron", "int4", None, hubs.REVISION))
    until(qtbot, view.page.get.bar.isVisible)
    link.change("lake/heron:int4", state="running", done=GB, total=2 * GB, speed=10e6)
    until(qtbot, lambda: view.page.get.bar.value() == 500)
    state = find(view, QLabel, "get-state").text()
    assert "of 1.9 GB" in state
    assert "left" in state
    until(qtbot, lambda: window.status.downloads is not None)
    assert window.status.downloads is not None
    until(qtbot, lambda: window.status.downloads.text() == " 50 %")  # type: ignore[union-attr]
    click(qtbot, view.page.get.pause)
    until(qtbot, lambda: view.page.get.pause.text() == "Resume")
    assert link.downloads[0].state == "paused"
    # Said once in a lifetime: what closing does to downloads.
    assert [n for n in window.studio.notices.shown if "Closing Triptych pauses" in n.hint]
    kept = SettingsFile(paths.settings_file).load
    until(qtbot, lambda: bool(kept().settings.last_values.get("models.told", {}).get("closing")))
    # The status line leads to the list.
    link.change("lake/heron:int4", state="running", speed=10e6)
    until(qtbot, window.status.downloads.isVisible)
    click(qtbot, window.status.downloads)
    pane = find(window, ModelsPane, "models-pane")
    assert pane.view == "downloads"


def test_a_refused_download_says_why_and_the_button_is_there_again(
    window: Window, view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    open_page(qtbot, view, link, hubs.page())
    del link.acts["get"]
    click(qtbot, view.page.get.button)
    until(qtbot, lambda: "get" in link.open.values())
    assert not view.page.get.button.isEnabled()  # no second one by a second click
    link.answer("get", StudioError("The disk is full.", "Make room."))
    until(qtbot, view.page.get.button.isEnabled)
    assert [n.message for n in window.studio.notices.shown] == ["The disk is full."]


def test_a_gated_model_says_what_to_do_and_signs_in(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    found = hubs.found("lake/gated", gated=True)
    open_page(qtbot, view, link, hubs.page(found))
    gate = find(view, QWidget, "gate")
    assert gate.isVisible()
    token = find(gate, QLineEdit, "token")
    enter = find(gate, QPushButton, "sign-in-button")
    assert not enter.isEnabled()
    token.setFocus()
    QTest.keyClicks(token, "hf_secret")
    assert token.echoMode() == QLineEdit.EchoMode.Password
    click(qtbot, enter)
    until(qtbot, lambda: "sign_in" in link.open.values())
    assert token.text() == ""
    link.answer("sign_in", StudioError("The hub does not know this token.", "Make another."))
    trouble = find(gate, QLabel, "sign-in-trouble")
    until(qtbot, trouble.isVisible)
    assert "does not know" in trouble.text()
    QTest.keyClicks(token, "hf_right")
    QTest.keyClick(token, KEY.Key_Return)
    until(qtbot, lambda: "sign_in" in link.open.values())
    link.answer("sign_in", Account("heron-lover", "keyring"))
    until(qtbot, lambda: link.actions()[-1] == "page")  # its page is asked for again


def test_a_page_that_does_not_come_says_so(view: DiscoverView, link: StandIn, qtbot: QtBot) -> None:
    open_page(qtbot, view, link, hubs.page())
    QTest.keyClick(view.page, KEY.Key_Escape)
    press_card(view, 0)
    until(qtbot, lambda: "page" in link.open.values())
    link.answer("page", StudioError("It is gone from the hub.", "Look for another."))
    trouble = find(view, QWidget, "page-trouble")
    until(qtbot, trouble.isVisible)
    assert not view.page.get.button.isVisible()
    click(qtbot, view.page.retry)
    until(qtbot, lambda: "page" in link.open.values())
    link.answer("page", hubs.page())
    until(qtbot, view.page.get.button.isVisible)


def test_a_pane_leads_to_models_of_its_kind(
    window: Window, view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    window.show_page("create")
    pane = window.create_page.panes["audio"]
    window.studio.engine.warm("audio")
    chooser = pane.chooser  # type: ignore[attr-defined]
    until(qtbot, lambda: bool(chooser.model_id))
    chosen = chooser.model_id
    # Keys on the closed list only come by the last line.
    chooser.setFocus()
    for _ in range(chooser.count() + 1):
        QTest.keyClick(chooser, KEY.Key_Down)
    assert chooser.model_id == chosen
    assert window.page == "create"
    chooser.showPopup()
    listed = chooser.view()
    until(qtbot, listed.isVisible)
    last = chooser.model().index(chooser.count() - 1, 0)
    assert last.data() == "Get another voice or instrument…"
    QTest.mouseClick(
        listed.viewport(), Qt.MouseButton.LeftButton, pos=listed.visualRect(last).center()
    )
    until(qtbot, lambda: window.page == "models")
    assert view.search.sought().kind == "audio"
    assert chooser.model_id == chosen
    assert link.asked == []


def test_what_is_installed_and_on_its_way_is_marked(
    view: DiscoverView, link: StandIn, qtbot: QtBot
) -> None:
    search(qtbot, view, "heron")
    until(qtbot, lambda: "search" in link.open.values())
    link.answer("search", (hubs.found(),))
    until(qtbot, lambda: titles(view) == ["Heron"])
    link.tell(hubs.download(done=GB // 2, total=GB))

    def said() -> str:
        role = int(Qt.ItemDataRole.AccessibleTextRole)
        return str(view.list.rows.index(0, 0).data(role))

    until(qtbot, lambda: "50 %" in said())
    link.tell(replace(link.downloads[0], state="failed", message="No.", hint="Yes."))
    until(qtbot, lambda: "50 %" in said())
    link.tell()
    until(qtbot, lambda: "%" not in said())
