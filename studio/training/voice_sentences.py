"""The sentences that the voice learns from: out of the stories, balanced over sounds and marks."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.training.corpus import read_text
from studio.training.story_sources import new_fables, old_fables, story_books, tidy, tiny_stories

_END = re.compile(r"(?<=[.?!])[\"')]*\s+(?=[\"'(]*[A-Z])|\n+")
_PLAIN = re.compile(r"[A-Z][A-Za-z ,;:.?!']*[A-Za-z'][.?!]")
"""Words of letters and the marks that the voice knows; nothing that two readers could read in two
ways."""
_ODD = re.compile(
    r"\b(?:Mrs?|Ms|Dr|St|Jr)\b|\b[A-Z]{2,}\b|\b[A-Za-z]\.|[.,;:?!'][.,;:?!]|\s'|'\s|\b[B-HJ-Zb-hj-z]\b"
)
SHORTEST, LONGEST = 6, 150
"""Characters."""
_SHARES = {"?": 0.17, "!": 0.08, "short": 0.08}
"""How many of the chosen ones at least ask, exclaim, or are of a few words only."""
_SHORT = 22
_OFFERS = 6
"""How many candidates stand for choice each time."""


@dataclass(frozen=True)
class Sentence:
    """A sentence, and its phonemes as the studio reads them."""

    text: str
    read: str


def split(text: str) -> list[str]:
    """The sentences of a text that a synthesizer and the studio read in the same words."""
    found = []
    for piece in _END.split(tidy(text)):
        piece = " ".join(piece.replace('"', "").replace(" - ", ", ").split())
        if SHORTEST <= len(piece) <= LONGEST and _PLAIN.fullmatch(piece) and not _ODD.search(piece):
            found.append(piece)
    return found


def candidates(data: Path, chance: random.Random, most: int) -> list[str]:
    """Different sentences of all sources, none of which gives more than a third of them."""
    text = data / "text"
    books = read_text(text / "standard_ebooks" / "books.txt").split("\n\n")
    sources: list[list[str]] = [
        [d.text for d in tiny_stories(text / "tinystories_pieces")],
        [d.text for d in story_books(text / "pratham_books_en")]
        + [d.text for d in story_books(text / "african_storybook_en")]
        + [d.text for d in old_fables(text / "aesop_for_children" / "fables.jsonl")],
        [d.text for d in new_fables(text / "tinyfabulist" / "fables_permissive_models.jsonl")],
        books,
    ]
    found: dict[str, None] = {}
    for texts in sources:
        chance.shuffle(texts)
        taken = 0
        for one in texts:
            for sentence in split(one):
                taken += sentence not in found
                found[sentence] = None
            if taken >= most // 3:
                break
    result = list(found)
    chance.shuffle(result)
    return result[:most]


def balanced(sentences: Iterable[Sentence], count: int) -> list[Sentence]:
    """`count` of the sentences, so that rare pairs of sounds come as often as they can.

    A greedy choice by the inverse frequency of pairs so far, after van Santen and Buchsbaum,
    "Methods for optimal text selection", Eurospeech 1997.
    """
    waiting: dict[str, list[Sentence]] = {"?": [], "!": [], "short": [], "": []}
    for sentence in sentences:
        kind = "short" if len(sentence.text) <= _SHORT else sentence.text[-1]
        waiting[kind if kind in waiting else ""].append(sentence)
    seen: Counter[str] = Counter()
    chosen: list[Sentence] = []
    counts: Counter[str] = Counter()
    while len(chosen) < count and any(waiting.values()):
        wanted = next((k for k, s in _SHARES.items() if counts[k] < s * len(chosen)), "")
        kind = wanted if waiting[wanted] else next(k for k in waiting if waiting[k])
        offers = waiting[kind][-_OFFERS:]
        best = max(range(len(offers)), key=lambda i: _worth(offers[i].read, seen))
        chosen.append(offers[best])
        del waiting[kind][len(waiting[kind]) - len(offers) + best]
        counts[kind] += 1
        seen.update(_pairs(chosen[-1].read))
    return chosen


def choose(data: Path, count: int, seed: int = 0) -> list[Sentence]:
    """`count` different sentences of the text data. Raises StudioError where that is missing."""
    chance = random.Random(seed)
    reading = Reading(Pronunciations())
    pool = candidates(data, chance, 5 * count)
    read = [Sentence(s, reading.phonemes(s, "en-us", "misaki")) for s in pool]
    chosen = balanced(read, count)
    chance.shuffle(chosen)
    return chosen


def _pairs(read: str) -> Sequence[str]:
    return [read[i : i + 2] for i in range(len(read) - 1)]


def _worth(read: str, seen: Counter[str]) -> float:
    pairs = _pairs(read)
    return sum(1.0 / (1.0 + seen[p]) for p in pairs) / max(8, len(pairs))
