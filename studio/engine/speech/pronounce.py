"""English sentences in phonemes: words of the dictionary, as they sound among others."""

from __future__ import annotations

import re
import unicodedata

from studio.engine.speech.alphabets import from_ipa
from studio.engine.speech.letters import VOWELS
from studio.engine.speech.lexicon import Lexicon
from studio.engine.speech.own import Pronunciations

MARKS = ';:,.!?—…"“”()'
"""Punctuation that voices were taught."""
_TOKENS = re.compile(rf"[\ue000-\uf8ff]|[^\W\d_]+(?:'[^\W\d_]+)*'?|[{re.escape(MARKS)}]|-")
_VERB_AFTER = frozenset({
    "to", "will", "would", "can", "could", "should", "must", "may", "might", "shall", "do", "does",
    "did", "don't", "doesn't", "didn't", "can't", "won't", "i", "you", "we", "they", "who", "let's",
})  # fmt: skip
_NOUN_AFTER = frozenset({
    "the", "a", "an", "my", "your", "his", "her", "its", "our", "their", "this", "that", "these",
    "those", "of", "no", "every", "each", "some",
})  # fmt: skip
_PAST_AFTER = frozenset({
    "have", "has", "had", "having", "was", "were", "been", "be", "is", "are", "i've", "you've",
    "we've",
})  # fmt: skip


def phonemes(text: str, lexicon: Lexicon, own: Pronunciations) -> str:
    """A normalized English sentence in misaki's alphabet, punctuation in its places.

    What is no word of Latin letters is left out.
    """
    tokens = _TOKENS.findall(text)
    said: list[str] = []
    after = ""  # what is said next: known because words are read from the end
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        if token == "-":
            continue
        if token in MARKS:
            said.append(token)
            after = ""
            continue
        sign = own.marked(token) if len(token) == 1 else None
        if sign is not None:
            sound = from_ipa(sign, british=lexicon.british)
        else:
            before = tokens[at - 1].lower() if at else ""
            following = tokens[at + 1] if at + 1 < len(tokens) else ""
            named = not before or (len(following) == 1 and following.isupper())
            sound = _word(token, before, after, lexicon, named=named and len(following) < 2)
        if sound:
            said.append(sound)
            after = sound
    return _joined(said[::-1])


def _word(word: str, before: str, after: str, lexicon: Lexicon, *, named: bool) -> str:
    """A word between its neighbours; `named`: a single A is the letter, not the article."""
    lower = word.lower()
    first = after.lstrip("ˈˌ")[:1]
    if lower == "the":
        return "ði" if first and first in VOWELS else "ðə"
    if word == "a" or (word == "A" and not named):
        return "ɐ" if after else "ˈA"
    if word == "I":
        return "ˌI"
    if lower == "an":
        return "ɐn"
    if lower == "to" and after:
        return "tʊ" if first in VOWELS else "tə"
    if lower == "used" and after.startswith(("tə", "tʊ")):
        return "jˈust"
    plain = _latin(word)
    if not plain:
        return ""
    if len(plain) == 1:
        return lexicon.spelled(plain)
    return lexicon.say(plain, _part(before))


def _part(before: str) -> str:
    """What kind of word is likely after another one: enough for most words of two readings."""
    if before in _VERB_AFTER:
        return "VERB"
    if before in _NOUN_AFTER:
        return "NOUN"
    return "VBD" if before in _PAST_AFTER else ""


def _latin(word: str) -> str:
    """The word without accents; empty where it is of another script."""
    plain = unicodedata.normalize("NFKD", word.replace("ß", "ss").replace("æ", "ae"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return plain if plain.isascii() else ""


def _joined(parts: list[str]) -> str:
    """Words with blanks between them, marks where they belong."""
    text = ""
    open_quote = False
    for part in parts:
        opens = part in "(“" or (part == '"' and not open_quote)
        open_quote ^= part == '"'
        closes = part in MARKS and not opens
        blank = (
            text and not closes and text[-1] not in "(“" and not (text[-1] == '"' and open_quote)
        )
        text += (" " if blank else "") + part
    return text
