"""What a written tune sounds like: its bars, the order they are played in, and timed notes.

Also the two ways in which a tune is judged: how many bars are complete, and whether the beat ever
stumbles when it is played with its repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from studio.core.abc import (
    AbcError,
    Key,
    Metre,
    Token,
    Tune,
    midi_pitch,
    pitches,
    written_length,
)

EDGES = ("||", "|:", ":|", "::", "|]")
"""Bar lines at which a section may begin or end, and a bar be divided between the two."""
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
BARS_A_LINE = 4


@dataclass(frozen=True, slots=True)
class Note:
    """What sounds at once for a time: MIDI pitches (none for a rest), length in quarter notes."""

    pitches: tuple[int, ...]
    length: Fraction


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands between two bar lines."""

    before: tuple[str, ...]
    """The bar lines in front; empty at the start of the tune."""
    after: tuple[str, ...]
    """The bar lines behind; empty where the tune just ends."""
    ending: int
    """1 or 2 within a first or second ending, else 0."""
    notes: tuple[Note, ...]
    tokens: tuple[Token, ...]

    @property
    def length(self) -> Fraction:
        """In quarter notes."""
        return sum((note.length for note in self.notes), Fraction(0))

    @property
    def opens(self) -> bool:
        """Whether a section may begin with it."""
        return not self.before or any(line in EDGES for line in self.before)

    @property
    def closes(self) -> bool:
        """Whether a section may end with it."""
        return not self.after or any(line in EDGES for line in self.after)

    @property
    def repeats(self) -> bool:
        return any(line in (":|", "::") for line in self.after)


@dataclass(frozen=True, slots=True)
class Check:
    """How well a tune's bars work out."""

    bars: int
    """Bars with notes, as written."""
    complete: int
    """Of these, the full ones, and the short ones at the edge of a section."""
    stumbles: int
    """Places where the beat is lost when the tune is played with its repeats."""
    rest: Fraction
    """What the last bar that is played leaves of a bar unfinished, in quarter notes; 0 for none."""


@dataclass(frozen=True, slots=True)
class Event:
    """A note in time: onset and length in quarter notes from the start, and MIDI pitches."""

    onset: Fraction
    length: Fraction
    pitches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A bar as it is heard: onset and length in quarter notes, and where in the bar it begins."""

    onset: Fraction
    length: Fraction
    offset: Fraction
    """0 but for a pickup, which is the end of a bar."""


@dataclass(frozen=True, slots=True)
class Performance:
    """A tune with its repeats played out."""

    metre: Metre
    key: Key
    events: tuple[Event, ...]
    """In order of onset; rests are left out."""
    measures: tuple[Measure, ...]
    length: Fraction
    """In quarter notes."""

    @property
    def bars(self) -> int:
        """Full bars' worth of music, to the nearest."""
        return round(self.length / self.metre.quarters)


def bars(tune: Tune) -> tuple[Bar, ...]:
    """The bars of a tune. Raises AbcError where tuplets or broken rhythms do not work out.

    An accidental holds for its letter, in every octave, to the end of the bar.
    """
    result: list[Bar] = []
    before: tuple[str, ...] = ()
    ending = 0
    reader = _BarReader(tune)
    for token in (*tune.body, Token("bar", "")):
        if token.kind == "ending":
            ending = int(token.text)
        elif token.kind != "bar":
            reader.take(token)
            continue
        else:
            line = (token.text,) if token.text else ()
            notes, tokens = reader.finish()
            if notes:
                result.append(Bar(before, line, ending, notes, tokens))
                before = line
            else:
                before += line
                if result:
                    result[-1] = replace(result[-1], after=result[-1].after + line)
            if any(edge in EDGES for edge in line):
                ending = 0
    return tuple(result)


