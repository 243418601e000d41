"""From notes on paper to notes as people play them: swing, loose time, touch, a last ritardando.

Written time (quarter notes) becomes played time (seconds); what varies is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from studio.core.abc import Metre
from studio.engine.audio.accompany import Hit
from studio.engine.audio.instruments import INSTRUMENTS
from studio.engine.audio.mixer import Part, Sounding
from studio.engine.audio.strings import Strings

_LEAD = 0.08
"""Seconds of silence in front, for the room and for players that swallow the first moment."""
_RITARDANDO = 0.18
"""How much longer the last bar takes."""
_LOOSE = 0.0045
"""Seconds: the standard deviation of a good player's timing."""

# How the parts of a beat are really played: lengths that add up to their number.
_LILTS: dict[str, tuple[float, ...]] = {
    "hornpipe": (1.2, 0.8),
    "reel": (1.06, 0.94),
    "jig": (1.09, 0.86, 1.05),
    "slip jig": (1.07, 0.9, 1.03),
}


@dataclass(frozen=True, slots=True)
class Clock:
    """When a place in the score (quarter notes) is played (seconds)."""

    quarter: float
    """Seconds."""
    length: float
    """Of the whole, in quarter notes."""
    bar: float
    """Quarter notes."""
    pickup: float
    """Quarter notes in front of the first whole bar: swing counts from there."""
    step: float
    """The notes that swing, in quarter notes."""
    lilt: tuple[float, ...] = ()

    @classmethod
    def make(
        cls, metre: Metre, unit: Fraction, rhythm: str, length: Fraction, pickup: Fraction,
        quarter: float,
    ) -> Clock:  # fmt: skip
        """A clock for a tune of some kind (`rhythm`), with `quarter` seconds a quarter note."""
        lilt = _LILTS.get(rhythm, ())
        if len(lilt) != (3 if metre.compound else 2):
            lilt = ()
        return cls(quarter, float(length), float(metre.quarters), float(pickup), float(unit), lilt)

    def __call__(self, place: Fraction | float) -> float:
        at = float(place)
        if self.lilt:
            group = self.step * len(self.lilt)
            whole, part = divmod(at - self.pickup, group)
            knots = np.cumsum((0.0, *self.lilt)) * self.step
            straight = np.arange(len(knots)) * self.step
            at = self.pickup + whole * group + float(np.interp(part, straight, knots))
        into = max(0.0, at - (self.length - self.bar))
        return _LEAD + self.quarter * (at + _RITARDANDO * into * into / (2.0 * self.bar))


def octaves(instrument: str, hits: Sequence[Hit]) -> int:
    """By how many semitones (whole octaves) a tune is moved to lie well on an instrument."""
    player = INSTRUMENTS[instrument]
    pitches = [pitch for hit in hits for pitch in hit.pitches]
    if not pitches:
        return 0
    low, high = min(pitches), max(pitches)

    def badness(shift: int) -> tuple[int, int]:
        below, above = player.low - (low + shift), (high + shift) - player.high
        return max(0, below) + max(0, above), abs(shift)

    return min(range(-36, 37, 12), key=badness)


def moved(hits: Sequence[Hit], semitones: int) -> tuple[Hit, ...]:
    """The same notes higher or lower, kept within what MIDI knows."""
    return tuple(
        Hit(
            h.onset, h.length, tuple(min(127, max(0, p + semitones)) for p in h.pitches), h.velocity
        )
        for h in hits
    )


def play_melody(instrument: str, hits: Sequence[Hit], clock: Clock, seed: int) -> Part:
    """The tune on its instrument."""
    random = np.random.Generator(np.random.PCG64((seed, 101)))
    strings = isinstance(INSTRUMENTS[instrument].model, Strings)
    notes: list[Sounding] = []
    starts = _starts([clock(hit.onset) for hit in hits], random)
    for at, hit in enumerate(hits):
        end = clock(hit.onset + hit.length)
        if at + 1 < len(hits):
            end = min(end, starts[at + 1])
        start = min(starts[at], end - 0.02)
        follows = hits[at + 1] if at + 1 < len(hits) else None
        slurred = bool(notes) and random.random() < 0.6 and hit.velocity < 0.75
        slurred = slurred and hits[at - 1].pitches != hit.pitches
        if not strings and follows is not None and follows.pitches == hit.pitches:
            end = start + 0.86 * (end - start)  # the tongue or the bow parts equal notes
        # A phrase of four bars swells and ebbs, and the high notes carry.
        arch = np.sin(np.pi * ((float(hit.onset) / (4.0 * clock.bar)) % 1.0))
        velocity = hit.velocity + 0.05 * arch + 0.03 * random.normal()
        for pitch in hit.pitches:
            notes.append(Sounding(start, end, pitch, float(np.clip(velocity, 0.2, 1.0)), slurred))
    return Part(instrument, tuple(notes), pan=-0.12)


def play_chords(
    instrument: str, hits: Sequence[Hit], clock: Clock, seed: int, *, pan: float, level: float
) -> Part:
    """Chords or bass notes; the strings of a chord are struck one after another."""
    random = np.random.Generator(np.random.PCG64((seed, 202, len(hits))))
    spread = 0.011 if instrument != "piano" else 0.004
    notes: list[Sounding] = []
    starts = _starts([clock(hit.onset) for hit in hits], random)
    for start, hit in zip(starts, hits, strict=True):
        end = clock(hit.onset + hit.length)
        velocity = hit.velocity + 0.03 * random.normal()
        for place, pitch in enumerate(hit.pitches):
            at = start + place * spread
            touch = float(np.clip(velocity + 0.02 * random.normal(), 0.15, 1.0))
            notes.append(Sounding(at, max(end, at + 0.08), pitch, touch))
    notes.sort(key=lambda note: note.start)
    return Part(instrument, tuple(notes), pan=pan, level=level)


def _starts(times: Sequence[float], random: np.random.Generator) -> list[float]:
    """Times played by a hand: a little early or late, never out of order."""
    loose = np.clip(random.normal(0.0, _LOOSE, len(times)), -2.5 * _LOOSE, 2.5 * _LOOSE)
    result: list[float] = []
    for time, by in zip(times, loose, strict=True):
        earliest = result[-1] + 0.02 if result else 0.0
        result.append(max(earliest, time + float(by)))
    return result
