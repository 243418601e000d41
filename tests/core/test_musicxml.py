"""A tune as MusicXML: what another program reads out of it is what the studio plays."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from xml.etree import ElementTree as Xml

import mido
import pytest
import verovio

from studio.core.abc import AbcError, parse
from studio.core.musicxml import musicxml
from studio.core.score import perform

HEAD = "X:1\nT:A <Test> & more\nM:{m}\nL:1/8\nQ:1/4=120\nK:{k}\n"
TUNES = {
    "plain": HEAD.format(m="4/4", k="C") + "CDEF GABc | c4 z4 | C8 |]",
    "signature": HEAD.format(m="4/4", k="Gdor") + "B^c=ee E2 _A2 | c'2 C,2 F4 |]",
    "carried": HEAD.format(m="4/4", k="D") + "F=Ff F f ^f2 F | F8 |]",
    "tuplets": HEAD.format(m="4/4", k="G") + "(3ABc (3BAG (3:2:2A2G (5:4:5cdcBA | (3A2B2c2 d4 |]",
    "broken": HEAD.format(m="4/4", k="G") + "A>B c<d e>>f g2 | A3/2B/ c/d/e f2 g2 |]",
    "chords": HEAD.format(m="6/8", k="Am") + "[Ace]3 [ea]2 z | [A,E]6 |]",
    "tied": HEAD.format(m="4/4", k="C") + "C5 D3 | E7 F | G9/4 A7/4 B4 |]",
    "pickup": HEAD.format(m="3/4", k="Bb") + "F2 | B2 d2 f2 | e2 c2 A2 | B4 |]",
}


def heard(score: str) -> list[tuple[Fraction, Fraction, int]]:
    """Onset and length in quarter notes and pitch of every note, as the engraver plays it."""
    toolkit = verovio.toolkit()
    assert toolkit.loadData(score)
    midi = mido.MidiFile(file=io.BytesIO(base64.b64decode(toolkit.renderToMIDI())))
    notes, open_notes = [], {}
    for track in midi.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            if message.type == "note_on" and message.velocity:
                open_notes[message.note] = now
            else:
                start = open_notes.pop(message.note)
                ticks = midi.ticks_per_beat
                notes.append((Fraction(start, ticks), Fraction(now - start, ticks), message.note))
    return sorted(notes)


@pytest.mark.parametrize("name", TUNES)
def test_another_program_plays_the_same_notes(name: str) -> None:
    tune = parse(TUNES[name])
    ours = sorted((e.onset, e.length, p) for e in perform(tune).events for p in e.pitches)
    theirs = heard(musicxml(tune))
    assert [p for _, _, p in theirs] == [p for _, _, p in ours]
    for (onset, length, _), (its_onset, its_length, _) in zip(ours, theirs, strict=True):
        # MIDI has ticks only.
        assert abs(onset - its_onset) < Fraction(1, 40)
        assert abs(length - its_length) < Fraction(1, 40)


def test_bars_repeats_and_endings_are_as_written() -> None:
    text = HEAD.format(m="4/4", k="G") + "D2 |: G4 A4 |1 B8 :|2 c8 || d8 :: e8 :|"
    root = Xml.fromstring(musicxml(parse(text)).encode())
    measures = root.findall("part/measure")
    assert [m.get("number") for m in measures] == ["X0", "1", "2", "3", "4", "5"]
    assert measures[0].get("implicit") == "yes"
    repeats = [[r.get("direction") for r in m.findall("barline/repeat")] for m in measures]
    assert repeats == [[], ["forward"], ["backward"], [], ["backward"], ["forward", "backward"]]
    endings = [
        [(e.get("number"), e.get("type")) for e in m.findall("barline/ending")] for m in measures
    ]
    assert endings[2:4] == [[("1", "start"), ("1", "stop")], [("2", "start"), ("2", "discontinue")]]
    assert root.findtext("work/work-title") == "A <Test> & more"


def test_an_accidental_is_drawn_where_the_staff_does_not_say_it() -> None:
    root = Xml.fromstring(musicxml(parse(TUNES["carried"])).encode())
    drawn = [n.findtext("accidental") for n in root.findall("part/measure/note")]
    # F sharp is in the signature; a natural on one line does not count on the other.
    assert drawn == [None, "natural", "natural", None, None, "sharp", "sharp", None]


def test_beams_join_what_stands_within_a_beat() -> None:
    root = Xml.fromstring(musicxml(parse(HEAD.format(m="6/8", k="D") + "ABc d/e/f g |]")).encode())
    beams = [
        [(b.get("number"), b.text) for b in n.findall("beam")]
        for n in root.findall("part/measure/note")
    ]
    assert beams == [
        [("1", "begin")],
        [("1", "continue")],
        [("1", "end")],
        [("1", "begin"), ("2", "begin")],
        [("1", "continue"), ("2", "end")],
        [("1", "continue")],
        [("1", "end")],
    ]


def test_a_length_that_no_note_has_is_refused() -> None:
    with pytest.raises(AbcError, match="no note lasts"):
        musicxml(parse(HEAD.format(m="4/4", k="C") + "C/64 D/////E |]"))
