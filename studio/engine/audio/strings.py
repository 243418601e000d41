"""Plucked and struck instruments as sums of damped partials (modal synthesis).

A stiff string sounds in partials k·f0·√(1+B·k²), each dying away at a rate that grows with its
frequency (Bensa, Bilbao, Kronland-Martinet and Smith, "The simulation of piano string vibration",
JASA 114, 2003). Where it is plucked or struck decides how strong each is at the start: sin(kπβ)/k
for a place β (Fletcher and Rossing, The Physics of Musical Instruments, chapter 2). What is wide or
soft (a fingertip, a felt hammer) takes the high partials away, and the body colours them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from studio.engine.audio.signal import RATE, Floats, Floats32, gain, rise, semitones_to_hz

_COLUMNS = 512
_LONGEST = 4.5
"""Seconds; what rings longer is faded out by then."""
_HIGHEST = 15_000.0
"""In Hz: partials above it are not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """The physics of one plucked or struck instrument."""

    place: float
    """Where the string is plucked or struck, as a part of its length."""
    ring: float
    """Seconds in which the fundamental at 220 Hz dies away by 60 dB."""
    ring_slope: float = 0.6
    """The ring shortens with the pitch: by this power of the frequency."""
    damping: float = 0.25
    """How much faster a partial at 1 kHz dies away than a very low one; it grows as f²."""
    soft: float = 1500.0
    hard: float = 4000.0
    """In Hz: where the softest and the hardest touch begin to lose partials."""
    roll: float = 1.0
    """How steep that loss is."""
    stiffness: float = 0.0
    """The inharmonicity B at 220 Hz; it grows as f²."""
    choir: tuple[float, ...] = (0.0,)
    """Detuning in cents of the strings, or directions of vibration, that sound together."""
    ratios: tuple[tuple[float, float, float], ...] = ()
    """For bars in place of strings: (frequency ratio, level in dB, ring in seconds at 220 Hz)."""
    body: tuple[tuple[float, float, float], ...] = ()
    """Resonances of the body: (Hz, dB, width in octaves)."""
    knock: tuple[tuple[float, float, float], ...] = ()
    """The body's own sound when it is knocked: (Hz, dB, ring in seconds)."""
    attack: float = 0.002
    """Seconds."""
    release: float = 0.25
    """Seconds in which a damped note dies away by 60 dB; 0 leaves it ringing."""


def body_gain(frequency: Floats, resonances: tuple[tuple[float, float, float], ...]) -> Floats:
    """The amplitude factor of a body at frequencies in Hz: bumps of some dB on a log scale."""
    level = np.zeros_like(frequency)
    octave = np.log2(np.maximum(frequency, 1.0))
    for centre, decibels, width in resonances:
        level += decibels * np.exp(-0.5 * ((octave - math.log2(centre)) / width) ** 2)
    return np.asarray(10.0 ** (level / 20.0))


