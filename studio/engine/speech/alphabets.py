"""Three ways of writing the same sounds: misaki's alphabet, plain IPA, and espeak-ng's IPA."""

from __future__ import annotations

import re

from studio.engine.speech.letters import VOWELS

_SINGLE = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "ʤ": "dʒ", "ʧ": "tʃ",
    "ᵊ": "ə", "T": "ɾ",
}  # fmt: skip
_PLAIN_TO_MISAKI = (
    ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "Q"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"),
    ("d͡ʒ", "ʤ"), ("tʃ", "ʧ"), ("t͡ʃ", "ʧ"), ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("r", "ɹ"), ("g", "ɡ"),
    ("'", "ˈ"), ("ɫ", "l"), (".", ""),
)  # fmt: skip
# How misaki reads espeak-ng for languages other than English (tied letters are one sound).
_ESPEAK_TIED = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("o^ʊ", "O"),
    ("ə^ʊ", "Q"), ("s^s", "S"), ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("^", ""), ("-", ""),
)  # fmt: skip


def to_espeak(phonemes: str, *, british: bool = False) -> str:
    """misaki's phonemes as espeak-ng writes English, which is what Piper's voices were taught."""
    text = phonemes
    if not british:
        text = re.sub(f"əɹ(?![{VOWELS}ˈˌ])", "ɚ", text)
        text = re.sub(f"ɜɹ(?![{VOWELS}])", "ɜː", text).replace("ɜɹ", "ɜːɹ")
        text = re.sub("ɑ(?!ː)", "ɑː", text)
        text = re.sub("ɔ(?!ː)", "ɔː", text)
        text = re.sub("(?<=[ˈˌ])i(?!ː)", "iː", text)
        text = re.sub("u(?!ː)", "uː", text)
    for one, written in _SINGLE.items():
        text = text.replace(one, written)
    return text


def from_ipa(written: str, *, british: bool = False) -> str:
    """Phonemes as a person writes them, in IPA or in misaki's alphabet, in misaki's alphabet."""
    text = written.strip().strip("/").replace("ˑ", "")
    for plain, one in _PLAIN_TO_MISAKI:
        text = text.replace(plain, one)
    if not british:
        text = re.sub("ɜː(?!ɹ)", "ɜɹ", text).replace("ː", "")
    # IPA marks the beginning of the stressed syllable, misaki the vowel in it.
    return re.sub(f"([ˈˌ])([^{VOWELS}ˈˌ ]+)(?=[{VOWELS}])", r"\2\1", text)


def from_espeak(phonemes: str) -> str:
    """What espeak-ng says of another language than English, in misaki's alphabet."""
    for tied, one in _ESPEAK_TIED:
        phonemes = phonemes.replace(tied, one)
    return phonemes
