"""Installed models: removed with a way back, moved, checked, newer versions; and used by what."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.models import InstalledModel, keep
from studio.models.remote import Update
from studio.models.shelves import open_store
from studio.models.verify import FileReport, Report
from studio.ui.app import build
from studio.ui.panes.installed import InstalledView
from studio.ui.panes.models import ModelsPane
from studio.ui.widgets.modellist import ModelList
from studio.ui.window import Window
from tests.engine import faults
from tests.models.caches import FIRST, SECOND, files_of, put
from tests.ui import hubs, things
from tests.ui.conftest import begin, recipe
from tests.ui.hubs import Stand, StandIn
from tests.ui.panes import click, find, until
from tests.ui.test_models_pane import facts, pick, titles

ROLE = int(Qt.ItemDataRole.AccessibleTextRole)


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def window(dressed: QApplication, paths: Paths, stand: Stand, qtbot: QtBot) -> Iterator[Window]:
    """The window on the installed models, with owls among them."""
    shutil.copytree(paths.models / faults.MODEL, paths.models / "owls")
    window = build(paths, begin=begin(), courier=stand)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    assert window.studio.hub is not None  # the stand-in is made
    window.show_page("models")
    listed = find(window, ModelList, "model-list")
    until(qtbot, lambda: sum("Fault" in title for title in titles(listed)) == 2)
    choose(listed, "owls")
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def link(window: Window, stand: Stand) -> StandIn:
    assert stand.link is not None
    return stand.link


def choose(listed: ModelList, model: str) -> InstalledModel:
    listed.choose(model)
    entry = listed.entry()
    assert entry is not None
    assert entry.model.id == model
    return entry.model


def notices(window: Window) -> list[str]:
    return [notice.message for notice in window.studio.notices.shown]


def test_a_model_is_removed_and_had_back(
    window: Window, link: StandIn, paths: Paths, qtbot: QtBot
) -> None:
    store, listed = window.studio.store, find(window, ModelList, "model-list")

    def remove(model: str, busy: frozenset[str]) -> keep.Undo:
        found = store.find(model)
        assert found is not None
        return keep.remove(found, busy=lambda name: name in busy)

    link.acts.update(remove=remove, undo=keep.undo)
    click(qtbot, find(window, QPushButton, "remove-model"))
    until(qtbot, lambda: sum("Fault" in title for title in titles(listed)) == 1)
    assert not (paths.models / "owls").exists()
    [notice] = window.studio.notices.shown
    assert "was removed" in notice.message
    click(qtbot, find(window, QPushButton, "noticeAction"))
    until(qtbot, lambda: sum("Fault" in title for title in titles(listed)) == 2)
    assert (paths.models / "owls").is_dir()
    # From the box above the list as well, when the notice has gone long ago.
    choose(listed, "owls")
    click(qtbot, find(window, QPushButton, "remove-model"))
    box = find(window, QToolButton, "removed-models")
    until(qtbot, box.isVisible)
    menu = box.menu()
    assert menu is not None
    menu.popup(box.mapToGlobal(box.rect().bottomLeft()))
    back = menu.actions()[0]
    assert back.text().startswith("Have back “")
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(back).center())
    until(qtbot, lambda: sum("Fault" in title for title in titles(listed)) == 2)
    until(qtbot, lambda: not box.isVisible())


def test_what_was_removed_is_deleted_for_good_after_a_second_word(
    window: Window, link: StandIn, paths: Paths, qtbot: QtBot
) -> None:
    store = window.studio.store
    link.acts["empty_trash"] = lambda: keep.empty_trash(store.places[1:])
    owls = store.find("owls")
    assert owls is not None
    keep.remove(owls)
    click(qtbot, find(window, QToolButton, "refresh"))
    box = find(window, QToolButton, "removed-models")
    until(qtbot, box.isVisible)
    menu = box.menu()
    assert menu is not None
    sure = menu.actions()[-1].menu()
    assert isinstance(sure, QMenu)
    assert sure.actions()[0].text() == "Yes, this cannot be undone"
    sure.actions()[0].trigger()
    until(qtbot, lambda: not box.isVisible())
    assert any("free again" in message for message in notices(window))
    assert keep.removed(store.places[1:]) == []


def test_what_a_job_uses_is_told_to_whoever_removes(
    window: Window, link: StandIn, qtbot: QtBot
) -> None:
    engine = window.studio.engine
    engine.warm("text")
    until(qtbot, lambda: bool(engine.families("text")))
    engine.submit(recipe("text", "burns", steps=400, pace=0.05))
    until(qtbot, lambda: engine.state("text") == "busy")
    choose(find(window, ModelList, "model-list"), faults.MODEL)
    click(qtbot, find(window, QPushButton, "remove-model"))
    until(qtbot, lambda: "remove" in link.open.values())
    assert link.asked[-1] == ("remove", (faults.MODEL, frozenset({faults.MODEL})))
    link.answer("remove", StudioError("It is in use.", "Wait until it is done."))
    until(qtbot, lambda: notices(window) == ["It is in use."])
    engine.cancel_all()


def test_checking_shows_how_far_it_is_and_can_be_cancelled(
    window: Window, link: StandIn, qtbot: QtBot
) -> None:
    check = find(window, QPushButton, "verify-model")
    click(qtbot, check)
    until(qtbot, lambda: "verify" in link.open.values())
    bar = find(window, QProgressBar, "working-progress")
    assert not check.isEnabled()
    link.step("verify", 30, 60)
    until(qtbot, lambda: bar.maximum() == 1000 and bar.value() == 500)
    assert find(window, QLabel, "working").text() == "Checking “Fault model”"
    click(qtbot, find(window, QPushButton, "working-cancel"))
    until(qtbot, lambda: notices(window) == ["It was cancelled."])
    assert len(link.stopped) == 1
    assert check.isEnabled()
    # A good end, and a bad one.
    model = choose(find(window, ModelList, "model-list"), "owls")
    for file in (FileReport("a.onnx", 3, "good"), FileReport("a.onnx", 3, "broken", "Other.")):
        click(qtbot, check)
        until(qtbot, lambda: "verify" in link.open.values())
        link.answer("verify", Report(model, (file,)))
        until(qtbot, check.isEnabled)
    assert any("is whole" in message for message in notices(window))
    assert any("is not whole" in message for message in notices(window))


def test_a_model_is_moved_to_a_folder_that_is_chosen(
    window: Window, link: StandIn, paths: Paths, tmp_path: Path, qtbot: QtBot
) -> None:
    target = tmp_path / "big disk"
    target.mkdir()
    relocate = find(window, QPushButton, "move-model")
    click(qtbot, relocate)
    menu = next(m for m in window.findChildren(QMenu, "places") if m.isVisible())
    assert str(paths.hub) in [action.text() for action in menu.actions()]
    assert str(paths.models) not in [action.text() for action in menu.actions()]
    other = menu.actions()[-1]
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(other).center())
    until(qtbot, lambda: window.findChild(QFileDialog, "move-dialog") is not None)
    dialog = find(window, QFileDialog, "move-dialog")
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setText(str(target))

    def gone() -> bool:
        waiting = window.findChild(QFileDialog, "move-dialog")
        if waiting is not None and waiting.isVisible():
            QTest.keyClick(line, Qt.Key.Key_Return)
        return waiting is None

    until(qtbot, gone)
    until(qtbot, lambda: "move" in link.open.values())
    assert link.asked[-1] == ("move", ("owls", target, frozenset()))
    link.answer("move", None)
    until(qtbot, lambda: any(str(target) in message for message in notices(window)))


def test_newer_versions_are_looked_for_when_asked_and_never_taken(
    window: Window, link: StandIn, qtbot: QtBot
) -> None:
    listed = find(window, ModelList, "model-list")
    click(qtbot, find(window, QToolButton, "look-for-updates"))
    until(qtbot, lambda: "updates" in link.open.values())
    newer = Update(model="owls", repo="lake/owls", variant="", installed="0" * 40, newest="1" * 40)
    link.answer("updates", (newer,))

    def said() -> str:
        index = listed.currentIndex()
        return str(index.data(ROLE))

    until(qtbot, lambda: "newer version" in said())
    assert "get" not in link.actions()
    assert facts(window)["name"] == "owls"
    see = find(window, QPushButton, "see-newer")
    assert see.isVisible()
    click(qtbot, find(window, QToolButton, "look-for-updates"))
    until(qtbot, lambda: "updates" in link.open.values())
    link.answer("updates", ())
    until(qtbot, lambda: "newer version" not in said())
    assert any("newest" in message for message in notices(window))


@pytest.fixture
def two_versions(paths: Paths) -> Paths:
    """A model from the hub of which two versions are here, before the window looks."""
    folder = paths.models / faults.MODEL
    card = (folder / "README.md").read_text("utf-8").replace("Fault", "Crane")
    files = {**files_of(folder), "README.md": card.encode()}
    put(paths.hub, "lake/cranes", files)
    put(paths.hub, "lake/cranes", {**files, "notes.txt": b"newer"}, SECOND)
    return paths


def test_a_person_keeps_to_one_of_the_versions_here(
    two_versions: Paths, window: Window, link: StandIn, qtbot: QtBot
) -> None:
    listed, button = find(window, ModelList, "model-list"), "versions-model"
    assert not find(window, QPushButton, button).isVisible()  # of the owls there is one

    def keep_to(model: str, revision: str) -> None:
        # As the courier does, in a process of its own.
        theirs = open_store(two_versions, window.studio.settings)
        found = theirs.find(model)
        assert found is not None
        keep.keep_revision(theirs.notes.keep, found, revision)

    link.acts.update(keep_revision=keep_to)

    def pick_version(words: str) -> None:
        click(qtbot, find(window, QPushButton, button))
        menu = next(m for m in window.findChildren(QMenu, "versions") if m.isVisible())
        action = next(a for a in menu.actions() if a.text() == words)
        place = menu.actionGeometry(action).center()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)

    assert choose(listed, "lake/cranes").revision == SECOND
    pick_version(f"Use version {FIRST[:7]}, and keep it")
    until(qtbot, lambda: facts(window)["revision"] == f"{FIRST[:12]}, kept")
    found = window.studio.store.find("lake/cranes")
    assert found is not None
    assert (found.revision, found.older) == (FIRST, (SECOND,))
    pick_version("Use the newest again")
    until(qtbot, lambda: facts(window)["revision"] == SECOND[:12])
    pick_version(f"Keep this version ({SECOND[:7]})")
    until(qtbot, lambda: facts(window)["revision"] == f"{SECOND[:12]}, kept")
    assert [args for action, args in link.asked if action == "keep_revision"] == [
        ("lake/cranes", FIRST),
        ("lake/cranes", ""),
        ("lake/cranes", SECOND),
    ]


def test_a_starter_model_stays(window: Window, link: StandIn, qtbot: QtBot) -> None:
    pick(find(window, ModelList, "model-list"), "Triptych Story")
    for name in ("remove-model", "move-model"):
        assert not find(window, QPushButton, name).isVisible()
    assert find(window, QPushButton, "verify-model").isVisible()


def test_what_it_was_used_for_is_counted(window: Window, link: StandIn, qtbot: QtBot) -> None:
    things.add_many(window.studio.library, 3)
    click(qtbot, find(window, QToolButton, "refresh"))
    choose(find(window, ModelList, "model-list"), faults.MODEL)
    until(qtbot, lambda: facts(window).get("used") == "3 items in your library")


def test_what_has_to_be_made_ready_is_offered_when_it_has_come(
    window: Window, link: StandIn, paths: Paths, qtbot: QtBot
) -> None:
    engine = window.studio.engine
    engine.warm("text")
    until(qtbot, lambda: bool(engine.families("text")))
    revision = hubs.REVISION
    repo = paths.hub / "models--lake--heron"
    snapshot = repo / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(revision)
    (snapshot / "config.json").write_text('{"model_type": "llama"}')
    shutil.copyfile(next((paths.models / "owls").iterdir()), snapshot / "README.md")
    came = hubs.download("lake/heron", variant="")
    link.tell(came)
    until(qtbot, lambda: bool(window.studio.hub.downloads))
    link.change("lake/heron:", state="done", model="lake/heron")
    until(qtbot, lambda: notices(window) == ["“Heron” is here."])
    assert "made ready" in window.studio.notices.shown[0].hint
    find(window, ModelsPane, "models-pane").show_view("downloads")
    window.show_page("create")
    looked: list[Path] = []
    window.studio.adder.changed.connect(
        lambda: looked.extend(addition.path for addition in window.studio.adder.all())
    )
    click(qtbot, find(window, QPushButton, "noticeAction"))
    assert window.page == "models"
    assert find(window, InstalledView, "installed-view").isVisible()
    assert looked[0] == snapshot
