"""The sound pane, driven as a person drives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtMultimedia import QMediaDevices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from studio.core import media
from studio.core.paths import Paths
from studio.ui.panes.audio import AudioPane
from studio.ui.widgets.emptystate import ExampleButton
from studio.ui.widgets.waveform import clock
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


@pytest.fixture
def window(dressed: QApplication, paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    window = open_window(paths, qtbot)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def pane(window: Window, qtbot: QtBot) -> AudioPane:
    pane = window.create_page.panes["audio"]
    assert isinstance(pane, AudioPane)
    warm(pane, qtbot)
    return pane


def test_the_waveform_is_drawn_as_the_sound_is_made(pane: AudioPane, qtbot: QtBot) -> None:
    write(qtbot, pane, "The Mouse")
    pane.composer.set_values({"length": 12, "pace": 0.05, "tune": "reel"})
    click(qtbot, pane.composer.button)
    seen: list[int] = []

    def watching() -> bool:
        if pane.view == "live":
            seen.append(len(pane.waveform.peaks))
        return pane.view == "items"

    until(qtbot, watching)
    assert len(set(seen)) > 3
    assert seen == sorted(seen)
    assert pane.waveform.maximum() == 12_000
    assert pane.waveform.peaks == items(pane)[0].summary["peaks"]
    assert find(pane, QLabel, "sound-title").text() == "The Mouse"
    assert find(pane, QLabel, "sound-about").text() == "Reel"


def test_settings_alone_are_enough(pane: AudioPane, qtbot: QtBot) -> None:
    combo = find(pane, QComboBox, "tune")
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    with qtbot.waitSignal(pane.follower.finished, timeout=20_000):
        click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.view == "items")
    assert items(pane)[0].recipe.values["tune"] == "reel"


def test_an_example_is_made_at_a_click(pane: AudioPane, qtbot: QtBot) -> None:
    click(qtbot, pane.empty.findChildren(ExampleButton)[2])
    until(qtbot, lambda: pane.view == "items")
    assert pane.waveform.maximum() == 2000


def test_one_goes_about_in_it_by_mouse_and_keys(pane: AudioPane, qtbot: QtBot) -> None:
    make(qtbot, pane, "The Mouse", length=10)
    wave = pane.waveform
    at = QPoint(wave.width() // 2, wave.height() // 2)
    QTest.mouseClick(wave, Qt.MouseButton.LeftButton, pos=at)
    assert wave.value() == pytest.approx(5000, abs=100)
    assert pane.player.place == wave.value()
    before = wave.value()
    QTest.keyClick(wave, Qt.Key.Key_Right)
    assert wave.value() == before + 1000
    assert find(pane, QLabel, "place").text() == f"{clock(wave.value() / 1000)} / 0:10"


def test_without_a_sound_device_everything_but_hearing_works(pane: AudioPane, qtbot: QtBot) -> None:
    pane.player.prepare()
    if not QMediaDevices.defaultAudioOutput().isNull():
        pytest.skip("this machine has a sound device")
    make(qtbot, pane, "The Mouse")
    play = find(pane, QToolButton, "play")
    reason = find(pane, QLabel, "reason")
    until(qtbot, reason.isVisible)
    assert "no sound output" in reason.text()
    assert not play.isEnabled()
    QTest.keyClick(pane.waveform, Qt.Key.Key_Space)
    assert not pane.player.playing
    assert find(pane, QToolButton, "save").isEnabled()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mid", ".abc"])
def test_it_is_saved_in_every_format(
    pane: AudioPane, qtbot: QtBot, tmp_path: Path, suffix: str
) -> None:
    item = make(qtbot, pane, "The Mouse")
    target = tmp_path / f"mouse{suffix}"
    choose(qtbot, find(pane, QToolButton, "save"), "save-" + suffix[1:])
    answer_save(qtbot, pane, str(target))
    until(qtbot, target.is_file)
    assert media.extract(target).recipe == item.recipe


def test_the_notes_are_copied(pane: AudioPane, qtbot: QtBot) -> None:
    make(qtbot, pane, "The Mouse")
    click(qtbot, find(pane, QToolButton, "copy"))
    until(qtbot, lambda: "ABc def|" in QApplication.clipboard().text())


def test_again_and_the_history(pane: AudioPane, qtbot: QtBot) -> None:
    first = make(qtbot, pane, "The Mouse")
    click(qtbot, find(pane, QPushButton, "again"))
    until(qtbot, lambda: len(items(pane)) == 2 and not pane.busy)
    assert items(pane)[0].recipe.seed != first.recipe.seed
    until(qtbot, lambda: len(pane.history.items) == 2)
    QTest.mouseClick(
        pane.history.viewport(),
        Qt.MouseButton.LeftButton,
        pos=pane.history.rect_of(first.id).center(),
    )
    until(qtbot, lambda: pane.current() == first)


def test_stop(pane: AudioPane, qtbot: QtBot) -> None:
    write(qtbot, pane, "The Mouse")
    pane.composer.set_values({"length": 60, "pace": 0.2})
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: pane.view == "live" and bool(pane.waveform.peaks))
    click(qtbot, pane.composer.button)
    until(qtbot, lambda: not pane.busy)
    assert pane.view == "empty"
    assert items(pane) == []


def test_a_tune_is_written_about(pane: AudioPane, window: Window, qtbot: QtBot) -> None:
    make(qtbot, pane, "The Mouse")
    choose(qtbot, find(pane, QToolButton, "send"), "send-text")
    other = window.create_page.panes["text"]
    until(qtbot, lambda: other.composer.prompt.text() == "The Mouse")  # type: ignore[attr-defined]
