"""The tune model's data: what is taken, what is refused, and that nothing is lost on the way to
tokens."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from studio.core import abc, score
from studio.core.errors import StudioError
from studio.training import music

from .conftest import reel


def test_broken_and_double_tunes_are_left_out(music_data: Path) -> None:
    tunes, counts = music.read_tunes(music_data / music.SOURCE)
    assert len(tunes) == counts["used"] == 40
    assert counts["bars"] == 1
    assert counts["double"] == 1


def test_a_text_reads_back_as_the_same_tune(music_data: Path) -> None:
    tunes, _ = music.read_tunes(music_data / music.SOURCE)
    for tune in tunes:
        again = abc.parse(music.render(tune))
        assert again.body == tune.body
        assert (again.key, again.metre, again.unit) == (tune.key, tune.metre, tune.unit)
        assert again.rhythm == "reel"


def test_transpositions_sound_the_same_but_for_their_key(music_data: Path) -> None:
    tunes, _ = music.read_tunes(music_data / music.SOURCE)
    texts = music.transposed_texts(tunes[:5], 4, random.Random(1))
    assert len(texts) > 5

    def steps(tune: abc.Tune) -> list[int]:
        heard = [n.pitches[0] for bar in score.bars(tune) for n in bar.notes if n.pitches]
        return [b - a for a, b in pairwise(heard)]

    known = [steps(tune) for tune in tunes[:5]]
    assert all(steps(abc.parse(text)) in known for text in texts)
    assert len({str(abc.parse(text).key) for text in texts}) > 3


def test_tokens_decode_to_the_text_and_hold_whole_notes(music_data: Path) -> None:
    data = music.load(music_data)
    text = data.held_out_texts[0]
    encoded = data.tokenizer.encode(text)
    assert data.tokenizer.decode(encoded.ids) == text
    assert "R:reel\n" in encoded.tokens
    assert not any(
        "|" in token and any(c in "abcdefgABCDEFG" for c in token) for token in encoded.tokens
    )


@pytest.mark.parametrize(
    ("title", "metre", "kind"),
    [
        ("Smith's Hornpipe", "4/4", "hornpipe"),
        ("A Slip Jig", "9/8", "slip jig"),
        ("x", "6/8", "jig"),
    ],
)
def test_the_kind_is_in_the_title_or_follows_the_metre(title: str, metre: str, kind: str) -> None:
    text = reel(3).replace("R:reel\n", "").replace("The Test 3 Reel", title)
    tune = abc.parse(text.replace("M:2/2", f"M:{metre}"))
    assert music.kind_of(tune) == kind


def test_missing_data_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StudioError) as told:
        music.load(tmp_path)
    assert "music21_folk" in told.value.message
