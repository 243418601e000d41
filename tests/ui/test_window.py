"""The window, driven with keys and clicks, on fault families."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollBar,
    QSplitter,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.messages import Cancelled, Done
from studio.core.paths import Paths
from studio.core.settings import SettingsFile
from studio.library import Library
from studio.ui import theme
from studio.ui.app import build
from studio.ui.desktop import DesktopNotices
from studio.ui.pages import PANES
from studio.ui.single import Single
from studio.ui.trouble import Trouble
from studio.ui.widgets.notices import NoticeCard
from studio.ui.widgets.queue import JobRow
from studio.ui.window import Window
from tests.engine import faults
from tests.ui.conftest import begin, recipe
from tests.ui.ear import Ear
from tests.ui.gaps import GapMeter

ROOT = Path(__file__).parents[2]
LONG = 20_000


def wait(qtbot: QtBot, until: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(until()), timeout=LONG)


def press(widget: QWidget, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= modifier
    QTest.keyClick(widget, key, held)


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


CONTROLS = (
    QAbstractButton,
    QLineEdit,
    QPlainTextEdit,
    QComboBox,
    QAbstractSpinBox,
    QAbstractSlider,
    QAbstractItemView,
)
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def front(window: Window, qtbot: QtBot) -> Window:
    """The window, active, so that keys reach it."""
    qtbot.waitUntil(window.isActiveWindow)
    return window


def button(window: QWidget, name: str) -> QAbstractButton:
    found = window.findChild(QAbstractButton, name)
    assert isinstance(found, QAbstractButton)
    return found


def shown_panes(window: Window) -> list[str]:
    return [k for k, p in window.create_page.panes.items() if p.isVisible()]


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


class TestPages:
    def test_the_rail_leads_everywhere(self, front: Window) -> None:
        for page in ("library", "models", "settings", "create"):
            click(button(front, f"rail-{page}"))
            assert front.page == page
            assert button(front, f"rail-{page}").isChecked()

    def test_keys_lead_everywhere(self, front: Window) -> None:
        keys = {
            Qt.Key.Key_L: "library",
            Qt.Key.Key_M: "models",
            Qt.Key.Key_Comma: "settings",
            Qt.Key.Key_N: "create",
        }
        for key, page in keys.items():
            press(front, key, CTRL)
            assert front.page == page

    def test_a_pane_can_have_the_whole_window_and_give_it_back(self, front: Window) -> None:
        assert shown_panes(front) == ["text", "image", "audio"]
        for key, kind in zip((Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3), KINDS, strict=True):
            press(front, key, CTRL)
            assert shown_panes(front) == [kind]
            assert front.create_page.panes[kind].isAncestorOf(focused())
        press(front, Qt.Key.Key_3, CTRL)
        assert shown_panes(front) == ["text", "image", "audio"]
        press(front, Qt.Key.Key_2, CTRL)
        press(front, Qt.Key.Key_0, CTRL)
        assert shown_panes(front) == ["text", "image", "audio"]

    def test_so_does_its_button(self, front: Window) -> None:
        pane = front.create_page.panes["image"]
        click(button(pane, "expand"))
        assert shown_panes(front) == ["image"]
        click(button(pane, "expand"))
        assert shown_panes(front) == ["text", "image", "audio"]

    def test_from_another_page_the_key_leads_to_the_pane(self, front: Window) -> None:
        press(front, Qt.Key.Key_L, CTRL)
        press(front, Qt.Key.Key_2, CTRL)
        assert front.page == "create"
        assert "image" in shown_panes(front)

    def test_a_narrow_window_shows_one_at_a_time(self, front: Window, qtbot: QtBot) -> None:
        front.resize(800, 700)
        qtbot.waitUntil(lambda: len(shown_panes(front)) == 1)
        for kind in ("audio", "image", "text"):
            click(button(front, f"tab-{kind}"))
            assert shown_panes(front) == [kind]
        front.resize(1400, 800)
        qtbot.waitUntil(lambda: len(shown_panes(front)) == 3)
        assert not button(front, "tab-text").isVisible()

    def test_it_fits_the_smallest_width(self, front: Window, qtbot: QtBot) -> None:
        front.resize(front.minimumSize())
        qtbot.waitUntil(lambda: len(shown_panes(front)) == 1)
        assert front.width() <= 480
        pane = front.create_page.current_pane()
        assert pane.mapTo(front, QPoint(pane.width(), 0)).x() <= front.width()

    def test_a_pane_that_can_not_be_built_is_told_in_its_place(
        self, paths: Paths, qapp: QApplication, qtbot: QtBot, window: Window
    ) -> None:
        broken = tuple(replace(e, name="NoSuchPane") if e.id == "image" else e for e in PANES)
        other = Window(window.studio, broken)
        qtbot.addWidget(other)
        other.show()
        words = [w.text() for w in other.create_page.panes["image"].findChildren(QLabel)]
        assert any("could not be built" in w for w in words)
        assert other.create_page.panes["text"].findChild(QPlainTextEdit) is not None

    def test_every_key_is_in_the_list(self, front: Window) -> None:
        press(front, Qt.Key.Key_F1)
        assert front.keys.isVisible()
        words = {w.text() for w in front.keys.findChildren(QLabel)}
        assert {a.text() for a in front.actions()} <= words
        press(front.keys, Qt.Key.Key_Escape)
        assert not front.keys.isVisible()

    def test_no_two_keys_are_the_same(self, front: Window) -> None:
        keys = [a.shortcut().toString() for a in front.actions()]
        assert all(keys)
        assert len(keys) == len(set(keys))


class TestWork:
    def test_ctrl_return_makes_it_in_the_pane_with_the_focus(
        self, front: Window, qtbot: QtBot
    ) -> None:
        engine = front.studio.engine
        for kind in KINDS:
            engine.warm(kind)
        wait(qtbot, lambda: all(engine.state(k) == "ready" for k in KINDS))
        ear = Ear(engine)
        for kind in ("image", "text"):
            prompt = front.create_page.panes[kind].findChild(QPlainTextEdit, "prompt")
            prompt.setFocus()
            QTest.keyClicks(prompt, "a small boat")
            press(prompt, Qt.Key.Key_Return, CTRL)
            wait(qtbot, lambda: any(s == "ended" for s, _, _ in ear.news))
            assert [s for s, _, _ in ear.news].count("made") == 1
            made = next(n for s, _, n in ear.news if s == "made")
            assert (made.kind, made.recipe.values["prompt"]) == (kind, "a small boat")
            ear.news.clear()

    def test_escape_stops_it(self, front: Window, qtbot: QtBot) -> None:
        engine = front.studio.engine
        ear = Ear(engine)
        job = engine.submit(recipe("image", steps=1000))
        wait(qtbot, lambda: ear.reached(job, "drawing"))
        front.create_page.panes["image"].findChild(QPlainTextEdit, "prompt").setFocus()
        press(focused(), Qt.Key.Key_Escape)
        wait(qtbot, lambda: ear.ending(job))
        assert isinstance(ear.ending(job), Cancelled)

    def test_the_status_line_tells_the_truth(self, front: Window, qtbot: QtBot) -> None:
        engine = front.studio.engine
        status = front.status
        job = engine.submit(recipe(steps=1000))
        for _ in range(2):
            engine.submit(recipe())
        wait(qtbot, lambda: "2 waiting" in status.queue.text())
        device = engine.device()
        assert device is not None
        assert device.name.split()[0] in status.device.text()
        wait(qtbot, lambda: "Writing" in status.doing.text())
        wait(qtbot, lambda: status.bar.value() > 10)
        engine.cancel_all()
        wait(qtbot, lambda: not status.bar.isVisible())
        wait(qtbot, lambda: status.memory.isVisible())
        assert "MB" in status.memory.text()
        assert engine.job(job) is None

    def test_a_finished_job_rings_where_nobody_looks(
        self, front: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rung: list[tuple[str, str]] = []
        bell = front.findChild(DesktopNotices)
        assert bell is not None
        bell.rung.connect(lambda title, words: rung.append((title, words)))
        engine = front.studio.engine
        ear = Ear(engine)
        first = engine.submit(recipe("image", prompt="looked at"))
        wait(qtbot, lambda: ear.done(first))
        assert rung == []
        away = Qt.ApplicationState.ApplicationInactive
        monkeypatch.setattr(QGuiApplication, "applicationState", lambda: away)
        second = engine.submit(recipe("image", prompt="a red kite"))
        third = engine.submit(recipe("image", fault="refuses"))
        stopped = engine.submit(recipe("image", steps=1000))
        wait(qtbot, lambda: ear.reached(stopped, "drawing"))
        engine.cancel(stopped)
        wait(qtbot, lambda: ear.ending(stopped))
        assert ear.done(second)
        assert ear.failed(third)
        assert rung[0] == ("Your picture is ready", "a red kite")
        assert "knows no such voice" in rung[1][1]
        assert len(rung) == 2  # whoever cancels knows it
        front.studio.change(desktop_notices=False)
        fourth = engine.submit(recipe())
        wait(qtbot, lambda: ear.done(fourth))
        assert len(rung) == 2

    def test_the_window_stays_smooth_while_three_lanes_work(
        self, front: Window, qtbot: QtBot
    ) -> None:
        engine = front.studio.engine
        ear = Ear(engine)
        for kind in KINDS:
            engine.warm(kind)
        wait(qtbot, lambda: all(engine.state(k) == "ready" for k in KINDS))
        qtbot.wait(300)
        meter = GapMeter()
        meter.start()
        jobs = [
            engine.submit(recipe(k, steps=40, pace=0.005, seed=s)) for s in range(2) for k in KINDS
        ]
        wait(qtbot, lambda: all(isinstance(ear.ending(j), Done) for j in jobs))
        gaps = meter.stop()
        assert gaps.count > 50
        # Processor time, so that a busy machine cannot fail it: what the window itself does.
        assert gaps.work < 50, gaps


class TestQueue:
    def rows(self, window: Window) -> list[JobRow]:
        return [r for r in window.queue.findChildren(JobRow) if r.isVisible()]

    def words(self, window: Window) -> list[str]:
        placed = sorted(self.rows(window), key=lambda r: r.mapTo(window, QPoint()).y())
        return [r.words.text() for r in placed]

    @pytest.fixture
    def busy(self, front: Window, qtbot: QtBot) -> Iterator[Window]:
        engine = front.studio.engine
        ear = Ear(engine)
        first = engine.submit(recipe(steps=1000, prompt="one"))
        for prompt in ("two", "three", "four"):
            engine.submit(recipe(prompt=prompt))
        wait(qtbot, lambda: ear.reached(first, "writing"))
        wait(qtbot, lambda: "3 waiting" in front.status.queue.text())
        click(front.status.queue)
        qtbot.waitUntil(lambda: len(self.rows(front)) == 4)
        yield front
        engine.cancel_all()

    def test_it_shows_what_runs_and_what_waits(self, busy: Window, qtbot: QtBot) -> None:
        assert self.words(busy) == ["one", "two", "three", "four"]
        states = {r.words.text(): r.state.text() for r in self.rows(busy)}
        assert "Writing" in states["one"]
        assert (states["two"], states["four"]) == ("Next", "Waiting")
        wait(qtbot, lambda: any("left" in r.state.text() for r in self.rows(busy)))

    def test_jobs_change_places(self, busy: Window, qtbot: QtBot) -> None:
        four = next(r for r in self.rows(busy) if r.words.text() == "four")
        assert not four.down.isEnabled()
        click(four.up)
        qtbot.waitUntil(lambda: self.words(busy) == ["one", "two", "four", "three"])
        click(four.up)
        qtbot.waitUntil(lambda: self.words(busy) == ["one", "four", "two", "three"])
        assert not four.up.isEnabled()
        click(four.down)
        qtbot.waitUntil(lambda: self.words(busy) == ["one", "two", "four", "three"])

    def test_one_or_all_are_cancelled(self, busy: Window, qtbot: QtBot) -> None:
        three = next(r for r in self.rows(busy) if r.words.text() == "three")
        click(three.cancel)
        qtbot.waitUntil(lambda: self.words(busy) == ["one", "two", "four"])
        click(busy.queue.cancel_all)
        wait(qtbot, lambda: not busy.studio.engine.jobs())
        qtbot.waitUntil(lambda: self.rows(busy) == [])
        note = busy.queue.findChild(QLabel, "queueNote")
        qtbot.waitUntil(note.isVisible)
        assert "Nothing" in note.text()

    def test_keys_open_and_close_it(self, front: Window) -> None:
        press(front, Qt.Key.Key_J, CTRL)
        assert front.queue.isVisible()
        assert front.status.queue.isChecked()
        press(focused(), Qt.Key.Key_Escape)
        assert not front.queue.isVisible()
        assert not front.status.queue.isChecked()

    def test_it_stays_inside_the_window(self, busy: Window, qtbot: QtBot) -> None:
        for size in ((1280, 800), (520, 600), (1900, 1000)):
            busy.resize(*size)
            qtbot.wait(50)
            assert busy.rect().contains(busy.queue.geometry())


class TestNotices:
    def cards(self, window: Window) -> list[NoticeCard]:
        return [c for c in window.notices.findChildren(NoticeCard) if c.isVisible()]

    def test_an_error_says_what_failed_and_what_to_do(self, front: Window, qtbot: QtBot) -> None:
        front.studio.notices.error(StudioError("The disk is full.", "Make room."))
        (card,) = self.cards(front)
        assert card.findChild(QLabel, "noticeMessage").text() == "The disk is full."
        assert card.findChild(QLabel, "noticeHint").text() == "Make room."
        assert card.accessibleName() == "The disk is full. Make room."
        assert QApplication.activeModalWidget() is None
        click(card.findChild(QToolButton, "noticeClose"))
        qtbot.waitUntil(lambda: self.cards(front) == [])
        assert not front.notices.isVisible()

    def test_its_action_does_it(self, front: Window, qtbot: QtBot) -> None:
        done: list[int] = []
        front.studio.notices.show("Two went.", actions=[("Undo", lambda: done.append(1))])
        (card,) = self.cards(front)
        click(card.findChild(QPushButton, "noticeAction"))
        assert done == [1]
        qtbot.waitUntil(lambda: self.cards(front) == [])

    def test_the_same_words_stand_once_and_never_too_many(self, front: Window) -> None:
        for n in (1, 1, 1, 2, 3, 4, 5, 6):
            front.studio.notices.show(f"Notice {n}")
        assert len(front.studio.notices.shown) == 4
        assert front.studio.notices.shown[-1].message == "Notice 6"

    def test_markup_is_shown_as_it_is(self, front: Window) -> None:
        front.studio.notices.show("<b>bold</b> & <img src=x>")
        (card,) = self.cards(front)
        label = card.findChild(QLabel, "noticeMessage")
        assert label.textFormat() == Qt.TextFormat.PlainText

    def test_long_words_do_not_widen_the_window(self, front: Window, qtbot: QtBot) -> None:
        front.resize(700, 700)
        front.studio.notices.show("donaudampfschifffahrtsgesellschaft " * 12, "hint " * 60)
        qtbot.wait(50)
        assert front.width() == 700

    def test_a_lane_that_gave_up_can_be_tried_again(self, front: Window, qtbot: QtBot) -> None:
        engine = front.studio.engine
        ear = Ear(engine)
        for _ in range(3):
            engine.submit(recipe(fault="exits"))
        good = engine.submit(recipe())
        wait(qtbot, ear.gave_up)

        def again() -> list[QPushButton]:
            actions = front.findChildren(QPushButton, "noticeAction")
            return [b for b in actions if b.isVisible()]

        # A button that was just put into a layout is shown a turn of the event loop later.
        wait(qtbot, lambda: [b.text() for b in again()] == ["Try again"])
        click(again()[0])
        wait(qtbot, lambda: ear.done(good))


class TestFiles:
    def drop(self, window: Window, path: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        where, no = QPointF(300, 300), Qt.KeyboardModifier.NoModifier
        copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        QApplication.sendEvent(window, QDragEnterEvent(where.toPoint(), copy, mime, left, no))
        QApplication.sendEvent(window, QDropEvent(where, copy, mime, left, no))

    def test_a_file_that_was_made_here_brings_its_settings_back(
        self, front: Window, qtbot: QtBot
    ) -> None:
        engine = front.studio.engine
        ear = Ear(engine)
        job = engine.submit(recipe("image", prompt="a blue door", steps=9, seed=99))
        wait(qtbot, lambda: ear.done(job))
        press(front, Qt.Key.Key_L, CTRL)
        heard: list[object] = []
        front.studio.recipe_wanted.connect(heard.append)
        self.drop(front, ear.made(job)[0].main)
        wait(qtbot, lambda: heard)
        assert heard == [ear.made(job)[0].recipe]
        assert front.page == "create"
        prompt = front.create_page.panes["image"].findChild(QPlainTextEdit, "prompt")
        wait(qtbot, lambda: prompt.toPlainText() == "a blue door")

    def test_a_strangers_file_is_told(self, front: Window, qtbot: QtBot, tmp_path: Path) -> None:
        stranger = tmp_path / "holiday.png"
        stranger.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        self.drop(front, stranger)
        wait(qtbot, lambda: front.studio.notices.shown)
        assert front.studio.notices.shown[0].hint

    def test_so_is_one_that_is_gone(self, front: Window, qtbot: QtBot, tmp_path: Path) -> None:
        self.drop(front, tmp_path / "gone.png")
        wait(qtbot, lambda: front.studio.notices.shown)


class TestSettings:
    def test_the_theme_changes_at_once_and_is_kept(
        self, front: Window, paths: Paths, qapp: QApplication
    ) -> None:
        for choice, tokens in (("light", theme.LIGHT), ("dark", theme.DARK)):
            front.studio.change(theme=choice)
            assert theme.tokens() is tokens
            assert qapp.palette().window().color().name() == tokens.window
            assert SettingsFile(paths.settings_file).load()[0].theme == choice

    def test_the_window_comes_back_as_it_was(self, paths: Paths, qtbot: QtBot) -> None:
        first = build(paths, begin=begin())
        first.show()
        first.resize(1333, 640)
        qtbot.wait(20)
        handle = first.create_page.findChild(QSplitter).handle(1)
        QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(4, 100))
        QTest.mouseMove(handle, QPoint(94, 100))
        QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(4, 100))
        widths = first.create_page.sizes()
        first.resize(700, 640)  # no larger than the screen that tests have
        qtbot.wait(20)
        first.close()
        first.studio.close()
        second = build(paths, begin=begin())
        second.show()
        qtbot.wait(20)
        assert (second.width(), second.height()) == (700, 640)
        second.resize(1333, 640)
        qtbot.wait(20)
        assert widths[0] > widths[2] > widths[1]
        assert second.create_page.sizes() == pytest.approx(widths, abs=24)
        second.close()
        second.studio.close()

    def test_settings_that_can_not_be_saved_are_told(
        self, front: Window, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: SettingsFile, settings: object) -> None:
            raise StudioError("The disk is full.", "Make room.")

        monkeypatch.setattr(SettingsFile, "save", full)
        front.studio.change(threads=3)
        assert front.studio.settings.threads == 3
        assert front.studio.notices.shown[-1].message == "The disk is full."


class TestStart:
    def test_what_was_interrupted_is_offered_again(self, paths: Paths, qtbot: QtBot) -> None:
        with Library.open(paths.library) as library:
            library.jobs.add("one", recipe(prompt="the unfinished tower"))
            library.jobs.start("one")
        window = build(paths, begin=begin())
        qtbot.addWidget(window)
        window.show()
        ear = Ear(window.studio.engine)
        window.studio.engine.resume()
        wait(qtbot, lambda: window.studio.notices.shown)
        notice = window.studio.notices.shown[0]
        assert "the unfinished tower" in notice.message
        click(window.findChild(QPushButton, "noticeAction"))
        wait(qtbot, lambda: ear.done("one"))
        assert ear.made("one")[0].recipe.values["prompt"] == "the unfinished tower"
        window.close()
        window.studio.close()

    def test_one_that_is_put_away_is_not_offered_twice(self, paths: Paths, qtbot: QtBot) -> None:
        with Library.open(paths.library) as library:
            library.jobs.add("one", recipe())
            library.jobs.start("one")
        for expected in (1, 0):
            window = build(paths, begin=begin())
            qtbot.addWidget(window)
            window.show()
            ear = Ear(window.studio.engine)
            window.studio.engine.resume()
            wait(qtbot, partial(ear.told, "resumed"))
            assert len(window.studio.notices.shown) == expected
            if expected:
                click(window.findChild(QToolButton, "noticeClose"))
            window.close()
            window.studio.close()

    def test_the_panes_come_after_the_first_paint(self, paths: Paths, qtbot: QtBot) -> None:
        window = build(paths, begin=begin(), at_once=False)
        qtbot.addWidget(window)
        assert not window.complete
        with qtbot.waitSignal(window.completed, timeout=LONG):
            window.show()
        assert all(p.findChild(QPlainTextEdit) for p in window.create_page.panes.values())
        qtbot.waitUntil(lambda: shown_panes(window) == ["text", "image", "audio"])
        window.close()
        window.studio.close()

    def test_trouble_is_told_in_a_small_window(self, dressed: QApplication, qtbot: QtBot) -> None:
        trouble = Trouble(StudioError("The library is of a newer version.", "Update Triptych."))
        qtbot.addWidget(trouble)
        trouble.show()
        assert trouble.findChild(QLabel, "message").text() == "The library is of a newer version."
        assert trouble.findChild(QLabel, "hint").text() == "Update Triptych."
        click(trouble.findChild(QPushButton, "close"))
        assert not trouble.isVisible()


class TestEverything:
    def test_every_control_has_a_name(self, front: Window, qtbot: QtBot) -> None:
        engine = front.studio.engine
        for kind in KINDS:
            engine.warm(kind)
        wait(qtbot, lambda: all(engine.state(k) == "ready" for k in KINDS))
        nameless = []
        for page in ("create", "library", "models", "settings"):
            front.show_page(page)
            qtbot.wait(50)
            nameless += [
                f"{type(w).__name__} {w.objectName()} in {type(w.parentWidget()).__name__}"
                for w in front.findChildren(QWidget)
                if isinstance(w, CONTROLS)
                and w.isVisible()
                and not isinstance(w, QScrollBar)
                and not w.objectName().startswith("qt_")
                and w.focusPolicy() != Qt.FocusPolicy.NoFocus
                and not w.accessibleName()
                and not (isinstance(w, QAbstractButton) and w.text())
            ]
        assert nameless == []

    def test_the_windows_process_stays_lean(self, tmp_path: Path) -> None:
        script = """
