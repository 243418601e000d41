"""Conversations in the text pane, presets and documents, driven as a person drives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.ui.conversation import Role, Turn, history_of, turns_of
from studio.ui.panes.text import TextPane
from studio.ui.widgets.chatview import ChatView
from studio.ui.window import Window
from tests.ui import talkers
from tests.ui.drops import drop
from tests.ui.panes import click, find, items, make, open_window, until, warm

KEY = Qt.Key


@pytest.fixture
def window(dressed: QApplication, paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    own = paths.config / "presets"
    own.mkdir(parents=True)
    (own / "limerick.toml").write_text(
        'title = "A limerick"\ndescription = "Five lines"\nkind = "text"\n'
        '[values]\ninstruction = "Write a limerick on {text}"\nlength = 5\n',
        "utf-8",
    )
    window = open_window(paths, qtbot, talkers.ENTRIES)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def pane(window: Window, qtbot: QtBot) -> TextPane:
    pane = window.create_page.panes["text"]
    assert isinstance(pane, TextPane)
    warm(pane, qtbot)
    return pane


def pick_chat(pane: TextPane, qtbot: QtBot) -> None:
    """Choose the kind by keys."""
    combo = find(pane, QComboBox, "kind")
    combo.setFocus()
    QTest.keyClick(combo, KEY.Key_End)
    until(qtbot, lambda: pane.chatting)


def say(pane: TextPane, qtbot: QtBot, words: str) -> None:
    """Type something, press Return, and wait for the answer."""
    turns = len(pane.talk.turns)
    prompt = pane.composer.prompt
    prompt.setFocus()
    QTest.keyClicks(prompt, words)
    QTest.keyClick(prompt, KEY.Key_Return)
    until(qtbot, lambda: not pane.busy and len(pane.talk.view.turns) == turns + 2)
    until(qtbot, lambda: bool(pane.talk.meter.text()) and pane.view == "items")


def test_a_conversation_goes_on_is_rewound_and_comes_back(pane: TextPane, qtbot: QtBot) -> None:
    pick_chat(pane, qtbot)
    prompt = pane.composer.prompt
    assert prompt.isVisible()
    assert prompt.mapTo(pane, QPoint()).y() > pane.height() / 2  # below the conversation
    say(pane, qtbot, "hello")
    assert prompt.text() == ""
    # Markdown is shown as what it means, and kept as it was written.
    assert "hello is number 1" in pane.talk.view.views[1].said.toPlainText()
    assert pane.talk.turns[1].content.startswith("**hello** is number 1")
    QTest.keyClicks(prompt, "two")
    QTest.keyClick(prompt, KEY.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(prompt, "lines")
    assert prompt.text() == "two\nlines"
    QTest.keyClick(prompt, KEY.Key_Return)
    until(qtbot, lambda: len(pane.talk.turns) == 4 and not pane.busy)
    assert "number 2" in pane.talk.turns[3].content
    until(qtbot, lambda: pane.talk.meter.text().startswith("600 of"))
    assert not pane.talk.warning.isVisible()
    say(pane, qtbot, "three")
    assert pane.talk.warning.isVisible()  # 900 of 1000
    kept = items(pane)
    assert len(kept) == 3
    assert turns_of(kept[0].recipe.values["history"])[0] == Turn("user", "hello")

    # An earlier turn is said in another way, and what came after it goes.
    click(qtbot, pane.talk.view.views[2].edit)
    assert prompt.text() == "two\nlines"
    click(qtbot, find(pane, QPushButton, "edit-leave"))
    assert (prompt.text(), len(pane.talk.turns)) == ("", 6)
    click(qtbot, pane.talk.view.views[2].edit)
    QTest.keyClick(prompt, KEY.Key_Escape)
    assert (prompt.text(), len(pane.talk.turns)) == ("", 6)
    click(qtbot, pane.talk.view.views[2].edit)
    QTest.keyClick(prompt, KEY.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(prompt, "another")
    QTest.keyClick(prompt, KEY.Key_Return)
    until(qtbot, lambda: len(items(pane)) == 4 and not pane.busy)
    until(qtbot, lambda: [t.content[:10] for t in pane.talk.turns[2:]] == ["another", "**another*"])

    # The same is answered once more, with another seed.
    before = pane.talk.turns
    click(qtbot, pane.talk.view.views[3].again)
    until(qtbot, lambda: len(items(pane)) == 5 and not pane.busy)
    until(qtbot, lambda: len(pane.talk.turns) == 4 and pane.talk.turns != before)
    assert pane.talk.turns[:3] == before[:3]

    # A new chat is empty; the old one comes back whole from its last item.
    click(qtbot, pane.anew)
    assert (pane.view, pane.talk.turns, pane.chatting) == ("empty", (), True)
    pane.open_item(kept[0])
    until(qtbot, lambda: len(pane.talk.turns) == 6)
    assert pane.talk.turns[4].content == "three"
    assert prompt.text() == ""
    until(qtbot, lambda: pane.talk.warning.isVisible())


def test_an_answer_is_stopped_and_a_question_without_one_is_not_lost(
    pane: TextPane, qtbot: QtBot
) -> None:
    pick_chat(pane, qtbot)
    pane.composer.set_values({"pace": 0.2})
    prompt = pane.composer.prompt
    QTest.keyClicks(prompt, "slowly")
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: len(pane.talk.view.live_text().split()) > 1)
    QTest.keyClicks(prompt, "more")
    QTest.keyClick(prompt, KEY.Key_Return)  # not before the answer is there
    assert prompt.text() == "more"
    assert len(pane.studio.engine.jobs("text")) == 1
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: not pane.busy and len(items(pane)) == 1)
    assert len(pane.talk.turns) == 2
    assert pane.talk.turns[1].content.startswith("**slowly**")
    QTest.keyClick(prompt, KEY.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(prompt, "refuse this")
    QTest.keyClick(prompt, KEY.Key_Return)
    until(qtbot, lambda: bool(pane.studio.notices.shown) and not pane.busy)
    until(qtbot, lambda: len(pane.talk.turns) == 2)
    assert prompt.text() == "refuse this"
    assert items(pane)[0].edited  # what there was of the answer is kept as it was left


def test_a_text_and_a_conversation_take_turns(pane: TextPane, qtbot: QtBot) -> None:
    story = make(qtbot, pane, "a mouse")
    pick_chat(pane, qtbot)
    assert pane.view == "empty"  # the story is no conversation
    say(pane, qtbot, "hello")
    click(qtbot, pane.talk.view.views[1].copy)
    assert QApplication.clipboard().text().startswith("**hello**")
    click(qtbot, find(pane, QToolButton, "copy"))
    whole = QApplication.clipboard().text()
    assert whole.startswith("**You:** hello\n\n**Fault model:** **hello**")
    pane.open_item(story)
    until(qtbot, lambda: pane.text.isVisible() and pane.text.count() == 12)
    assert not pane.chatting
    prompt = pane.composer.prompt
    assert prompt.mapTo(pane, QPoint()).y() < pane.height() / 2
    QTest.keyClick(prompt, KEY.Key_Return)  # a new line, as always
    assert prompt.text().count("\n") == 1
    last = pane.studio.settings.last_values["text.chat"]
    assert "history" not in last


def test_a_preset_fills_the_form_and_is_taken_back(pane: TextPane, qtbot: QtBot) -> None:
    tasks = pane.tasks.button
    until(qtbot, lambda: tasks.button.isVisible())
    tasks.menu.popup(tasks.mapToGlobal(tasks.rect().bottomLeft()))
    until(qtbot, tasks.menu.isVisible)
    names = [a.objectName() for a in tasks.menu.actions()]
    assert "limerick" in names
    assert names[-1] == "own"
    action = next(a for a in tasks.menu.actions() if a.objectName() == "limerick")
    QTest.mouseClick(
        tasks.menu, Qt.MouseButton.LeftButton, pos=tasks.menu.actionGeometry(action).center()
    )
    values = pane.composer.values()
    assert (values["instruction"], values["length"]) == ("Write a limerick on {text}", 5)
    assert "A limerick" in tasks.button.text()
    made = make(qtbot, pane, "a mouse")
    assert made.recipe.values["instruction"] == "Write a limerick on {text}"
    click(qtbot, tasks.out)
    values = pane.composer.values()
    assert (values["instruction"], values["length"], values["prompt"]) == ("", 12, "a mouse")
    assert "Presets" in tasks.button.text()


def test_a_document_that_is_dropped_goes_in(pane: TextPane, qtbot: QtBot, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("the sea is wide", "utf-8")
    assert drop(pane, notes)
    until(qtbot, lambda: pane.composer.files() == {"document": notes})
    pick_chat(pane, qtbot)
    say(pane, qtbot, "sum it up")
    assert "the sea is wide" in pane.talk.turns[1].content
    drop(pane, tmp_path / "song.mid")  # that is for the window, which says that it is not there
    until(qtbot, lambda: bool(pane.studio.notices.shown))
    assert pane.composer.files() == {"document": notes}
    # What was made here gives its recipe.
    pane.composer.form.set_files({})
    assert drop(pane, items(pane)[0].main)
    until(qtbot, lambda: pane.composer.prompt.text() == "sum it up")


def test_every_turn_can_be_read_out(pane: TextPane, qtbot: QtBot) -> None:
    pick_chat(pane, qtbot)
    say(pane, qtbot, "hello")
    for view in pane.talk.view.views:
        for widget in (view.said, view.copy, view.edit, view.again):
            said = QAccessible.queryAccessibleInterface(widget)
            assert said is not None
            assert said.text(QAccessible.Text.Name)
    assert find(pane, QLabel, "context").text().startswith("300 of")


def test_a_long_conversation_comes_little_by_little(qtbot: QtBot, dressed: QApplication) -> None:
    view = ChatView()
    qtbot.addWidget(view)
    view.resize(400, 500)
    view.show()
    roles: tuple[Role, ...] = ("user", "assistant")
    turns = [Turn(roles[n % 2], f"turn {n} " * 9) for n in range(40)]
    view.set_turns(turns, "Model")
    view.attach("notes.txt")
    assert view.turns == tuple(turns)
    assert len(view.views) < 40  # the last ones first
    asked: list[int] = []
    view.edit_wanted.connect(asked.append)
    click(qtbot, view.views[-2].edit)
    assert asked == [38]
    until(qtbot, lambda: len(view.views) == 40)
    assert [v.text() for v in view.views] == [t.content for t in turns]
    click(qtbot, view.views[0].edit)
    assert asked == [38, 0]
    assert "notes.txt" in [w.text()[6:] for w in view.views[0].findChildren(QLabel)]
    bar = view.verticalScrollBar()
    until(qtbot, lambda: bar.value() == bar.maximum() > 0)
    view.set_turns(turns[:2], "Model")
    assert len(view.views) == 2


def test_histories_from_strangers_are_read_with_care() -> None:
    turns = (Turn("user", "a"), Turn("assistant", "b"))
    assert turns_of(history_of(turns)) == turns
    assert history_of(()) == ""
    strange = '[{"role": "x", "content": "y"}]'
    for odd in ("", "{", "[1, 2]", '{"role": "user"}', strange, "[" * 5000):
        assert turns_of(odd) == ()
