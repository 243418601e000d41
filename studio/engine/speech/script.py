"""A text to be read aloud: who says which sentence, and how long it is quiet afterwards."""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from studio.core.errors import StudioError

_VERSE = 64
"""Characters: lines no longer than it stand each for themselves, as in a poem."""
_CLAUSE = re.compile(r"(?<=[,;:—،、，；])\s+(?=\S)|(?<=[、，；])(?=\S)")
_PACE, _WIDE = 15.0, 3
"""Characters a second, about, of alphabets; one of Chinese, Japanese or Korean takes as three."""
_NEAR = 0.1
"""A part may be longer or shorter by this share of itself, so that it ends with a paragraph."""
_AFTER_DOTS = re.compile(r"(?<=…)\s+(?=[\"“'‘]?[A-Z])")
"""Where sentencex goes on over an ellipsis."""
_SPEAKER = re.compile(r"^\W{0,3}([^\W\d_][\w .'’-]{0,39}?)\s*[*_]{0,2}:[*_]{0,2}\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence in seconds: after a sentence, after a paragraph, and at a comma."""

    sentence: float = 0.35
    paragraph: float = 0.8
    comma: float = 0.0
    """0 leaves commas to the voice; otherwise each part is spoken for itself."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is spoken in one go."""

    text: str
    voice: str
    """A name of the model's; empty for the chosen one."""
    pause: float
    """Seconds of silence behind it."""


def cast(text: str) -> dict[str, str]:
    """Speaker (lower case) -> voice, of lines `Anna = af_heart`. Raises StudioError for others."""
    found: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        speaker, equals, voice = (part.strip() for part in line.partition("="))
        if not (speaker and equals and voice):
            raise StudioError(
                f"“{line[:40]}” does not say which voice a speaker has.",
                "Write one speaker a line, as in: Anna = af_heart",
            )
        found[speaker.casefold()] = voice
    return found


def read(
    text: str, voices: Mapping[str, str], language: str, pauses: Pauses, longest: int
) -> list[Utterance]:
    """A text in the order in which it is spoken, each utterance at most `longest` characters.

    Blank lines part paragraphs; short lines stand for themselves, long ones flow on. Markdown is
    read as it looks. A line that begins with a name of `voices` and a colon is that one's, and so
    is what follows in its paragraph.
    """
    spoken: list[Utterance] = []
    for paragraph in _paragraphs(text):
        voice = ""
        first = len(spoken)
        for line in paragraph:
            match = _SPEAKER.match(line)
            if match and match[1].casefold() in voices:
                voice, line = voices[match[1].casefold()], line[match.end() :]
            for sentence in sentences(line, language):
                spoken += _parts(sentence, voice, pauses, longest)
        if len(spoken) > first:
            spoken[-1] = replace(spoken[-1], pause=pauses.paragraph)
    if spoken:
        spoken[-1] = replace(spoken[-1], pause=0.0)
    return spoken


def seconds(text: str) -> float:
    """How long a text takes to be read at the usual speed, about."""
    wide = sum(1 for c in text if "\u2e80" <= c <= "\ud7ff")
    return (len(text) + (_WIDE - 1) * wide) / _PACE


def parts(said: Sequence[Utterance], longest: float) -> list[list[Utterance]]:
    """What is spoken, in even parts of about `longest` seconds at most, cut at the longest pauses.

    At least one part, which may be empty; nothing is quiet behind the last of each.
    """
    ends = [0.0, *itertools.accumulate(seconds(u.text) for u in said)]
    count = max(1, math.ceil(ends[-1] / longest))
    size = ends[-1] / count
    cuts = [0]
    for number in range(1, count):
        aim = number * size
        first = bisect.bisect_left(ends, aim - size * _NEAR)
        last = bisect.bisect_right(ends, aim + size * _NEAR)
        places = range(max(first, cuts[-1] + 1), min(last, len(said)))
        if places:
            cuts.append(max(places, key=lambda i: (said[i - 1].pause, -abs(ends[i] - aim))))
        elif first > cuts[-1] and first < len(said):
            cuts.append(first)  # a single utterance fills a tenth of a part
    found = [list(said[a:b]) for a, b in zip(cuts, [*cuts[1:], len(said)], strict=True)]
    for part in filter(None, found):
        part[-1] = replace(part[-1], pause=0.0)
    return found


def sentences(text: str, language: str) -> list[str]:
    """The sentences of one line (through sentencex: abbreviations, quotes, other scripts' stops).

    What holds no letter or digit goes with the sentence before it.
    """
    from sentencex import segment

    found: list[str] = []
    for piece in segment(language.partition("-")[0] or "en", text):
        piece = piece.strip()
        if not piece:
            continue
        if any(c.isalnum() for c in piece):
            found += _AFTER_DOTS.split(piece)
        elif found:
            found[-1] += piece
    return found


def _parts(sentence: str, voice: str, pauses: Pauses, longest: int) -> Iterator[Utterance]:
    clauses = _CLAUSE.split(sentence) if pauses.comma else [sentence]
    clauses = _spoken(clauses)
    for number, clause in enumerate(clauses, 1):
        pieces = shorten(clause, longest)
        after = pauses.sentence if number == len(clauses) else pauses.comma
        for place, piece in enumerate(pieces, 1):
            # A piece that was cut off a long clause goes on without a wait.
            yield Utterance(piece, voice, after if place == len(pieces) else 0.0)


def _spoken(clauses: list[str]) -> list[str]:
    """Clauses that hold something to say; others join the one before."""
    result: list[str] = []
    for clause in clauses:
        if result and not any(c.isalnum() for c in clause):
            result[-1] += f" {clause}"
        else:
            result.append(clause)
    return result


def shorten(text: str, longest: int) -> list[str]:
    """A text in pieces of at most `longest` characters, cut at commas, else blanks, else hard."""
    pieces = []
    while len(text) > longest:
        head = text[: longest + 1]
        cut = max((m.start() for m in re.finditer(r"(?<=[,;:—،、，；])\s", head)), default=0)
        if cut < longest // 3:
            cut = max(head.rfind(" "), 0) or longest
        pieces.append(text[:cut].strip())
        text = text[cut:].strip()
    return [p for p in (*pieces, text) if p]


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Paragraphs as lists of lines: of a flowing text one, of verses and dialogue several."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"```.*?(?:```|\Z)", "\n\n", text, flags=re.S)
    for block in re.split(r"\n\s*\n|\n(?=\s*#{1,6}\s)|(?<=\n)(?=\s*[-*_]{3,}\s*\n)", text):
        lines = [plain(line) for line in block.splitlines()]
        lines = [line for line in lines if any(c.isalnum() for c in line)]
        if not lines:
            continue
        heading = re.match(r"\s*#{1,6}\s", block)
        if heading:
            yield lines[:1]
            lines = lines[1:]
        if lines:
            yield _flowing(lines)


def _flowing(lines: list[str]) -> list[str]:
    """Lines that belong together made one: all but verses, list items and dialogue."""
    if all(len(line) <= _VERSE for line in lines) and len(lines) > 1:
        return [*(_ended(line, ",") for line in lines[:-1]), _ended(lines[-1], ".")]
    result: list[str] = []
    for line in lines:
        if result and not _SPEAKER.match(line):
            result[-1] += f" {line}"
        else:
            result.append(line)
    return result


def _ended(line: str, sign: str) -> str:
    """A verse with a sign of its end, which voices take for a breath."""
    return line if re.search(r"[.,;:!?…—。！？]['\"”’)*_]*$", line) else f"{line}{sign}"


def plain(line: str) -> str:
    """A line of Markdown as it is read: without signs of headings, lists, emphasis and links."""
    line = re.sub(r"^\s*(?:#{1,6}\s+|>\s?|[-*+•]\s+)", "", line)
    line = re.sub(r"!\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)", r"\1\2", line)
    line = re.sub(r"(\*\*|__|\*|`|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", line)
    return " ".join(line.split())