import json, sys, time
def main():
    from pathlib import Path
    from PySide6.QtWidgets import QApplication
    from studio.core.paths import Paths
    from studio.ui.app import build
    from tests.engine import faults
    from tests.ui.conftest import begin, recipe
    from tests.ui.ear import Ear
    app = QApplication([])
    paths = Paths.below(Path(sys.argv[1]))
    faults.install_model(paths.models)
    window = build(paths, begin=begin())
    window.show()
    app.processEvents()
    started = sorted(sys.modules)
    ear = Ear(window.studio.engine)
    jobs = [window.studio.engine.submit(recipe(k)) for k in ("text", "image", "audio")]
    until = time.monotonic() + 60
    while not all(ear.done(j) for j in jobs) and time.monotonic() < until:
        app.processEvents()
        time.sleep(0.002)
    for page in ("library", "models", "settings"):
        window.show_page(page)
        app.processEvents()
    window.close()
    window.studio.close()
    done = all(ear.done(j) for j in jobs)
    print(json.dumps({"done": done, "started": started, "worked": sorted(sys.modules)}))
if __name__ == "__main__":
    main()
"""
        path = tmp_path / "lean.py"
        path.write_text(script, "utf-8")
        done = subprocess.run(
            [sys.executable, str(path), str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *_extra_path()])},
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["done"]
        heavy = (
            "torch",
            "diffusers",
            "transformers",
            "onnxruntime",
            "onnxruntime_genai",
            "huggingface_hub",
            "numpy",
            "soundfile",
            "tokenizers",
        )
        assert [m for m in told["worked"] if m.split(".")[0] in heavy] == []
        late = ("PySide6.QtMultimedia", "PySide6.QtNetwork", "psutil")
        assert [m for m in told["started"] if m in late] == []


def _extra_path() -> list[str]:
    return [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
class TestProgram:
    """The program itself, in a process of its own."""

    def start(self, home: Path, *files: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *files],
            env={
                **os.environ,
                "TRIPTYCH_HOME": str(home),
                "QT_QPA_PLATFORM": "offscreen",
                "PYTHONPATH": os.pathsep.join([str(ROOT), *_extra_path()]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def heard(self, process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == word:
                return
        process.wait()
        assert process.stderr is not None
        raise AssertionError(f"it never said {word}: {process.stderr.read()[-2000:]}")

    def test_a_second_start_brings_the_first_to_front(self, tmp_path: Path) -> None:
        first = self.start(tmp_path)
        try:
            self.heard(first, "stands")
            second = self.start(tmp_path, str(tmp_path / "a.png"))
            out, err = second.communicate(timeout=60)
            assert second.returncode == 0, err
            assert "stands" not in out
            self.heard(first, "called a.png")
        finally:
            first.send_signal(signal.SIGTERM)
            _, err = first.communicate(timeout=60)
        assert first.returncode == 0, err

    def test_a_polite_kill_ends_it_cleanly(self, tmp_path: Path) -> None:
        import psutil

        process = self.start(tmp_path)
        self.heard(process, "stands")
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        _gone, left = psutil.wait_procs(children, timeout=10)
        assert left == []
        assert SettingsFile(Paths.below(tmp_path).settings_file).load()[0].window_geometry

    def test_the_hold_of_a_killed_one_is_taken_over(self, tmp_path: Path) -> None:
        first = self.start(tmp_path)
        self.heard(first, "stands")
        first.kill()
        first.communicate(timeout=60)
        second = self.start(tmp_path)
        self.heard(second, "stands")
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=60)
        assert second.returncode == 0

    def test_a_crash_is_told_at_the_next_start(self, tmp_path: Path) -> None:
        crash = Paths.below(tmp_path).logs / "crash.log"
        crash.parent.mkdir(parents=True)
        crash.write_text("Fatal Python error: Segmentation fault\n", "utf-8")
        process = self.start(tmp_path)
        self.heard(process, "notice Triptych ended unexpectedly the last time.")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert "Segmentation" in crash.with_name("crash-before.log").read_text("utf-8")
        assert crash.read_text("utf-8") == ""

    def test_a_folder_that_can_not_be_is_told(self, tmp_path: Path) -> None:
        home = tmp_path / "a file"
        home.write_text("not a folder", "utf-8")
        process = self.start(home)
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        process.communicate(timeout=60)
        assert "cannot be used" in line

    def test_two_folders_are_two_studios(self, tmp_path: Path, qapp: QApplication) -> None:
        one, two = Single(Paths.below(tmp_path / "1")), Single(Paths.below(tmp_path / "2"))
        again = Single(Paths.below(tmp_path / "1"))
        assert one.take()
        assert two.take()
        assert not again.take()
        assert not again.call()  # nobody listens yet
        one.release()
        assert again.take()
        again.release()
        two.release()


PROGRAM = """
import sys
from studio.ui import app

def tell(window, single, files, before=app._after_show):
    before(window, single, files)
    single.called.connect(lambda paths: print("called", *(p.name for p in paths), flush=True))
    print("stands", flush=True)
    for notice in window.studio.notices.shown:
        print("notice", notice.message, flush=True)

app._after_show = tell
sys.exit(app.run(sys.argv[1:]))
"""


def test_faults_has_a_model_that_the_store_takes(paths: Paths) -> None:
    from studio.models import Store

    found = Store([paths.models]).find(faults.MODEL)
    assert found is not None
    assert not found.problem
