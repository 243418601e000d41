"""How alike texts are: figures that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from studio.training.likeness import Learned, distinct, self_bleu, words


def test_words_are_counted_without_their_punctuation() -> None:
    assert words('“Don\'t!” said the Fox_king - twice.') == [
        "don't", "said", "the", "fox", "king", "twice",
    ]  # fmt: skip


def test_distinct_is_the_share_of_pairs_that_are_new() -> None:
    assert distinct([list("abcd")]) == 1.0
    assert distinct([list("abab")]) == pytest.approx(2 / 3)
    assert distinct([list("ab"), list("ab")]) == 0.5
    assert distinct([]) == 0.0


def test_equal_texts_have_a_self_bleu_of_one_and_strangers_hardly_any() -> None:
    same = ["the", "old", "fox", "went", "home", "to", "his", "wife"]
    assert self_bleu([same, same]) == pytest.approx(1.0)
    other = ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert self_bleu([same, other]) < 0.1
    # Six words against eight of which it is the beginning: all n-grams hit, the length is paid for.
    assert self_bleu([same[:6], same]) == pytest.approx(
        (math.exp(1 - 8 / 6) + math.exp(sum(map(math.log, (6 / 8, 5 / 7, 4 / 6, 3 / 5))) / 4)) / 2
    )


def test_the_longest_run_is_found_wherever_it_stands_and_never_across_two_texts() -> None:
    learned = Learned(
        ["One day the small fox went down to the cold river.", "He drank and he sang all night."]
    )
    said = "And then the Small Fox went down, to the cold sea!"
    assert learned.longest(said) == ["the", "small", "fox", "went", "down", "to", "the", "cold"]
    assert learned.longest("down to the cold river he drank and he sang all") == (
        ["he", "drank", "and", "he", "sang", "all"]
    )
    assert learned.longest("the small fox went up") == []
    assert learned.longest("") == []
    assert learned.unknown("the small zorp") == pytest.approx(1 / 3)
