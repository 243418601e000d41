"""One-voice tunes in ABC notation: reading, writing, keys, and exact transposition.

Covers the single-voice part of the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1)
that folk collections use: notes, chords, tuplets, broken rhythm, bar lines, repeats, first and
second endings. Ornaments, chord symbols, slurs, ties, lyrics and comments are left out on reading;
a change of key or metre within the tune, and more than one voice, are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

MAX_TEXT = 200_000
"""In characters; a stranger's file is not read beyond it."""
MAX_TOKENS = 50_000

LETTERS = "CDEFGAB"
SHARP_ORDER = "FCGDAEB"
_FIFTHS = {letter: place - 1 for place, letter in enumerate(SHARP_ORDER)}
MODES = {"": 0, "m": -3, "dor": -2, "mix": -1, "phr": -4, "lyd": 1, "loc": -5}
"""How many fifths a mode's key signature lies from the major one on the same tonic."""
MODE_NAMES = {
    "": "major",
    "m": "minor",
    "dor": "Dorian",
    "mix": "Mixolydian",
    "phr": "Phrygian",
    "lyd": "Lydian",
    "loc": "Locrian",
}
_MODE_SPELLINGS = {"maj": "", "ion": "", "min": "m", "aeo": "m"}
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_ACCIDENTAL_SIGNS = {v: k for k, v in _ACCIDENTALS.items()}

_PITCH = r"(?:\^\^|__|\^|_|=)?[A-Ga-g][,']*"
_LENGTH = r"(?:\d+(?:/\d*)?|/+\d*)?"
_TOKEN = re.compile(
    r"(?P<bar>\|\]|\|\||\|:|:\||::|\[\||\|)"
    r"|(?P<ending>\[?[12](?![0-9/]))"
    r"|(?P<tuplet>\([2-9](?::\d*){0,2})"
    rf"|(?P<chord>\[(?:{_PITCH}{_LENGTH})+\]{_LENGTH})"
    rf"|(?P<note>{_PITCH}{_LENGTH})"
    rf"|(?P<rest>z{_LENGTH})"
    r"|(?P<broken><{1,3}|>{1,3})"
)
_PARTS = re.compile(r"(\^\^|__|\^|_|=)?([A-Ga-g])([,']*)")
_LEFT_OUT = (
    r'"[^"\n]*"',  # chord symbols and annotations
    r"![^!\n]*!",  # decorations
    r"\+[a-zA-Z.]+\+",  # decorations as ABC 1.6 wrote them
    r"\{[^}\n]*\}",  # grace notes
    r"\((?![2-9])",  # slurs
    r"[)\-`.~!*\"uvTHLMPRSOJ$y\\]",  # ends of slurs, ties, one-letter decorations, spacers
    r"\s+",
)
_BAR_SPELLINGS = (
    ("|[1", "|1"),
    ("|[2", "|2"),
    ("||:", "|:"),
    (":||:", "::"),
    (":|:", "::"),
    (":|||", ":|"),
    (":||", ":|"),
    ("|||", "||"),
    ("|:|", "|"),
    (":|]", ":|"),
    ("[|", "|"),
)


