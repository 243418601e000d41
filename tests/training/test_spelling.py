"""The guess at unknown words: letters aligned to sounds, a network that learns and is kept."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.engine.speech import letters
from studio.training import spelling
from studio.training.loop import Budget, Loop

from .test_training import same

PAIRS = [
    ("cat", "kˈæt"), ("cap", "kˈæp"), ("tap", "tˈæp"), ("pat", "pˈæt"), ("fox", "fˈɑks"),
    ("box", "bˈɑks"), ("pox", "pˈɑks"), ("face", "fˈAs"), ("pace", "pˈAs"), ("tape", "tˈAp"),
]  # fmt: skip
CONFIG = spelling.SpellingConfig(letter=6, label=4, hidden=(24, 16), batch=16)


@pytest.fixture(scope="module")
def data() -> spelling.SpellingData:
    return spelling.load(most=600)


def test_letters_are_aligned_to_what_they_stand_for() -> None:
    odds = spelling.odds_of(PAIRS * 3)
    assert spelling.align("box", ["b", "ˈɑ", "k", "s"], odds) == ["b", "ˈɑ", "ks"]
    assert spelling.align("cap", ["k", "ˈæ", "p"], odds) == ["k", "ˈæ", "p"]
    assert spelling.align("ab", ["a"] * 5, odds) is None


@given(st.text("abcdef", min_size=1, max_size=8), st.lists(st.sampled_from("kæts"), max_size=10))
def test_an_alignment_loses_nothing(word: str, signs: list[str]) -> None:
    found = spelling.align(word, signs, {})
    if found is None:
        assert len(signs) > 2 * len(word)
    else:
        assert len(found) == len(word)
        assert "".join(found) == "".join(signs)


def test_words_that_begin_alike_are_judged_together() -> None:
    kept = [w for w in ("planet", "planets", "planetary", "river", "rivers") if
            spelling.held_out(w)]  # fmt: skip
    assert {w[:5] for w in kept} == {w[:5] for w in kept if spelling.held_out(w[:5])}
    words = [w for w, _ in spelling.dictionary()[::20]]
    share = sum(map(spelling.held_out, words)) / len(words)
    assert 0.02 < share < 0.06


def test_the_network_knows_what_was_said_before() -> None:
    made = spelling.examples([("fox", ["f", "ˈɑ", "ks"])], ["f", "ks", "ˈɑ"])
    assert made.before.tolist() == [[0, 0], [0, 1], [1, 3]]
    assert made.stressed[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert made.windows[:, letters.AROUND].tolist() == [6, 15, 24]
    assert made.labels.tolist() == [0, 2, 1]


def test_it_learns_and_goes_on_where_it_was(data: spelling.SpellingData, tmp_path: Path) -> None:
    trainee = spelling.SpellingTrainee(CONFIG, data)
    before = trainee.evaluate()["phonemes wrong %"]
    Loop("x", Budget(steps=300), None, output=io.StringIO()).run(trainee)
    assert trainee.evaluate()["phonemes wrong %"] < 0.8 * before
    half = spelling.SpellingTrainee(CONFIG, data)
    Loop("x", Budget(steps=10), tmp_path, output=io.StringIO()).run(half)
    again = spelling.SpellingTrainee(CONFIG, data)
    again.load_state(half.state())
    assert same(again.state(), half.state())
    other = spelling.SpellingTrainee(CONFIG, spelling.load(most=300))
    with pytest.raises(ValueError, match="data"):
        other.load_state(half.state())


def test_what_is_kept_reads_as_what_was_trained(tmp_path: Path) -> None:
    log = io.StringIO()
    loop = Loop("spelling", Budget(steps=20), tmp_path, output=log)
    report = spelling.make(tmp_path / "speech", loop, CONFIG, most=600)
    assert report["figures"]["words learned from"] > 300
    kept = letters.Guesser.read(tmp_path / "speech" / letters.FILE)
    resumed = Loop("spelling", Budget(), tmp_path, resume=True, output=log)
    trainee = spelling.SpellingTrainee(CONFIG, spelling.load(most=600))
    resumed.run(trainee)
    for word in ("fox", "unhappiness", "zorbified", "a"):
        assert kept.spell(word) == trainee.guesser().spell(word)
    assert kept.spell("") == ""
