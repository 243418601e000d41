"""How an English word of no dictionary is read: a small network's guess, letter by letter.

It was taught on misaki's dictionary (`python -m studio.training spelling`) and lies in
`resources/speech`. Phonemes are written as misaki does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.paths import resources

if TYPE_CHECKING:
    import numpy.typing as npt

VOWELS = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ"
SIGNS = "abcdefghijklmnopqrstuvwxyz"
"""The number of a letter is its place here plus one; 0 is what lies beyond the word."""
AROUND = 7
"""Letters on each side of the one that is read."""
FILE = "letters.npz"
_HEAVY = re.compile(
    r"(?:tion|sion|cian|ic|ical|ity|ian|ial|ious|eous|ify|ology|ography)(?:s|al|ally)?$"
)
_OWN = re.compile(r"(?:ee|eer|ese|ette|ique|oon|ade)s?$")
_PREFIX = re.compile(r"^(?:re|de|un|dis|mis|pre|be|con|com|in|im|ex|ad|ab|pro|per|sub|trans)")


class Guesser:
    """A network that reads: from a window of letters, what the two before stand for, and whether
    the word has had its stress."""

    def __init__(self, labels: Sequence[str], weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """`labels` are what a letter can stand for; `weights` those of the five layers."""
        self._labels = tuple(labels)
        self._letters, self._before = weights["letters_weight"], weights["labels_weight"]
        self._layers = [
            (weights[f"{layer}_weight"], weights[f"{layer}_bias"])
            for layer in ("first", "second", "out")
        ]

    @classmethod
    def read(cls, path: Path) -> Guesser:
        """The network that lies in a file."""
        import numpy as np

        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            weights = {n: arrays[n].astype(np.float32) for n in arrays.files if n != "labels"}
            return cls([str(label) for label in arrays["labels"]], weights)

    def spell(self, word: str) -> str:
        """A word of letters a to z in phonemes, as far as they are ones of the network's."""
        import numpy as np

        before, stressed, found = [0, 0], 0.0, ""
        for window in windows(word):
            x = np.concatenate(
                [self._letters[window].ravel(), self._before[before].ravel(), [stressed]]
            )
            for number, (weight, bias) in enumerate(self._layers):
                x = weight @ (x if number == 0 else np.maximum(x, 0.0)) + bias
            label = int(x.argmax())
            found += self._labels[label]
            before = [before[1], label + 1]
            stressed = max(stressed, float("ˈ" in self._labels[label]))
        return found


def windows(word: str) -> list[list[int]]:
    """For each letter the numbers of itself and those around, 2 AROUND + 1 each."""
    numbers = [0] * AROUND + [SIGNS.index(c) + 1 for c in word] + [0] * AROUND
    return [numbers[i : i + 2 * AROUND + 1] for i in range(len(word))]


def spell(word: str) -> str:
    """A word of letters a to z in phonemes, with stress. Letters that are none are passed over."""
    letters = "".join(c for c in word.lower() if "a" <= c <= "z")
    found = _guesser().spell(letters)
    first = found.find("ˈ")
    if first >= 0:  # one stress is the strongest
        return found[: first + 1] + found[first + 1 :].replace("ˈ", "ˌ")
    return stressed(found, letters)


def stressed(phonemes: str, letters: str) -> str:
    """The phonemes with primary stress on one vowel, chosen by the word's ending and length."""
    places = [m.start() for m in re.finditer(f"[{VOWELS}]", phonemes)]
    if not places:
        return phonemes
    full = [p for p in places if phonemes[p] not in "əᵻ"] or places
    if len(places) == 1:
        place = places[0]
    elif _OWN.search(letters):
        place = full[-1]
    elif _HEAVY.search(letters) and len(places) >= 2:
        before = [p for p in full if p < places[-1]] or full
        place = before[-1]
    elif len(places) == 2:
        place = full[-1] if _PREFIX.match(letters) and full[-1] == places[-1] else full[0]
    else:
        early = [p for p in full if p <= places[-3]]
        place = (early or full)[-1] if early else full[0]
    if len(places) > 2:
        weak = [p for p in places[1:] if p != place and phonemes[p] in "æɑʌɛ"]
        for p in weak:
            # What follows or precedes the beat loses its colour.
            phonemes = f"{phonemes[:p]}ə{phonemes[p + 1 :]}"
    return f"{phonemes[:place]}ˈ{phonemes[place:]}"


@lru_cache(maxsize=1)
def _guesser() -> Guesser:
    return Guesser.read(resources() / "speech" / FILE)
