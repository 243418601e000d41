"""Who plays what: the tune's own notes, and chords and bass notes in the manner of its metre."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from studio.core.score import Measure, Performance
from studio.engine.audio.harmony import Chord, Span

_CHORD_LOW, _CHORD_HIGH = 50, 69
"""MIDI notes between which chords lie, below most tunes."""
_BASS_LOW = 34
SLOW = 0.62
"""Seconds: beats longer than it are filled with broken chords."""
_BROKEN = ("air", "minuet")
_FLOWING = 0.4
"""Kinds whose chords are broken at quicker beats too, and the seconds of those."""
_MARCHED = ("march", "quickstep", "strathspey")
"""Kinds with a chord on every beat, where others have one behind the bass."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Notes struck together: onset and length in quarter notes, MIDI pitches, velocity 0 to 1."""

    onset: Fraction
    length: Fraction
    pitches: tuple[int, ...]
    velocity: float


@dataclass(frozen=True, slots=True)
class _Stroke:
    """One place of a pattern: where in the bar, what, for how long, how strong."""

    place: Fraction
    what: str
    """`root`, `fifth`, `chord`, or the number of a chord's note from below."""
    length: Fraction
    velocity: float


def melody(performance: Performance) -> tuple[Hit, ...]:
    """The tune with the accents of its metre: the bar's first note, then the beats."""
    metre = performance.metre
    hits = []
    starts = [measure.onset for measure in performance.measures]
    for event in performance.events:
        measure = performance.measures[bisect_right(starts, event.onset) - 1]
        place = event.onset - measure.onset + measure.offset
        velocity = 0.66
        if place == 0:
            velocity += 0.12
        elif place % metre.beat == 0:
            velocity += 0.06
        hits.append(Hit(event.onset, event.length, event.pitches, velocity))
    return tuple(hits)


def accompany(
    performance: Performance,
    spans: Sequence[Span],
    beat_seconds: float,
    *,
    bass: bool,
    kind: str = "",
) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """(chords, bass notes) under a tune of some kind; without `bass` the chords take its place on
    the beats."""
    if not spans:
        return (), ()
    starts = [span.onset for span in spans]
    pattern = sorted(_pattern(performance, beat_seconds, kind), key=lambda stroke: stroke.place)
    chords: list[Hit] = []
    basses: list[Hit] = []
    voicing: tuple[int, ...] = ()
    low = _BASS_LOW + 6
    for measure, last in _with_last(performance.measures):
        for stroke in _closing(performance) if last else pattern:
            onset = measure.onset + stroke.place - measure.offset
            at = bisect_right(starts, onset) - 1
            if not measure.onset <= onset < measure.onset + measure.length or at < 0:
                continue
            span = spans[at]
            if onset >= span.onset + span.length:
                continue
            length = min(stroke.length, performance.length - onset)
            if stroke.what in ("root", "fifth") and bass:
                low = _bass(span.chord, stroke.what == "fifth", low)
                basses.append(Hit(onset, length, (low,), stroke.velocity))
                continue
            if stroke.what == "chord" and chords and chords[-1].onset == onset:
                continue  # without a bass its place was taken by the same chord
            voicing = _voiced(span.chord, voicing)
            pitches = voicing
            if stroke.what.isdigit():
                pitches = (voicing[int(stroke.what) % len(voicing)],)
            chords.append(Hit(onset, length, pitches, stroke.velocity * 0.8))
    return tuple(chords), tuple(basses)


def _with_last(measures: Sequence[Measure]) -> Iterable[tuple[Measure, bool]]:
    return ((m, at + 1 == len(measures)) for at, m in enumerate(measures))


def _closing(performance: Performance) -> tuple[_Stroke, ...]:
    """The last bar: one chord that is left to ring."""
    full = performance.metre.quarters
    return (
        _Stroke(Fraction(0), "root", full, 0.6),
        _Stroke(Fraction(0), "chord", full, 0.5),
    )


def _pattern(performance: Performance, beat_seconds: float, kind: str) -> tuple[_Stroke, ...]:
    """How a player accompanies a bar of this kind of tune, in this metre and at this speed."""
    metre, full = performance.metre, performance.metre.quarters
    beat = metre.beat
    beats = int(full / beat)
    pair = metre.compound or beats % 2 == 0
    if beat_seconds > (_FLOWING if kind in _BROKEN else SLOW):
        parts = 3 if metre.compound else 2
        if not metre.compound and beat_seconds > 1.6 * SLOW and beat >= 2:
            parts = 4
        step = beat / parts
        order = ("0", "1", "2", "1")
        strokes = [_Stroke(Fraction(0), "root", full, 0.7)]
        if pair and beats > 1:
            strokes.append(_Stroke(beat * (beats // 2), "fifth", full / 2, 0.6))
        for number in range(1, beats * parts):
            place = step * number
            velocity = 0.58 if place % beat else 0.66
            strokes.append(_Stroke(place, order[(number - 1) % 4], full - place, velocity))
        return tuple(strokes)
    strokes = []
    if kind in _MARCHED and pair:
        # A chord with every step, the bass under the first and the middle one.
        for number in range(beats):
            if number % max(1, beats // 2) == 0:
                what = "fifth" if number else "root"
                strokes.append(_Stroke(beat * number, what, beat * Fraction(3, 4), 0.6))
            velocity = 0.42 if number % 2 else 0.5
            strokes.append(_Stroke(beat * number, "chord", beat / 2, velocity))
        return tuple(strokes)
    if metre.compound:
        for number in range(beats):
            what = "fifth" if number % 2 else "root"
            strokes.append(_Stroke(beat * number, what, beat * Fraction(2, 3), 0.58))
            strokes.append(_Stroke(beat * number + beat * Fraction(2, 3), "chord", beat / 3, 0.45))
        return tuple(strokes)
    if pair:
        half = full / 2
        for number, what in enumerate(("root", "fifth")):
            strokes.append(_Stroke(half * number, what, half * Fraction(3, 4), 0.58))
            strokes.append(_Stroke(half * number + half / 2, "chord", half * Fraction(3, 8), 0.46))
        return tuple(strokes)
    strokes.append(_Stroke(Fraction(0), "root", beat * Fraction(5, 4), 0.6))
    for number in range(1, beats):
        strokes.append(_Stroke(beat * number, "chord", beat * Fraction(3, 4), 0.44))
    return tuple(strokes)


def _bass(chord: Chord, fifth: bool, before: int) -> int:
    """The chord's root (or fifth) in the octave nearest to the bass note before."""
    wanted = chord.pitch_classes[2 if fifth else 0]
    options = [n for n in range(_BASS_LOW, _BASS_LOW + 17) if n % 12 == wanted]
    return min(options, key=lambda n: (abs(n - before), n))


def _voiced(chord: Chord, before: Sequence[int]) -> tuple[int, ...]:
    """Four notes of the chord, from below, that are reached with the least movement."""
    tones = [n for n in range(_CHORD_LOW, _CHORD_HIGH + 1) if n % 12 in chord.pitch_classes]
    options = [tuple(tones[at : at + 4]) for at in range(len(tones) - 3)]
    if not before:
        centre = (_CHORD_LOW + _CHORD_HIGH) / 2
        return min(options, key=lambda o: abs(sum(o) / len(o) - centre))
    return min(options, key=lambda o: sum(abs(a - b) for a, b in zip(o, before, strict=True)))
