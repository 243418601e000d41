"""The story model's data: wishes, clean verse, nouns, and the mask that tells wish from text."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path

import pytest

from studio.training import stories, story_sources, verse

RHYME = """The little cat sat on the mat,
And wore a very funny hat;
The little dog lay on a log
And sang a song about a frog."""


def test_a_wish_names_words_and_idea_only_when_there_are_some() -> None:
    assert stories.wish("poem", "in a grand style", [], "") == "Write a poem in a grand style."
    assert (
        stories.wish("story", "for a child", ["fox", "moon"], "a fox is lost.")
        == "Write a story for a child. Words: fox, moon. Idea: a fox is lost."
    )


def test_line_numbers_go_and_apparatus_is_refused() -> None:
    lines = verse.clean_poem(RHYME.replace("hat;", "hat; 10"))
    assert lines is not None
    assert lines[1].endswith("hat;")
    assert verse.clean_poem(RHYME + "\n[Footnote: see above]") is None
    assert verse.clean_poem("Too short a poem,\nthis.") is None


def test_a_rhyme_is_told_from_verse_that_does_not_rhyme() -> None:
    lines = RHYME.split("\n")
    assert verse.rhyme_share(lines) == 1.0
    assert verse.is_rhyme(lines)
    loose = ["The little cat sat on the wall,", "And wore a very funny hat;"] * 2
    assert verse.rhyme_share([*loose[:2], "A bird went by and saw the sea", "The sun was low"]) == 0
    assert not verse.is_rhyme(["Thy soul, O Lord, is on the mat,", *lines[1:]])


def test_nouns_are_found_by_where_they_stand() -> None:
    text = (
        "The fox was red. A fox ran. The fox said so. He saw the fox. Her fox, my fox and a fox. "
    )
    nouns = stories.find_nouns([text * 2 + "They quickly ran and quickly came. " * 10])
    assert "fox" in nouns
    assert "quickly" not in nouns


def test_only_the_text_is_learned_and_only_whole_texts_end() -> None:
    pairs = [("Write a story.", "A fox ran.", True), ("Write a poem.", "O fox, thou", False)]
    tokenizer = stories.train_tokenizer([f"{a}\n\n{b}" for a, b, _ in pairs] * 5, 300)
    tokens, mask = stories.encode(tokenizer, pairs)
    learned = tokenizer.decode(tokens[mask == 1].tolist(), skip_special_tokens=False)
    assert learned == "A fox ran.</s>O fox, thou"
    assert tokens.tolist().count(1) == 2


def test_a_long_text_is_cut_at_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "PIECE_TOKENS", 30)
    text = "The fox went to the sea. " * 20
    tokenizer = stories.train_tokenizer([text], 300)
    kept, whole = stories.beginning(text, tokenizer)
    assert not whole
    assert kept.endswith("sea.")
    assert len(tokenizer.encode(kept).ids) <= 30
    assert stories.beginning("The fox.", tokenizer) == ("The fox.", True)


def test_fables_carry_what_their_prompt_was_about(tmp_path: Path) -> None:
    row = {
        "prompt": "- Main Character: a kind fox\n  - Setting: a forest where our story unfolds\n",
        "text": "Title: The Fox\n\n" + "The fox was kind to all who came by. " * 8,
    }
    with lzma.open(tmp_path / "fables.jsonl.xz", "wt") as stream:
        stream.write(json.dumps(row))
    (fable,) = story_sources.new_fables(tmp_path / "fables.jsonl")
    assert fable.idea == "a kind fox in a forest"
    assert fable.text.startswith("The fox was kind")


def test_an_idea_is_part_of_the_text_or_of_its_opening() -> None:
    text = "Once there was a small brown mouse. It lived under the floor of a mill by the river."
    for seed in range(20):
        idea = stories.idea_from(text, random.Random(seed))
        assert idea.lower() in text.lower()
        assert len(idea.split()) <= 14
