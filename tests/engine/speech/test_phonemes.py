"""English in phonemes: words of the dictionary, their forms, unknown words, other alphabets."""

from __future__ import annotations

import random
import re

import pytest

from studio.core.errors import StudioError
from studio.engine.speech import alphabets, espeak, letters
from studio.engine.speech.lexicon import is_acronym, lexicon
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.pronounce import phonemes
from studio.engine.speech.reading import Reading

NOTHING = Pronunciations()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The cat sat.", "ðə kˈæt sˈæt."),
        ("the apple, to eat; to go", "ði ˈæpᵊl, tʊ ˈit; tə ɡˌO"),
        ('He said: "A dog?"', 'hi sˈɛd: "ɐ dˈɔɡ?"'),
        ("I have read it; they will record a record", None),
        ("cats dogs churches walked wanted reading tried", None),
    ],
)
def test_words_among_others(text: str, said: str | None) -> None:
    found = phonemes(text, lexicon(), NOTHING)
    if said is not None:
        assert found == said
        return
    for wanted in ("ɹˈɛd", "ɹəkˈɔɹd") if "record" in text else (
        "kˈæts", "dˈɔɡz", "ʧˈɜɹʧᵻz", "wˈɔkt", "wˈɑntᵻd", "ɹˈidɪŋ", "tɹˈId"
    ):  # fmt: skip
        assert wanted in found


def test_both_kinds_of_english() -> None:
    assert phonemes("bath car", lexicon(), NOTHING) == "bˈæθ kˈɑɹ"
    assert phonemes("bath car", lexicon(british=True), NOTHING) == "bˈɑːθ kˈɑː"


def test_letters_acronyms_and_other_scripts() -> None:
    assert phonemes("FBI", lexicon(), NOTHING) == "ˌɛfbˌiˈI"
    assert phonemes("A B", lexicon(), NOTHING) == "ˈA bˈi"
    assert phonemes("日本 café", lexicon(), NOTHING) == "kæfˈA"
    assert is_acronym("ONNX")
    assert not is_acronym("HELLO")


def test_unknown_words_are_put_together_or_guessed() -> None:
    known = lexicon()
    for word in ("moonfox", "misglimmer", "blorptastic"):
        assert known.find(word) is None
    assert known.say("moonfox") == "mˈunfˌɑks"
    assert known.say("misglimmer") == "mɪsɡlˈɪməɹ"
    assert known.say("blorptastic") == "blˌɔɹptˈæstɪk"
    assert known.say("dogs'") == known.say("dogs")


def test_guesses_come_near_the_dictionary() -> None:
    """Phoneme error rate of the trained network against 1,500 words of the dictionary."""
    words = lexicon()._words
    plain = sorted(
        w for w, e in words.items() if w.islower() and w.isascii() and w.isalpha()
        and isinstance(e, str) and len(w) > 3
    )  # fmt: skip
    wrong = length = 0
    for word in random.Random(1).sample(plain, 1_500):
        entry = words[word]
        assert isinstance(entry, str)
        wanted, guessed = _bare(entry), _bare(letters.spell(word))
        wrong, length = wrong + _distance(wanted, guessed), length + len(wanted)
    assert wrong / length < 0.07


def test_every_guess_has_one_stress_and_known_signs() -> None:
    signs = set("AIOQWYbdfhijklmnpstuvwzæðŋɑɔəɛɜɡɪɹɾʃʊʌʒʤʧˈˌθᵊᵻ")
    for word in ("zorbified", "frobnicate", "xylqz", "quuxing", "a", "naïveté", "rhythmz", ""):
        said = letters.spell(word)
        assert set(said) <= signs
        assert said.count("ˈ") <= 1


def test_alphabets() -> None:
    assert alphabets.to_espeak("bˈʌɾəɹ fˈɜɹi bˈɜɹd mˈɔɹ") == "bˈʌɾɚ fˈɜːɹi bˈɜːd mˈɔːɹ"
    assert alphabets.to_espeak("ɡˈO ʤˈʌʤ si sˈi") == "ɡˈoʊ dʒˈʌdʒ si sˈiː"
    assert alphabets.from_ipa("/həˈloʊ/") == "həlˈO"
    assert alphabets.from_ipa("ˈstriːt") == "stɹˈit"
    assert alphabets.from_ipa("ˈstriːt", british=True) == "stɹˈiːt"
    assert alphabets.from_ipa("həlˈO") == "həlˈO"
    assert alphabets.from_espeak("ˈo^ʊla t^ʃe") == "ˈOla ʧe"


def test_without_espeak_other_languages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "present", lambda: False)
    reading = Reading(NOTHING)
    with pytest.raises(StudioError) as caught:
        reading.phonemes("Guten Tag", "de", "espeak")
    assert "triptych[espeak]" in caught.value.hint
    assert reading.phonemes("Good day.", "en-us", "espeak") == "ɡˈʊd dˈeɪ."


def test_espeak_reads_where_it_is_there() -> None:
    reading = Reading(Pronunciations.parse("GIF = /dʒˈɪf/"))
    if not espeak.present():
        with pytest.raises(StudioError, match="espeak"):
            espeak.phonemes("Tag", "de")
        return
    assert reading.phonemes("Guten Tag, gut!", "de", "espeak") == "ɡˈuːtən tˈɑːk, ɡˈuːt!"
    said = reading.phonemes("Dr. Lee has a GIF. Good.", "en-us", "espeak")
    assert said.startswith("dˈɑːktɚ lˈiː hɐz")
    assert "dʒˈɪf." in said
    with pytest.raises(StudioError, match="does not know"):
        espeak.phonemes("x", "no-such")


def _bare(said: str) -> str:
    return re.sub("[ˈˌ]", "", said).translate(str.maketrans("ɾᵊᵻ", "təɪ"))


def _distance(a: str, b: str) -> int:
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]
