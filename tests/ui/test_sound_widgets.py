"""The waveform, the player and what steers it."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtMultimedia import QMediaDevices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.ui import theme
from studio.ui.widgets.player import Player, open_samples
from studio.ui.widgets.transport import Transport
from studio.ui.widgets.waveform import Waveform, clock

PEAKS = bytes(range(50, 250))


@pytest.fixture
def waveform(dressed: QApplication, qtbot: QtBot) -> Waveform:
    waveform = Waveform()
    qtbot.addWidget(waveform)
    waveform.resize(404, 120)
    waveform.show()
    waveform.activateWindow()
    waveform.setFocus()
    qtbot.waitUntil(waveform.hasFocus)
    return waveform


def inked(waveform: Waveform, x: int, token: str) -> bool:
    """Whether the colour of a token stands in a column of pixels, or close to it."""
    image = waveform.grab().toImage()
    wanted = QColor(getattr(theme.tokens(), token))
    return any(
        image.pixelColor(column, y) == wanted
        for column in range(x, x + 5)
        for y in range(image.height())
    )


def test_it_grows_while_the_sound_is_made(waveform: Waveform) -> None:
    waveform.begin()
    waveform.append(PEAKS[:50], 50.0, 4.0)
    assert waveform.seconds == 4.0
    assert inked(waveform, 50, "accent")  # a quarter is made
    assert not inked(waveform, 300, "accent")
    waveform.append(PEAKS[50:], 50.0, 4.0)
    assert inked(waveform, 300, "accent")
    assert waveform.peaks == PEAKS


def test_a_sound_longer_than_expected_is_told_as_it_is(waveform: Waveform) -> None:
    waveform.begin()
    waveform.append(PEAKS, 50.0, 2.0)
    assert waveform.seconds == 4.0


def test_clicks_and_drags_seek(waveform: Waveform, qtbot: QtBot) -> None:
    waveform.set_sound(PEAKS, 10.0)
    with qtbot.waitSignal(waveform.sought) as sought:
        QTest.mouseClick(waveform, Qt.MouseButton.LeftButton, pos=QPoint(202, 60))
    assert sought.args == [5000]
    assert waveform.value() == 5000
    QTest.mousePress(waveform, Qt.MouseButton.LeftButton, pos=QPoint(202, 60))
    QTest.mouseMove(waveform, QPoint(302, 60))
    QTest.mouseRelease(waveform, Qt.MouseButton.LeftButton, pos=QPoint(302, 60))
    assert waveform.value() == 7500
    assert inked(waveform, 100, "accent")
    assert inked(waveform, 350, "control")


def test_keys_seek(waveform: Waveform, qtbot: QtBot) -> None:
    waveform.set_sound(PEAKS, 10.0)
    places: list[int] = []
    waveform.sought.connect(places.append)
    QTest.keyClick(waveform, Qt.Key.Key_Right)
    QTest.keyClick(waveform, Qt.Key.Key_PageUp)
    QTest.keyClick(waveform, Qt.Key.Key_Left)
    QTest.keyClick(waveform, Qt.Key.Key_End)
    QTest.keyClick(waveform, Qt.Key.Key_Home)
    assert places == [1000, 6000, 5000, 10_000, 0]


def test_nobody_seeks_in_what_is_still_made(waveform: Waveform, qtbot: QtBot) -> None:
    waveform.begin()
    waveform.append(PEAKS, 50.0, 10.0)
    with qtbot.assertNotEmitted(waveform.sought):
        QTest.mouseClick(waveform, Qt.MouseButton.LeftButton, pos=QPoint(202, 60))


def test_the_clock() -> None:
    assert [clock(s) for s in (0, 9.99, 61.5, 600)] == ["0:00", "0:09", "1:01", "10:00"]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "tone.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16_000 * 2))
    return file


def test_samples_of_plain_and_of_packed_files(sound: Path, tmp_path: Path) -> None:
    packed = tmp_path / "tone.flac"
    steps = [(n % 200) * 100 for n in range(1000)]
    soundfile.write(str(packed), np.array([(s, -s) for s in steps], dtype=np.int16), 8000)
    samples = open_samples(packed)
    assert (samples.rate, samples.channels, samples.frames) == (8000, 2, 1000)
    samples.seek(250)
    assert samples.read(2) == struct.pack("<4h", 5000, -5000, 5100, -5100)
    samples.seek(999)
    assert len(samples.read(50)) == 4
    assert samples.read(50) == b""
    samples.close()
    plain = open_samples(sound)
    assert (plain.rate, plain.channels, plain.frames) == (8000, 1, 16_000)
    plain.seek(15_999)
    assert len(plain.read(50)) == 2
    plain.close()


def test_what_is_no_sound_is_told(dressed: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    player = Player()
    player.prepare()
    player.available = True  # the file is opened before any device is asked
    for data in (b"", b"no sound", b"RIFF\x04\0\0\0WAVE"):
        broken = tmp_path / "broken.wav"
        broken.write_bytes(data)
        player.open(broken)
        with qtbot.waitSignal(player.failed) as told:
            player.play()
        assert "damaged" in told.args[0]
        assert not player.playing


def test_without_a_sound_device_it_says_why(
    dressed: QApplication, qtbot: QtBot, sound: Path, waveform: Waveform
) -> None:
    if not QMediaDevices.defaultAudioOutput().isNull():
        pytest.skip("this machine has a sound device")
    player = Player()
    transport = Transport(player, waveform)
    qtbot.addWidget(transport)
    transport.show()
    player.prepare()
    player.open(sound)
    waveform.set_sound(PEAKS, 2.0)
    transport.refresh()
    assert not transport.play.isEnabled()
    assert transport.reason.isVisible()
    assert "sound" in transport.reason.text()
    player.play()
    assert not player.playing
    # Everything but hearing goes on.
    QTest.mouseClick(waveform, Qt.MouseButton.LeftButton, pos=QPoint(202, 60))
    assert waveform.value() == 1000
    assert player.place == 1000
    assert transport.place.text() == "0:01 / 0:02"


class Heard(Player):
    """A player whose ear is a list: for machines that have no sound device."""

    def __init__(self) -> None:
        super().__init__()
        self.available = True
        self.told: list[str] = []

    def prepare(self) -> None:
        """There is nothing to look for."""

    def toggle(self) -> None:
        self.told.append("toggle")

    def seek(self, place: int) -> None:
        super().seek(place)
        self.told.append(f"seek {place}")


def test_the_buttons_steer_the_player(qtbot: QtBot, waveform: Waveform) -> None:
    player = Heard()
    transport = Transport(player, waveform)
    qtbot.addWidget(transport)
    transport.show()
    waveform.set_sound(PEAKS, 10.0)
    transport.refresh()
    assert transport.play.isEnabled()
    assert not transport.reason.isVisible()
    QTest.mouseClick(transport.play, Qt.MouseButton.LeftButton)
    QTest.keyClick(waveform, Qt.Key.Key_Space)
    QTest.keyClick(waveform, Qt.Key.Key_Right)
    assert player.told == ["toggle", "toggle", "seek 1000"]
    QTest.mouseClick(transport.repeat, Qt.MouseButton.LeftButton)
    assert player.loop
    transport.volume.setFocus()
    QTest.keyClick(transport.volume, Qt.Key.Key_Home)
    assert player.volume == 0
    QTest.mouseClick(transport.mute, Qt.MouseButton.LeftButton)
    assert player.volume > 0
    player.moved.emit(4000)
    assert waveform.value() == 4000
    assert transport.place.text() == "0:04 / 0:10"