class AbcError(ValueError):
    """Why a text is not a tune that can be read."""


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (letter and perhaps `#` or `b`) and a mode as ABC writes it (`""` is major)."""

    tonic: str
    mode: str = ""

    @property
    def fifths(self) -> int:
        """Sharps (positive) or flats (negative) of the key signature."""
        accidental = 7 * (self.tonic.count("#") - self.tonic.count("b"))
        return _FIFTHS[self.tonic[0]] + accidental + MODES[self.mode]

    @property
    def signature(self) -> dict[str, int]:
        """For each letter -1, 0 or 1. Valid for at most seven sharps or flats."""
        fifths = self.fifths
        result = dict.fromkeys(LETTERS, 0)
        for letter in SHARP_ORDER[: max(0, fifths)]:
            result[letter] = 1
        for letter in SHARP_ORDER[::-1][: max(0, -fifths)]:
            result[letter] = -1
        return result

    @property
    def pitch_class(self) -> int:
        """The tonic in semitones above C, 0 to 11."""
        accidental = self.tonic.count("#") - self.tonic.count("b")
        return (_SEMITONES[self.tonic[0]] + accidental) % 12

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes of the key, from the tonic up."""
        start, signature = LETTERS.index(self.tonic[0]), self.signature
        letters = (LETTERS[(start + step) % 7] for step in range(7))
        return tuple((_SEMITONES[letter] + signature[letter]) % 12 for letter in letters)

    @property
    def minor(self) -> bool:
        """Whether the third above the tonic is the small one."""
        return MODES[self.mode] <= -2

    @property
    def name(self) -> str:
        """As a person says it: “D minor”, “A Mixolydian”."""
        tonic = self.tonic.replace("b", "♭").replace("#", "♯")
        return f"{tonic} {MODE_NAMES[self.mode]}"

    def __str__(self) -> str:
        return self.tonic + self.mode


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature: so many notes of one kind in a bar."""

    beats: int
    unit: int

    @property
    def quarters(self) -> Fraction:
        """Length of a full bar in quarter notes."""
        return Fraction(4 * self.beats, self.unit)

    @property
    def compound(self) -> bool:
        """Whether its beats have three parts (6/8, 9/8, 12/8)."""
        return self.beats % 3 == 0 and self.beats > 3

    @property
    def beat(self) -> Fraction:
        """Length of a felt beat in quarter notes."""
        return Fraction(12 if self.compound else 4, self.unit)

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Tempo:
    """So many beats a minute; `beat` in quarter notes."""

    beat: Fraction
    bpm: float

    @property
    def quarters_a_minute(self) -> float:
        return float(self.beat) * self.bpm

    def __str__(self) -> str:
        part = self.beat / 4
        return f"{part.numerator}/{part.denominator}={self.bpm:g}"


@dataclass(frozen=True, slots=True)
class Token:
    """One element of a tune body: bar, ending, tuplet, chord, note, rest or broken (rhythm)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """A tune as it is written: its header fields and the elements of its body."""

    metre: Metre
    unit: Fraction
    """The unit note length (L:), in quarter notes."""
    key: Key
    body: tuple[Token, ...]
    rhythm: str = ""
    title: str = ""
    tempo: Tempo | None = None


def parse_key(field: str) -> Key:
    """The key of a K: field, with at most seven sharps or flats. Raises AbcError."""
    words = field.split("%")[0].strip()
    match = re.match(r"([A-G])([#b]?)[ \t]*([A-Za-z]*)(?!\S*=)", words)
    if match is None:
        if words.lower() in ("", "none"):
            return Key("C")
        raise AbcError(f"unknown key {field[:40]!r}")
    word = match[3]
    mode = "m" if word == "m" else _MODE_SPELLINGS.get(word.lower()[:3], word.lower()[:3])
    if mode not in MODES:
        raise AbcError(f"unknown mode {word[:40]!r}")
    key = Key(match[1] + match[2], mode)
    if abs(key.fifths) > 7:
        raise AbcError(f"{key} has no key signature")
    return key


def parse_metre(field: str) -> Metre:
    """The metre of an M: field, from 2/2 to 64/32. Raises AbcError."""
    words = field.split("%")[0].replace(" ", "")
    words = {"C": "4/4", "C|": "2/2"}.get(words, words)
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})", words, re.ASCII)
    if match is None:
        raise AbcError(f"unknown metre {field[:40]!r}")
    beats, unit = int(match[1]), int(match[2])
    if not 1 <= beats <= 64 or unit not in (1, 2, 4, 8, 16, 32):
        raise AbcError(f"unknown metre {field[:40]!r}")
    return Metre(beats, unit)


