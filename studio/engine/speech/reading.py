"""What a voice is given to read: words in full, or phonemes in the alphabet that it was taught."""

from __future__ import annotations

import re
from typing import Literal

from studio.engine.speech import alphabets, espeak, numbers
from studio.engine.speech.english import normalize, tidy
from studio.engine.speech.languages import is_english, short
from studio.engine.speech.lexicon import is_acronym, lexicon
from studio.engine.speech.own import FIRST, Pronunciations

Alphabet = Literal["misaki", "espeak"]

_SIGN = re.compile(f"([{chr(FIRST)}-\uf8ff])")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")


class Reading:
    """A person's text on its way to a voice, with their own pronunciations."""

    def __init__(self, own: Pronunciations) -> None:
        self._own = own
        self.unheard = False
        """Words of the list are given in phonemes and were read by their letters."""

    def words(self, text: str, language: str) -> str:
        """A sentence for a voice that reads letters: numbers and, in English, all else in words.

        Words that the person's list gives in phonemes stay as they are written.
        """
        self.unheard |= self._own.respelled(text, marked=True) != self._own.respelled(
            text, marked=False
        )
        text = self._own.respelled(text, marked=False)
        if not is_english(language):
            return numbers.spell(tidy(text), short(language))
        known = lexicon(_british(language))

        def spelled(match: re.Match[str]) -> str:
            word = match[0]
            alone = is_acronym(word) and len(word) > 1 and known.find(word) is None
            return " ".join(word) if alone else word

        return _WORD.sub(spelled, normalize(text, day_first=_british(language)))

    def phonemes(self, text: str, language: str, alphabet: Alphabet) -> str:
        """A sentence in phonemes, punctuation in its places.

        English needs nothing else; other languages, and voices taught espeak-ng's phonemes where
        it is there, are read by espeak-ng. Raises StudioError where it is needed and missing.
        """
        text = self._own.respelled(text, marked=True)
        british = _british(language)
        if not is_english(language):
            return self._by_espeak(text, short(language), alphabet)
        text = normalize(text, day_first=british)
        if alphabet == "espeak" and espeak.present():
            return self._by_espeak(text, "en-gb" if british else "en-us", alphabet)
        from studio.engine.speech.pronounce import phonemes

        said = phonemes(text, lexicon(british), self._own)
        return alphabets.to_espeak(said, british=british) if alphabet == "espeak" else said

    def _by_espeak(self, text: str, voice: str, alphabet: Alphabet) -> str:
        british = voice == "en-gb"
        parts = []
        for piece in _SIGN.split(text):
            given = self._own.marked(piece) if len(piece) == 1 else None
            if given is not None:
                said = alphabets.from_ipa(given, british=british)
                said = alphabets.to_espeak(said, british=british) if alphabet == "espeak" else said
            else:
                said = espeak.phonemes(piece, voice, tied=alphabet == "misaki")
                said = alphabets.from_espeak(said) if alphabet == "misaki" else said
            parts.append(said)
        return re.sub(r" (?=[.,;:!?…])", "", " ".join(filter(None, parts)))


def _british(language: str) -> bool:
    return short(language) in ("en-gb", "en-uk", "en-au", "en-ie", "en-nz", "en-za")
