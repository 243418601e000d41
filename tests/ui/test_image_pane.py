"""The picture pane, driven as a person drives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from studio.core import media
from studio.core.paths import Paths
from studio.ui.panes.image import ImagePane
from studio.ui.window import Window
from tests.ui.panes import (
    answer_save,
    choose,
    click,
    find,
    items,
    make,
    open_window,
    until,
    warm,
    write,
)

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(dressed: QApplication, paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    window = open_window(paths, qtbot)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def pane(window: Window, qtbot: QtBot) -> ImagePane:
    pane = window.create_page.panes["image"]
    assert isinstance(pane, ImagePane)
    warm(pane, qtbot)
    return pane


def brightness(image: QImage) -> int:
    colour = image.pixelColor(image.width() // 2, image.height() // 2)
    return colour.red() + colour.green() + colour.blue()


def test_one_watches_it_become_a_picture(pane: ImagePane, qtbot: QtBot) -> None:
    write(qtbot, pane, "a sun")
    pane.composer.set_values({"steps": 12, "pace": 0.05})
    click(qtbot, pane.composer.button)
    seen: list[int] = []

    def watching() -> bool:
        if pane.view == "live" and not pane.canvas.image.isNull():
            seen.append(brightness(pane.canvas.image))
        return pane.view == "items"

    until(qtbot, watching)
    assert len(set(seen)) > 3
    assert seen == sorted(seen)  # from dark to bright
    until(qtbot, lambda: find(pane, QToolButton, "save").isEnabled())
    assert pane.canvas.isVisible()
    item = items(pane)[0]
    assert pane.canvas.image.size().toTuple() == (64, 64)
    assert QImage(str(item.main)).pixelColor(9, 9) == pane.canvas.image.pixelColor(9, 9)
    assert find(pane, QLabel, "status").text().startswith("Made in")


def test_a_batch_is_a_grid_from_which_one_is_opened(pane: ImagePane, qtbot: QtBot) -> None:
    write(qtbot, pane, "a cat")
    # Without a size of its own the family draws as it likes.
    pane.composer.set_values({"count": 3, "steps": 3, "pace": 0.05, "width": 0, "height": 0})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.view == "live" and pane.grid.isVisible())
    assert len(pane.grid.cells) == 3
    until(qtbot, lambda: pane.view == "items" and all(c.isEnabled() for c in pane.grid.cells))
    assert pane.grid.isVisible()
    assert len({i.recipe.seed for i in items(pane)}) == 3
    colours = [c.image.pixelColor(9, 9).name() for c in pane.grid.cells]
    assert len(set(colours)) == 3
    click(qtbot, pane.grid.cells[1])
    until(qtbot, pane.canvas.isVisible)
    assert pane.canvas.image.pixelColor(9, 9).name() == colours[1]
    current = pane.current()
    assert current is not None
    assert current == pane.items[1]
    click(qtbot, find(pane, QPushButton, "all"))
    assert pane.grid.isVisible()
    # And by keyboard.
    pane.grid.cells[2].setFocus()
    QTest.keyClick(pane.grid.cells[2], Qt.Key.Key_Space)
    until(qtbot, pane.canvas.isVisible)
    assert pane.current() == pane.items[2]


def test_looking_closely(pane: ImagePane, qtbot: QtBot) -> None:
    make(qtbot, pane, "a sun")
    until(qtbot, pane.canvas.isVisible)
    fitted = pane.canvas.zoom
    click(qtbot, find(pane, QToolButton, "zoom-in"))
    assert pane.canvas.zoom > fitted
    shown = find(pane, QToolButton, "actual")
    assert shown.text() == f"{round(pane.canvas.zoom * 100)}%"
    click(qtbot, shown)
    assert pane.canvas.zoom == 1.0
    assert shown.text() == "100%"
    click(qtbot, find(pane, QToolButton, "zoom-out"))
    assert pane.canvas.zoom < 1.0
    click(qtbot, find(pane, QToolButton, "fit"))
    assert pane.canvas.zoom == pytest.approx(fitted)
    pane.canvas.setFocus()
    QTest.keyClick(pane.canvas, Qt.Key.Key_Plus, CTRL)
    assert pane.canvas.zoom > fitted


def test_stop_gives_the_former_state_back(pane: ImagePane, qtbot: QtBot) -> None:
    write(qtbot, pane, "a sun")
    pane.composer.set_values({"steps": 90, "pace": 0.1})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.view == "live" and not pane.canvas.image.isNull())
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: not pane.busy)
    assert pane.view == "empty"
    assert find(pane, QLabel, "status").text() == "Cancelled"
    assert items(pane) == []


def test_stop_shows_again_what_was_there(pane: ImagePane, qtbot: QtBot) -> None:
    item = make(qtbot, pane, "a moon")
    write(qtbot, pane, "a sun")
    pane.composer.set_values({"steps": 90, "pace": 0.1})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.view == "live" and not pane.canvas.image.isNull())
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: not pane.busy and pane.view == "items")
    assert pane.current() == item


def test_what_a_stopped_batch_has_made_is_kept(pane: ImagePane, qtbot: QtBot) -> None:
    write(qtbot, pane, "a cat")
    pane.composer.set_values({"count": 5, "steps": 4, "pace": 0.05})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: len(items(pane)) >= 2)
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: not pane.busy and pane.view == "items")
    until(qtbot, lambda: 2 <= len(items(pane)) < 5)


def test_the_seed_is_locked_and_thrown(pane: ImagePane, qtbot: QtBot) -> None:
    seed = pane.composer.seed
    QTest.keyClick(seed.spin, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(seed.spin, "4711")
    assert seed.locked  # whoever types a seed means it
    first = make(qtbot, pane, "a sun")
    second = make(qtbot, pane, "a sun")
    assert first.recipe.seed == second.recipe.seed == 4711
    assert first.sha256 == second.sha256
    fold = find(pane, QPushButton, "fold")
    assert "4711" in fold.text()  # folded away, but told
    click(qtbot, fold)
    click(qtbot, seed.lock)
    third = make(qtbot, pane, "a sun")
    assert third.recipe.seed != 4711
    assert seed.value() == third.recipe.seed
    click(qtbot, seed.dice)
    assert seed.value() != third.recipe.seed


def test_copy_and_save_with_the_recipe_inside(
    pane: ImagePane, qtbot: QtBot, tmp_path: Path
) -> None:
    item = make(qtbot, pane, "a sun")
    until(qtbot, lambda: find(pane, QToolButton, "copy").isEnabled())
    click(qtbot, find(pane, QToolButton, "copy"))
    data = QApplication.clipboard().mimeData()
    assert data.hasImage()
    assert [u.toLocalFile() for u in data.urls()] == [str(item.main)]
    target = tmp_path / "sun.png"
    choose(qtbot, find(pane, QToolButton, "save"), "save-png")
    answer_save(qtbot, pane, str(target))
    until(qtbot, target.is_file)
    assert media.extract(target).recipe == item.recipe


def test_a_picture_is_written_about_and_drawn_on_from(
    pane: ImagePane, window: Window, qtbot: QtBot
) -> None:
    item = make(qtbot, pane, "a sun with a hat")
    choose(qtbot, find(pane, QToolButton, "change"), "draw-on")
    assert pane.composer.files() == {"picture": item.main}
    made = make(qtbot, pane, "the same at night")
    assert set(made.recipe.inputs) == {"picture"}
    choose(qtbot, find(pane, QToolButton, "send"), "send-text")
    other = window.create_page.panes["text"]
    until(qtbot, lambda: bool(other.composer.prompt.text()))  # type: ignore[attr-defined]
    assert other.composer.prompt.text() == "the same at night"  # type: ignore[attr-defined]


def test_the_history_opens_what_was_made(pane: ImagePane, qtbot: QtBot) -> None:
    first = make(qtbot, pane, "one")
    make(qtbot, pane, "two", style="3d")
    until(qtbot, lambda: len(pane.history.items) == 2)
    QTest.mouseClick(
        pane.history.viewport(),
        Qt.MouseButton.LeftButton,
        pos=pane.history.rect_of(first.id).center(),
    )
    until(qtbot, lambda: pane.current() == first)
    assert pane.composer.values()["style"] == "flat"
    assert pane.composer.seed.value() == first.recipe.seed


def test_a_file_that_is_gone_is_told(pane: ImagePane, qtbot: QtBot) -> None:
    first = make(qtbot, pane, "one")
    make(qtbot, pane, "two")
    until(qtbot, lambda: len(pane.history.items) == 2)
    first.main.unlink()
    QTest.mouseClick(
        pane.history.viewport(),
        Qt.MouseButton.LeftButton,
        pos=pane.history.rect_of(first.id).center(),
    )
    until(qtbot, lambda: bool(pane.studio.notices.shown))
    assert pane.studio.notices.shown[0].hint


def test_settings_fold_away_when_there_is_something_to_look_at(
    pane: ImagePane, qtbot: QtBot
) -> None:
    steps = find(pane, QSpinBox, "steps")
    assert steps.isVisible()
    fold = find(pane, QPushButton, "fold")
    make(qtbot, pane, "one", style="3d")
    assert not steps.isVisible()
    assert fold.text().strip() == "3d"
    click(qtbot, fold)
    assert steps.isVisible()
    make(qtbot, pane, "two")
    assert steps.isVisible()  # the person wants them there


def test_alone_in_the_window_the_settings_stand_beside(
    pane: ImagePane, window: Window, qtbot: QtBot
) -> None:
    make(qtbot, pane, "one")
    window.resize(1300, 850)
    QTest.keyClick(window, Qt.Key.Key_2, CTRL)
    until(qtbot, lambda: pane.width() > 900)
    composer = pane.composer.mapTo(pane, QPoint(0, 0))
    canvas = pane.canvas.mapTo(pane, QPoint(0, 0))
    assert composer.x() + pane.composer.width() < canvas.x()
    assert find(pane, QSpinBox, "steps").isVisible()
    QTest.keyClick(window, Qt.Key.Key_2, CTRL)
    until(qtbot, lambda: pane.width() < 600)
    assert pane.canvas.mapTo(pane, QPoint(0, 0)).y() > pane.composer.geometry().bottom()