def parse_tempo(field: str, unit: Fraction) -> Tempo | None:
    """The tempo of a Q: field (`1/4=120`, or `120` in unit notes); None where it is only words."""
    words = re.sub(r'"[^"]*"', "", field.split("%")[0]).replace(" ", "")
    match = re.fullmatch(r"(?:(\d{1,2})/(\d{1,2})=)?(\d{1,3}(?:\.\d{1,3})?)", words, re.ASCII)
    if match is None or not float(match[3]) or (match[2] and not int(match[1]) * int(match[2])):
        return None
    beat = Fraction(4 * int(match[1]), int(match[2])) if match[2] else unit
    return Tempo(beat, float(match[3]))


def clean(body: str) -> str:
    """A body without what is left out on reading, its bar lines in their plainest spelling."""
    body = re.sub(r"%.*", "", body)
    for pattern in _LEFT_OUT:
        body = re.sub(pattern, "", body)
    body = body.replace("x", "z").replace("Z", "z")
    for spelling, plain in _BAR_SPELLINGS:
        body = body.replace(spelling, plain)
    return body


def lex(body: str) -> tuple[Token, ...]:
    """The elements of a body. Raises AbcError where something in it is not understood."""
    body = clean(body)
    tokens: list[Token] = []
    at = 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None or match.lastgroup is None or len(tokens) >= MAX_TOKENS:
            raise AbcError(f"not understood at {body[at : at + 20]!r}")
        kind, text = match.lastgroup, match[0]
        if kind == "ending":
            if not tokens or tokens[-1].kind != "bar":
                raise AbcError("an ending without a bar line")
            text = text.replace("[", "")
        tokens.append(Token(kind, text))
        at = match.end()
    return tuple(tokens)


def parse(text: str) -> Tune:
    """The first tune of a text. Raises AbcError for everything that is not one."""
    if len(text) > MAX_TEXT:
        raise AbcError("too long")
    header: dict[str, str] = {}
    body: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        field = re.match(r"([A-Za-z]):(?![|:])(.*)", line)
        if "K" not in header:
            if field:
                header.setdefault(field[1], field[2].split("%")[0].strip())
        elif field:
            if field[1] == "X":
                break
            if field[1] not in "wWNPQZTSOBDFGHRr":
                raise AbcError(f"the field {field[1]}: changes within the tune")
        elif line.strip():
            body.append(line)
        elif body:
            break
    if "K" not in header:
        raise AbcError("no key")
    metre = parse_metre(header.get("M", "4/4"))
    length = re.fullmatch(r"1/(\d{1,2})", header.get("L", "").replace(" ", ""), re.ASCII)
    if length and int(length[1]) in (1, 2, 4, 8, 16, 32):
        unit = Fraction(4, int(length[1]))
    elif header.get("L"):
        raise AbcError(f"unknown unit note {header['L'][:40]!r}")
    else:  # the standard's rule for a tune that does not say
        unit = Fraction(1, 4) if metre.quarters < 3 else Fraction(1, 2)
    return Tune(
        metre=metre,
        unit=unit,
        key=parse_key(header["K"]),
        body=lex("\n".join(body)),
        rhythm=header.get("R", "")[:60],
        title=header.get("T", "")[:200],
        tempo=parse_tempo(header["Q"], unit) if "Q" in header else None,
    )


@lru_cache(maxsize=4096)
def written_length(text: str) -> Fraction:
    """The length of a note, rest or chord in unit notes, 1/64 to 64. Raises AbcError."""
    if text.startswith("["):
        inner, _, outer = text[1:].partition("]")
        first = re.match(_PITCH + f"({_LENGTH})", inner)
        if first is None:
            raise AbcError(f"an empty chord {text[:20]!r}")
        length = _length(first[1]) * _length(outer)
    else:
        length = _length(re.sub(rf"^(?:{_PITCH}|z)", "", text))
    if not Fraction(1, 64) <= length <= 64:
        raise AbcError(f"a length that nobody can play {text[:20]!r}")
    return length


