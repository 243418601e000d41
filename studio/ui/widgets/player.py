"""Hearing a sound: QtMultimedia behind a small door, loaded late, and honest where it is silent."""

from __future__ import annotations

import logging
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QIODevice, QObject, QTimer, Signal

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QAudioSink, QMediaDevices

TICK_MS = 20
"""How often sound is handed on and the place is told."""
BUFFERED = 0.4
"""Seconds handed on ahead, so that a busy moment of the window is not heard."""
SAMPLE = 2
"""Bytes; everything is played with 16 bits."""

log = logging.getLogger(__name__)


class Player(QObject):
    """Plays one sound file, or one that is still being made: play, pause, seek, loop, volume.

    `available` is False where nothing can be heard, and `reason` says why, for a person.
    """

    # The samples are pushed from here into a QAudioSink. QMediaPlayer ends its own threads while
    # the main thread waits for them holding Python's lock, which they want as well: it hangs.

    changed = Signal()
    """Playing or not, available or not."""
    moved = Signal(int)
    """The place in milliseconds, while it plays."""
    failed = Signal(str)
    """The file could not be played: why, in words for a person."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.available = False
        self.reason = ""
        self._prepared = False
        self._file: Path | None = None
        self._samples: Samples | None = None
        self._loop = False
        self._volume = 0.8
        self._place = 0
        self._from = 0
        """The frame at which the sink was started."""
        self._devices: QMediaDevices | None = None
        self._sink: QAudioSink | None = None
        self._way: QIODevice | None = None
        self._rest = b""
        """Read, but not yet taken by the sink."""
        self._exhausted = False
        """All of the file was handed on."""
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._go_on)

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
        """Load QtMultimedia (some 0.1 s) and look for a sound device; once."""
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
        self._close()
        self._file, self._place = file, 0

    def open_live(self, samples: Growing) -> None:
        """Have a sound ready of which more is to come."""
        self.open(None)
        self._samples = samples

    @property
    def live(self) -> bool:
        """Whether more of what is open may still come."""
        return self._samples is not None and not self._samples.whole

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """From where it is; nothing happens where nothing can be heard."""
        self.prepare()
        silent = self._file is None and self._samples is None
        if not self.available or silent or self.playing:
            return
        try:
            if self._samples is None and self._file is not None:
                self._samples = open_samples(self._file)
        except (OSError, EOFError, ValueError, wave.Error, RuntimeError) as error:
            log.warning("%s cannot be played: %s", self._file, error)
            self.failed.emit(self.tr("This sound cannot be read. Its file may be damaged."))
            return
        if self._samples is not None and self._start(self._samples):
            self._tick.start()
            self.changed.emit()

    def pause(self) -> None:
        if self.playing:
            self._tick.stop()
            self._stop()
            self.changed.emit()

    def seek(self, place: int) -> None:
        """Go to this millisecond."""
        self._place = max(0, place)
        if self.playing and self._samples is not None:
            self._stop()
            if not self._start(self._samples):
                self._tick.stop()
                self.changed.emit()

    def set_loop(self, loop: bool) -> None:
        self._loop = loop

    def set_volume(self, volume: float) -> None:
        """0 to 1, as it is felt; loudness is perceived logarithmically."""
        self._volume = min(1.0, max(0.0, volume))
        if self._sink is not None:
            from PySide6.QtMultimedia import QtAudio

            self._sink.setVolume(
                QtAudio.convertVolume(
                    self._volume,
                    QtAudio.VolumeScale.LogarithmicVolumeScale,
                    QtAudio.VolumeScale.LinearVolumeScale,
                )
            )

    def _start(self, samples: Samples) -> bool:
        """Let the sink play from the place on. Says so where it does not."""
        from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices, QtAudio

        wanted = QAudioFormat()
        wanted.setSampleRate(samples.rate)
        wanted.setChannelCount(samples.channels)
        wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        self._from = min(round(self._place * samples.rate / 1000), samples.frames)
        if self._from >= samples.frames:
            self._from = 0  # from the end it begins again
        samples.seek(self._from)
        self._rest, self._exhausted = b"", False
        self._sink = QAudioSink(QMediaDevices.defaultAudioOutput(), wanted, self)
        self._sink.setBufferSize(round(BUFFERED * samples.rate) * samples.channels * SAMPLE)
        self.set_volume(self._volume)
        self._way = self._sink.start()
        if self._way is None or self._sink.error() != QtAudio.Error.NoError:
            log.warning("the sound device: %s", self._sink.error())
            self._stop()
            self.failed.emit(self.tr("The sound device does not take this sound."))
            return False
        self._fill(samples)
        return True

    def _stop(self) -> None:
        if self._sink is not None:
            self._sink.reset()  # what is buffered is not to be heard any more
            self._sink.deleteLater()
        self._sink = self._way = None

    def _close(self) -> None:
        if self._samples is not None:
            self._samples.close()
            self._samples = None

    def _go_on(self) -> None:
        samples, sink = self._samples, self._sink
        if samples is None or sink is None:
            return
        played = round(sink.processedUSecs() * samples.rate / 1_000_000)
        frame = self._from + played
        ended = samples.whole and (frame >= samples.frames or self._drained(sink))
        if not self._loop and ended:
            self._tick.stop()
            self._stop()
            self._place = 0
            self.moved.emit(0)
            self.changed.emit()
            return
        within = frame % max(1, samples.frames) if samples.whole else frame
        self._place = round(within * 1000 / samples.rate)
        self.moved.emit(self._place)
        self._fill(samples)

    def _drained(self, sink: QAudioSink) -> bool:
        """All was handed on, and the device has nothing more to play."""
        from PySide6.QtMultimedia import QtAudio

        return self._exhausted and sink.state() == QtAudio.State.IdleState

    def _fill(self, samples: Samples) -> None:
        """Hand on as much as the sink takes."""
        if self._sink is None or self._way is None:
            return
        free = self._sink.bytesFree()
        step = samples.channels * SAMPLE
        while free >= step:
            if not self._rest:
                self._rest = samples.read(free // step)
                if not self._rest and self._loop and samples.whole and samples.frames:
                    samples.seek(0)
                    self._rest = samples.read(free // step)
                if not self._rest:
                    self._exhausted = samples.whole
                    return
            taken = int(self._way.write(self._rest[:free]))
            if taken <= 0:
                return
            self._rest = self._rest[taken:]
            free -= taken

    def _look(self) -> None:
        from PySide6.QtMultimedia import QMediaDevices

        device = QMediaDevices.defaultAudioOutput()
        self.available = not device.isNull()
        self.reason = (
            "" if self.available else self.tr("This computer has no sound output to play it on.")
        )
        if self.playing:
            if self.available:
                self.seek(self._place)  # follow to what was plugged in
            else:
                self.pause()
        self.changed.emit()


class Samples(Protocol):
    """A sound file as frames of 16-bit samples, channels interleaved."""

    rate: int
    channels: int
    whole: bool
    """No more frames will come than there are."""

    @property
    def frames(self) -> int: ...

    def read(self, frames: int) -> bytes: ...
    def seek(self, frame: int) -> None: ...
    def close(self) -> None: ...


class Growing:
    """Frames of one channel as they are made, all of them kept for who seeks back."""

    channels = 1

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.whole = False
        self._data = bytearray()
        self._at = 0

    @property
    def frames(self) -> int:
        return len(self._data) // SAMPLE

    def push(self, data: bytes) -> None:
        """More of it."""
        self._data += data

    def read(self, frames: int) -> bytes:
        part = bytes(self._data[self._at : self._at + frames * SAMPLE])
        self._at += len(part) // SAMPLE * SAMPLE
        return part[: len(part) // SAMPLE * SAMPLE]

    def seek(self, frame: int) -> None:
        self._at = frame * SAMPLE

    def close(self) -> None:
        self.whole = True


class _Wave:
    """A WAV file with 16 bits, read as it is."""

    whole = True

    def __init__(self, file: Path) -> None:
        self._file = wave.Wave_read(str(file))
        if self._file.getsampwidth() != SAMPLE:
            self._file.close()
            raise wave.Error("not 16 bits")
        self.rate = self._file.getframerate()
        self.channels = self._file.getnchannels()
        self.frames = self._file.getnframes()

    def read(self, frames: int) -> bytes:
        return self._file.readframes(frames)

    def seek(self, frame: int) -> None:
        self._file.setpos(frame)

    def close(self) -> None:
        self._file.close()


class _Decoded:
    """Any file that libsndfile reads."""

    whole = True

    def __init__(self, file: Path) -> None:
        import soundfile  # 0.1 s: only for what is no plain WAV

        self._file = soundfile.SoundFile(str(file))
        self.rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames = int(self._file.frames)

    def read(self, frames: int) -> bytes:
        return bytes(self._file.read(frames, dtype="int16", always_2d=True).tobytes())

    def seek(self, frame: int) -> None:
        self._file.seek(frame)

    def close(self) -> None:
        self._file.close()


def open_samples(file: Path) -> Samples:
    """The samples of a sound file.

    Raises OSError, and what the decoders raise for what is no sound (ValueError, EOFError,
    wave.Error, RuntimeError).
    """
    try:
        return _Wave(file)
    except (wave.Error, EOFError):
        return _Decoded(file)
