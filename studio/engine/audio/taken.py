"""A tune that somebody brings, taken up: an ABC or MIDI file as the beginning of another tune."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from studio.core.abc import (
    LETTERS,
    AbcError,
    Key,
    Metre,
    Tempo,
    Token,
    Tune,
    midi_pitch,
    parse,
    written_length,
)
from studio.core.errors import StudioError
from studio.core.score import bars, check
from studio.engine.audio.midi import DRUMS

MAX_BYTES = 4 << 20
MAX_NOTES = 5_000
STEP = Fraction(1, 4)
"""Quarter notes: MIDI notes are written to the nearest sixteenth."""
_UNIT = Fraction(1, 2)
_WRITTEN = {16: "8", 12: "6", 8: "4", 6: "3", 4: "2", 3: "3/2", 2: "", 1: "/"}
"""Lengths in sixteenths that one note can have, and how they are written in eighths."""
_KRUMHANSL = {
    "": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "m": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each step above the tonic fits a major or minor key (Krumhansl and Kessler 1982)."""
_TONICS = {
    "": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "m": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}


def take_up(path: Path) -> Tune:
    """The tune in an ABC or MIDI file. Raises StudioError where there is none that can be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StudioError(
            f"“{path.name}” cannot be read ({error.strerror or type(error).__name__}).",
            "Check that the file is still there and that you may open it.",
        ) from error
    if len(data) > MAX_BYTES:
        raise StudioError(
            f"“{path.name}” is too large for a tune.", "Choose an ABC or MIDI file of one tune."
        )
    try:
        tune = _from_midi(data) if data.startswith(b"MThd") else parse(data.decode("utf-8"))
        if not bars(tune):
            raise AbcError("there are no notes in it")
    except (AbcError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, AbcError) else "it is neither ABC nor MIDI"
        raise StudioError(
            f"“{path.name}” cannot be taken up: {why}.",
            "Choose an ABC file with one voice in one key and metre, or a MIDI file.",
        ) from error
    return tune


def in_unit(tune: Tune, unit: Fraction) -> Tune:
    """The same tune written with another unit note (in quarter notes). Raises AbcError for
    lengths that cannot be written so."""
    if unit == tune.unit:
        return tune
    ratio = tune.unit / unit
    body = tuple(
        Token(t.kind, _relength(t.text, ratio)) if t.kind in ("note", "chord", "rest") else t
        for t in tune.body
    )
    return replace(tune, unit=unit, body=body)


def plain_mode(key: Key) -> Key:
    """A key in one of the modes that tune models know, with the same signature."""
    if key.mode in ("", "m", "dor", "mix"):
        return key
    names = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
    return Key(names[key.fifths + 7])


def opened(tune: Tune) -> Tune:
    """The tune with its end left open, so that it can go on behind a plain bar line."""
    body = list(tune.body)
    while body and body[-1].kind in ("bar", "ending"):
        last = body.pop()
        if last.text in (":|", "::"):
            return replace(tune, body=(*body, Token("bar", ":|")))
    # What is missing of a last bar is the pickup of what comes.
    short = bool(check(replace(tune, body=tuple(body))).rest)
    return replace(tune, body=(*body, Token("bar", "||" if short else "|")))


def last_bars(tune: Tune, count: int) -> tuple[tuple[Token, ...], Tune]:
    """What stands before the last `count` bars, and those as a tune of their own."""
    ends = [at for at, token in enumerate(tune.body) if token.kind == "bar"]
    # A bar line at the very beginning ends nothing, nor does one right behind another.
    ends = [
        at for at in ends if at and tune.body[at - 1].kind in ("note", "chord", "rest", "broken")
    ]
    if len(ends) <= count:
        return (), tune
    cut = ends[-count - 1] + 1
    return tune.body[:cut], replace(tune, body=tune.body[cut:])


def _relength(text: str, ratio: Fraction) -> str:
    pitch = text.rstrip("0123456789/")
    if text.startswith("["):
        pitch = text[: text.index("]") + 1]
    outer = text[len(pitch) :]
    length = written_length("z" + outer) * ratio
    if length.denominator & (length.denominator - 1) or length.denominator > 16:
        raise AbcError("a length that cannot be written")
    if length == 1:
        return pitch
    if length.denominator == 1:
        return f"{pitch}{length.numerator}"
    numerator = "" if length.numerator == 1 else str(length.numerator)
    return f"{pitch}{numerator}/" + ("" if length.denominator == 2 else str(length.denominator))


@dataclass(frozen=True, slots=True)
class _Sound:
    """A note of a MIDI file: onset and length in quarter notes, and its pitch."""

    onset: Fraction
    length: Fraction
    pitch: int


def _from_midi(data: bytes) -> Tune:
    """The melody of a MIDI file, to the nearest sixteenth. Raises AbcError."""
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except Exception as error:  # whatever mido runs into; it names no kind for foreign bytes
        raise AbcError("the MIDI file is damaged") from error
    if file.ticks_per_beat <= 0:
        raise AbcError("its time cannot be read")
    voices = _voices(file)
    metre, first, written, tempo = _signatures(file)
    if not voices:
        raise AbcError("there are no notes in it")
    melody = _skyline(max(voices, key=_tunefulness))
    key = _key([note for voice in voices for note in voice], written)
    body = tuple(_body(melody, metre, key, first))
    return Tune(metre=metre, unit=_UNIT, key=key, body=body, tempo=tempo)


def _voices(file: object) -> list[list[_Sound]]:
    """The notes of each track and channel, the drums left out."""
    import mido

    assert isinstance(file, mido.MidiFile)
    voices: dict[tuple[int, int], list[_Sound]] = {}
    count = 0
    for number, track in enumerate(file.tracks):
        now = 0
        begun: dict[tuple[int, int], int] = {}
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
                continue
            place = (message.channel, message.note)
            if place in begun:
                start = begun.pop(place)
                onset = Fraction(start, file.ticks_per_beat)
                length = Fraction(now - start, file.ticks_per_beat)
                note = _Sound(onset, length, message.note)
                voices.setdefault((number, message.channel), []).append(note)
                count += 1
                if count > MAX_NOTES:
                    raise AbcError("there are too many notes in it")
            if message.type == "note_on" and message.velocity:
                begun[place] = now
    return [sorted(v, key=lambda n: (n.onset, n.pitch)) for v in voices.values()]


def _signatures(file: object) -> tuple[Metre, Fraction, str | None, Tempo | None]:
    """The first metre that lasts longer than a pickup, where its bars begin (quarter notes), and
    the key and the first tempo that are written."""
    import mido

    assert isinstance(file, mido.MidiFile)
    metres: list[tuple[int, Metre]] = []
    key, beat = None, 0
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            fine = message.type == "time_signature" and message.denominator in (1, 2, 4, 8, 16)
            if fine and message.numerator:
                metres.append((now, Metre(message.numerator, message.denominator)))
            elif message.type == "key_signature" and key is None:
                key = str(message.key)
            elif message.type == "set_tempo" and not beat:
                beat = message.tempo
    metres.sort(key=lambda m: m[0])
    start, metre = metres[0] if metres else (0, Metre(4, 4))
    first = Fraction(0)
    if len(metres) > 1:
        length = Fraction(metres[1][0] - start, file.ticks_per_beat)
        if length <= metre.quarters:
            first, metre = Fraction(metres[1][0], file.ticks_per_beat), metres[1][1]
    tempo = Tempo(metre.beat, max(1, round(60e6 / beat / float(metre.beat)))) if beat else None
    return metre, first, key, tempo


def _tunefulness(voice: Sequence[_Sound]) -> tuple[bool, float]:
    """A melody has enough notes, few of them at once, and lies above the others."""
    alone = sum(a.onset != b.onset for a, b in pairwise(voice))
    height = sum(n.pitch for n in voice) / len(voice)
    return len(voice) >= 8, height + 24 * alone / len(voice)


def _skyline(voice: Sequence[_Sound]) -> list[tuple[int, int, int]]:
    """(start, end, pitch) in sixteenths: the highest note of each moment, each until the next."""
    highest: dict[int, tuple[int, int]] = {}
    for note in voice:
        start = round(note.onset / STEP)
        end = max(start + 1, round((note.onset + note.length) / STEP))
        if start not in highest or note.pitch > highest[start][1]:
            highest[start] = (end, note.pitch)
    starts = sorted(highest)
    result = []
    for at, start in enumerate(starts):
        end, pitch = highest[start]
        if at + 1 < len(starts):
            following = starts[at + 1]
            # A breath at the end of a note is how it was played, not how it is written.
            end = following if following - end <= max(1, (end - start) // 3) else end
            end = min(end, following)
        result.append((start, end, pitch))
    return result


def _key(notes: Sequence[_Sound], written: str | None) -> Key:
    """The key in which the notes fit best; among those of a written signature where there is one.

    Source: the algorithm of Krumhansl and Schmuckler (C. L. Krumhansl, Cognitive Foundations of
    Musical Pitch, 1990): the correlation of the durations of the pitch classes with the profile.
    """
    heard = [0.0] * 12
    for note in notes:
        heard[note.pitch % 12] += float(note.length)
    mean = sum(heard) / 12
    fifths = Key(written.rstrip("m"), "m" if written.endswith("m") else "").fifths if written else 0

    def fit(key: Key) -> float:
        profile = _KRUMHANSL[key.mode]
        middle = sum(profile) / 12
        pairs = [(heard[(key.pitch_class + s) % 12] - mean, profile[s] - middle) for s in range(12)]
        both = sum(a * b for a, b in pairs)
        scale = (sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs)) ** 0.5
        return both / scale if scale else 0.0

    keys = [Key(tonic, mode) for mode, tonics in _TONICS.items() for tonic in tonics]
    # No signature and C major are written alike: only another one says something.
    if fifths:
        keys = [key for key in keys if key.fifths == fifths] or keys
    return max(keys, key=fit)


def _body(
    melody: Sequence[tuple[int, int, int]], metre: Metre, key: Key, origin: Fraction
) -> Iterable[Token]:
    """Notes and bar lines; a note over a bar line is struck again behind it."""
    bar = metre.quarters / STEP
    if bar.denominator != 1:
        raise AbcError("its metre is finer than sixteenths")
    full = int(bar)
    whole = round(origin / STEP)
    now = melody[0][0]
    first = whole + (now - whole) // full * full
    signature = key.signature
    altered: dict[str, int] = {}
    for start, end, pitch in melody:
        spans = [(now, start, -1), (start, end, pitch)] if start > now else [(start, end, pitch)]
        for begin, until, what in spans:
            while begin < until:
                line = first + ((begin - first) // full + 1) * full
                part = min(until, line)
                for sixteenths in _parts(part - begin):
                    if what < 0:
                        yield Token("rest", "z" + _WRITTEN[sixteenths])
                    else:
                        name = _spelled(what, key, signature, altered)
                        yield Token("note", name + _WRITTEN[sixteenths])
                begin = part
                if part == line:
                    altered.clear()
                    yield Token("bar", "|")
        now = end
    if (now - first) % full:
        yield Token("bar", "|")


def _parts(sixteenths: int) -> Iterable[int]:
    lengths = sorted(_WRITTEN)
    while sixteenths:
        part = lengths[bisect_right(lengths, sixteenths) - 1]
        yield part
        sixteenths -= part


def _spelled(pitch: int, key: Key, signature: dict[str, int], altered: dict[str, int]) -> str:
    """A pitch as ABC writes it in a key, with an accidental where the bar so far asks for one."""
    sharps = key.fifths >= 0
    choices = []
    for letter in LETTERS:
        for octave in range(-1, 10):
            try:
                alteration = pitch - midi_pitch(letter, octave, 0)
            except AbcError:
                continue
            if abs(alteration) <= 1:
                unusual = alteration != signature[letter]
                wrong_side = alteration == (-1 if sharps else 1) and unusual
                choices.append((unusual, wrong_side, abs(alteration), letter, octave, alteration))
    _, _, _, letter, octave, alteration = min(choices)
    sign = ""
    if altered.get(letter, signature[letter]) != alteration:
        altered[letter] = alteration
        sign = {1: "^", 0: "=", -1: "_"}[alteration]
    if octave >= 5:
        return sign + letter.lower() + "'" * (octave - 5)
    return sign + letter + "," * (4 - octave)
