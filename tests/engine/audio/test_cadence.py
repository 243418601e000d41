"""A tune that ends anywhere else is brought home, and nothing else in it changes."""

from __future__ import annotations

import pytest

from studio.core.abc import parse
from studio.core.score import check, perform, render
from studio.engine.audio.cadence import at_home
from tests.core.test_abc import GREENSLEEVES, KESH

HEAD = "X:1\nM:4/4\nL:1/8\nK:{key}\n"


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("G", "GABc d4|e4 d3B|]", "GABc d4|e4 d3G|]"),
        ("G", "GABc d4|e4 f>a|]", "GABc d4|e4 f>g|]"),
        ("Em", "EFGA B4|B2 A2 (3GFD z2|]", "EFGA B4|B2 A2 (3GFE z2|]"),
        ("Ddor", "D4 F4|A2 c2 C,4|]", "D4 F4|A2 c2 D,4|]"),
        # The sharp in front would hold for the tonic as well.
        ("C", "C4 E4|^c4 d4|]", "C4 E4|^c4 =c4|]"),
        ("Bb", "B4 d4|=b2 c2 A4|]", "B4 d4|=b2 c2 _B4|]"),
        # What is written alike closes a part that comes again.
        ("G", "GABc d4|e4 d4||B4 A4|G8||e4 d4|]", "GABc d4|e4 g4||B4 A4|G8||e4 g4|]"),
        # A second ending is what is played last.
        ("G", "|:GABc d4|1e4 d4:|2e4 A4|]", "|:GABc d4|1e4 d4:|2e4 G4|]"),
    ],
)  # fmt: skip
def test_the_last_note_becomes_the_nearest_tonic(key: str, before: str, after: str) -> None:
    head = HEAD.format(key=key)
    tune, wanted = parse(head + before), parse(head + after)
    made = at_home(tune)
    assert made == wanted, render(made)
    last = perform(made).events[-1]
    assert last.pitches[-1] % 12 == tune.key.pitch_class
    assert last.length == perform(tune).events[-1].length
    assert check(made) == check(tune)


@pytest.mark.parametrize(
    "text",
    [KESH, GREENSLEEVES, HEAD.format(key="G") + "d8|[Bd]8|]", HEAD.format(key="G")],
)
def test_who_is_at_home_stays_as_it_is(text: str) -> None:
    tune = parse(text)
    assert at_home(tune) == tune


def test_what_somebody_brought_is_not_touched() -> None:
    tune = parse(HEAD.format(key="G") + "|:GABc d4|e4 d4:|B4 c4|e4 d4|]")
    made = at_home(tune, alike=False)
    assert made == parse(HEAD.format(key="G") + "|:GABc d4|e4 d4:|B4 c4|e4 g4|]")
