"""What another program reads from our MIDI files is what was written into them."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import mido
import pytest

from studio.core.abc import Key, Metre, Tempo, parse
from studio.core.score import perform
from studio.engine.audio.accompany import Hit
from studio.engine.audio.arrange import arrange, midi
from studio.engine.audio.midi import TICKS, Track, to_midi
from tests.core.test_abc import REAL
from tests.engine.audio.test_sound import plan_for


def read(data: bytes) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(data), charset="utf-8")


def notes(track: mido.MidiTrack) -> list[tuple[int, int, int]]:
    """(start, end, pitch) of every note of a track, in ticks."""
    now, sounding, result = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            assert message.note not in sounding, "struck again before it was let go"
            sounding[message.note] = now
        elif message.type in ("note_off", "note_on"):
            result.append((sounding.pop(message.note), now, message.note))
    assert not sounding, "a note that never ends"
    return sorted(result)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("times", [1, 3])
def test_notes_are_those_of_the_score(name: str, times: int) -> None:
    tune = replace(parse(REAL[name][0]), tempo=Tempo(Fraction(1), 96.0), title="Ein Stück ♪")
    plan = plan_for(REAL[name][0], "flute", times=times)
    made = arrange(tune, plan, 1)
    file = read(midi(made, tune, plan))
    assert file.type == 1
    assert file.ticks_per_beat == TICKS
    assert len(file.tracks) == 4
    performance = perform(tune)
    expected = sorted(
        (
            round((e.onset + turn * performance.length) * TICKS),
            round((e.onset + e.length + turn * performance.length) * TICKS),
            pitch,
        )
        for turn in range(times)
        for e in performance.events
        for pitch in e.pitches
    )
    assert notes(file.tracks[1]) == expected
    for number, track in enumerate(file.tracks[1:]):
        programs = [m for m in track if m.type == "program_change"]
        assert [m.program for m in programs] == [made.tracks[number].program]
        assert {m.channel for m in track if not m.is_meta} == {number}
        assert notes(track)
    seconds = float(performance.length) * times * 60.0 / 96.0
    assert file.length == pytest.approx(seconds, rel=1e-3)


@pytest.mark.parametrize("name", REAL)
def test_tempo_and_signatures(name: str) -> None:
    tune = replace(parse(REAL[name][0]), tempo=Tempo(Fraction(3, 2), 80.0), title="A title")
    plan = plan_for(REAL[name][0], "flute")
    made = arrange(tune, plan, 1)
    head = read(midi(made, tune, plan)).tracks[0]
    found = defaultdict(list)
    now = 0
    for message in head:
        now += message.time
        found[message.type].append((now, message))
    assert found["track_name"][0][1].name == "A title"
    assert mido.tempo2bpm(found["set_tempo"][0][1].tempo) == pytest.approx(120.0, abs=0.01)
    tick, metre = found["time_signature"][-1]
    assert (metre.numerator, metre.denominator) == (tune.metre.beats, tune.metre.unit)
    first = made.performance.measures[0]
    assert tick == (round(first.length * TICKS) if first.offset else 0)
    assert len(found["time_signature"]) == (2 if first.offset else 1)
    if first.offset:
        pickup = found["time_signature"][0][1]
        assert Fraction(4 * pickup.numerator, pickup.denominator) == first.length
    names = {"kesh": "G", "maggie": "D", "harvest": "D", "auld": "F", "greensleeves": "G"}
    assert found["key_signature"][0][1].key == {**names, "butterfly": "Em"}[name]


def test_every_key_can_be_written() -> None:
    for tonic in ("Cb", "C", "C#", "F", "Bb", "F#", "B"):
        for mode in ("", "mix", "dor", "m"):
            key = Key(tonic, mode)
            if abs(key.fifths) > 7:
                continue
            data = to_midi((), title="", metre=Metre(4, 4), key=key, quarters_a_minute=120.0)
            head = read(data).tracks[0]
            written = next(m.key for m in head if m.type == "key_signature")
            same = Key(written.rstrip("m"), "m" if written.endswith("m") else "")
            assert same.fifths == key.fifths


def test_a_note_struck_again_is_let_go_first() -> None:
    hits = (
        Hit(Fraction(0), Fraction(4), (60, 64), 0.5),
        Hit(Fraction(1), Fraction(2), (60,), 0.5),
        Hit(Fraction(1), Fraction(1), (60,), 0.5),
    )
    data = to_midi(
        [Track("x", 0, hits)], title="", metre=Metre(4, 4), key=Key("C"), quarters_a_minute=60.0
    )
    starts = [(start, pitch) for start, _, pitch in notes(read(data).tracks[1])]
    assert starts == [(0, 60), (0, 64), (TICKS, 60)]
