"""Where a text may end, and that what was shown of it is never taken back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.engine.text.page import OVERRUN, Page, count_words


def write(pieces: list[str], words: int, start: str = "") -> tuple[Page, list[str]]:
    page, shown = Page(start, words), []
    for piece in pieces:
        shown.append(page.add(piece))
        if page.full:
            break
    return page, shown


def pieces_of(text: str) -> list[str]:
    """Every word with the space before it, as most tokenizers cut."""
    return [" " + word for word in text.split(" ")] if " " in text else list(text)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("The fox ran. The moon slept. All was well.", 4, "The fox ran. The moon slept."),
        ("The fox ran. The moon slept. All was well.", 3, "The fox ran."),
        ("“Stop!” said the fox. He ran.", 1, "“Stop!” said the fox."),
        ('He said: "Come here." Then he ran.', 4, 'He said: "Come here."'),
        ("He met Mr. Fox there. Then he ran.", 3, "He met Mr. Fox there."),
        ("It cost 3.50 today. He paid.", 3, "It cost 3.50 today."),
        ("Roses are red,\nviolets are blue,\nand so on", 4, "Roses are red,\nviolets are blue,"),
        ("月が出た。狐は笑った。おわり。", 6, "月が出た。狐は笑った。"),
    ],
)
def test_it_ends_with_the_sentence(text: str, words: int, expected: str) -> None:
    page, shown = write(pieces_of(text), words)
    assert page.text == expected
    assert "".join(shown) == expected
    assert page.full
    # Character by character it is the same.
    assert write(list(text), words)[0].text == expected


def test_a_sentence_without_an_end_is_cut_and_says_so() -> None:
    page, shown = write([" and"] * 500, 10)
    assert page.full
    assert page.text.endswith("and…")
    assert page.words == 10 + OVERRUN
    assert "".join(shown) == page.text


def test_the_start_does_not_count() -> None:
    page, _ = write(pieces_of("He ran. He slept."), 2, start="Once there was a fox. ")
    assert page.text == "Once there was a fox. He ran."
    assert page.words == 2


def test_cutting_a_whole_sentence_adds_nothing() -> None:
    page, _ = write(["The fox ran."], 100)
    assert page.cut() == ""
    assert page.text == "The fox ran."
    page, _ = write(["The fox"], 100)
    assert page.cut() == "…"


def test_words_are_counted_as_word_processors_do() -> None:
    assert count_words("The fox's den, 3.5 km away") == 6
    assert count_words("狐と月") == 3
    assert count_words(" \n\t") == 0


@given(
    st.lists(st.text(max_size=12), max_size=40),
    st.integers(1, 30),
    st.text(max_size=20),
    st.booleans(),
)
def test_what_is_shown_is_the_text(pieces: list[str], words: int, start: str, cut: bool) -> None:
    page, shown = write(pieces, words, start)
    rest = page.cut() if cut and not page.full else ""
    assert start + "".join(shown) + rest == page.text
    grown = page.text[len(start) :]
    assert grown == grown.rstrip()
    assert not any(c < " " and c not in "\t\n" for c in grown)
    if start == "" or start[-1].isspace():
        assert grown == grown.lstrip()
    if page.full or rest:
        assert page.add("more words. ") == ""


@given(st.lists(st.sampled_from(["Fox ran", "he", "so.", "“Go!”", "red,\n", "Dr.", "\n\n"])))
def test_how_a_text_is_cut_into_tokens_does_not_matter(words: list[str]) -> None:
    text = " ".join(words)
    by_character = write(list(text), 3)[0].text
    by_pair = write([text[i : i + 2] for i in range(0, len(text), 2)], 3)[0].text
    assert by_character == by_pair