class _BarReader:
    """Collects the notes of one bar after another."""

    def __init__(self, tune: Tune) -> None:
        self._tune = tune
        self._signature = tune.key.signature
        self._reset()

    def _reset(self) -> None:
        self._notes: list[Note] = []
        self._tokens: list[Token] = []
        self._accidentals: dict[str, int] = {}
        self._tuplet_left, self._tuplet_ratio = 0, Fraction(1)
        self._pending: Fraction | None = None

    def finish(self) -> tuple[tuple[Note, ...], tuple[Token, ...]]:
        if self._tuplet_left or self._pending is not None:
            raise AbcError("a tuplet or a broken rhythm across a bar line")
        notes, tokens = tuple(self._notes), tuple(self._tokens)
        self._reset()
        return notes, tokens

    def take(self, token: Token) -> None:
        self._tokens.append(token)
        if token.kind == "tuplet":
            self._tuplet(token.text)
        elif token.kind == "broken":
            self._broken(token.text)
        else:
            length = written_length(token.text) * self._tune.unit
            if self._tuplet_left:
                length *= self._tuplet_ratio
                self._tuplet_left -= 1
            if self._pending is not None:
                length *= self._pending
                self._pending = None
            heard = tuple(sorted({self._pitch(*p) for p in pitches(token.text)}))
            self._notes.append(Note(heard if token.kind != "rest" else (), length))

    def _pitch(self, letter: str, octave: int, accidental: int | None) -> int:
        if accidental is not None:
            self._accidentals[letter] = accidental
        alteration = self._accidentals.get(letter, self._signature[letter])
        return midi_pitch(letter, octave, alteration)

    def _tuplet(self, text: str) -> None:
        if self._tuplet_left:
            raise AbcError("a tuplet within a tuplet")
        self._tuplet_ratio, self._tuplet_left = tuplet_ratio(text, self._tune.metre)

    def _broken(self, text: str) -> None:
        if not self._notes or self._pending is not None:
            raise AbcError("a broken rhythm without a note in front")
        short = Fraction(1, 2 ** len(text))
        first, self._pending = (2 - short, short) if text[0] == ">" else (short, 2 - short)
        last = self._notes[-1]
        self._notes[-1] = replace(last, length=last.length * first)


def tuplet_ratio(text: str, metre: Metre) -> tuple[Fraction, int]:
    """How much a tuplet's notes are shortened, and how many it takes. Raises AbcError."""
    parts = [int(p) if p else 0 for p in text[1:].split(":")] + [0, 0]
    count = parts[0]
    time = parts[1] or _TUPLET_TIME.get(count, 3 if metre.compound else 2)
    if time > 16 or parts[2] > 32:
        raise AbcError("a tuplet that nobody can play")
    return Fraction(time, count), parts[2] or count


def beam_length(metre: Metre) -> Fraction:
    """Within how many quarter notes beams join notes."""
    full = metre.quarters
    if metre.unit == 4 and metre.beats == 2:
        return Fraction(1)
    return metre.beat if metre.compound or full not in (2, 4) else full / 2


def play_order(written: Sequence[Bar]) -> tuple[int, ...]:
    """Indices of the bars as they are played: every repeat once, each ending in its turn."""
    order: list[int] = []
    start, at, second = 0, 0, False
    while at < len(written):
        bar = written[at]
        if any(line in ("|:", "::") for line in bar.before) and at != start:
            start, second = at, False
        if bar.ending in (0, 2 if second else 1):
            order.append(at)
            if bar.repeats and not second:
                at, second = start, True
                continue
            if bar.repeats:
                start, second = at + 1, False
        follows = written[at + 1].ending if at + 1 < len(written) else 0
        if bar.ending == 2 and follows != 2:
            start, second = at + 1, False
        elif bar.ending == 1 and second and follows == 0:
            start, second = at + 1, False  # a first ending that no second one follows
        at += 1
    return tuple(order)


def check(tune: Tune) -> Check:
    """Judge the bars of a tune. Raises AbcError as `bars` does.

    The beat stumbles where a bar is too long, or where a short one neither ends a section nor is
    made up by what is played next. The pickup and the last bar of all may stand alone.
    """
    return check_bars(bars(tune), tune.metre.quarters)


def check_bars(written: Sequence[Bar], full: Fraction) -> Check:
    """Judge bars that were read already; `full` is the length of a bar in quarter notes."""
    complete = sum(
        bar.length == full or (bar.length < full and (bar.opens or bar.closes or bar.ending > 0))
        for bar in written
    )
    stumbles, filled = 0, Fraction(0)
    order = play_order(written)
    for place, index in enumerate(order):
        bar = written[index]
        if place == 0 and bar.length < full and len(order) > 1:
            continue  # the pickup in front of all
        filled += bar.length
        if filled < full and (bar.closes or place == len(order) - 1):
            continue  # a bar divided between two sections goes on in the next one
        stumbles += filled != full
        filled = Fraction(0)
    return Check(len(written), complete, stumbles, full - filled if filled else filled)


