"""The text pane, driven as a person drives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.ui.panes.text import TextPane
from studio.ui.widgets.emptystate import ExampleButton
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
def pane(window: Window, qtbot: QtBot) -> TextPane:
    pane = window.create_page.panes["text"]
    assert isinstance(pane, TextPane)
    return pane


def test_the_prompt_can_be_used_before_the_engine_stands(pane: TextPane, qtbot: QtBot) -> None:
    assert not pane.composer.button.isEnabled()
    assert "Starting" in pane.composer.button.text()
    write(qtbot, pane, "an owl")
    warm(pane, qtbot)
    assert pane.composer.prompt.text() == "an owl"
    assert "Write" in pane.composer.button.text()


def test_who_cannot_wait_is_served_as_soon_as_it_can_be(pane: TextPane, qtbot: QtBot) -> None:
    write(qtbot, pane, "an owl")
    QTest.keyClick(pane.composer.prompt, Qt.Key.Key_Return, CTRL)
    assert find(pane, QLabel, "status").text() == "It begins as soon as it can"
    pane.studio.engine.warm("text")
    until(qtbot, lambda: pane.view == "items")
    assert [i.recipe.values["prompt"] for i in items(pane)] == ["an owl"]


def test_an_example_is_made_at_a_click(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    examples = pane.empty.findChildren(ExampleButton)
    assert len(examples) == 3
    click(qtbot, examples[0])
    until(qtbot, lambda: pane.view == "items")
    assert pane.composer.prompt.text() == "a mouse behind a clock"
    until(qtbot, lambda: pane.text.count() == 12)
    assert [i.recipe.values["prompt"] for i in items(pane)] == ["a mouse behind a clock"]


def test_words_stream_in_as_they_are_made(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    write(qtbot, pane, "a mouse")
    pane.composer.set_values({"length": 40, "pace": 0.03})
    seen: list[int] = []
    pane.live.counted.connect(seen.append)
    QTest.keyClick(pane.composer.prompt, Qt.Key.Key_Return, CTRL)
    until(qtbot, lambda: pane.view == "live" and pane.live.count() > 3)
    assert pane.live.isVisible()
    assert "Stop" in pane.composer.button.text()
    assert find(pane, QLabel, "status").text().startswith("Writing")
    until(qtbot, lambda: pane.view == "items")
    assert seen == sorted(seen)  # it only grew
    assert len(set(seen)) > 5
    until(qtbot, lambda: pane.text.isVisible() and pane.text.count() == 40)
    assert find(pane, QLabel, "words").text() == "40 words"
    assert pane.text.text() == pane.studio.library.text(items(pane)[0]).removesuffix("\n")


def test_stop_keeps_what_was_written_and_one_goes_on_from_there(
    pane: TextPane, qtbot: QtBot
) -> None:
    warm(pane, qtbot)
    write(qtbot, pane, "a mouse")
    pane.composer.set_values({"length": 300, "pace": 0.03})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.live.count() > 5)
    click(qtbot, pane.composer.button)  # it is Stop now
    until(qtbot, lambda: not pane.busy)
    assert find(pane, QLabel, "status").text() == "Cancelled"
    assert not pane.studio.notices.shown
    written = pane.text.text()
    assert 5 < len(written.split()) < 300
    until(qtbot, lambda: len(items(pane)) == 1)
    assert items(pane)[0].edited
    pane.composer.set_values({"length": 5, "pace": 0})
    click(qtbot, find(pane, QPushButton, "continue"))
    until(qtbot, lambda: len(items(pane)) == 2 and pane.view == "items")
    until(qtbot, lambda: pane.text.text().startswith(written))
    assert pane.text.count() == len(written.split()) + 5
    assert items(pane)[0].recipe.values["start"] == written


def test_escape_stops(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    write(qtbot, pane, "a mouse")
    pane.composer.set_values({"length": 300, "pace": 0.05})
    QTest.keyClick(pane.composer.prompt, Qt.Key.Key_Return, CTRL)
    until(qtbot, lambda: pane.live.count() > 2)
    QTest.keyClick(pane.composer.prompt, Qt.Key.Key_Escape)
    until(qtbot, lambda: not pane.busy)


def test_going_on_from_the_cursor(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse", length=20)
    until(qtbot, lambda: pane.text.count() == 20)
    text = pane.text.text()
    QTest.mouseClick(pane.text.viewport(), Qt.MouseButton.LeftButton)
    QTest.keyClick(pane.text, Qt.Key.Key_Home, CTRL)
    for _ in range(3):
        QTest.keyClick(pane.text, Qt.Key.Key_Right, CTRL)
    start = " ".join(text.split(" ")[:3]) + " "
    click(qtbot, find(pane, QPushButton, "continue"))
    until(qtbot, lambda: len(items(pane)) == 2)
    assert items(pane)[0].recipe.values["start"] == start


def test_an_edit_is_kept_as_an_item_of_its_own(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    first = make(qtbot, pane, "a mouse")
    until(qtbot, lambda: pane.text.count() == 12)
    keep = find(pane, QPushButton, "keep")
    assert not keep.isVisible()
    pane.text.setFocus()
    QTest.keyClick(pane.text, Qt.Key.Key_Home, CTRL)
    QTest.keyClicks(pane.text, "Listen! ")
    assert keep.isVisible()
    QTest.keyClick(pane.text, Qt.Key.Key_S, CTRL)
    until(qtbot, lambda: len(items(pane)) == 2)
    kept = items(pane)[0]
    assert kept.edited
    assert pane.studio.library.text(kept).startswith("Listen! ")
    assert not pane.studio.library.text(first).startswith("Listen! ")
    until(qtbot, lambda: pane.current() == kept)
    assert not keep.isVisible()


def test_what_was_typed_is_kept_when_something_else_is_opened(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    first = make(qtbot, pane, "one")
    make(qtbot, pane, "two")
    until(qtbot, lambda: pane.text.count() == 12)
    pane.text.setFocus()
    QTest.keyClicks(pane.text, "MINE ")
    until(qtbot, lambda: len(pane.history.items) == 2)
    QTest.mouseClick(
        pane.history.viewport(),
        Qt.MouseButton.LeftButton,
        pos=pane.history.rect_of(first.id).center(),
    )
    until(qtbot, lambda: len(items(pane)) == 3)
    assert "MINE" in pane.studio.library.text(items(pane)[0])
    current = pane.current()
    assert current is not None
    assert current.id == first.id
    assert pane.composer.prompt.text() == "one"  # with its recipe


def test_what_was_typed_survives_a_crash(
    pane: TextPane, window: Window, paths: Paths, qtbot: QtBot
) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse")
    until(qtbot, lambda: pane.text.count() == 12)
    pane.text.setFocus()
    QTest.keyClicks(pane.text, "NOT SAVED ")
    draft = paths.data / "draft.json"
    until(qtbot, draft.is_file)
    # As after a kill: nothing but the disk goes on.
    window.studio.close()
    again = open_window(paths, qtbot)
    try:
        other = again.create_page.panes["text"]
        assert isinstance(other, TextPane)
        until(qtbot, lambda: len(items(other)) == 2)
        assert "NOT SAVED" in other.studio.library.text(items(other)[0])
        until(qtbot, lambda: not draft.exists())
    finally:
        again.close()
        again.studio.close()
        again.deleteLater()


def test_again_with_another_seed(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    first = make(qtbot, pane, "a mouse")
    write(qtbot, pane, "something else")
    click(qtbot, find(pane, QPushButton, "again"))
    until(qtbot, lambda: len(items(pane)) == 2)
    second = items(pane)[0]
    assert second.recipe.values == first.recipe.values
    assert second.recipe.seed != first.recipe.seed


def test_a_kept_seed_gives_the_same_words(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    click(qtbot, pane.composer.seed.lock)
    first = make(qtbot, pane, "a mouse")
    second = make(qtbot, pane, "a mouse")
    assert first.recipe == second.recipe
    assert first.sha256 == second.sha256


def test_copy_and_save(pane: TextPane, qtbot: QtBot, tmp_path: Path) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse")
    until(qtbot, lambda: pane.text.count() == 12)
    click(qtbot, find(pane, QToolButton, "copy"))
    assert QApplication.clipboard().text() == pane.text.text()
    for suffix in (".md", ".txt"):
        target = tmp_path / f"mine{suffix}"
        choose(qtbot, find(pane, QToolButton, "save"), "save-" + suffix[1:])
        answer_save(qtbot, pane, str(target))
        until(qtbot, target.is_file)
        assert pane.text.text() in target.read_text("utf-8")


def test_an_edit_is_in_the_saved_copy(pane: TextPane, qtbot: QtBot, tmp_path: Path) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse")
    until(qtbot, lambda: pane.text.count() == 12)
    pane.text.setFocus()
    QTest.keyClicks(pane.text, "EDITED ")
    choose(qtbot, find(pane, QToolButton, "save"), "save-txt")
    answer_save(qtbot, pane, str(tmp_path / "mine.txt"))
    until(qtbot, (tmp_path / "mine.txt").is_file)
    assert "EDITED" in (tmp_path / "mine.txt").read_text("utf-8")


def test_illustrate_this_text(pane: TextPane, window: Window, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "Write a story about a mouse.")
    choose(qtbot, find(pane, QToolButton, "send"), "send-image")
    other = window.create_page.panes["image"]
    until(qtbot, lambda: other.composer.prompt.text() == "a mouse")  # type: ignore[attr-defined]
    assert window.create_page.current == "image"


def test_several_jobs_queue_and_reading_is_not_disturbed(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    write(qtbot, pane, "one")
    pane.composer.set_values({"length": 20, "pace": 0.03})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.busy)
    write(qtbot, pane, "two")
    click(qtbot, find(pane, QToolButton, "queue"))
    assert "1 waiting" in find(pane, QLabel, "status").text()
    until(qtbot, lambda: pane.view == "items")
    assert pane.busy  # the second one is being made
    current = pane.current()
    assert current is not None
    assert current.recipe.values["prompt"] == "one"
    until(qtbot, lambda: not pane.busy)
    assert pane.current() == current
    assert [i.recipe.values["prompt"] for i in items(pane)] == ["two", "one"]


def test_tab_goes_through_the_pane_from_top_to_bottom(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse")
    click(qtbot, find(pane, QPushButton, "fold"))
    click(qtbot, find(pane, QPushButton, "moreSettings"))
    until(qtbot, pane.history.isVisible)
    pane.chooser.setFocus()
    stops: list[str] = []
    while "history" not in stops and len(stops) < 40:
        focused = QApplication.focusWidget()
        assert focused is not None
        stops.append(focused.objectName())
        told = QAccessible.queryAccessibleInterface(focused)
        assert told.text(QAccessible.Text.Name), f"{focused.objectName()} has no name"
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    form = ["kind", "length", "moreSettings", "start", "pace"]
    seed = ["seed", "dice", "lock"]
    bar = ["result-text", "continue", "again", "copy", "save", "send", "history"]
    header = ["model", "new", "expand"]
    assert stops == [*header, "prompt", "fold", *form, *seed, "primary", *bar]


def test_the_history_is_reached_by_keyboard(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    for wish in ("one", "two", "three"):
        make(qtbot, pane, wish)
    until(qtbot, lambda: len(pane.history.items) == 3)
    pane.history.setFocus()
    QTest.keyClick(pane.history, Qt.Key.Key_End)
    QTest.keyClick(pane.history, Qt.Key.Key_Return)
    until(qtbot, lambda: pane.composer.prompt.text() == "one")
    current = pane.current()
    assert current is not None
    assert current.recipe.values["prompt"] == "one"


def test_what_cannot_be_done_is_told_and_nothing_is_lost(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    wish = "a mouse " * 400  # longer than the family takes
    pane.composer.prompt.set_text(wish)
    click(qtbot, pane.composer.button)
    (notice,) = pane.studio.notices.shown
    assert "too long" in notice.message
    assert notice.hint
    assert pane.composer.prompt.text() == wish
    pane.studio.notices.dismiss(notice.id)
    write(qtbot, pane, "please refuse")
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: bool(pane.studio.notices.shown))
    assert "nothing to say" in pane.studio.notices.shown[0].message
    until(qtbot, lambda: not pane.busy)
    assert pane.view == "empty"
    assert items(pane) == []


def test_the_last_settings_are_there_at_the_next_start(
    pane: TextPane, window: Window, paths: Paths, qtbot: QtBot
) -> None:
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse", length=7, kind="poem")
    window.close()
    window.studio.close()
    again = open_window(paths, qtbot)
    try:
        other = again.create_page.panes["text"]
        assert isinstance(other, TextPane)
        warm(other, qtbot)
        values = other.composer.values()
        assert (values["length"], values["kind"], values["prompt"]) == (7, "poem", "")
    finally:
        again.close()
        again.studio.close()
        again.deleteLater()


def test_a_recipe_fills_the_form(pane: TextPane, qtbot: QtBot) -> None:
    warm(pane, qtbot)
    item = make(qtbot, pane, "a mouse", length=9)
    click(qtbot, find(pane, QToolButton, "new"))
    assert pane.view == "empty"
    assert pane.composer.prompt.text() == ""
    pane.studio.use_recipe(item.recipe)
    until(qtbot, lambda: pane.composer.prompt.text() == "a mouse")
    assert pane.composer.values()["length"] == 9
    assert pane.composer.seed.value() == item.recipe.seed
    assert pane.composer.seed.locked
