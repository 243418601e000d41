"""Parts on a stage made into finished stereo sound, block by block."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from studio.engine.audio import loudness
from studio.engine.audio.drums import Drums, Kit
from studio.engine.audio.instruments import INSTRUMENTS, Instrument
from studio.engine.audio.room import reverb
from studio.engine.audio.signal import BLOCK, HOP, RATE, Floats, Floats32, Stereo, gain, rise
from studio.engine.audio.strings import Notes, Strings
from studio.engine.audio.voices import Singer, Voice

TAIL = 2.4
"""Seconds of ringing and room after the last note has ended, the last half of them faded out."""
PEAKS = 200
"""So many peaks show the whole sound."""


@dataclass(frozen=True, slots=True)
class Sounding:
    """One note as it is really played."""

    start: float
    """Seconds, as the next one."""
    end: float
    midi: int
    velocity: float
    """0 to 1."""
    slurred: bool = False
    """Drawn over from the note before without a new attack, where the instrument can."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one player plays, and where on the stage."""

    instrument: str
    notes: tuple[Sounding, ...]
    """In order of their starts."""
    pan: float = 0.0
    """-1 left to 1 right."""
    level: float = 0.0
    """dB."""


class Mixer:
    """Plays all parts together in a room. Iterate over it once; then `finish`."""

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        last = max((note.end for part in parts for note in part.notes), default=0.0)
        self.seconds = last + TAIL
        """Length of the whole."""
        self._samples = math.ceil(self.seconds * RATE)
        self._blocks = max(1, -(-self._samples // BLOCK))
        self._mix = np.zeros((self._blocks * BLOCK, 2), dtype=np.float32)
        self._send = np.zeros(self._blocks * BLOCK, dtype=np.float32)
        self._room = reverb()
        self._meter = loudness.Meter()
        self._players: list[_Player] = []
        notes: dict[str, Notes] = {}
        for number, part in enumerate(parts):
            instrument = INSTRUMENTS[part.instrument]
            place = _Place(instrument, part)
            random = np.random.Generator(np.random.PCG64((seed, number)))
            if isinstance(instrument.model, Drums):
                self._players.append(_Plucker(place, Kit(instrument.model), part.notes))
            elif isinstance(instrument.model, Strings):
                made = notes.setdefault(part.instrument, Notes(instrument.model))
                self._players.append(_Plucker(place, made, part.notes))
            else:
                length = self._blocks * BLOCK / RATE
                singers = [
                    Singer(instrument.model, line, length, random) for line in _lines(part.notes)
                ]
                self._players.append(_Choir(place, instrument.model, singers))

    @property
    def blocks(self) -> int:
        """How many blocks iterating gives."""
        return self._blocks

    def __iter__(self) -> Iterator[Stereo]:
        """The sound block by block, (BLOCK, 2), before its final level."""
        for number in range(self._blocks):
            start = number * BLOCK
            for player in self._players:
                player.play(start, self._mix, self._send)
            here = slice(start, start + BLOCK)
            wet = self._room(self._send[None, here].astype(np.float64))
            block = self._mix[here] + wet.T
            self._mix[here] = block * self._fade(start)[:, None]
            self._meter.hear(self._mix[here].astype(np.float64))
            yield block

    def _fade(self, start: int) -> Floats:
        """The fade-out at the very end, for the block that begins at `start`."""
        length = int(TAIL / 2 * RATE)
        place = np.arange(start, start + BLOCK) - (self._samples - length)
        return np.where(place < 0, 1.0, rise(length)[::-1][np.clip(place, 0, length - 1)]) * (
            place < length
        )

    def finish(self) -> npt.NDArray[np.int16]:
        """The finished sound at its final level, (samples, 2), 16 bits."""
        levels = loudness.levels(self._meter.energy, self._mix)
        result = np.empty((self._blocks * BLOCK, 2), dtype=np.int16)
        ramp = np.arange(HOP) / HOP
        for start in range(0, len(result), BLOCK):
            first = start // HOP
            knots = levels[first : first + BLOCK // HOP + 1]
            curve = (knots[:-1, None] + np.diff(knots)[:, None] * ramp).reshape(-1, 1)
            block = self._mix[start : start + BLOCK] * curve
            result[start : start + BLOCK] = np.clip(np.rint(block * 32767.0), -32768, 32767)
        return result[: self._samples]


class _Place:
    """Where a part stands: its gains left and right and into the room."""

    def __init__(self, instrument: Instrument, part: Part) -> None:
        level = gain(instrument.level + part.level)
        angle = (part.pan + 1.0) * math.pi / 4.0  # equal power
        self.sides = np.array([math.cos(angle), math.sin(angle)]) * level * math.sqrt(2.0)
        self.send = level * gain(instrument.room)

    def put(self, sound: Floats, start: int, mix: Floats32, send: Floats32) -> None:
        end = min(len(mix), start + len(sound))
        sound = sound[: end - start]
        mix[start:end] += sound[:, None] * self.sides
        send[start:end] += sound * self.send


class _Player:
    """Adds what sounds from one block on to the mix and to what goes into the room."""

    def play(self, start: int, mix: Floats32, send: Floats32) -> None:
        raise NotImplementedError


class _Plucker(_Player):
    """Plays strings and drums: each note is added whole when it begins."""

    def __init__(self, place: _Place, made: Notes | Kit, notes: Sequence[Sounding]) -> None:
        self._place, self._made, self._notes = place, made, notes
        self._next = 0

    def play(self, start: int, mix: Floats32, send: Floats32) -> None:
        while self._next < len(self._notes):
            note = self._notes[self._next]
            at = int(note.start * RATE)
            if at >= start + BLOCK:
                break
            sound = self._made.touch(note.midi, note.velocity, note.end - note.start)
            self._place.put(sound, max(at, start), mix, send)
            self._next += 1


class _Choir(_Player):
    """Plays voices: every line of them sings on through the block."""

    def __init__(self, place: _Place, model: Voice, singers: Sequence[Singer]) -> None:
        self._place, self._model, self._singers = place, model, singers

    def play(self, start: int, mix: Floats32, send: Floats32) -> None:
        for singer in self._singers:
            self._place.put(singer.sing(start, BLOCK), start, mix, send)


def _lines(notes: Sequence[Sounding]) -> list[list[Sounding]]:
    """Notes dealt out to as few lines as hold no two at once."""
    lines: list[list[Sounding]] = []
    for note in notes:
        free = (line for line in lines if line[-1].end <= note.start + 1e-6)
        line = next(free, None)
        if line is None:
            lines.append([note])
        else:
            line.append(note)
    return lines


def to_wav(samples: npt.NDArray[np.int16]) -> bytes:
    """A RIFF WAVE file of 16-bit stereo samples (n, 2)."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()


def peaks(samples: npt.NDArray[np.generic], count: int, full_scale: float) -> bytes:
    """The greatest absolute value in each of `count` equal parts of a sound (n, 2), 0 to 255."""
    edges = np.linspace(0, len(samples), count + 1).astype(int)
    loudest = [
        float(np.abs(samples[a:b].astype(np.float64)).max(initial=0.0)) for a, b in pairwise(edges)
    ]
    return bytes(min(255, round(255.0 * value / full_scale)) for value in loudest)