def perform(tune: Tune) -> Performance:
    """Play a tune out, repeats and all. Raises AbcError as `bars` does."""
    written = bars(tune)
    full = tune.metre.quarters
    events: list[Event] = []
    measures: list[Measure] = []
    now, filled = Fraction(0), Fraction(0)
    for place, index in enumerate(play_order(written)):
        bar = written[index]
        length = bar.length
        if place == 0 and length < full:
            filled = full - length
        measures.append(Measure(now, length, filled))
        filled += length
        if filled >= full or not bar.closes:
            filled = Fraction(0)
        for note in bar.notes:
            if note.pitches:
                events.append(Event(now, note.length, note.pitches))
            now += note.length
    return Performance(tune.metre, tune.key, tuple(events), tuple(measures), now)


def sections(written: Sequence[Bar]) -> tuple[tuple[Bar, ...], ...]:
    """The parts of a tune: a first and second ending belong to the part they end."""
    result: list[list[Bar]] = [[]]
    for at, bar in enumerate(written):
        result[-1].append(bar)
        follows = written[at + 1] if at + 1 < len(written) else None
        if bar.closes and not (follows is not None and follows.ending == 2):
            result.append([])
    return tuple(tuple(part) for part in result if part)


def render(tune: Tune, number: int = 1) -> str:
    """The tune as ABC: header, then the body, four bars a line, beams broken at the beats."""
    header = [f"X:{number}"]
    if tune.title:
        header.append(f"T:{tune.title}")
    if tune.rhythm:
        header.append(f"R:{tune.rhythm}")
    header += [f"M:{tune.metre}", f"L:1/{4 / tune.unit}"]
    if tune.tempo is not None:
        header.append(f"Q:{tune.tempo}")
    header.append(f"K:{tune.key}")
    lines: list[str] = []
    line, previous = "", None
    written = bars(tune)
    for at, bar in enumerate(written):
        if at == 0:
            opens = any(mark in ("|:", "::") for mark in bar.before)
            line = "|: " if opens else "| " if bar.ending else ""
        if bar.ending and (previous is None or previous.closes or previous.ending != bar.ending):
            line += f"[{bar.ending} "
        after = _bar_line(bar.after, at + 1 == len(written))
        line += f"{_beamed(bar, tune)} {after} "
        if (at + 1) % BARS_A_LINE == 0 or at + 1 == len(written):
            lines.append(line.strip())
            line = ""
        previous = bar
    return "\n".join([*header, *lines]) + "\n"


def compact(tune: Tune) -> str:
    """The body of a tune without spaces, four bars a line: how tune models read and write it."""
    lines: list[str] = []
    line, count = "", 0
    for token in tune.body:
        leading = token.kind == "bar" and count == 0 and not line.strip("|:")
        line += token.text
        if token.kind == "bar" and not leading:
            count += 1
            if count % BARS_A_LINE == 0:
                lines.append(line)
                line = ""
    if line:
        lines.append(line)
    # An ending number at the start of a line would lose the bar line it belongs to.
    return re.sub(r"\n(?=[12](?![0-9/]))", "", "\n".join(lines))


def _bar_line(marks: Sequence[str], last: bool) -> str:
    """One bar line that means what several in a row mean; nothing is opened at the very end."""
    closes = any(mark in (":|", "::") for mark in marks)
    opens = any(mark in ("|:", "::") for mark in marks) and not last
    if closes or opens:
        return "::" if closes and opens else ":|" if closes else "|:"
    if "|]" in marks or last:
        return "||" if "||" in marks else "|]"
    return "||" if "||" in marks else "|"


def _beamed(bar: Bar, tune: Tune) -> str:
    """The elements of a bar, with a space where a beam ends."""
    full, beam = tune.metre.quarters, beam_length(tune.metre)
    now = full - bar.length if bar.opens and not bar.closes and bar.length < full else Fraction(0)
    notes = iter(bar.notes)
    text, left = "", 0
    for at, token in enumerate(bar.tokens):
        follows = bar.tokens[at + 1].kind if at + 1 < len(bar.tokens) else "bar"
        text += token.text
        if token.kind == "tuplet":
            left = int(token.text[1])
        if token.kind not in ("note", "chord", "rest"):
            continue
        now += next(notes).length
        left = max(0, left - 1)
        if follows not in ("broken", "bar") and not left and now % beam == 0:
            text += " "
    return text
