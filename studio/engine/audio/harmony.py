"""Chords that fit a tune, and how a player spreads them over the bars.

Each bar (or half of it) is compared with the triads of the key by what the melody sounds in it,
weighted by length and accent, and the most likely sequence is found with the Viterbi algorithm
(Viterbi 1967; for harmonising a melody with a hidden Markov model: Allan and Williams,
"Harmonising chorales by probabilistic inference", NIPS 2004). The steps of the harmony and their
weights are those of traditional Western European tunes: tonic, dominant and subdominant above all,
in the old modes the chord a tone below the tonic in place of the dominant.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from studio.core.abc import Key
from studio.core.score import Performance

_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")

# Weights of the triads by their place above the tonic in semitones and their quality.
_PRIORS: dict[str, dict[tuple[int, str], float]] = {
    "": {(0, ""): 1.0, (7, ""): 0.75, (5, ""): 0.65, (9, "m"): 0.3, (2, "m"): 0.3, (4, "m"): 0.05},
    "m": {
        (0, "m"): 1.0, (10, ""): 0.6, (3, ""): 0.5, (5, "m"): 0.5, (7, ""): 0.5, (8, ""): 0.4,
        (7, "m"): 0.3,
    },
    "dor": {
        (0, "m"): 1.0, (10, ""): 0.85, (5, ""): 0.4, (3, ""): 0.35, (7, "m"): 0.35, (2, "m"): 0.1,
    },
    "mix": {(0, ""): 1.0, (10, ""): 0.8, (5, ""): 0.6, (7, "m"): 0.3, (2, "m"): 0.25},
    "phr": {(0, "m"): 1.0, (1, ""): 0.7, (3, ""): 0.4, (10, "m"): 0.4, (5, "m"): 0.4},
    "lyd": {(0, ""): 1.0, (2, ""): 0.7, (7, ""): 0.6, (9, "m"): 0.3, (4, "m"): 0.15},
    "loc": {(3, "m"): 1.0, (1, ""): 0.7, (5, "m"): 0.5, (8, ""): 0.5, (6, ""): 0.5},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chord:
    """A triad: its root as a pitch class (0 is C) and whether it is a minor one."""

    root: int
    minor: bool

    @property
    def pitch_classes(self) -> tuple[int, int, int]:
        """Root, third and fifth."""
        third = 3 if self.minor else 4
        return self.root, (self.root + third) % 12, (self.root + 7) % 12

    @property
    def name(self) -> str:
        return _NAMES[self.root] + ("m" if self.minor else "")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a tune under one chord: onset and length in quarter notes."""

    onset: Fraction
    length: Fraction
    chord: Chord


@dataclass(frozen=True, slots=True)
class _Place:
    onset: Fraction
    length: Fraction
    strong: bool
    """Whether it begins a bar."""
    weights: tuple[float, ...]
    """How much of each pitch class sounds in it."""


def candidates(key: Key) -> tuple[tuple[Chord, float], ...]:
    """The triads of a key and how usual each is, 0 to 1."""
    return tuple(
        (Chord((key.pitch_class + step) % 12, quality == "m"), weight)
        for (step, quality), weight in _PRIORS[key.mode].items()
    )


def harmonise(performance: Performance) -> tuple[Span, ...]:
    """The chords of a tune in order, none under a pickup; equal neighbours are left apart."""
    places = _places(performance)
    chords = candidates(performance.key)
    tonic = performance.key.pitch_class
    if not places:
        return ()
    scores: list[list[float]] = []
    back: list[list[int]] = []
    for number, place in enumerate(places):
        row, origin = [], []
        for chord, weight in chords:
            fit = _fit(chord, place.weights) + 0.5 * weight
            if chord.root == tonic and number in (0, len(places) - 1):
                fit += 1.0 if number else 0.5
            best, before = 0.0, -1
            if scores:
                steps = [
                    score + _step(old, chord, place.strong, tonic)
                    for score, (old, _) in zip(scores[-1], chords, strict=True)
                ]
                before = max(range(len(steps)), key=steps.__getitem__)
                best = steps[before]
            row.append(best + fit)
            origin.append(before)
        scores.append(row)
        back.append(origin)
    at = max(range(len(chords)), key=scores[-1].__getitem__)
    path = [at]
    for origin in reversed(back[1:]):
        at = origin[at]
        path.append(at)
    return tuple(
        Span(place.onset, place.length, chords[choice][0])
        for place, choice in zip(places, reversed(path), strict=True)
    )


def _fit(chord: Chord, weights: Sequence[float]) -> float:
    """How well a chord goes with what sounds: at most 2.2, below 0 where it grates."""
    total = sum(weights)
    if not total:
        return 0.0
    root, third, fifth = (weights[p] for p in chord.pitch_classes)
    inside = root + third + fifth
    # A semitone beside a note of the chord grates more than a tone does.
    grating = sum(
        weights[(p + side) % 12]
        for p in chord.pitch_classes
        for side in (1, -1)
        if (p + side) % 12 not in chord.pitch_classes
    )
    return 2.0 * (inside + 0.1 * root - 0.6 * (total - inside) - 0.2 * grating) / total


def _step(old: Chord, new: Chord, strong: bool, tonic: int) -> float:
    """How likely one chord follows another, in the units of `_fit`."""
    if old == new:
        return 0.15 if strong else 0.55
    score = 0.0 if strong else -0.25
    if (old.root - new.root) % 12 == 7:
        score += 0.4 if new.root == tonic else 0.2  # down a fifth
    if new.root == tonic and (tonic - old.root) % 12 == 2:
        score += 0.15  # up a tone to the tonic, the cadence of the old modes
    return score


def _places(performance: Performance) -> list[_Place]:
    """The bars of a tune, halved where a bar has two or four beats that are long enough."""
    metre, full = performance.metre, performance.metre.quarters
    halved = full / metre.beat % 2 == 0 and full >= 2
    share = full / 2 if halved else full
    onsets = [event.onset for event in performance.events]
    result = []
    for measure in performance.measures:
        if measure.offset and measure.length < full / 2:
            continue  # a pickup
        at = Fraction(0)
        while at < measure.length:
            length = min(share, measure.length - at)
            start = measure.onset + at
            first = max(0, bisect_right(onsets, start) - 1)
            last = bisect_left(onsets, start + length)
            weights = [0.0] * 12
            for event in performance.events[first:last]:
                begin = max(event.onset, start)
                sounding = min(event.onset + event.length, start + length) - begin
                if sounding > 0:
                    accent = 1.5 if (begin - measure.onset) % metre.beat == 0 else 1.0
                    for pitch in event.pitches:
                        weights[pitch % 12] += float(sounding) * accent
            result.append(_Place(start, length, at == 0, tuple(weights)))
            at += length
    return result
