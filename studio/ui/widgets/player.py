"""Hearing a sound: QtMultimedia behind a small door, loaded late, and honest where it is silent."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, QUrl, Signal

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioOutput, QMediaDevices, QMediaPlayer

TICK_MS = 33
"""How often the place is told while it plays; the player itself tells it too rarely to look at."""

log = logging.getLogger(__name__)


class Player(QObject):
    """Plays one sound file: play, pause, seek, loop, volume.

    `available` is False where nothing can be heard, and `reason` says why, for a person.
    """

    changed = Signal()
    """Playing or not, available or not."""
    moved = Signal(int)
    """The place in milliseconds, while it plays."""
    failed = Signal(str)
    """The file could not be played: why, as far as the system tells."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.available = False
        self.reason = ""
        self._prepared = False
        self._file: Path | None = None
        self._loop = False
        self._volume = 0.8
        self._place = 0
        self._devices: QMediaDevices | None = None
        self._player: QMediaPlayer | None = None
        self._output: QAudioOutput | None = None
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._told)

    @property
    def playing(self) -> bool:
        return self._tick.isActive()

    @property
    def loop(self) -> bool:
        return self._loop

    @property
    def volume(self) -> float:
        """0 to 1, as it is felt."""
        return self._volume

    @property
    def place(self) -> int:
        """In milliseconds."""
        return self._place

    def prepare(self) -> None:
        """Load QtMultimedia (some 0.2 s) and look for a sound device; once."""
        if self._prepared:
            return
        self._prepared = True
        try:
            from PySide6.QtMultimedia import QMediaDevices
        except ImportError as error:  # its system libraries may be missing
            log.warning("QtMultimedia: %s", error)
            self.reason = self.tr("Sound cannot be played: a system library is missing.")
            self.changed.emit()
            return
        self._devices = QMediaDevices(self)
        self._devices.audioOutputsChanged.connect(self._look)
        self._look()

    def open(self, file: Path | None) -> None:
        """Have this file ready, at its beginning."""
        self.pause()
        self._file, self._place = file, 0
        if self._player is not None:
            self._player.setSource(QUrl.fromLocalFile(str(file)) if file else QUrl())

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """From where it is; nothing happens where nothing can be heard."""
        self.prepare()
        if not self.available or self._file is None:
            return
        player = self._ready()
        player.setPosition(self._place)
        player.play()
        self._tick.start()
        self.changed.emit()

    def pause(self) -> None:
        if self._player is not None:
            self._player.pause()
        if self._tick.isActive():
            self._tick.stop()
            self.changed.emit()

    def seek(self, place: int) -> None:
        """Go to this millisecond."""
        self._place = max(0, place)
        if self._player is not None:
            self._player.setPosition(self._place)

    def set_loop(self, loop: bool) -> None:
        self._loop = loop
        if self._player is not None:
            self._player.setLoops(-1 if loop else 1)

    def set_volume(self, volume: float) -> None:
        """0 to 1, as it is felt; loudness is perceived logarithmically."""
        self._volume = min(1.0, max(0.0, volume))
        if self._output is not None:
            from PySide6.QtMultimedia import QtAudio

            self._output.setVolume(
                QtAudio.convertVolume(
                    self._volume,
                    QtAudio.VolumeScale.LogarithmicVolumeScale,
                    QtAudio.VolumeScale.LinearVolumeScale,
                )
            )

    def _ready(self) -> QMediaPlayer:
        if self._player is None:
            from PySide6.QtMultimedia import QAudioOutput, QMediaPlayer

            self._output = QAudioOutput(self)
            self._player = QMediaPlayer(self)
            self._player.setAudioOutput(self._output)
            self._player.errorOccurred.connect(self._broken)
            self._player.mediaStatusChanged.connect(self._status)
            self.set_volume(self._volume)
            self.set_loop(self._loop)
            if self._file is not None:
                self._player.setSource(QUrl.fromLocalFile(str(self._file)))
        return self._player

    def _look(self) -> None:
        from PySide6.QtMultimedia import QMediaDevices

        device = QMediaDevices.defaultAudioOutput()
        self.available = not device.isNull()
        self.reason = (
            "" if self.available else self.tr("This computer has no sound output to play it on.")
        )
        if self.available and self._output is not None:
            self._output.setDevice(device)  # follow what was plugged in
        if not self.available:
            self.pause()
        self.changed.emit()

    def _told(self) -> None:
        if self._player is not None:
            self._place = self._player.position()
            self.moved.emit(self._place)

    def _status(self, status: QMediaPlayer.MediaStatus) -> None:
        if status == status.EndOfMedia and self.playing:
            self._tick.stop()
            self._place = 0
            self.moved.emit(0)
            self.changed.emit()

    def _broken(self, error: QMediaPlayer.Error, text: str) -> None:
        self._tick.stop()
        log.warning("player: %s %s", error, text)
        self.changed.emit()
        self.failed.emit(text)