def _length(text: str) -> Fraction:
    match = re.fullmatch(r"(\d{0,3})(/{0,6})(\d{0,3})", text, re.ASCII)
    if match is None:
        raise AbcError(f"a length that nobody can play {text[:20]!r}")
    numerator = int(match[1] or 1)
    denominator = int(match[3]) if match[3] else 2 ** len(match[2])
    if not denominator:
        raise AbcError("a length divided by nothing")
    return Fraction(numerator, denominator)


@lru_cache(maxsize=4096)
def pitches(text: str) -> tuple[tuple[str, int, int | None], ...]:
    """The notes of a note or chord: letter, octave (4 holds middle C), written accidental."""
    return tuple(
        (
            letter.upper(),
            4 + int(letter.islower()) + marks.count("'") - marks.count(","),
            _ACCIDENTALS[accidental] if accidental else None,
        )
        for accidental, letter, marks in _PARTS.findall(text)
    )


def midi_pitch(letter: str, octave: int, alteration: int) -> int:
    """The MIDI note number; middle C (octave 4) is 60. Raises AbcError outside 0 to 127."""
    number = 12 * (octave + 1) + _SEMITONES[letter] + alteration
    if not 0 <= number <= 127:
        raise AbcError("a note that nobody can hear")
    return number


def in_octave(body: tuple[Token, ...], octaves: int) -> tuple[Token, ...]:
    """The same notes so many octaves higher."""

    def move(match: re.Match[str]) -> str:
        place = LETTERS.index(match[2].upper()) + 7 * octaves
        place += 7 * (int(match[2].islower()) + match[3].count("'") - match[3].count(","))
        return (match[1] or "") + note_name(place)

    return tuple(
        Token(t.kind, _PARTS.sub(move, t.text)) if t.kind in ("note", "chord") else t for t in body
    )


def sign(alteration: int) -> str:
    """How an accidental of -2 to 2 semitones is written."""
    return _ACCIDENTAL_SIGNS[alteration]


def note_name(place: int) -> str:
    """The note on a place of the staff, 0 for the C below the treble staff."""
    letter, register = LETTERS[place % 7], place // 7
    if register >= 1:
        return letter.lower() + "'" * (register - 1)
    return letter + "," * -register


def transpose(tune: Tune, key: Key) -> Tune:
    """The tune on another tonic in the same mode, note for note, nearest to the treble staff.

    Raises AbcError where it would need triple accidentals.
    """
    if key.mode != tune.key.mode:
        raise AbcError("a transposition keeps the mode")
    places = [
        LETTERS.index(letter) + 7 * (octave - 4)
        for token in tune.body
        if token.kind in ("note", "chord")
        for letter, octave, _ in pitches(token.text)
    ]
    step = LETTERS.index(key.tonic[0]) - LETTERS.index(tune.key.tonic[0])
    if places:
        middle = (min(places) + max(places)) / 2
        step = min((step + 7 * k for k in range(-3, 4)), key=lambda s: abs(middle + s - 7.5))
    old, new = tune.key.signature, key.signature

    def move(match: re.Match[str]) -> str:
        accidental, letter, marks = match[1] or "", match[2].upper(), match[3]
        place = LETTERS.index(letter) + step
        place += 7 * (int(match[2].islower()) + marks.count("'") - marks.count(","))
        target = LETTERS[place % 7]
        if accidental:
            alteration = _ACCIDENTALS[accidental] + new[target] - old[letter]
            if abs(alteration) > 2:
                raise AbcError("a triple accidental")
            accidental = _ACCIDENTAL_SIGNS[alteration]
        return accidental + note_name(place)

    body = tuple(
        Token(t.kind, _PARTS.sub(move, t.text)) if t.kind in ("note", "chord") else t
        for t in tune.body
    )
    return replace(tune, key=key, body=body)
