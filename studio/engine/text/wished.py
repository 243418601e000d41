"""Words that a text is wished to have: small models forget them, so they are kept in mind for them.

While a wished word is missing, the tokens that would begin it, or go on with it once it is begun,
are made more probable, the more the further the text is. A simple form of keyword-guided decoding
(Pascual et al. 2021, "A Plug-and-Play Method for Controlled Text Generation"): the logits are
shifted, nothing is forced, and the text stays the model's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studio.engine.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST = 6
"""Words that are kept in mind at once."""
FROM_IDEA = 3
"""Words of an idea that are taken to be what it is about."""
AT_FIRST, LATER = 2.0, 9.0
"""Added to the logit of a missing word's first token: at the start, and at the wished length."""
ON = 12.0
"""Added to that of its next token, once it is begun: half a word is worse than none."""
END = 4.0
"""Added to all that begins a new word, where a wished one is complete."""
_EASY = 6
"""Tokens at the beginning that are the model's alone."""

# What an idea may say without being about it.
_SMALL_WORDS = """
a about after again all also an and any are as at away be because been before being but by came can
come could did do does each every few find finds for from get gets go goes got had has have he her
him his how i if in into is it its just learn learns like likes little long lost made make makes
many me more most my named new no not of off old on once one or other our out over own poem rhyme
she short small so some story such tell than that the their them then there these they this those
to too two up us very want wants was we went were what when where which while who whose why will
with without would write you your big good great sad happy afraid
"""
_SMALL = frozenset(_SMALL_WORDS.split())
_ENDINGS = "(?:s|es|ies|ed|ing|y|ly|['’]s)?"


def words_of(words: str, idea: str) -> tuple[str, ...]:
    """What is asked for by name, and the first few words that an idea is about."""
    named = [w.strip() for w in re.split("[,;\n]", words) if w.strip()]
    told = [w for w in re.findall(r"[^\W\d_]{3,}", idea) if w.lower() not in _SMALL]
    if len(idea.split()) > 40:
        told = []  # a whole text is not about its first words
    found: dict[str, str] = {}
    for word in (*named, *told[:FROM_IDEA]):
        found.setdefault(word.lower(), word)
    return tuple(found.values())[:MOST]


@dataclass(slots=True)
class _Word:
    """One word that is still missing."""

    text: str
    spellings: tuple[tuple[int, ...], ...]
    """The tokens of it behind a space, as it is and with a capital."""


@dataclass(slots=True)
class Wished:
    """What is still missing of the wished words, followed token by token."""

    tokenizer: Tokenizer
    length: int
    """Tokens of a text of the wished length."""
    missing: list[_Word] = field(default_factory=list)
    _said: list[int] = field(default_factory=list)
    _tail: str = ""

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Iterable[str], length: int, begun: str = "") -> Wished:
        """Keep `words` in mind for a text of `length` tokens, but those that `begun` has."""
        wished = cls(tokenizer, max(1, length))
        for word in words:
            if _has(begun, word):
                continue
            spellings = {tuple(tokenizer.encode_on(" " + form)) for form in (word, word.lower())}
            wished.missing.append(_Word(word, tuple(sorted(s for s in spellings if s))))
        return wished

    def lean(self, scores: npt.NDArray[np.float64]) -> None:
        """Shift the scores (vocabulary,) towards what is missing, in place."""
        if not self.missing or len(self._said) < _EASY:
            return
        done = min(1.0, len(self._said) / self.length)
        for word in self.missing:
            for ids in word.spellings:
                begun = self._begun(ids)
                if begun == len(ids):
                    spaced = self.tokenizer.spaced()
                    scores[spaced[spaced < len(scores)]] += END
                    return
                more = ON if begun else AT_FIRST + (LATER - AT_FIRST) * done
                if ids[begun] < len(scores):
                    scores[ids[begun]] += more

    def said(self, token: int) -> None:
        """A token was drawn."""
        self._said.append(token)
        if self.missing:
            self._tail = self.tokenizer.decode(self._said[-24:])
            # The last word may go on: it counts when something stands behind it.
            whole = re.sub(r"\w+$", "", self._tail)
            self.missing = [w for w in self.missing if not _has(whole, w.text)]

    def _begun(self, ids: Sequence[int]) -> int:
        """How many of a word's tokens stand at the end of what was said."""
        for count in range(len(ids), 0, -1):
            if tuple(self._said[-count:]) == tuple(ids[:count]):
                return count
        return 0


def _has(text: str, word: str) -> bool:
    """Whether a text has a word, be it with an ending."""
    found = rf"\b{re.escape(word.lower())}{_ENDINGS}(?![^\W\d_])"
    return re.search(found, text.lower()) is not None
