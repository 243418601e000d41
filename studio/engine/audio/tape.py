"""Speech put together: sentences trimmed and joined without clicks, levelled as one sound.

Mono, at the sample rate of the voice. What is added comes back as soon as it is settled, so that it
can be heard while the rest is made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.engine.audio import loudness
from studio.engine.audio.signal import BLOCK, HOP, RATE, rise
from studio.engine.audio.waves import resample

Samples = npt.NDArray[np.float32]

_QUIET = 0.006
"""Below this share of the loudest so far (-44 dB) the ends of a sentence are silence."""
_LEAST = 0.05
"""What the loudest so far is taken for at least, while little was heard."""
_FRAME, _HEAD, _TAIL, _FADE_IN, _FADE_OUT = 0.005, 0.02, 0.07, 0.004, 0.012
"""Seconds: of one look at the level, of silence kept before and after a sentence, of the fades."""


class Tape:
    """Takes sentences piece by piece; in the end gives all of them as one sound."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._parts: list[Samples] = []
        self._length = 0
        self._loudest = _LEAST
        self._held = np.zeros(0, np.float32)
        self._begun = False
        self._meter = loudness.Meter()
        self._unheard = np.zeros((0, 2))
        self._unmetered: list[Samples] = []

    @property
    def seconds(self) -> float:
        return self._length / self.rate

    @property
    def waiting(self) -> bool:
        """Something of a sentence was added that is not closed yet."""
        return self._begun or len(self._held) > 0

    def add(self, piece: Samples) -> Samples:
        """The next piece of a sentence; gives what of it (and of those before) is settled.

        Raises ValueError where it holds something that is no number.
        """
        if not np.isfinite(piece).all():
            raise ValueError("not a number")
        self._loudest = max(self._loudest, float(np.abs(piece).max(initial=0.0)))
        held = np.concatenate([self._held, piece])
        loud = self._loud(held)
        if not len(loud):
            self._held = held
            return held[:0]
        frame = self._count(_FRAME)
        if not self._begun:
            start = max(0, int(loud[0]) * frame - self._count(_HEAD))
            held = held[start:].copy()
            fade = min(self._count(_FADE_IN), len(held))
            held[:fade] *= rise(fade).astype(np.float32)
            loud -= start // frame
            self._begun = True
        end = min((int(loud[-1]) + 1) * frame, len(held) - self._count(_FADE_OUT))
        end = max(0, end)
        self._held = held[end:]
        return self._keep(held[:end])

    def close(self, pause: float) -> Samples:
        """The end of a sentence and `pause` seconds of silence; gives what was not given before."""
        tail = self._held
        if self._begun:
            tail = tail[: max(self._count(_TAIL), self._count(_FADE_OUT))].copy()
        fade = min(self._count(_FADE_OUT), len(tail))
        if fade:
            tail = tail.copy()
            tail[-fade:] *= rise(fade)[::-1].astype(np.float32)
        self._held, self._begun = np.zeros(0, np.float32), False
        silence = np.zeros(self._count(pause), np.float32)
        given = self._keep(np.concatenate([tail, silence]))
        self._listen()
        return given

    def finish(self) -> npt.NDArray[np.int16]:
        """All of it at the loudness that the studio's sounds have, peaks limited: (n, 1)."""
        samples = np.concatenate([*self._parts, np.zeros(0, np.float32)])[:, None]
        self._hear(np.zeros((-len(self._unheard) % BLOCK, 2)))
        segments = max(1, math.ceil(len(samples) * 10 / self.rate))
        padded = np.pad(samples, ((0, -len(samples) % HOP), (0, 0)))
        levels = loudness.levels(
            self._meter.energy[:segments], np.repeat(padded, 2, axis=1), self.rate
        )
        for start in range(0, len(samples), BLOCK):
            part = samples[start : start + BLOCK]
            places = (np.arange(len(part)) + start) / HOP
            part *= np.interp(places, np.arange(len(levels)), levels)[:, None].astype(np.float32)
        return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)

    def _count(self, seconds: float) -> int:
        return round(seconds * self.rate)

    def _loud(self, samples: Samples) -> Any:
        """The frames of a sound that are not silence."""
        frame = self._count(_FRAME)
        padded = np.pad(np.abs(samples), (0, -len(samples) % frame))
        return np.flatnonzero(padded.reshape(-1, frame).max(axis=1) > self._loudest * _QUIET)

    def _keep(self, samples: Samples) -> Samples:
        if len(samples):
            self._parts.append(samples)
            self._unmetered.append(samples)
            self._length += len(samples)
        return samples

    def _listen(self) -> None:
        """Let the meter hear a whole sentence; it hears stereo, as this will be heard."""
        if self._unmetered:
            heard = resample(np.concatenate(self._unmetered)[:, None], self.rate, RATE)
            self._unmetered = []
            self._hear(np.repeat(heard, 2, axis=1).astype(np.float64))

    def _hear(self, samples: npt.NDArray[np.float64]) -> None:
        heard = np.concatenate([self._unheard, samples])
        whole = len(heard) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            self._meter.hear(heard[start : start + BLOCK])
        self._unheard = heard[whole:]
