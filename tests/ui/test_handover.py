"""What one pane tells another."""

from __future__ import annotations

import pytest

from studio.core.recipe import Recipe
from studio.ui.handover import LONGEST, subject


def recipe(**values: str) -> Recipe:
    return Recipe("text", "text.small", "m", 1, values)


@pytest.mark.parametrize(
    ("prompt", "about"),
    [
        ("a little fox who is afraid of the dark", "a little fox who is afraid of the dark"),
        ("Write a story about a fox.", "a fox"),
        ("please tell me a short funny tale about two owls", "two owls"),
        ("A poem for my daughter about the sea", "the sea"),
        ("Draw a picture of an apple", "an apple"),
        ("the story of my life", "my life"),
    ],
)
def test_a_prompt_without_its_asking(prompt: str, about: str) -> None:
    assert subject(recipe(prompt=prompt)) == about


def test_subject_words_say_it_best() -> None:
    assert subject(recipe(prompt="a story", words="fox, moon,\nboat")) == "fox, moon, boat"


def test_without_a_wish_the_title_and_then_the_text_tell() -> None:
    assert subject(recipe(), "Once there was a fox. He ran.", "The Fox") == "The Fox"
    assert subject(None, "Once there was a fox. He ran.") == "Once there was a fox."
    assert subject(None) == ""


def test_it_is_never_long() -> None:
    about = subject(recipe(prompt="a fox and " * 100))
    assert 0 < len(about) <= LONGEST
    assert not about.endswith(" ")
