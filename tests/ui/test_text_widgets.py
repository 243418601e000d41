"""The field for the wish and the page for the text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.ui.widgets.prompt import PromptEdit
from studio.ui.widgets.saving import file_name
from studio.ui.widgets.textview import TextView, count_words


@pytest.fixture
def prompt(dressed: QApplication, qtbot: QtBot) -> PromptEdit:
    prompt = PromptEdit()
    qtbot.addWidget(prompt)
    prompt.setFixedWidth(300)
    prompt.show()
    prompt.activateWindow()
    prompt.setFocus()
    qtbot.waitUntil(prompt.hasFocus)
    return prompt


def test_it_grows_with_what_is_written_and_then_scrolls(prompt: PromptEdit, qtbot: QtBot) -> None:
    low = prompt.height()
    QTest.keyClicks(prompt, "a little fox who is afraid of the dark and of the light, " * 3)
    middle = prompt.height()
    assert middle > low
    prompt.set_text("word " * 500)
    high = prompt.height()
    assert middle < high < 250
    prompt.set_text("word " * 1000)
    assert prompt.height() == high
    assert prompt.verticalScrollBar().maximum() > 0


def test_ctrl_return_makes_it_and_return_is_a_new_line(prompt: PromptEdit, qtbot: QtBot) -> None:
    QTest.keyClicks(prompt, "one")
    QTest.keyClick(prompt, Qt.Key.Key_Return)
    QTest.keyClicks(prompt, "two")
    with qtbot.waitSignal(prompt.submitted):
        QTest.keyClick(prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert prompt.text() == "one\ntwo"


def test_what_was_replaced_comes_back_by_undo(prompt: PromptEdit, qtbot: QtBot) -> None:
    QTest.keyClicks(prompt, "mine")
    prompt.set_text("from the history")
    QTest.keyClick(prompt, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert prompt.text() == "mine"


@pytest.fixture
def view(dressed: QApplication, qtbot: QtBot) -> TextView:
    view = TextView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    return view


def test_text_streams_in_and_cannot_be_typed_into_meanwhile(view: TextView, qtbot: QtBot) -> None:
    words: list[int] = []
    view.counted.connect(words.append)
    view.begin()
    for piece in ("Once", " there", " was", " a", " fox."):
        view.append_text(piece)
    QTest.keyClicks(view, "no")
    assert view.text() == "Once there was a fox."
    assert words[-1] == 5
    assert not view.dirty
    view.end()
    QTest.keyClicks(view, "So, ")
    assert view.dirty


@pytest.mark.parametrize("size", [1, 2, 5, 13])
def test_pieces_of_words_are_counted_as_words(view: TextView, size: int) -> None:
    text = "One  small step.\n\nOne giant leap for 狐狸 and fox-kind."
    told: list[int] = []
    view.counted.connect(told.append)
    view.begin("Start of it")
    for at in range(0, len(text), size):
        view.append_text(text[at : at + size])
    assert told[-1] == count_words("Start of it" + text) == view.count()


def test_it_follows_the_end_unless_one_has_scrolled_away(view: TextView) -> None:
    bar = view.verticalScrollBar()
    view.begin()
    view.append_text("word " * 2000)
    assert bar.value() == bar.maximum() > 0
    bar.setValue(0)
    view.append_text("word " * 200)
    assert bar.value() == 0


def test_typing_marks_it_as_changed_and_counts(view: TextView) -> None:
    view.set_text("A fox.")
    told: list[bool] = []
    view.edited.connect(told.append)
    QTest.keyClick(view, Qt.Key.Key_End)
    QTest.keyClicks(view, " And an owl.")
    assert told == [True]
    assert view.count() == 5
    view.mark_saved()
    assert told == [True, False]


def test_where_to_go_on_from(view: TextView, qtbot: QtBot) -> None:
    text = "Der Fuchs 🦊 lief.\nDie Eule 🦉 rief."
    view.set_text(text)
    assert view.until_cursor() == text  # nobody has chosen a place
    QTest.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.until_cursor() == "Der Fuchs 🦊 lief."
    cursor = view.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    assert view.until_cursor() == text  # the end of a selection
    view.set_text("Another.")
    assert view.until_cursor() == "Another."


def test_what_is_pasted_comes_in_plain(view: TextView) -> None:
    data = QMimeData()
    data.setHtml("<h1>Big</h1><b>bold</b>")
    data.setText("Big bold")
    view.insertFromMimeData(data)
    assert view.text() == "Big bold"
    assert "<h1" not in view.toHtml()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one", 1), ("it's a well-known fox.", 4), ("  a \n\n b ", 2), ("狐狸和猫", 4)],
)
def test_counting_words(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("A fox", "A fox"),
        ('a/b\\c:d*e?"f"<g>|', "a b c d e f g"),
        ("...", "Triptych"),
        ("", "Triptych"),
        ("x" * 300, "x" * 60),
        ("two\nlines", "two lines"),
    ],
)
def test_names_of_files(words: str, name: str) -> None:
    assert file_name(words) == name
