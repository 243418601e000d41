"""Wished words are kept in mind: the scores lean towards what is missing, and only that long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.paths import resources
from studio.engine.sampling import Sampler
from studio.engine.text.wished import AT_FIRST, END, LATER, MOST, ON, Wished, words_of
from studio.engine.tokenizer import JsonTokenizer

TOKENIZER = JsonTokenizer(resources() / "models" / "triptych-story" / "tokenizer.json")
SIZE = 4096


def shifts(wished: Wished) -> dict[int, float]:
    scores = np.zeros(SIZE)
    wished.lean(scores)
    return {int(i): float(scores[i]) for i in np.flatnonzero(scores)}


def say(wished: Wished, text: str) -> None:
    for token in TOKENIZER.encode_on(text):
        wished.said(token)


@pytest.mark.parametrize(
    ("words", "idea", "expected"),
    [
        ("fox, Moon", "", ("fox", "Moon")),
        ("", "a little fox who lost his hat", ("fox", "hat")),
        ("fox", "The fox and the Dragon", ("fox", "Dragon")),
        ("", "write me a story", ()),
        ("a,b;c\nd,e,f,g,h", "", ("a", "b", "c", "d", "e", "f")),
        ("", "one two three four five six seven eight nine ten " * 5, ()),
    ],
)
def test_what_a_wish_is_about(words: str, idea: str, expected: tuple[str, ...]) -> None:
    assert words_of(words, idea) == expected


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_wish_has_a_few_words_at_most(words: str, idea: str) -> None:
    found = words_of(words, idea)
    assert len(found) <= MOST
    wished = Wished.of(TOKENIZER, found, 100)
    say(wished, " Once there was a house.")
    wished.lean(np.zeros(SIZE))


def test_the_first_words_are_the_models_own_and_then_it_leans_more_and_more() -> None:
    wished = Wished.of(TOKENIZER, ["fox"], 100)
    first = TOKENIZER.encode_on(" fox")[0]
    assert shifts(wished) == {}
    say(wished, " Once upon a time there was a")
    early = shifts(wished)
    assert set(early) == {first}
    assert AT_FIRST < early[first] < AT_FIRST + LATER / 4
    say(wished, " big house on a hill" * 30)
    assert shifts(wished)[first] == pytest.approx(LATER)


def test_a_word_that_is_begun_is_ended_and_then_let_go() -> None:
    wished = Wished.of(TOKENIZER, ["dragonfly"], 100)
    ids = TOKENIZER.encode_on(" dragonfly")
    assert len(ids) > 1
    say(wished, " Once upon a time there was a")
    for done, token in enumerate(ids[:-1], start=1):
        wished.said(token)
        assert shifts(wished)[ids[done]] == pytest.approx(ON)
    wished.said(ids[-1])
    ends = shifts(wished)
    assert set(ends) <= set(TOKENIZER.spaced().tolist())
    assert set(ends.values()) == {END}
    say(wished, " who")
    assert not wished.missing
    assert shifts(wished) == {}


@pytest.mark.parametrize("text", [" The foxes ran.", " A FOX!", " the fox’s tail", " fox, and"])
def test_a_word_counts_with_its_endings(text: str) -> None:
    wished = Wished.of(TOKENIZER, ["fox"], 100)
    say(wished, text)
    assert not wished.missing
    assert not Wished.of(TOKENIZER, ["fox"], 100, begun=text).missing


@pytest.mark.parametrize("text", [" A foxglove grew.", " the ox", " fo x"])
def test_another_word_does_not(text: str) -> None:
    wished = Wished.of(TOKENIZER, ["fox"], 100)
    say(wished, text)
    assert wished.missing


def test_the_sampler_leans_and_tells_what_it_drew() -> None:
    class Leaning:
        def __init__(self) -> None:
            self.drawn: list[int] = []

        def lean(self, scores: np.ndarray) -> None:
            scores[3] += 50.0

        def said(self, token: int) -> None:
            self.drawn.append(token)

    leaning = Leaning()
    for temperature in (0.0, 0.8):
        sampler = Sampler(1, temperature=temperature, wished=leaning)
        assert sampler.draw(np.linspace(0, 9, 10, dtype=np.float32)) == 3
    assert leaning.drawn == [3, 3]
