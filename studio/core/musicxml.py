"""A tune as MusicXML 4.0 (partwise), which every notation program opens: melody, bars, beams."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree import ElementTree as Xml

from studio.core.abc import AbcError, Tune, pitches
from studio.core.score import Bar, Note, bars, beam_length, tuplet_ratio

_TYPES: tuple[tuple[Fraction, str], ...] = (
    (Fraction(8), "breve"),
    (Fraction(4), "whole"),
    (Fraction(2), "half"),
    (Fraction(1), "quarter"),
    (Fraction(1, 2), "eighth"),
    (Fraction(1, 4), "16th"),
    (Fraction(1, 8), "32nd"),
    (Fraction(1, 16), "64th"),
    (Fraction(1, 32), "128th"),
    (Fraction(1, 64), "256th"),
)
"""A note's written value in quarter notes, and the name it has."""
_SHAPES = tuple(
    (value * stretch, name, dots)
    for value, name in _TYPES
    for dots, stretch in ((2, Fraction(7, 4)), (1, Fraction(3, 2)), (0, Fraction(1)))
)
_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_LINES = ((16, 1), (10, 2), (7, 3), (0, 4))
"""From so many notes a bar, so many bars stand on a line."""


@dataclass(slots=True)
class _Written:
    """One note, chord or rest as it is drawn; a long one may be several, tied."""

    pitches: tuple[tuple[str, int, int], ...]
    """Letter, octave, alteration; none for a rest."""
    length: Fraction
    """As it sounds, in quarter notes."""
    name: str
    dots: int
    value: Fraction
    """As it is written, without its tuplet."""
    ratio: Fraction
    """Of the tuplet that it stands in, 1 for none: sounding over written."""
    onset: Fraction
    signs: dict[int, str] = field(default_factory=dict)
    """Accidentals to draw, by the place of the pitch."""
    tied: tuple[bool, bool] = (False, False)
    """Whether it goes on from the one before, and in the next one."""
    tuplet: str = ""
    """`start` or `stop` where a bracket does."""
    beams: dict[int, str] = field(default_factory=dict)


def musicxml(tune: Tune, maker: str = "", *, marks: bool = True) -> str:
    """The tune as one part on a treble staff. `maker` stands where the composer does.

    Without `marks` the notes stand alone: no title, maker or tempo, for who writes those himself.
    Raises AbcError as `studio.core.score.bars` does, and for lengths that no note has.
    Source: MusicXML 4.0, W3C Community Group, https://www.w3.org/2021/06/musicxml40/.
    """
    written = bars(tune)
    root = Xml.Element("score-partwise", version="4.0")
    if tune.title and marks:
        _put(_put(root, "work"), "work-title", tune.title)
    about = _put(root, "identification")
    if maker and marks:
        _put(about, "creator", maker, type="composer")
    parts = _put(_put(root, "part-list"), "score-part", id="P1")
    _put(parts, "part-name", "")
    part = _put(root, "part", id="P1")
    drawn = [tuple(_draw(bar, tune)) for bar in written]
    divisions = math.lcm(*(n.length.denominator for bar in drawn for n in bar))
    new_line = _line_starts(written)
    number = 0
    for at, (bar, notes) in enumerate(zip(written, drawn, strict=True)):
        short = bar.length < tune.metre.quarters
        # A bar that is the end or the beginning of one is not counted (MusicXML: implicit).
        implicit = short and bar.opens
        number += not implicit
        measure = _put(part, "measure", number=f"X{at}" if implicit else str(number))
        if implicit:
            measure.set("implicit", "yes")
        if at in new_line:
            _put(measure, "print", **{"new-system": "yes"})
        if at == 0:
            _attributes(measure, tune, divisions)
            if marks:
                _tempo(measure, tune)
        _left(measure, bar, written[at - 1] if at else None)
        for note in notes:
            _notes(measure, note, divisions)
        _right(measure, bar, written[at + 1] if at + 1 < len(written) else None)
    Xml.indent(root, " ")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">\n'
    ) + Xml.tostring(root, encoding="unicode")


