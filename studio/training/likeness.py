"""How alike texts are: to each other, and to what a model learned from.

A model that always tells the same story has a low distinct-n and a high self-BLEU beside texts of
people; one that recites has long copied runs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_ORDERS = 4
_SEED_RUN = 6
"""Words of the runs that are looked up; shorter ones are in every text."""
_BETWEEN, _UNKNOWN = 0, 1
"""Numbers that no word has: between two texts, and for words that training never held."""


def words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def distinct(texts: Sequence[Sequence[str]], size: int = 2) -> float:
    """Different n-grams of all texts over all n-grams (Li et al. 2016, "A Diversity-Promoting
    Objective Function for Neural Conversation Models"), 0 to 1.

    It falls with the number of words, so only collections of the same size can be compared.
    """
    grams = [g for text in texts for g in _grams(text, size)]
    return len(set(grams)) / max(1, len(grams))


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """The mean BLEU-4 of each text against all others (Zhu et al. 2018, "Texygen"), 0 to 1.

    Counts are clipped by the reference that has most of an n-gram, the brevity penalty takes the
    reference of the nearest length (Papineni et al. 2002), and n-grams that are in none count as
    half a hit (Chen and Cherry 2014, smoothing 1).
    """
    counts = [[Counter(_grams(text, n)) for n in range(1, _ORDERS + 1)] for text in texts]
    scores = []
    for at, text in enumerate(texts):
        others = [n for n in range(len(texts)) if n != at]
        if not text or not others:
            continue
        logarithm = 0.0
        for order in range(_ORDERS):
            hits = sum(
                min(count, max(counts[other][order][gram] for other in others))
                for gram, count in counts[at][order].items()
            )
            logarithm += np.log((hits or 0.5) / max(1, counts[at][order].total())) / _ORDERS
        nearest = min((len(texts[n]) for n in others), key=lambda n: (abs(n - len(text)), n))
        scores.append(np.exp(logarithm + min(0.0, 1.0 - nearest / len(text))))
    return float(np.mean(scores)) if scores else 0.0


def _grams(text: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(text[at : at + size]) for at in range(len(text) - size + 1)]


class Learned:
    """All that a model learned from, in which runs of words are found again."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        row: list[int] = []
        for text in texts:
            row += (self._numbers.setdefault(w, len(self._numbers) + 2) for w in words(text))
            row.append(_BETWEEN)
        self._row = np.array(row, dtype=np.int64)
        keys = _keys(self._row)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def unknown(self, text: str) -> float:
        """The share of a text's words that no learned text has, 0 to 1: mostly made-up ones."""
        said = words(text)
        return sum(w not in self._numbers for w in said) / max(1, len(said))

    def longest(self, text: str) -> list[str]:
        """The longest run of words of `text` that was learned word for word, punctuation aside;
        empty where not even six words in a row were."""
        said = words(text)
        row = np.array([self._numbers.get(w, _UNKNOWN) for w in said], dtype=np.int64)
        best = (0, 0)
        for start, key in enumerate(_keys(row)):
            first, last = (int(np.searchsorted(self._keys, key, s)) for s in ("left", "right"))
            for place in self._order[first:last]:
                if (run := _run(row[start:], self._row[place:])) > max(best[0], _SEED_RUN - 1):
                    best = (run, start)
        return said[best[1] : best[1] + best[0]]


def _keys(row: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """One number for every run of `_SEED_RUN` words; other runs can have it by chance."""
    keys = np.zeros(max(0, len(row) - _SEED_RUN + 1), dtype=np.uint64)
    for offset in range(_SEED_RUN):
        keys = keys * np.uint64(1_000_003) + row[offset : offset + len(keys)].astype(np.uint64)
    return keys


def _run(said: npt.NDArray[np.int64], learned: npt.NDArray[np.int64]) -> int:
    """How many words two rows have in common from their beginnings on."""
    count = min(len(said), len(learned), 512)
    other = np.flatnonzero(said[:count] != learned[:count])
    return int(other[0]) if len(other) else count
