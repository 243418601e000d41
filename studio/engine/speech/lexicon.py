"""How English words are pronounced: misaki's dictionaries, inflections, then by letters.

The dictionaries (Apache-2.0) lie in the installed package misaki; of it only the data is read.
Phonemes are written in its alphabet: IPA, with one sign for each diphthong (A I O Q W Y).
"""

from __future__ import annotations

import importlib.resources
import json
import re
from functools import lru_cache

from studio.engine.speech import letters
from studio.engine.speech.letters import VOWELS

_TAPPED = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
"""What an American t becomes a tap after, before a vowel."""
_SUFFIXES = (
    ("ly", "li"), ("ness", "nəs"), ("less", "ləs"), ("ful", "fᵊl"), ("ment", "mənt"),
    ("er", "əɹ"), ("ers", "əɹz"), ("est", "əst"), ("able", "əbᵊl"), ("ish", "ɪʃ"), ("y", "i"),
    ("like", "lIk"), ("wise", "wIz"), ("ship", "ʃɪp"), ("hood", "hʊd"), ("some", "səm"),
    ("ist", "ɪst"), ("ism", "ɪzəm"), ("ing", "ɪŋ"),
)  # fmt: skip
_PREFIXES = (
    ("un", "ʌn"), ("re", "ɹi"), ("non", "nɑn"), ("mis", "mɪs"), ("over", "Ovəɹ"), ("pre", "pɹi"),
    ("anti", "ænti"), ("inter", "ɪntəɹ"), ("super", "supəɹ"), ("under", "ʌndəɹ"), ("out", "Wt"),
    ("sub", "sʌb"), ("co", "kO"), ("de", "di"), ("dis", "dɪs"), ("micro", "mIkɹO"),
)  # fmt: skip
_SHORTEST = 3
"""Letters of each part of a compound."""

Entry = str | dict[str, str | None]


class Lexicon:
    """Pronunciations of one kind of English."""

    def __init__(self, british: bool) -> None:
        self.british = british
        name = "gb" if british else "us"
        self._words: dict[str, Entry] = {**_read(f"{name}_silver"), **_read(f"{name}_gold")}

    def find(self, word: str, part: str = "") -> str | None:
        """Phonemes of a word as it stands in a dictionary or is inflected from one; else None.

        `part` is the part of speech where it is known: VERB, NOUN, ADJ or VBD.
        """
        lower = word.lower()
        for form in (word, lower, lower.capitalize()):
            found = self._entry(form, part)
            if found:
                return found
        return self._inflected(lower, part)

    def say(self, word: str, part: str = "") -> str:
        """Phonemes of any word: found, put together from known parts, spelled or guessed."""
        found = self.find(word, part)
        if found:
            return found
        if is_acronym(word):
            return self.spelled(word)
        lower = word.lower().replace("'", "")
        return self._derived(lower) or self._compound(lower) or letters.spell(lower)

    def spelled(self, word: str) -> str:
        """The names of the letters of a word, the last of them stressed most."""
        names = [self._entry(c.upper(), "") or "" for c in word if c.isalpha()]
        return "".join(n.replace("ˈ", "ˌ") for n in names[:-1]) + (names[-1] if names else "")

    def _entry(self, form: str, part: str) -> str | None:
        entry = self._words.get(form)
        if isinstance(entry, dict):
            for tag in (part, "VERB" if part == "VBD" else "", "DEFAULT"):
                if entry.get(tag):
                    return entry[tag]
            return None
        return entry

    def _inflected(self, word: str, part: str) -> str | None:
        """Plurals, possessives, the past and -ing of known words (as misaki forms them)."""
        if word.endswith("'") and not word.endswith("in'"):
            return self.find(word[:-1], part)
        for ending, stems, add in (
            ("'s", (word[:-2],), self._s),
            ("ies", (word[:-3] + "y",), self._s),
            ("es", (word[:-1], word[:-2]), self._s),
            ("s", () if word.endswith("ss") else (word[:-1],), self._s),
            ("ied", (word[:-3] + "y",), self._ed),
            ("ed", (word[:-2], word[:-1], _undoubled(word[:-2])), self._ed),
            ("ing", (word[:-3], word[:-3] + "e", _undoubled(word[:-3])), self._ing),
            ("in'", (word[:-3], word[:-3] + "e", _undoubled(word[:-3])), self._in),
        ):
            if not word.endswith(ending):
                continue
            for stem in stems:
                if len(stem) < 2:
                    continue
                found = self._entry(stem, part) or self._entry(stem.capitalize(), part)
                if found:
                    return add(found)
        return None

    def _s(self, stem: str) -> str:
        if stem[-1] in "ptkfθ":
            return stem + "s"
        if stem[-1] in "szʃʒʧʤ":
            return stem + ("ɪz" if self.british else "ᵻz")
        return stem + "z"

    def _ed(self, stem: str) -> str:
        if stem[-1] in "pkfθʃsʧ":
            return stem + "t"
        if stem[-1] == "d":
            return stem + ("ɪd" if self.british else "ᵻd")
        if stem[-1] != "t":
            return stem + "d"
        return self._tap(stem) + ("ɪd" if self.british else "ᵻd")

    def _ing(self, stem: str) -> str:
        return self._tap(stem) + "ɪŋ"

    def _in(self, stem: str) -> str:
        return self._tap(stem) + "ɪn"

    def _tap(self, stem: str) -> str:
        tapped = not self.british and len(stem) > 1 and stem[-1] == "t" and stem[-2] in _TAPPED
        return stem[:-1] + "ɾ" if tapped else stem

    def _derived(self, word: str) -> str | None:
        for suffix, phonemes in _SUFFIXES:
            stem = word[: -len(suffix)]
            if not word.endswith(suffix) or len(stem) < _SHORTEST:
                continue
            for form in (stem, stem + "e", _undoubled(stem), stem[:-1] + "y"):
                found = self.find(form) if len(form) >= _SHORTEST else None
                if found:
                    return (self._tap(found) if phonemes[0] in VOWELS else found) + phonemes
        for prefix, phonemes in _PREFIXES:
            rest = word[len(prefix) :]
            if word.startswith(prefix) and len(rest) > _SHORTEST:
                found = self.find(rest)
                if found:
                    return phonemes + found
        return None

    def _compound(self, word: str) -> str | None:
        """Two known words written as one, the longest first part that leaves a known second."""
        for cut in range(len(word) - _SHORTEST, _SHORTEST - 1, -1):
            first, second = self._entry(word[:cut], ""), self.find(word[cut:])
            if first and second and "ˈ" in first and "ˈ" in second:
                return first + second.replace("ˈ", "ˌ")
        return None


def is_acronym(word: str) -> bool:
    """Whether an unknown word in capitals is read by its letters: short, or without a vowel."""
    plain = word.rstrip("s") if word[:-1].isupper() else word
    if not (plain.isalpha() and plain.isascii() and plain.isupper()):
        return False
    return len(plain) <= 4 or not re.search("[AEIOUY]", plain)


def _undoubled(stem: str) -> str:
    return stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem


def _read(name: str) -> dict[str, Entry]:
    file = importlib.resources.files("misaki").joinpath("data", f"{name}.json")
    entries: dict[str, Entry] = json.loads(file.read_text("utf-8"))
    return entries


def lexicon(british: bool = False) -> Lexicon:
    """The dictionary of American or British English, read once (0.2 s)."""
    return _lexicon(bool(british))


@lru_cache(maxsize=2)
def _lexicon(british: bool) -> Lexicon:  # called in one way only, or it would be read twice
    return Lexicon(british)