def _draw(bar: Bar, tune: Tune) -> Iterator[_Written]:
    """The notes of a bar as they are drawn, with accidentals, ties, tuplets and beams."""
    signature = tune.key.signature
    heard: dict[str, int] = {}  # an accidental counts for its letter in every octave, as we read it
    shown: dict[tuple[str, int], int] = {}  # on the staff it counts for its own line alone
    full = tune.metre.quarters
    onset = full - bar.length if bar.opens and bar.length < full else Fraction(0)
    notes = iter(bar.notes)
    left, count, ratio = 0, 0, Fraction(1)
    result: list[_Written] = []
    for token in bar.tokens:
        if token.kind == "tuplet":
            ratio, count = tuplet_ratio(token.text, tune.metre)
            left = count
            continue
        if token.kind == "broken":
            continue
        note = next(notes)
        these, signs = [], {}
        for place, (letter, octave, accidental) in enumerate(
            pitches(token.text) if token.kind != "rest" else ()
        ):
            if accidental is not None:
                heard[letter] = accidental
            alteration = heard.get(letter, signature[letter])
            if shown.get((letter, octave), signature[letter]) != alteration:
                signs[place] = _SIGNS[alteration]
                shown[letter, octave] = alteration
            these.append((letter, octave, alteration))
        pieces = list(_pieces(note, ratio if left else Fraction(1), onset, tuple(these)))
        pieces[0].signs = signs
        if left:
            if left == count:
                pieces[0].tuplet = "start"
            left -= 1
            if not left:
                pieces[-1].tuplet = "stop"
        result += pieces
        onset += note.length
    _beam(result, beam_length(tune.metre))
    return iter(result)


def _pieces(
    note: Note, ratio: Fraction, onset: Fraction, these: tuple[tuple[str, int, int], ...]
) -> Iterator[_Written]:
    """The written notes whose values add up to one length, the longest first."""
    left = note.length / ratio
    first = True
    while left:
        shape = next((s for s in _SHAPES if s[0] <= left), None)
        if shape is None:
            raise AbcError(f"no note lasts {note.length} quarters")
        value, name, dots = shape
        left -= value
        tied = (not first and bool(these), bool(left) and bool(these))
        yield _Written(these, value * ratio, name, dots, value, ratio, onset, tied=tied)
        onset += value * ratio
        first = False


def _beam(notes: Sequence[_Written], group: Fraction) -> None:
    """Join eighths and shorter notes within a beat; deeper beams where both have them."""
    run: list[_Written] = []
    runs: list[list[_Written]] = []
    for note in notes:
        if run and (not note.pitches or not _flags(note) or note.onset % group == 0):
            runs.append(run)
            run = []
        if note.pitches and _flags(note):
            run.append(note)
    runs.append(run)
    for run in runs:
        if len(run) < 2:
            continue
        for level in range(1, max(map(_flags, run)) + 1):
            has = [_flags(n) >= level for n in run]
            for at, note in enumerate(run):
                if not has[at]:
                    continue
                before, after = at > 0 and has[at - 1], at + 1 < len(run) and has[at + 1]
                note.beams[level] = (
                    "continue" if before and after
                    else "end" if before
                    else "begin" if after
                    else "backward hook" if at
                    else "forward hook"
                )  # fmt: skip


def _flags(note: _Written) -> int:
    """How many beams or flags a note has: 1 for an eighth."""
    value = next(v for v, name in _TYPES if name == note.name)
    return max(0, value.denominator.bit_length() - 1)


def _line_starts(written: Sequence[Bar]) -> set[int]:
    """The bars that begin a line: a new part does, and so many after it as there is room for."""
    mean = sum(len(b.notes) for b in written) / max(1, len(written))
    room = next(count for dense, count in _LINES if mean >= dense)
    starts: set[int] = set()
    on_line = 0
    for at, bar in enumerate(written):
        new_part = bar.opens and at > 0
        if (new_part and on_line > 1) or on_line >= room:
            starts.add(at)
            on_line = 0
        # A pickup takes little room, and belongs to the bar behind it.
        on_line += bar.length > written[(at + 1) % len(written)].length / 2
    return starts


def _attributes(measure: Xml.Element, tune: Tune, divisions: int) -> None:
    attributes = _put(measure, "attributes")
    _put(attributes, "divisions", str(divisions))
    key = _put(attributes, "key")
    _put(key, "fifths", str(tune.key.fifths))
    time = _put(attributes, "time")
    _put(time, "beats", str(tune.metre.beats))
    _put(time, "beat-type", str(tune.metre.unit))
    clef = _put(attributes, "clef")
    _put(clef, "sign", "G")
    _put(clef, "line", "2")


