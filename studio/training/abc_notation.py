"""ABC tunes as token lists: cleaning, bar lengths, the strict completeness check, exact transposition.

Covers the single-voice part of the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1) that
folk collections use. Ornaments, chord symbols, slurs and ties are left out on reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

LETTERS = "CDEFGAB"
SHARP_ORDER = "FCGDAEB"
FIFTHS = {
    "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7,
    "F": -1, "Bb": -2, "Eb": -3, "Ab": -4, "Db": -5, "Gb": -6, "Cb": -7,
    "G#": 8, "D#": 9, "A#": 10,
}  # fmt: skip
MODES = {"": 0, "ion": 0, "m": -3, "dor": -2, "mix": -1, "phr": -4, "lyd": 1, "loc": -5}
TUPLET_TIME = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}

_PITCH = r"(?:\^\^|__|\^|_|=)?[A-Ga-g][,']*|z"
_LENGTH = r"(?:\d+(?:/\d*)?|/+\d*)?"
_TOKEN = re.compile(
    r"(?P<bar>\|\]|\|\||\|:|:\||::|\[\||\|)"
    r"|(?P<ending>\[?[12](?=[^0-9/]))"
    r"|(?P<tuplet>\(\d(?::\d*)*)"
    rf"|(?P<chord>\[(?:(?:{_PITCH}){_LENGTH})+\]{_LENGTH})"
    rf"|(?P<note>(?:{_PITCH}){_LENGTH})"
    r"|(?P<broken>[<>]+)"
)
_CHORD = re.compile(rf"\[((?:{_PITCH})({_LENGTH}).*)\]({_LENGTH})$")
_NOTE = re.compile(rf"(?:{_PITCH})({_LENGTH})$")
_SHORTER_BARLINES = (
    ("|[1", "|1"), ("|[2", "|2"), (":|[2", ":|2"), ("[|", "|"), ("||:", "|:"), (":||:", "::"),
    (":||", ":|"), (":|:", "::"), ("|||", "||"), ("|:|", "|"), (":|]", ":|"),
)  # fmt: skip
_SECTION_EDGES = ("||", "|:", ":|", "::", "|]")


@dataclass(frozen=True)
class Token:
    """One lexical element of a tune body: ``kind`` names the group it matched."""

    kind: str
    text: str


@dataclass(frozen=True)
class Bar:
    """What stands between two bar lines; ``length`` in unit notes (the L: field)."""

    before: str
    length: Fraction
    after: str
    notes: int


@dataclass(frozen=True)
class Tune:
    """A tune: kind (R:), metre (M:), unit note (L:), tonic and mode (K:), and its body."""

    rhythm: str
    metre: str
    unit: str
    tonic: str
    mode: str
    body: tuple[Token, ...]

    @property
    def full_bar(self) -> Fraction:
        """Length of a complete bar in unit notes."""
        beats, unit = self.metre.split("/")
        return Fraction(int(beats), int(unit)) / Fraction(self.unit)


def parse_key(field: str) -> tuple[str, str] | None:
    """Tonic and mode of a K: field, or None for what we do not read or beyond five sharps or flats."""
    match = re.match(r"^([A-G])([#b]?)\s*([A-Za-z]*)", field.split("%")[0].strip())
    if not match:
        return None
    tonic, word = match[1] + match[2], match[3]
    mode = "m" if word == "m" else word.lower()[:3]
    mode = {"min": "m", "aeo": "m", "maj": "", "ion": ""}.get(mode, mode)
    if mode not in MODES or tonic not in FIFTHS or abs(FIFTHS[tonic] + MODES[mode]) > 5:
        return None
    return tonic, mode


def signature(tonic: str, mode: str) -> dict[str, int]:
    """The key signature: for each letter -1, 0 or 1."""
    fifths = FIFTHS[tonic] + MODES[mode]
    alterations = dict.fromkeys(LETTERS, 0)
    for letter in SHARP_ORDER[:fifths] if fifths > 0 else "":
        alterations[letter] = 1
    for letter in SHARP_ORDER[::-1][:-fifths] if fifths < 0 else "":
        alterations[letter] = -1
    return alterations


def clean(body: str) -> str:
    """A body without comments, chord symbols, ornaments, slurs, ties and spaces; bar lines normalized."""
    body = re.sub(r"%.*", "", body).replace("\\\n", "").replace("\\", "")
    for pattern in (r'"[^"]*"', r"![^!\n]*!", r"\+[a-zA-Z.]+\+", r"\{[^}]*\}", r"\((?!\d)"):
        body = re.sub(pattern, "", body)
    body = re.sub(r'[)\-`.~!*"uvTHLMPRSOJ$y]', "", body).replace("x", "z")
    body = re.sub(r"\s+", "", body)
    for longer, shorter in _SHORTER_BARLINES:
        body = body.replace(longer, shorter)
    return body


def lex(body: str) -> list[Token] | None:
    """The tokens of a cleaned body, or None where something in it is not understood."""
    tokens: list[Token] = []
    at = 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None or match.lastgroup is None:
            return None
        kind, text = match.lastgroup, match[0]
        if kind == "ending":
            if not tokens or tokens[-1].kind != "bar":
                return None
            text = text.replace("[", "")
        tokens.append(Token(kind, text))
        at = match.end()
    return tokens


def parse(text: str) -> Tune | None:
    """A tune from the text the tune model writes (R:, M:, L:, K: lines, then the body), or None."""
    match = re.match(
        r"R:([^\n]*)\nM:(\d+/[1-9]\d*)\nL:(1/[1-9]\d*)\nK:([^\n]*)\n(.*)$", text, re.DOTALL
    )
    if match is None:
        return None
    key, tokens = parse_key(match[4]), lex(re.sub(r"\s+", "", match[5]))
    if key is None or not tokens:
        return None
    return Tune(match[1], match[2], match[3], key[0], key[1], tuple(tokens))


def _length(text: str) -> Fraction:
    match = re.match(r"^(\d*)(/*)(\d*)$", text)
    if match is None:
        raise ValueError(text)
    numerator = int(match[1] or 1)
    if not match[2]:
        return Fraction(numerator)
    denominator = int(match[3]) if match[3] else 2 ** len(match[2])
    return Fraction(numerator, denominator) if denominator else Fraction(0)


def _written_length(token: Token) -> Fraction:
    if token.kind == "chord":
        match = _CHORD.match(token.text)
        return _length(match[2]) * _length(match[3]) if match else Fraction(0)
    match = _NOTE.match(token.text)
    return _length(match[1]) if match else Fraction(0)


def bars(body: tuple[Token, ...]) -> list[Bar] | None:
    """The bars of a body, or None where tuplets or broken rhythms do not work out."""
    result: list[Bar] = []
    length, before, notes = Fraction(0), "", 0
    tuplet_left, tuplet_ratio = 0, Fraction(1)
    last: Fraction | None = None
    pending: Fraction | None = None
    for token in body:
        if token.kind == "bar":
            if tuplet_left or pending is not None:
                return None
            result.append(Bar(before, length, token.text, notes))
            before, length, notes, last = token.text, Fraction(0), 0, None
        elif token.kind == "ending":
            before += token.text
        elif token.kind == "tuplet":
            size = int(token.text[1])
            if tuplet_left or size not in TUPLET_TIME:
                return None
            tuplet_left, tuplet_ratio = size, Fraction(TUPLET_TIME[size], size)
        elif token.kind == "broken":
            if last is None or pending is not None:
                return None
            short = Fraction(1, 2 ** len(token.text))
            first, pending = (2 - short, short) if token.text[0] == ">" else (short, 2 - short)
            length += last * (first - 1)
        else:
            sounding = _written_length(token)
            if tuplet_left:
                sounding *= tuplet_ratio
                tuplet_left -= 1
            if pending is not None:
                sounding, pending = sounding * pending, None
            length, last, notes = length + sounding, sounding, notes + 1
    if tuplet_left or pending is not None:
        return None
    if notes:
        result.append(Bar(before, length, "", notes))
    return result


def _is_edge(barline: str) -> bool:
    return barline[:2] in _SECTION_EDGES or barline == "" or barline[-1:] in "12"


def complete_bars(tune: Tune) -> tuple[int, int]:
    """(complete, all) bars with notes; a short bar counts as complete at the edge of a section."""
    counted = [bar for bar in bars(tune.body) or [] if bar.notes]
    full = tune.full_bar
    good = sum(
        bar.length == full
        or (bar.length < full and (_is_edge(bar.before) or _is_edge(bar.after)))
        for bar in counted
    )
    return good, len(counted)


def is_complete(tune: Tune, at_least: int = 6) -> bool:
    """The strict check: every bar is full, but for pickups that the last bar of their section makes up."""
    found = bars(tune.body)
    if not found or len(found) < at_least:
        return False
    full = tune.full_bar
    sections: list[list[Fraction]] = [[]]
    for bar in found:
        if not bar.notes and not bar.length:
            continue
        sections[-1].append(bar.length)
        if bar.after[:2] in _SECTION_EDGES or bar.after == "":
            sections.append([])
    for section in filter(None, sections):
        first, last = section[0], section[-1]
        if any(length != full for length in section[1:-1]) or first > full or last > full:
            return False
        if len(section) > 1 and first != full and last != full and first + last != full:
            return False
    return True


def _shifted(text: str, steps: int, old: dict[str, int], new: dict[str, int]) -> str:
    def move(match: re.Match[str]) -> str:
        accidental, letter, octave = match[1] or "", match[2], match[3]
        upper = letter.upper()
        place = LETTERS.index(upper) + steps
        place += 7 * (int(letter.islower()) + octave.count("'") - octave.count(","))
        target, register = LETTERS[place % 7], place // 7
        if accidental:
            alteration = {"^": 1, "_": -1, "=": 0, "^^": 2, "__": -2}[accidental]
            alteration += new[target] - old[upper]
            if abs(alteration) > 2:
                raise ValueError("no such accidental")
            accidental = {1: "^", -1: "_", 0: "=", 2: "^^", -2: "__"}[alteration]
        if register >= 1:
            return accidental + target.lower() + "'" * (register - 1)
        return accidental + target + "," * (-register)

    return re.sub(r"(\^\^|__|\^|_|=)?([A-Ga-g])([,']*)", move, text)


def transpose(tune: Tune, tonic: str) -> Tune | None:
    """The tune in another key, note for note, in the octave nearest to the treble staff; None if it leaves it."""
    places = [
        LETTERS.index(match[1].upper())
        + 7 * (int(match[1].islower()) + match[2].count("'") - match[2].count(","))
        for token in tune.body
        if token.kind in ("note", "chord")
        for match in re.finditer(r"([A-Ga-g])([,']*)", token.text)
    ]
    if not places:
        return None
    low, high = min(places), max(places)
    step = LETTERS.index(tonic[0]) - LETTERS.index(tune.tonic[0])
    step = min((step + 7 * k for k in range(-2, 3)), key=lambda s: abs((low + high) / 2 + s - 7.5))
    if low + step < -4 or high + step > 16:
        return None
    old, new = signature(tune.tonic, tune.mode), signature(tonic, tune.mode)
    try:
        body = tuple(
            Token(t.kind, _shifted(t.text, step, old, new)) if t.kind in ("note", "chord") else t
            for t in tune.body
        )
    except ValueError:
        return None
    return replace(tune, tonic=tonic, body=body)


def render(tune: Tune, bars_a_line: int = 4) -> str:
    """The text of a tune as the model learns it: four header lines, then the body, some bars a line."""
    lines: list[str] = []
    line, count = "", 0
    for token in tune.body:
        leading = token.kind == "bar" and count == 0 and not line.strip("|:")
        line += token.text
        if token.kind == "bar" and not leading:
            count += 1
            if count % bars_a_line == 0:
                lines.append(line)
                line = ""
    if line:
        lines.append(line)
    # An ending number at the start of a line would lose the bar line it belongs to.
    body = re.sub(r"\n(?=[12](?![0-9/]))", "", "\n".join(lines))
    header = f"R:{tune.rhythm}\nM:{tune.metre}\nL:{tune.unit}\nK:{tune.tonic}{tune.mode}\n"
    return header + body + "\n"
