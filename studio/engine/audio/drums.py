"""A drummer: grooves drawn from what was learned, on a small kit that is synthesized.

The skins are the lowest modes of a circular membrane (at 1, 1.59, 2.14 and 2.30 times the first:
Fletcher and Rossing, The Physics of Musical Instruments, chapter 18), whose pitch falls as they
relax; metal is a sum of many inharmonic partials and noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from random import Random

import numpy as np

from studio.core.abc import Metre
from studio.core.paths import resources
from studio.core.rhythm import NOTES, Bar, Groove, read
from studio.core.score import Performance
from studio.engine.audio.accompany import Hit
from studio.engine.audio.signal import RATE, Floats, Floats32, gain, rise

SHARPNESS = 3.0
"""How much more a drummer who accompanies plays what is usual than one who plays alone."""
_KEEP = 0.7
"""How often a bar is played like the one before."""
_PHRASE = 8
"""Bars of the tune after which there is a fill."""
_STYLES = {
    "reel": "straight", "jig": "straight", "hornpipe": "march", "march": "march",
    "polka": "march", "strathspey": "march", "quickstep": "march", "tune": "straight",
    "air": "straight", "waltz": "straight", "minuet": "straight", "slip jig": "straight",
}  # fmt: skip
_USUAL = 0.6
"""The mean velocity of a groove is brought up to it: some of the drummers that it was learned from
were recorded playing softly, and under a tune they would not be heard."""
_BALANCE = {NOTES["hat"]: -3.0, NOTES["open"]: -4.0, NOTES["ride"]: -6.0}
"""dB: struck as hard, metal is as high as a skin but rings on, and would be the loudest."""
_SOFT = {"air": 0.8, "minuet": 0.8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drums:
    """The sound of one kit."""

    release: float = 0.0
    """Nothing is damped."""


class Kit:
    """The drums of a kit; each stroke is made once, and played softer or harder."""

    def __init__(self, _model: Drums) -> None:
        self._made: dict[int, Floats32] = {}

    def touch(self, midi: int, velocity: float, _seconds: float) -> Floats:
        """A stroke on the drum of a General MIDI key, mono."""
        if midi not in self._made:
            balanced = gain(_BALANCE.get(midi, 0.0)) * stroke(midi)
            self._made[midi] = balanced.astype(np.float32)
        velocity = min(1.0, max(0.0, velocity))
        return self._made[midi].astype(np.float64) * gain(-26.0 * (1.0 - velocity))


def stroke(midi: int) -> Floats:
    """One hard stroke, mono, the loudest sample at some 0.35."""
    makers: dict[int, Callable[[], Floats]] = {
        NOTES["kick"]: partial(_skin, 52.0, 2.3, 0.2, (0.05, 300.0, 2500.0, 0.012)),
        NOTES["snare"]: partial(_skin, 185.0, 1.25, 0.1, (0.9, 900.0, 9000.0, 0.13)),
        NOTES["side"]: _wood,
        NOTES["hat"]: partial(_metal, 0.045, 6500.0),
        NOTES["open"]: partial(_metal, 0.32, 6000.0),
        NOTES["ride"]: partial(_metal, 0.75, 3200.0, bell=0.35),
        NOTES["tom"]: partial(_skin, 105.0, 1.5, 0.24, (0.06, 300.0, 3000.0, 0.03)),
    }
    sound = makers[midi]()
    start, end = int(0.0008 * RATE), len(sound) // 5
    sound[:start] *= rise(start)
    sound[-end:] *= rise(end)[::-1]
    return np.asarray(0.35 * sound / np.abs(sound).max())


def _noise(count: int, low: float, high: float, seed: int) -> Floats:
    """Noise between two frequencies in Hz, the same each time."""
    random = np.random.Generator(np.random.PCG64(seed))
    spectrum = np.fft.rfft(random.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1.0 / RATE)
    spectrum *= 1.0 / (1.0 + (low / np.maximum(hertz, 1.0)) ** 4)
    spectrum *= 1.0 / (1.0 + (hertz / high) ** 4)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / np.sqrt(np.mean(sound**2)))


def _skin(
    hertz: float, fall: float, ring: float, noise: tuple[float, float, float, float]
) -> Floats:
    """A membrane: its first pitch, by how much it begins higher, seconds to -60 dB, and the noise
    of stick or wires as (level, Hz, Hz, seconds)."""
    count = int(2.2 * ring * RATE)
    times = np.arange(count) / RATE
    pitch = hertz * (1.0 + (fall - 1.0) * np.exp(-times / 0.018))
    phase = 2.0 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros(count)
    for ratio, level in ((1.0, 1.0), (1.59, 0.4), (2.14, 0.2), (2.30, 0.15)):
        sound += level * np.sin(ratio * phase) * np.exp(-times * 6.9 / ring * ratio**0.8)
    level, low, high, seconds = noise
    return sound + level * 0.5 * _noise(count, low, high, 11) * np.exp(-times / (seconds / 2.3))


def _wood() -> Floats:
    """The rim of a snare drum, struck with the stick laid across it."""
    times = np.arange(int(0.09 * RATE)) / RATE
    sound = sum(
        level * np.sin(2 * np.pi * hertz * times) * np.exp(-times / decay)
        for hertz, level, decay in ((410.0, 0.6, 0.012), (1720.0, 1.0, 0.008), (2900.0, 0.5, 0.005))
    )
    return np.asarray(sound)


def _metal(ring: float, low: float, bell: float = 0.0) -> Floats:
    """A cymbal: noise and partials above `low` Hz, seconds to about -20 dB."""
    count = int(2.4 * ring * RATE)
    times = np.arange(count) / RATE
    random = np.random.Generator(np.random.PCG64(5))
    hertz = low * 2.0 ** (random.random(24) * 1.4)
    phases = random.random(24) * 2 * np.pi
    partials = np.sin(2 * np.pi * hertz[:, None] * times + phases[:, None]).mean(axis=0) * 3.0
    sound = (0.6 * _noise(count, low, 14_000.0, 17) + partials) * np.exp(-times * 2.3 / ring)
    if bell:
        for ratio, level in ((1.0, 1.0), (1.52, 0.6), (2.63, 0.4)):
            sound += (
                bell * level * np.sin(2 * np.pi * 640.0 * ratio * times) * np.exp(-times / 0.16)
            )
    return np.asarray(sound)


@lru_cache(maxsize=1)
def grooves() -> dict[str, Groove]:
    """What was learned; it ships with the program."""
    return read(resources() / "rhythm" / "drums.json")


def drum(performance: Performance, kind: str, seed: int) -> tuple[Hit, ...]:
    """The strokes under a tune, in quarter notes; none in a pickup, one on the last beat."""
    metre = performance.metre
    random = Random(f"drums {seed}")
    table, beats = _table(metre, kind)
    groove, fill = grooves()[table], grooves().get(f"fill {table}")
    step = metre.beat / (6 if metre.compound else 4)
    strokes: list[tuple[Fraction, str, float]] = []
    steady: Bar | None = None
    played: dict[tuple[int, str], float] = {}
    per_bar = int(metre.quarters / metre.beat) * (6 if metre.compound else 4)
    full = [m for m in performance.measures if not m.offset and m.length == metre.quarters]
    for number, measure in enumerate(full):
        at = number * per_bar % groove.steps if beats else 0
        if at == 0:
            fresh = groove.bar(random, steady, SHARPNESS)
            if steady is None or random.random() > _KEEP:
                steady = fresh
            played = dict(steady)
        last = number + 1 == len(full)
        here = {(s - at, d): v for (s, d), v in played.items() if at <= s < at + per_bar}
        if per_bar > groove.steps:  # three beats of a metre that was learned with two
            here |= {
                (s + groove.steps, d): v
                for (s, d), v in played.items()
                if s < per_bar - groove.steps
            }
        if fill is not None and (number + 1) % _PHRASE == 0 and not last:
            drawn = fill.bar(random, None, SHARPNESS)
            half = per_bar // 2
            here = {p: v for p, v in here.items() if p[0] < half}
            here |= {
                (s % per_bar, d): v for (s, d), v in drawn.items() if half <= s % per_bar and s < 16
            }
        if last:
            here = {(0, "kick"): 0.7, (0, "ride"): 0.6}
        for (s, d), velocity in sorted(here.items()):
            late = max(-0.12, min(0.12, groove.late[d][(s + at) % groove.steps]))
            onset = measure.onset + step * (s + (Fraction(late) if s else 0))
            strokes.append((onset.limit_denominator(960), d, velocity))
    usual = sum(v for *_, v in strokes) / max(1, len(strokes))
    lift, softness = max(0.0, _USUAL - usual), _SOFT.get(kind, 0.9)
    hits = (
        Hit(onset, step, (NOTES[d],), min(1.0, (velocity + lift) * softness))
        for onset, d, velocity in strokes
    )
    return tuple(sorted(hits, key=lambda hit: hit.onset))


def _table(metre: Metre, kind: str) -> tuple[str, bool]:
    """Which groove goes with a metre, and whether its bars run on through several of the tune."""
    if metre.compound:
        return "6-8 straight", False
    beats = int(metre.quarters / metre.beat)
    if beats % 3 == 0:
        return "3-4 straight", False
    return f"4-4 {_STYLES.get(kind, 'straight')}", True
