"""Blown and bowed instruments: one continuous voice of harmonics whose levels follow the player.

Additive synthesis with a source and a filter (Mathews and Kohut, "Electronic simulation of violin
resonances", JASA 53, 1973; Fletcher and Rossing, The Physics of Musical Instruments, chapters 10,
16 and 17): the harmonics of a source move under the fixed resonances of a body, so that vibrato
becomes a shimmer, and the louder a note is blown or bowed the brighter it is. A voice is drawn
through from note to note: slurred notes glide, tongued ones begin anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from studio.engine.audio.signal import HOP, RATE, Floats, gain, rise, semitones_to_hz
from studio.engine.audio.strings import body_gain

_FRAMES = RATE / HOP
"""Values of a slow curve a second."""
_HIGHEST = 14_000.0
_MOST = 32
"""Harmonics of the lowest notes."""
_NOISE_LENGTH = 1 << 17


class Played(Protocol):
    """What a voice needs to know of a note; times in seconds, velocity 0 to 1."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def midi(self) -> int: ...
    @property
    def velocity(self) -> float: ...
    @property
    def slurred(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """The physics of one blown or bowed instrument."""

    harmonics: tuple[float, ...]
    """Levels in dB of the first harmonics; the next ones fall by `tilt` from the last."""
    tilt: float
    """dB an octave, negative."""
    bright: float
    """dB an octave by which the harmonics of a full note lie above those of a faint one."""
    register: float = 0.0
    """dB an octave by which the harmonics fall for every octave above middle C."""
    body: tuple[tuple[float, float, float], ...] = ()
    """Resonances: (Hz, dB, width in octaves)."""
    ripple: float = 0.0
    """dB of the many narrow resonances of a wooden body."""
    reeds: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """The reeds that sound together: (cents, amplitude)."""
    attack: float = 0.03
    """Seconds, as the two below."""
    decay: float = 0.06
    glide: float = 0.015
    dip: float = 0.7
    """What is left of the loudness between slurred notes."""
    swell: float = 0.0
    """How much a long note grows towards its middle."""
    vibrato: tuple[float, float, float] = (5.2, 0.0, 0.0)
    """Hz, cents, dB."""
    vibrato_after: float = 0.22
    """Seconds into a note before vibrato begins."""
    breath: float = -60.0
    """dB of the noise of air or bow, against the tone."""
    breath_band: tuple[float, float] = (800.0, 6000.0)
    """Hz."""
    chiff: float = 0.0
    """dB by which that noise is stronger while a note begins."""
    scoop: float = 0.0
    """Cents below pitch at which a new note begins."""


class Singer:
    """A voice on its way through a line of notes that do not overlap."""

    def __init__(
        self, model: Voice, notes: Sequence[Played], seconds: float, random: np.random.Generator
    ) -> None:
        self._model = model
        frames = math.ceil(seconds * _FRAMES) + 2
        self._pitch, self._loud, self._noise = _curves(model, notes, frames, random)
        self._phase = np.zeros(len(model.reeds))
        low = float(np.min(self._pitch)) if len(notes) else 69.0
        self._count = min(_MOST, max(1, int(_HIGHEST / float(semitones_to_hz(low)))))
        self._table = _breath(model.breath_band)
        self._table_at = int(random.integers(_NOISE_LENGTH))

    def sing(self, start: int, count: int) -> Floats:
        """Samples from `start` on, which is to go on where the last call ended; mono.

        `start` and `count` are multiples of HOP.
        """
        model = self._model
        first, frames = start // HOP, count // HOP
        pitch = self._pitch[first : first + frames + 1]
        loud = self._loud[first : first + frames + 1]
        noise = self._noise[first : first + frames + 1]
        if not np.any(loud > 1e-5):
            return np.zeros(count)
        hertz = semitones_to_hz(pitch)
        levels = _levels(model, hertz, loud, self._count)
        result = np.zeros(count)
        for reed, (cents, amplitude) in enumerate(model.reeds):
            step = _between(hertz * 2.0 ** (cents / 1200.0)) * (2.0 * np.pi / RATE)
            angle = self._phase[reed] + np.cumsum(step)
            self._phase[reed] = angle[-1] % (2.0 * np.pi)
            result += amplitude * _harmonics(angle, levels)
        at = (self._table_at + start) % _NOISE_LENGTH
        air = np.take(self._table, np.arange(at, at + count), mode="wrap")
        return np.asarray(result + air * _between(noise))


def _between(curve: Floats) -> Floats:
    """A slow curve of n + 1 values as n·HOP samples, in straight lines."""
    ramp = np.arange(HOP) / HOP
    return np.asarray((curve[:-1, None] + np.diff(curve)[:, None] * ramp).reshape(-1))


def _harmonics(angle: Floats, levels: Floats) -> Floats:
    """Σ levels[k]·sin((k+1)·angle); sin((k+1)x) = 2·cos(x)·sin(kx) - sin((k-1)x) (Chebyshev)."""
    turn = 2.0 * np.cos(angle)
    before, now = np.zeros_like(angle), np.sin(angle)
    result = np.zeros_like(angle)
    for k in range(levels.shape[1]):
        result += _between(levels[:, k]) * now
        before, now = now, turn * now - before
    return result


def _levels(model: Voice, hertz: Floats, loud: Floats, count: int) -> Floats:
    """Amplitudes of the harmonics at every frame, (frames, count)."""
    k = np.arange(1, count + 1)
    given = np.array(model.harmonics)
    source = np.where(
        k <= len(given),
        given[np.minimum(k, len(given)) - 1],
        given[-1] + model.tilt * np.log2(k / len(given)),
    )
    octaves = np.log2(k)
    effort = model.bright * (loud - 1.0) - model.register * np.log2(hertz / 261.6)
    decibels = source[None, :] + effort[:, None] * octaves[None, :]
    frequency = hertz[:, None] * k[None, :]
    level = 10.0 ** (decibels / 20.0)
    # Without the body all notes are equally loud, whatever their spectrum.
    level /= np.sqrt(np.sum(level**2, axis=1, keepdims=True))
    if model.body:
        level *= body_gain(frequency, model.body)
    if model.ripple:
        # Resonances some 90 Hz apart above the lowest ones, as in the middle of a fiddle's range.
        wave = np.sin(frequency / 14.3) + np.sin(frequency / 23.7 + 1.0)
        above = np.clip((frequency - 500.0) / 700.0, 0.0, 1.0)
        level *= 10.0 ** (0.5 * model.ripple * wave * above / 20.0)
    level *= np.clip((_HIGHEST - frequency) / 4000.0, 0.0, 1.0)
    return np.asarray(0.14 * level * loud[:, None] ** 1.3)


def _curves(
    model: Voice, notes: Sequence[Played], frames: int, random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Pitch (MIDI), loudness (0 to 1) and noise level at every frame."""
    pitch = np.full(frames, float(notes[0].midi) if notes else 69.0)
    loud, noise = np.zeros(frames), np.zeros(frames)
    breath = 0.05 * gain(model.breath)
    attack = max(2, round(model.attack * _FRAMES))
    for place, note in enumerate(notes):
        before = notes[place - 1] if place else None
        after = notes[place + 1] if place + 1 < len(notes) else None
        first, last = round(note.start * _FRAMES), min(round(note.end * _FRAMES), frames - 1)
        length = last - first
        if length < 2:
            continue
        tied_in = note.slurred and before is not None and note.start - before.end < 0.03
        tied_out = after is not None and after.slurred and after.start - note.end < 0.03
        pitch[first:] = note.midi
        if tied_in and before is not None:
            glide = min(length // 2, round(model.glide * _FRAMES))
            way = rise(glide)
            pitch[first : first + glide] = before.midi + (note.midi - before.midi) * way
        elif model.scoop:
            bend = min(length // 2, attack)
            pitch[first : first + bend] -= model.scoop / 100.0 * rise(bend)[::-1]
        shape = np.full(length, note.velocity)
        if model.swell:
            arch = np.sin(np.pi * np.arange(length) / length)
            shape *= 1.0 - model.swell * (1.0 - arch) * min(1.0, length / _FRAMES)
        rising = min(attack if not tied_in else attack // 2, length // 2)
        low = model.dip if tied_in else 0.0
        shape[:rising] *= low + (1.0 - low) * rise(rising)
        falling = min(round(model.decay * _FRAMES), length // 2)
        low = model.dip if tied_out else 0.0
        shape[length - falling :] *= low + (1.0 - low) * rise(falling)[::-1]
        loud[first:last] = shape
        noise[first:last] = breath * shape
        if model.chiff and not tied_in:
            burst = min(length, round(0.05 * _FRAMES))
            noise[first : first + burst] *= 1.0 + (gain(model.chiff) - 1.0) * rise(burst)[::-1]
        _vibrate(model, pitch[first:last], loud[first:last], random)
    # Nobody holds a pitch like a machine: a slow drift of some three cents.
    knots = random.normal(0.0, 0.03, frames // 300 + 3)
    pitch += np.interp(np.arange(frames) / 300.0, np.arange(len(knots)), knots)
    return pitch, loud, noise


def _vibrate(model: Voice, pitch: Floats, loud: Floats, random: np.random.Generator) -> None:
    """Give one note its vibrato, which sets in late; a short note gets none."""
    rate, cents, decibels = model.vibrato
    delay = round(model.vibrato_after * _FRAMES)
    length = len(pitch) - delay
    speed, start = rate * (1.0 + 0.06 * random.normal()), random.uniform(0.0, 2.0 * np.pi)
    if length < _FRAMES / rate / 2:
        return
    depth = np.minimum(1.0, np.arange(length) / (0.25 * _FRAMES))
    wave = np.sin(2.0 * np.pi * speed * np.arange(length) / _FRAMES + start) * depth
    pitch[delay:] += cents / 100.0 * wave
    loud[delay:] *= 10.0 ** (decibels / 20.0 * wave)


def _breath(band: tuple[float, float]) -> Floats:
    """A loop of noise in a band of frequencies with soft edges, RMS 1, always the same."""
    random = np.random.Generator(np.random.PCG64(20_011))
    frequency = np.fft.rfftfreq(_NOISE_LENGTH, 1.0 / RATE)
    low, high = band
    shape = (frequency / low) ** 2 / (1.0 + (frequency / low) ** 2)
    shape = shape / (1.0 + (frequency / high) ** 2)
    phases = random.uniform(0.0, 2.0 * np.pi, len(frequency))
    noise = np.fft.irfft(shape * np.exp(1j * phases), _NOISE_LENGTH)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))