def _tempo(measure: Xml.Element, tune: Tune) -> None:
    if tune.tempo is None:
        return
    shape = next((s for s in _SHAPES if s[0] == tune.tempo.beat), None)
    direction = _put(measure, "direction", placement="above")
    if shape is not None:
        metronome = _put(_put(direction, "direction-type"), "metronome")
        _put(metronome, "beat-unit", shape[1])
        for _ in range(shape[2]):
            _put(metronome, "beat-unit-dot")
        _put(metronome, "per-minute", f"{tune.tempo.bpm:g}")
    else:
        words = f"{tune.tempo.quarters_a_minute:g} quarter notes a minute"
        _put(_put(direction, "direction-type"), "words", words)
    _put(direction, "sound", tempo=f"{tune.tempo.quarters_a_minute:g}")


def _left(measure: Xml.Element, bar: Bar, before: Bar | None) -> None:
    """Where a repeat or an ending begins."""
    repeat = any(line in ("|:", "::") for line in bar.before)
    ending = bar.ending and (before is None or before.ending != bar.ending or before.closes)
    if not repeat and not ending:
        return
    line = _put(measure, "barline", location="left")
    if repeat:
        _put(line, "bar-style", "heavy-light")
    if ending:
        _put(line, "ending", number=str(bar.ending), type="start")
    if repeat:
        _put(line, "repeat", direction="forward")


def _right(measure: Xml.Element, bar: Bar, after: Bar | None) -> None:
    """Where a repeat, an ending, a part or the tune ends."""
    ends = bar.ending and (after is None or after.ending != bar.ending or bar.closes)
    style = ""
    if bar.repeats or after is None or "|]" in bar.after:
        style = "light-heavy"
    elif "||" in bar.after:
        style = "light-light"
    if not style and not ends:
        return
    line = _put(measure, "barline", location="right")
    if style:
        _put(line, "bar-style", style)
    if ends:
        kind = "stop" if bar.repeats or bar.ending == 1 else "discontinue"
        _put(line, "ending", number=str(bar.ending), type=kind)
    if bar.repeats:
        _put(line, "repeat", direction="backward")


def _notes(measure: Xml.Element, written: _Written, divisions: int) -> None:
    for place, pitch in enumerate(written.pitches or (None,)):
        note = _put(measure, "note")
        if place:
            _put(note, "chord")
        if pitch is None:
            _put(note, "rest")
        else:
            letter, octave, alteration = pitch
            spelled = _put(note, "pitch")
            _put(spelled, "step", letter)
            if alteration:
                _put(spelled, "alter", str(alteration))
            _put(spelled, "octave", str(octave))
        _put(note, "duration", str(int(written.length * divisions)))
        for goes_on, kind in zip(written.tied, ("stop", "start"), strict=True):
            if goes_on:
                _put(note, "tie", type=kind)
        _put(note, "voice", "1")
        _put(note, "type", written.name)
        for _ in range(written.dots):
            _put(note, "dot")
        if place in written.signs:
            _put(note, "accidental", written.signs[place])
        if written.ratio != 1:
            modification = _put(note, "time-modification")
            # 2/3 is said as 3 in the time of 2, 3/2 as 2 in the time of 3.
            _put(modification, "actual-notes", str(written.ratio.denominator))
            _put(modification, "normal-notes", str(written.ratio.numerator))
        if not place:
            for level, how in written.beams.items():
                _put(note, "beam", how, number=str(level))
        _notations(note, written, place)


def _notations(note: Xml.Element, written: _Written, place: int) -> None:
    ties = [k for on, k in zip(written.tied, ("stop", "start"), strict=True) if on]
    bracket = written.tuplet if not place else ""
    if not ties and not bracket:
        return
    notations = _put(note, "notations")
    for kind in ties:
        _put(notations, "tied", type=kind)
    if bracket:
        _put(notations, "tuplet", type=bracket)


def _put(parent: Xml.Element, name: str, text: str | None = None, **attributes: str) -> Xml.Element:
    element = Xml.SubElement(parent, name, attributes)
    if text is not None:
        # XML 1.0 has no place for most control characters.
        element.text = "".join(c for c in text if c >= " " or c in "\t\n")
    return element
