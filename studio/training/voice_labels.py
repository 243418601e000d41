"""What the voice is told of a sentence: the symbols of the reading, each with its time.

At work the voice gets what `studio.engine.speech` makes of a text, so in training it gets the same
words, stresses and marks; the phonemes themselves are those that the synthesizer really said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from studio.training.voice_teachers import PAUSE, Segment

BEGIN, END = "^", "$"
STRESSES = "ˈˌ"
MARKS = ",.?!;:"
_VOWELS = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ax": "ə", "ay": "I", "eh": "ɛ",
    "er": "ɜ", "ey": "A", "ih": "ɪ", "iy": "i", "ow": "O", "oy": "Y", "uh": "ʊ", "uw": "u",
}  # fmt: skip
_CONSONANTS = {
    "b": "b", "ch": "ʧ", "d": "d", "dh": "ð", "f": "f", "g": "ɡ", "hh": "h", "jh": "ʤ", "k": "k",
    "l": "l", "m": "m", "n": "n", "ng": "ŋ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t",
    "th": "θ", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
SYMBOLS = (
    BEGIN, END, " ", *MARKS, *STRESSES, *_VOWELS.values(), *_CONSONANTS.values()
)  # fmt: skip
"""Everything the voice knows; the number of a symbol is its place here plus one (0 is padding)."""
ALIASES = {
    "ɾ": "t", "T": "t", "ʔ": "t", "ᵊ": "ə", "ɐ": "ə", "ᵻ": "ɪ", "ɒ": "ɑ", "a": "ɑ", "e": "ɛ",
    "o": "O", "Q": "O", "r": "ɹ", "g": "ɡ", "x": "k", "—": ",", "…": ".",
}  # fmt: skip
"""What a reading may hold besides, and which symbol stands for it."""
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, 1)}
_READ_VOWEL = re.compile("[AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻᵊɐe]")


@dataclass(frozen=True)
class Labels:
    """A sentence as the voice learns it."""

    symbols: tuple[str, ...]
    ends: tuple[float, ...]
    """When each symbol ends, in seconds; those that are not heard end with the one before."""


def label(read: str, segments: Sequence[Segment]) -> Labels | None:
    """The symbols of a sentence, of its reading in phonemes and of what was really said.

    None where the two do not have the same words.
    """
    words = _words(segments)
    chunks = [c for c in read.split(" ") if _READ_VOWEL.search(c)]
    if len(chunks) != len(words) or not words:
        return None
    symbols, ends = [BEGIN], [_before(segments, words[0][0])]
    for number, (chunk, said) in enumerate(zip(chunks, words, strict=True)):
        inner = "".join(c for c in chunk if c.isalpha() or c in STRESSES)
        for symbol, end in spoken(inner, said, ends[-1]):
            symbols.append(symbol)
            ends.append(end)
        last = number == len(words) - 1
        pause = segments[-1].end if last else _before(segments, words[number + 1][0])
        after = [c for c in chunk[chunk.rfind(inner[-1]) + 1 :] if c in MARKS]
        after += [END] if last else [" "]
        # Silence belongs to the first mark behind the word, or else to the gap itself.
        symbols += after
        ends += [pause] * len(after)
    return Labels(tuple(symbols), tuple(ends))


def spoken(read: str, said: Sequence[Segment], begin: float) -> list[tuple[str, float]]:
    """One word that begins at `begin`: (symbol, end), stressed as it is read where that fits."""
    vowels = [s for s in said if s.phone in _VOWELS]
    given = list(_READ_VOWEL.finditer(read))
    fits = len(given) == len(vowels)
    found: list[tuple[str, float]] = []
    place = 0
    for segment in said:
        end = segment.end
        if segment.phone not in _VOWELS:
            found.append((_CONSONANTS[segment.phone], end))
            begin = end
            continue
        if fits:
            before = read[given[place].start() - 1 : given[place].start()]
            stress = before if before and before in STRESSES else ""
        else:
            stress = "ˈ" if segment.stress else ""
        if stress:
            found.append((stress, begin))
        if segment.phone == "er":
            weak = given[place][0] != "ɜ" if fits else not segment.stress
            found += [("ə" if weak else "ɜ", (begin + end) / 2), ("ɹ", end)]
        else:
            found.append((_VOWELS[segment.phone], end))
        place += 1
        begin = end
    return found


def _words(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments word by word; a clitic ('s) that a synthesizer sets apart joins its word."""
    words: list[list[Segment]] = []
    number = -1
    for segment in segments:
        if segment.word < 0:
            continue
        if segment.word == number:
            words[-1].append(segment)
        else:
            words.append([segment])
        number = segment.word
    joined: list[list[Segment]] = []
    for word in words:
        if joined and not any(s.phone in _VOWELS for s in word):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _before(segments: Sequence[Segment], first: Segment) -> float:
    """When a word begins: the end of what is before its first segment."""
    place = next(i for i, s in enumerate(segments) if s is first)
    return segments[place - 1].end if place else 0.0


def known(segments: Sequence[Segment]) -> bool:
    """Whether the voice has a symbol for every phoneme that was said."""
    return all(s.phone in _VOWELS or s.phone in _CONSONANTS or s.phone == PAUSE for s in segments)
