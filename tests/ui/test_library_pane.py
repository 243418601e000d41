"""The library pane, driven with keys and clicks on a library of real files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.core import media
from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.engine.supervisor import Supervisor
from studio.library import Item, Library
from studio.ui.app import build
from studio.ui.notices import Notice
from studio.ui.panes.library import LibraryPane
from studio.ui.widgets.itemcard import star_rect
from studio.ui.widgets.itemgrid import ItemGrid
from studio.ui.window import Window
from tests.ui import makers
from tests.ui.things import DAY, add_many, add_picture, add_sound, add_text

W = TypeVar("W", bound=QWidget)
LEFT = Qt.MouseButton.LeftButton
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
STORY = "Once there was a mouse who lived behind the kitchen clock.\n\nShe liked the moon."


@pytest.fixture
def stocked(paths: Paths) -> Paths:
    """A library of five things, the newest being a picture."""
    now = time.time()
    with Library.open(paths.library) as library:
        add_picture(library, "a lighthouse in a storm", now - 400 * DAY, seed=1, steps=20)
        add_sound(library, "The Mouse behind the Clock", now - 20 * DAY, seed=2)
        add_text(library, "a mouse and the moon", STORY, now - 3 * DAY, seed=3)
        add_picture(library, "an owl with a lantern", now - 90, seed=4, steps=20)
        add_picture(library, "an owl with a lantern", now - 60, seed=5, steps=24)
    return paths


@pytest.fixture
def opened(qapp: QApplication, stocked: Paths, qtbot: QtBot) -> Iterator[Window]:
    """The window with its library page in front, on families that make small real files."""
    yield from _window(stocked, qtbot)


def _window(paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    window = build(paths, begin=partial(Supervisor, entries=makers.ENTRIES))
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("library")
    grid = find(window, ItemGrid, "grid")
    qtbot.waitUntil(lambda: grid.items.loaded)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


def find(parent: QWidget, kind: type[W], name: str) -> W:
    found = parent.findChild(kind, name)
    assert found is not None, name
    return found


def pane(window: Window) -> LibraryPane:
    return find(window, LibraryPane, "library-pane")


def titles(grid: ItemGrid) -> list[str]:
    return [str(grid.items.index(row).data()) for row in range(grid.items.rowCount())]


def shows(grid: ItemGrid, *expected: str) -> bool:
    return titles(grid) == list(expected)


def has(grid: ItemGrid, count: int) -> bool:
    return len(titles(grid)) == count


def press(widget: QWidget, key: Qt.Key, with_: Qt.KeyboardModifier | None = None) -> None:
    QTest.keyClick(widget, key, with_ or Qt.KeyboardModifier.NoModifier)


def click(button: QAbstractButton) -> None:
    assert button.isVisible(), button.objectName()
    assert button.isEnabled(), button.objectName()
    QTest.mouseClick(button, LEFT)


def go_to(grid: ItemGrid, row: int) -> None:
    """Click a card."""
    index = grid.items.index(row)
    grid.scrollTo(index)
    QTest.mouseClick(grid.viewport(), LEFT, pos=grid.visualRect(index).center())


def choose_file(window: Window, qtbot: QtBot, path: Path) -> None:
    """Answer the file dialog that is open."""
    qtbot.waitUntil(lambda: _dialog() is not None)
    dialog = _dialog()
    assert dialog is not None
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setFocus()
    line.selectAll()
    # Pasted: while one types a folder's path, Qt's dialog puts the folders on its way into it.
    QGuiApplication.clipboard().setText(str(path))
    press(line, Qt.Key.Key_V, CONTROL)

    def answered() -> bool:
        # The dialog reads the folder first; until then it does not take an answer.
        if _dialog() is not None:
            press(line, Qt.Key.Key_Return)
        return _dialog() is None

    qtbot.waitUntil(answered)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def _dialog() -> QFileDialog | None:
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, QFileDialog)]
    return next((d for d in found if d.isVisible()), None)


def drop_on(window: Window, data: QMimeData) -> None:
    """Drag something in from outside and let it go over the middle of the window."""
    handle, plain = window.windowHandle(), Qt.KeyboardModifier.NoModifier
    here, copy = window.rect().center(), Qt.DropAction.CopyAction
    QApplication.sendEvent(handle, QDragEnterEvent(here, copy, data, LEFT, plain))
    QApplication.sendEvent(handle, QDropEvent(QPointF(here), copy, data, LEFT, plain))


def said(window: Window) -> list[str]:
    return [notice.message for notice in window.studio.notices.shown]


def notice_about(window: Window, words: str) -> Notice:
    return next(n for n in window.studio.notices.shown if words in n.message)


def items(window: Window) -> list[Item]:
    return window.studio.library.items()


# Looking for things


def test_newest_first_with_what_a_reader_hears(opened: Window) -> None:
    grid = find(opened, ItemGrid, "grid")
    assert shows(
        grid,
        "an owl with a lantern",
        "an owl with a lantern",
        "a mouse and the moon",
        "The Mouse behind the Clock",
        "a lighthouse in a storm",
    )
    heard = grid.items.index(2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "a mouse and the moon" in heard
    assert "Text" in heard
    assert "15 words" in heard
    assert find(opened, QLabel, "count").text() == "5 items"


def test_the_keys_work_as_soon_as_the_page_is_there(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    qtbot.waitUntil(grid.hasFocus)


def test_search_narrows_while_one_types_and_escape_shows_all(opened: Window, qtbot: QtBot) -> None:
    grid, search = find(opened, ItemGrid, "grid"), find(opened, QLineEdit, "search")
    press(grid, Qt.Key.Key_F, CONTROL)
    assert search.hasFocus()
    QTest.keyClicks(search, "mous")
    qtbot.waitUntil(lambda: shows(grid, "a mouse and the moon", "The Mouse behind the Clock"))
    QTest.keyClicks(search, " moon")
    qtbot.waitUntil(lambda: shows(grid, "a mouse and the moon"))
    press(search, Qt.Key.Key_Down)
    assert grid.hasFocus()
    search.setFocus()
    press(search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(titles(grid)) == 5)
    assert search.text() == ""


def test_nothing_found_says_so_and_offers_the_way_back(opened: Window, qtbot: QtBot) -> None:
    grid, search = find(opened, ItemGrid, "grid"), find(opened, QLineEdit, "search")
    QTest.keyClicks(search, "zebra \" ' * ( NEAR ^ -:")
    back = find(opened, QPushButton, "message-button")
    qtbot.waitUntil(back.isVisible)
    click(back)
    qtbot.waitUntil(lambda: len(titles(grid)) == 5 and grid.isVisible())


@pytest.mark.parametrize(
    ("button", "expected"),
    [("kind-text", 1), ("kind-image", 3), ("kind-audio", 1), ("kind-all", 5)],
)
def test_by_kind(opened: Window, qtbot: QtBot, button: str, expected: int) -> None:
    grid = find(opened, ItemGrid, "grid")
    click(find(opened, QPushButton, button))
    qtbot.waitUntil(lambda: len(titles(grid)) == expected)


@pytest.mark.parametrize(("row", "expected"), [(1, 2), (2, 3), (3, 4), (4, 4), (0, 5)])
def test_by_date(opened: Window, qtbot: QtBot, row: int, expected: int) -> None:
    now = time.localtime()
    if row == 1 and now.tm_hour == 0 and now.tm_min < 3:
        pytest.skip("what was made a minute ago was made yesterday")
    grid, days = find(opened, ItemGrid, "grid"), find(opened, QComboBox, "days")
    days.setFocus()
    for _ in range(row):
        press(days, Qt.Key.Key_Down)
    assert days.currentIndex() == row
    qtbot.waitUntil(lambda: len(titles(grid)) == expected)


def test_by_model_and_star(opened: Window, qtbot: QtBot) -> None:
    grid, model = find(opened, ItemGrid, "grid"), find(pane(opened), QComboBox, "model")
    qtbot.waitUntil(lambda: model.count() == 2)
    assert model.itemText(1) == "Fault model"
    model.setFocus()
    press(model, Qt.Key.Key_Down)
    qtbot.wait(50)
    assert len(titles(grid)) == 5
    click(find(opened, QPushButton, "starred"))
    qtbot.waitUntil(lambda: titles(grid) == [])


# Looking at one thing


def test_a_picture_is_opened_and_left_by_keys(opened: Window, qtbot: QtBot) -> None:
    page, grid = pane(opened), find(opened, ItemGrid, "grid")
    qtbot.waitUntil(grid.hasFocus)
    press(grid, Qt.Key.Key_Return)
    view = page.item_view
    qtbot.waitUntil(lambda: view.stage.canvas.image.width() == 96)
    assert view.isVisible()
    rows = {row.objectName(): row.accessibleName() for row in view.recipe.rows}
    assert rows["row-prompt"].endswith("an owl with a lantern")
    assert "24" in rows["row-steps"]
    assert rows["row-seed"].endswith("5")
    assert "Processor" in rows["row-provider"]
    press(view.stage.canvas, Qt.Key.Key_PageDown)
    assert view.item is not None
    assert view.item.recipe.seed == 4
    press(view.stage.canvas, Qt.Key.Key_Escape)
    assert grid.isVisible()
    assert grid.hasFocus()
    assert grid.current() is not None
    assert grid.currentIndex().row() == 1


def test_a_text_and_a_sound_are_shown_as_what_they_are(opened: Window, qtbot: QtBot) -> None:
    page, grid = pane(opened), find(opened, ItemGrid, "grid")
    go_to(grid, 2)
    press(grid, Qt.Key.Key_Return)
    stage = page.item_view.stage
    qtbot.waitUntil(lambda: "kitchen clock" in stage.text.text())
    assert stage.text.isReadOnly()
    press(stage.text, Qt.Key.Key_Escape)
    go_to(grid, 3)
    QTest.mouseDClick(grid.viewport(), LEFT, pos=grid.visualRect(grid.items.index(3)).center())
    qtbot.waitUntil(stage.sound.isVisible)
    assert stage.sound.waveform.seconds == 1.0
    assert len(stage.sound.waveform.peaks) == 100


def test_a_lost_file_is_told_and_its_recipe_still_shown(opened: Window, qtbot: QtBot) -> None:
    page, grid = pane(opened), find(opened, ItemGrid, "grid")
    items(opened)[0].main.write_bytes(b"no picture any more")
    press(grid, Qt.Key.Key_Return)
    sorry = find(page.item_view, QLabel, "unreadable")
    qtbot.waitUntil(sorry.isVisible)
    assert "cannot be read" in sorry.text()
    assert page.item_view.recipe.rows


def test_two_are_compared_and_the_differences_stand_first(opened: Window, qtbot: QtBot) -> None:
    page, grid = pane(opened), find(opened, ItemGrid, "grid")
    go_to(grid, 0)
    press(grid, Qt.Key.Key_Right, SHIFT)
    press(grid, Qt.Key.Key_C)
    view = page.compare_view
    qtbot.waitUntil(lambda: all(s.canvas.image.width() == 96 for s in view.stages))
    marked = [row.objectName() for row in view.table.rows if row.differs]
    assert sorted(marked) == ["row-seed", "row-steps"]
    assert [row.objectName() for row in view.table.rows[:2]] == marked
    assert find(view, QLabel, "differing").text() == "2 differences"
    click(find(view, QCheckBox, "only-differing"))
    assert [row.objectName() for row in view.table.rows if row.isVisible()] == marked
    with qtbot.waitSignal(opened.studio.recipe_wanted) as wanted:
        click(find(view, QPushButton, "use-1"))
    assert wanted.args is not None
    assert wanted.args[0].seed == 4
    opened.show_page("library")
    press(view, Qt.Key.Key_Escape)
    assert grid.isVisible()


# Using things


def test_the_recipe_goes_back_into_its_pane(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 2)
    with qtbot.waitSignal(opened.studio.recipe_wanted) as wanted:
        press(grid, Qt.Key.Key_R)
    assert wanted.args is not None
    assert wanted.args[0] == items(opened)[2].recipe
    assert opened.page == "create"


def test_the_recipe_is_copied_whole(opened: Window) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 0)
    press(grid, Qt.Key.Key_C, CONTROL | SHIFT)
    copied = QGuiApplication.clipboard().text()
    assert Recipe.from_json(copied) == items(opened)[0].recipe
    assert json.loads(copied)["values"]["steps"] == 24


def test_copying_gives_the_thing_itself(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 2)
    press(grid, Qt.Key.Key_C, CONTROL)
    qtbot.waitUntil(lambda: "kitchen clock" in QGuiApplication.clipboard().text())
    go_to(grid, 0)
    press(grid, Qt.Key.Key_C, CONTROL)
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().image().width() == 96)


def test_a_file_dragged_out_and_dropped_on_the_window_gives_its_settings(
    opened: Window, qtbot: QtBot
) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 1)
    data = grid.items.mimeData([grid.currentIndex()])
    assert [Path(u.toLocalFile()) for u in data.urls()] == [items(opened)[1].main]
    with qtbot.waitSignal(opened.studio.recipe_wanted) as wanted:
        drop_on(opened, data)
    assert wanted.args is not None
    assert wanted.args[0].seed == 4


def test_a_strangers_file_is_refused_with_words(
    opened: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    stranger = tmp_path / "holiday.png"
    stranger.write_bytes(b"\x89PNG\r\n\x1a\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(stranger))])
    drop_on(opened, data)
    qtbot.waitUntil(lambda: bool(said(opened)))


def test_made_again_it_says_identical(opened: Window, qtbot: QtBot) -> None:
    studio, grid = opened.studio, find(opened, ItemGrid, "grid")
    with qtbot.waitSignal(studio.engine.made, timeout=30_000):
        studio.engine.submit(Recipe("image", "image.small", "fault-model", 9, {"prompt": "a sun"}))
    qtbot.waitUntil(lambda: len(titles(grid)) == 6)
    go_to(grid, 0)
    press(grid, Qt.Key.Key_R, CONTROL)
    qtbot.waitUntil(
        lambda: any("identical, byte for byte" in m for m in said(opened)), timeout=30_000
    )
    qtbot.waitUntil(lambda: len(titles(grid)) == 7)
    dict(notice_about(opened, "identical").actions)["Compare"]()
    view = pane(opened).compare_view
    assert view.isVisible()
    assert find(view, QLabel, "differing").text() == "The recipes are the same"


def test_made_again_it_says_when_it_is_not_the_same(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 3)  # the maker makes another sound from this recipe
    press(grid, Qt.Key.Key_R, CONTROL)
    qtbot.waitUntil(lambda: any("not the same" in m for m in said(opened)), timeout=30_000)


def test_what_cannot_be_made_again_is_told(
    qapp: QApplication, stocked: Paths, qtbot: QtBot
) -> None:
    for path in (stocked.models / "fault-model").iterdir():
        path.unlink()
    (stocked.models / "fault-model").rmdir()
    for window in _window(stocked, qtbot):
        grid = find(window, ItemGrid, "grid")
        go_to(grid, 0)
        press(grid, Qt.Key.Key_R, CONTROL)
        qtbot.waitUntil(lambda: bool(said(window)))  # noqa: B023
        assert not window.studio.engine.jobs()


# Stars


def test_stars_by_key_and_by_click(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    first, third = items(opened)[0].id, items(opened)[2].id
    library = opened.studio.library

    def starred(item_id: str) -> bool:
        item = library.get(item_id)
        return item is not None and item.starred

    go_to(grid, 0)
    press(grid, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: starred(first))
    spot = star_rect(grid.visualRect(grid.items.index(2))).center()
    QTest.mouseClick(grid.viewport(), LEFT, pos=spot)
    qtbot.waitUntil(lambda: starred(third))
    assert grid.selected_count() == 1, "a click on a star leaves the selection alone"
    qtbot.waitUntil(
        lambda: "starred" in grid.items.index(2).data(Qt.ItemDataRole.AccessibleTextRole)
    )
    click(find(opened, QPushButton, "starred"))
    qtbot.waitUntil(lambda: shows(grid, "an owl with a lantern", "a mouse and the moon"))
    go_to(grid, 0)
    press(grid, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: shows(grid, "a mouse and the moon"))
    assert not starred(first)


# Trash


def test_trash_and_undo(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    gone = items(opened)[:2]
    go_to(grid, 0)
    press(grid, Qt.Key.Key_Right, SHIFT)
    press(grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(titles(grid)) == 3)
    assert not any(item.main.exists() for item in gone)
    assert said(opened) == ["2 items are in the trash."]
    press(grid, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: len(titles(grid)) == 5)
    assert all(item.main.exists() for item in gone)


def test_undo_from_the_notice_takes_back_that_very_move(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    for left in (4, 3):
        go_to(grid, 0)
        press(grid, Qt.Key.Key_Delete)
        qtbot.waitUntil(partial(has, grid, left))
    first = opened.studio.notices.shown[0]
    dict(first.actions)["Undo"]()
    qtbot.waitUntil(lambda: len(titles(grid)) == 4)
    dict(first.actions)["Undo"]()  # a second click does nothing more
    press(grid, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: len(titles(grid)) == 5)


def test_restored_from_the_trash(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 2)
    press(grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(titles(grid)) == 4)
    click(find(opened, QPushButton, "trash"))
    qtbot.waitUntil(lambda: shows(grid, "a mouse and the moon"))
    go_to(grid, 0)
    click(find(opened, QPushButton, "button-restore"))
    qtbot.waitUntil(lambda: titles(grid) == [])
    click(find(opened, QPushButton, "trash"))
    qtbot.waitUntil(lambda: len(titles(grid)) == 5)


def test_emptying_the_trash_takes_two_clicks(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 0)
    press(grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(titles(grid)) == 4)
    click(find(opened, QPushButton, "trash"))
    qtbot.waitUntil(lambda: len(titles(grid)) == 1)
    bar = find(opened, QFrame, "trash-bar")
    empty = find(bar, QPushButton, "empty-trash")
    click(empty)
    click(find(bar, QPushButton, "empty-trash-no"))
    assert len(titles(grid)) == 1
    click(empty)
    click(find(bar, QPushButton, "empty-trash-yes"))
    qtbot.waitUntil(lambda: titles(grid) == [])
    assert opened.studio.library.count() == 4
    press(grid, Qt.Key.Key_Z, CONTROL)  # nothing to undo: nothing happens
    qtbot.wait(50)
    assert opened.studio.library.count() == 4


def test_trash_on_the_page_of_an_item_goes_on_with_the_next(opened: Window, qtbot: QtBot) -> None:
    page, grid = pane(opened), find(opened, ItemGrid, "grid")
    qtbot.waitUntil(grid.hasFocus)
    press(grid, Qt.Key.Key_Return)
    press(page.item_view.stage.focus_target(), Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: opened.studio.library.count() == 4)
    assert page.item_view.isVisible()
    assert page.item_view.item is not None
    assert page.item_view.item.recipe.seed == 4


# Giving things away


def test_exported_with_its_recipe_and_without(opened: Window, qtbot: QtBot, tmp_path: Path) -> None:
    grid, bar = find(opened, ItemGrid, "grid"), find(opened, QFrame, "export-bar")
    for with_recipe in (True, False):
        target = tmp_path / f"owl-{with_recipe}.png"
        go_to(grid, 0)
        press(grid, Qt.Key.Key_E, CONTROL)
        box = find(bar, QCheckBox, "with-recipe")
        if box.isChecked() != with_recipe:
            press(box, Qt.Key.Key_Space)
        click(find(bar, QPushButton, "export-go"))
        choose_file(opened, qtbot, target)
        qtbot.waitUntil(target.exists)
        assert not bar.isVisible()
    assert media.extract(tmp_path / "owl-True.png").recipe == items(opened)[0].recipe
    with pytest.raises(StudioError):
        media.extract(tmp_path / "owl-False.png")


def test_many_are_exported_to_a_folder_each_in_the_wished_format(
    opened: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    grid, bar = find(opened, ItemGrid, "grid"), find(opened, QFrame, "export-bar")
    (tmp_path / "an owl with a lantern.png").write_bytes(b"mine")
    press(grid, Qt.Key.Key_A, CONTROL)
    press(grid, Qt.Key.Key_E, CONTROL)
    text = find(bar, QComboBox, "format-text")
    text.setFocus()
    while text.currentData() != ".txt":
        press(text, Qt.Key.Key_Down)
    click(find(bar, QPushButton, "export-go"))
    choose_file(opened, qtbot, tmp_path)
    qtbot.waitUntil(lambda: bool(said(opened)))
    assert "5 items were exported" in said(opened)[0]
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert {
        "an owl with a lantern.png",
        "an owl with a lantern 2.png",
        "an owl with a lantern 3.png",
        "a mouse and the moon.txt",
        "The Mouse behind the Clock.wav",
        "a lighthouse in a storm.png",
    } <= names
    assert (tmp_path / "an owl with a lantern.png").read_bytes() == b"mine"
    assert "kitchen clock" in (tmp_path / "a mouse and the moon.txt").read_text("utf-8")


def test_an_export_that_fails_says_why(opened: Window, qtbot: QtBot, tmp_path: Path) -> None:
    grid, bar = find(opened, ItemGrid, "grid"), find(opened, QFrame, "export-bar")
    go_to(grid, 0)
    items(opened)[0].main.unlink()
    press(grid, Qt.Key.Key_E, CONTROL)
    click(find(bar, QPushButton, "export-go"))
    choose_file(opened, qtbot, tmp_path / "owl.png")
    qtbot.waitUntil(lambda: bool(said(opened)))
    assert opened.studio.notices.shown[0].kind == "error"
    assert not (tmp_path / "owl.png").exists()


# The grid itself


def test_the_context_menu_allows_what_is_possible(opened: Window, qtbot: QtBot) -> None:
    grid = find(opened, ItemGrid, "grid")
    go_to(grid, 0)
    grid.customContextMenuRequested.emit(QPoint(20, 20))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    possible = {a.text(): a.isEnabled() for a in menu.actions() if a.isVisible() and a.text()}
    assert possible["Open"]
    assert possible["Move to trash"]
    assert not possible["Compare"]
    assert "Restore" not in possible
    press(menu, Qt.Key.Key_Escape)


def test_an_empty_library_invites(qapp: QApplication, paths: Paths, qtbot: QtBot) -> None:
    for window in _window(paths, qtbot):
        button = find(pane(window), QPushButton, "message-button")
        qtbot.waitUntil(button.isVisible)
        assert button.text() == "Make something"
        click(button)
        assert window.page == "create"


def test_what_is_made_appears_without_moving_what_is_looked_at(
    qapp: QApplication, paths: Paths, qtbot: QtBot
) -> None:
    with Library.open(paths.library) as library:
        add_many(library, 260)
    for window in _window(paths, qtbot):
        grid = find(window, ItemGrid, "grid")
        qtbot.waitUntil(grid.hasFocus)
        press(grid, Qt.Key.Key_End)
        last = grid.items.rowCount() - 1
        assert last == 259
        qtbot.waitUntil(lambda: grid.items.item(last) is not None)  # noqa: B023
        assert grid.items.index(last).data() == "mouse 0"
        go_to(grid, last - 1)
        top = grid.indexAt(QPoint(40, 4)).data()
        add_text(window.studio.library, "the newest of all", "New.", time.time())
        window.studio.library_changed.emit()
        qtbot.waitUntil(lambda: grid.items.rowCount() == 261)  # noqa: B023
        assert grid.indexAt(QPoint(40, 4)).data() in (top, _before(grid, top))
        assert grid.currentIndex().data() == "moon 1"
        assert grid.selected_count() == 1
        press(grid, Qt.Key.Key_Home)
        qtbot.waitUntil(lambda: grid.items.index(0).data() == "the newest of all")  # noqa: B023


def _before(grid: ItemGrid, title: str) -> str:
    """The card before: where one was added above, cards move on by one within their lines."""
    row = next(r for r in range(grid.items.rowCount()) if grid.items.index(r).data() == title)
    return str(grid.items.index(row - 1).data())


def test_cards_change_their_size_by_key(opened: Window) -> None:
    grid = find(opened, ItemGrid, "grid")
    before = grid.gridSize().width()
    press(grid, Qt.Key.Key_Minus, CONTROL)
    assert grid.gridSize().width() < before
    press(grid, Qt.Key.Key_Plus, CONTROL)
    assert grid.gridSize().width() == before


def test_every_control_has_a_name(opened: Window, qtbot: QtBot) -> None:
    page = pane(opened)
    press(find(opened, ItemGrid, "grid"), Qt.Key.Key_Return)
    qtbot.waitUntil(page.item_view.isVisible)
    for widget in page.findChildren(QWidget):
        if widget.isHidden():
            continue
        if isinstance(widget, QAbstractButton):
            assert widget.accessibleName() or widget.text(), widget.objectName()
        elif isinstance(widget, QComboBox | QLineEdit | ItemGrid):
            assert widget.accessibleName(), widget.objectName()


def test_letters_are_left_to_lists_and_fields(opened: Window, qtbot: QtBot) -> None:
    grid, days = find(opened, ItemGrid, "grid"), find(opened, QComboBox, "days")
    go_to(grid, 0)
    days.setFocus()
    press(days, Qt.Key.Key_S)
    press(days, Qt.Key.Key_R)
    press(days, Qt.Key.Key_Delete)
    qtbot.wait(50)
    assert opened.page == "library"
    assert opened.studio.library.count() == 5
    assert not items(opened)[0].starred


def test_no_two_actions_share_a_key(opened: Window) -> None:
    page = pane(opened)
    keys = [
        action.shortcut().toString(QKeySequence.SequenceFormat.PortableText)
        for action in {*page.actions(), *page.grid.actions(), *opened.actions()}
        if not action.shortcut().isEmpty()
    ]
    assert len(keys) > 20
    assert len(keys) == len(set(keys)), sorted(keys)