def pluck(model: Strings, midi: int, hard: bool) -> Floats:
    """One undamped note as the softest or the hardest touch makes it, mono, evenly loud."""
    f0 = float(semitones_to_hz(midi))
    frequency, rate, level = _bars(model, f0) if model.ratios else _strings(model, f0, hard)
    count = len(model.choir)
    detune = 2.0 ** (np.repeat(np.array(model.choir), len(frequency)) / 1200.0)
    frequency, rate = np.tile(frequency, count) * detune, np.tile(rate, count)
    # The strings of a choir pass their energy to the bridge at different speeds: two-stage decay
    # (Weinreich, "Coupled piano strings", JASA 62, 1977).
    rate = rate * np.repeat(1.0 + 0.55 * np.arange(count), len(level))
    level = np.tile(level, count)
    if model.body:
        level = level * body_gain(frequency, model.body)
    level = level * np.clip((_HIGHEST - frequency) / 3000.0, 0.0, 1.0)
    if model.knock:
        hz, decibels, ring = (np.array(column) for column in zip(*model.knock, strict=True))
        strength = float(np.sqrt(np.sum(level**2))) * (1.0 if hard else 0.5)
        frequency = np.concatenate([frequency, hz])
        rate = np.concatenate([rate, math.log(1000.0) / ring])
        level = np.concatenate([level, strength * 10.0 ** (decibels / 20.0)])
    seconds = min(_LONGEST, float(np.max(math.log(1000.0) / rate)))
    samples = damped(frequency, rate, level, seconds)
    start = int(model.attack * RATE)
    samples[:start] *= rise(start)
    fade = len(samples) // 4
    samples[-fade:] *= rise(fade)[::-1]
    early = samples[: RATE // 4]
    return np.asarray(samples * (0.1 / math.sqrt(float(np.mean(early**2)) + 1e-12)))


def _strings(model: Strings, f0: float, hard: bool) -> tuple[Floats, Floats, Floats]:
    """Frequencies (Hz), decay rates (1/s) and levels of a string's partials."""
    k = np.arange(1, max(2, int(_HIGHEST / f0) + 1))
    stiffness = model.stiffness * (f0 / 220.0) ** 2
    frequency = k * f0 * np.sqrt((1.0 + stiffness * k**2) / (1.0 + stiffness))
    ring = model.ring * (220.0 / f0) ** model.ring_slope
    rate = math.log(1000.0) / ring * (1.0 + model.damping * (frequency / 1000.0) ** 2)
    edge = model.hard if hard else model.soft
    # Higher strings are lighter and are played with a sharper touch.
    edge *= (f0 / 220.0) ** 0.5
    level = np.abs(np.sin(k * math.pi * model.place)) / k
    level = level / (1.0 + (frequency / edge) ** 2) ** model.roll
    return frequency, rate, level


def _bars(model: Strings, f0: float) -> tuple[Floats, Floats, Floats]:
    """The same for a bar, whose partials are not multiples of its fundamental."""
    ratio, decibels, ring = (np.array(column) for column in zip(*model.ratios, strict=True))
    frequency = f0 * ratio
    rate = math.log(1000.0) / (ring * (220.0 / f0) ** model.ring_slope)
    level = 10.0 ** (decibels / 20.0)
    heard = frequency < _HIGHEST
    return frequency[heard], rate[heard], level[heard]


def damped(frequency: Floats, rate: Floats, level: Floats, seconds: float) -> Floats:
    """The sum of level·e^(-rate·t)·sin(2π·frequency·t), as one matrix product.

    e^(s(m·L+l)) = e^(s·m·L)·e^(s·l): a table of rows times a table of columns holds every sample.
    """
    rows = max(1, math.ceil(seconds * RATE / _COLUMNS))
    s = (-rate + 2j * np.pi * frequency) / RATE
    far = np.exp(np.arange(rows)[:, None] * _COLUMNS * s[None, :])
    near = level[:, None] * np.exp(s[:, None] * np.arange(_COLUMNS)[None, :]) * -1j
    left = np.concatenate([far.real, -far.imag], axis=1)
    right = np.concatenate([near.real, near.imag], axis=0)
    return np.asarray((left @ right).reshape(-1))


class Notes:
    """The notes of one instrument; what does not depend on the touch is made once."""

    def __init__(self, model: Strings) -> None:
        self._model = model
        self._made: dict[tuple[int, bool], Floats32] = {}

    def touch(self, midi: int, velocity: float, seconds: float) -> Floats:
        """A note as it is played: `velocity` 0 to 1, damped after `seconds`; mono."""
        velocity = min(1.0, max(0.0, velocity))
        soft, hard = self._pluck(midi, False), self._pluck(midi, True)
        count = min(len(soft), len(hard))
        held = int(seconds * RATE)
        release = self._model.release
        if release:
            count = min(count, held + int(release * RATE))
        loudness = gain(-18.0 * (1.0 - velocity))
        note = soft[:count] * (loudness * (1.0 - velocity)) + hard[:count] * (loudness * velocity)
        result = note.astype(np.float64)
        if release and count > held:
            left = np.arange(count - held) / RATE
            # To nothing at the very end, so that the cut is not heard.
            silent = rise(count - held)[::-1] ** 0.25
            result[held:] *= np.exp(-math.log(1000.0) / release * left) * silent
        return result

    def _pluck(self, midi: int, hard: bool) -> Floats32:
        key = midi, hard
        if key not in self._made:
            self._made[key] = pluck(self._model, midi, hard).astype(np.float32)
        return self._made[key]
