"""A composition dealt out to the players: as notes for MIDI, and as notes really played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from studio.core.abc import Tune
from studio.core.score import Performance, perform
from studio.engine.audio.accompany import Hit, accompany, melody
from studio.engine.audio.drums import drum
from studio.engine.audio.harmony import harmonise
from studio.engine.audio.instruments import INSTRUMENTS
from studio.engine.audio.midi import Track, to_midi
from studio.engine.audio.mixer import Part
from studio.engine.audio.performer import Clock, moved, octaves, play_chords, play_melody
from studio.engine.audio.plan import Plan

_CHORDS_LEVEL, _BASS_LEVEL, _DRUMS_LEVEL = -3.5, -2.0, 0.0
"""dB against the tune."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Who plays what."""

    performance: Performance
    """The tune once through."""
    tracks: tuple[Track, ...]
    """As written, all times through, at the pitch that is heard."""
    parts: tuple[Part, ...]
    """As played."""
    pickup: Fraction
    """Quarter notes in front of the first whole bar."""


def arrange(tune: Tune, plan: Plan, seed: int) -> Arrangement:
    """Deal a tune out to the plan's players. Raises AbcError as `score.bars` does."""
    performance = perform(tune)
    tempo = tune.tempo or plan.tempo
    first = performance.measures[0]
    pickup = first.length if first.offset else Fraction(0)
    clock = Clock.make(
        metre=tune.metre,
        unit=tune.unit,
        rhythm=tune.rhythm,
        length=performance.length * plan.times,
        pickup=pickup,
        quarter=60.0 / tempo.quarters_a_minute,
    )
    leader = INSTRUMENTS[plan.instrument]
    notes = melody(performance)
    notes = moved(notes, octaves(plan.instrument, notes))
    notes = _again(notes, plan.times, performance.length)
    tracks = [Track(leader.label, leader.program, notes)]
    parts = [play_melody(plan.instrument, notes, clock, seed)]
    if plan.accompaniment != "none":
        spans = harmonise(performance)
        full = plan.accompaniment in ("full", "band")
        beat = 60.0 / tempo.bpm
        chords, bass = accompany(performance, spans, beat, bass=full, kind=plan.kind)
        for name, role, hits, pan, level in (
            (leader.chords, "Chords", chords, 0.28, _CHORDS_LEVEL),
            (leader.bass, "Bass", bass, 0.02, _BASS_LEVEL),
        ):
            if hits:
                hits = _again(hits, plan.times, performance.length)
                player = INSTRUMENTS[name]
                tracks.append(Track(f"{role}: {player.label}", player.program, hits))
                parts.append(play_chords(name, hits, clock, seed, pan=pan, level=level))
    if plan.accompaniment == "band":
        hits = _again(drum(performance, plan.kind, seed), plan.times, performance.length)
        if hits:
            tracks.append(Track("Drums", 0, hits, drums=True))
            parts.append(play_chords("drums", hits, clock, seed, pan=0.1, level=_DRUMS_LEVEL))
    return Arrangement(performance, tuple(tracks), tuple(parts), pickup)


def midi(arrangement: Arrangement, tune: Tune, plan: Plan) -> bytes:
    """The arrangement as a Standard MIDI File."""
    return to_midi(
        arrangement.tracks,
        title=tune.title,
        metre=tune.metre,
        key=tune.key,
        quarters_a_minute=(tune.tempo or plan.tempo).quarters_a_minute,
        pickup=arrangement.pickup,
    )


def _again(hits: Sequence[Hit], times: int, length: Fraction) -> tuple[Hit, ...]:
    """The same notes several times through; a piece lasts `length` quarter notes."""
    return tuple(
        replace(hit, onset=hit.onset + length * turn) for turn in range(times) for hit in hits
    )
