"""Other words, rewriting and going on in a finished text; questions beside the queue."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from studio.core.errors import StudioError
from studio.core.messages import Failed
from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.ui.asks import Answered
from studio.ui.panes.text import TextPane
from studio.ui.window import Window
from tests.engine import faults
from tests.ui import makers, talkers
from tests.ui.panes import click, items, make, open_window, until, warm

KEY = Qt.Key
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(dressed: QApplication, paths: Paths, qtbot: QtBot) -> Iterator[Window]:
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
    make(qtbot, pane, "a mouse", length=30)
    until(qtbot, lambda: pane.text.count() == 30)
    pane.text.setFocus()
    return pane


def select(pane: TextPane, words: str) -> None:
    """Select words of the text."""
    start = pane.text.text().index(words)
    cursor = pane.text.textCursor()
    cursor.setPosition(start)
    cursor.setPosition(start + len(words), QTextCursor.MoveMode.KeepAnchor)
    pane.text.setTextCursor(cursor)


def menu_of(pane: TextPane, qtbot: QtBot) -> QMenu:
    """Open the context menu of the text."""
    place = pane.text.viewport().rect().center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, place, pane.text.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(pane.text.viewport(), event)

    def shown() -> list[QMenu]:
        return [m for m in pane.text.findChildren(QMenu, "text-menu") if m.isVisible()]

    until(qtbot, lambda: len(shown()) == 1)
    return shown()[0]


def test_another_word_takes_the_place_of_one(pane: TextPane, qtbot: QtBot) -> None:
    select(pane, " clock ")
    before = pane.text.text()
    QTest.keyClick(pane.text, KEY.Key_Space, CTRL)
    popup = pane.wording.popup
    until(qtbot, lambda: bool(popup.words()))
    assert popup.title.text() == "Instead of “clock”"
    assert popup.words() == ["silver", "golden", "quiet", "old", "blue"]
    QTest.keyClick(popup.list, KEY.Key_Down)
    QTest.keyClick(popup.list, KEY.Key_Return)
    assert pane.text.text() == before.replace(" clock ", " golden ", 1)
    assert pane.text.dirty
    until(qtbot, lambda: not popup.isVisible())
    QTest.keyClick(pane.text, KEY.Key_Z, CTRL)  # one step back, as with any edit
    assert pane.text.text() == before
    # Without a selection it is the word at the cursor, in its case, and a digit chooses.
    select(pane, "The moon")
    cursor = pane.text.textCursor()
    cursor.setPosition(cursor.selectionStart() + 1)
    pane.text.setTextCursor(cursor)
    QTest.keyClick(pane.text, KEY.Key_Space, CTRL)
    until(qtbot, lambda: bool(popup.words()))
    QTest.keyClick(popup, KEY.Key_3)
    assert "Quiet moon" in pane.text.text()
    # Nothing of it is anybody else's matter.
    assert len(items(pane)) == 1
    assert pane.studio.engine.jobs("text") == ()
    until(qtbot, lambda: not list(Path(tempfile.gettempdir()).glob("triptych-ask-*")))


def test_a_suggestion_is_left_with_escape(pane: TextPane, qtbot: QtBot) -> None:
    select(pane, "mouse")
    before = pane.text.text()
    QTest.keyClick(pane.text, KEY.Key_Space, CTRL)
    until(qtbot, pane.wording.popup.isVisible)
    QTest.keyClick(pane.wording.popup, KEY.Key_Escape)
    until(qtbot, lambda: not pane.wording.popup.isVisible())
    assert pane.text.text() == before


def test_a_passage_is_rewritten_from_the_menu(pane: TextPane, qtbot: QtBot) -> None:
    select(pane, "the moon")
    menu = menu_of(pane, qtbot)
    names = [a.objectName() for a in menu.actions()]
    assert names[:3] == ["other-words", "rewrite", "continue-here"]
    rewrite = menu.actions()[1].menu()
    assert isinstance(rewrite, QMenu)
    plain = rewrite.actions()[0]
    assert plain.text() == "In other words"
    menu.close()
    plain.trigger()
    until(qtbot, lambda: pane.wording.popup.words() == ["THE MOON"])
    QTest.keyClick(pane.wording.popup.list, KEY.Key_Return)
    assert "see THE MOON" in pane.text.text()
    # A chat model is told in which tone.
    select(pane, "THE MOON")
    menu = menu_of(pane, qtbot)
    rewrite = menu.actions()[1].menu()
    assert isinstance(rewrite, QMenu)
    tone = next(a for a in rewrite.actions() if a.objectName().startswith("rewrite-"))
    title = tone.text()
    menu.close()
    tone.trigger()
    until(qtbot, lambda: bool(pane.wording.popup.words()))
    assert pane.wording.popup.title.text() == title


def test_without_a_model_it_says_what_to_add(
    dressed: QApplication, paths: Paths, qtbot: QtBot
) -> None:
    window = open_window(paths, qtbot, makers.ENTRIES)
    pane = window.create_page.panes["text"]
    assert isinstance(pane, TextPane)
    warm(pane, qtbot)
    make(qtbot, pane, "a mouse")
    pane.text.setFocus()
    QTest.keyClick(pane.text, KEY.Key_Space, CTRL)
    [notice] = window.studio.notices.shown
    assert "BERT" in notice.hint
    button = next(b for b in window.findChildren(QPushButton) if b.text() == "Open Models")
    click(qtbot, button)
    assert window.page == "models"
    window.close()
    window.studio.close()
    window.deleteLater()


def test_questions_go_between_the_jobs_and_can_be_taken_back(pane: TextPane, qtbot: QtBot) -> None:
    engine = pane.studio.engine
    answers: list[Answered] = []
    failures: list[Failed] = []

    def ask(prompt: str) -> str:
        recipe = Recipe("text", "text.fill", faults.MODEL, 1, {"prompt": prompt})
        return engine.ask(recipe, answers.extend, failures.append)

    pane.submit({"prompt": "a long one", "length": 40, "pace": 0.02}, 3)
    pane.submit({"prompt": "after it", "length": 3}, 4)
    until(qtbot, lambda: engine.state("text") == "busy")
    ended: list[str] = []
    engine.ended.connect(lambda job, _how: ended.append(job))
    first, second = engine.jobs("text")
    gone = ask("never ___ heard")
    ask("the ___ sea")
    ask("no blank")
    engine.cancel(gone)
    assert [j.position for j in engine.jobs("text")] == [0, 1]  # as if they were not there
    until(qtbot, lambda: bool(answers) and bool(failures))
    assert ended == [first.id]  # before what waits, after what runs
    assert [a.summary["suggestions"][0]["text"] for a in answers] == ["silver"]
    assert answers[0].text == "the silver sea"
    assert failures[0].message == "There is no blank in this."
    until(qtbot, lambda: ended == [first.id, second.id])
    assert len(items(pane)) == 3
    with pytest.raises(StudioError):
        engine.ask(Recipe("text", "text.none", "x", 1), answers.extend, failures.append)


def test_the_place_is_kept_while_one_waits(pane: TextPane, qtbot: QtBot) -> None:
    view = pane.text
    view.set_text("Ein 🦊 lief über die Wiese")
    select_from = view.text().index("lief")
    cursor = view.textCursor()
    cursor.setPosition(select_from + 1)  # beyond the sign that Qt counts twice
    cursor.setPosition(select_from + 5, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    assert view.around(4, 5) == (" 🦊 ", "lief", " über")
    assert view.around(0, 0) == ("", "lief", "")
    assert view.mapToGlobal(QPoint()) is not None
