"""Chords that a person would play, and an accompaniment that keeps to its metre."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.abc import MODES, Key, parse
from studio.core.score import Performance, perform
from studio.engine.audio.accompany import accompany, melody
from studio.engine.audio.harmony import Chord, candidates, harmonise
from tests.core.test_abc import (
    AULD_LANG_SYNE,
    BUTTERFLY,
    DROWSY_MAGGIE,
    GREENSLEEVES,
    HARVEST_HOME,
    KESH,
)

ALL = (KESH, DROWSY_MAGGIE, HARVEST_HOME, AULD_LANG_SYNE, GREENSLEEVES, BUTTERFLY)


def played(body: str, key: str, metre: str = "4/4") -> Performance:
    return perform(parse(f"M:{metre}\nL:1/8\nK:{key}\n{body}\n"))


def names(performance: Performance) -> list[str]:
    return [span.chord.name for span in harmonise(performance)]


def test_broken_triads_are_recognised() -> None:
    assert names(played("CEGc egec|FAcf acfa|GBdg bgdB|CEGc c4|", "C")) == [
        *("C", "C", "F", "F", "G", "G", "C", "C")
    ]
    assert names(played("DFAd f2d2|CEGc e2c2|DFAd d4|", "Ddor")) == [
        *("Dm", "Dm", "C", "C", "Dm", "Dm")
    ]
    assert names(played("EGBe g2e2|B^DFB d2B2|EGBe e4|", "Em")) == [
        *("Em", "Em", "B", "B", "Em", "Em")
    ]
    assert names(played("AceA c2e2|GBdG B2d2|AceA A4|", "Amix")) == [
        *("A", "A", "G", "G", "A", "A")
    ]


def test_a_waltz_gets_a_chord_a_bar() -> None:
    assert names(played("G2B2d2|c2e2g2|d2f2a2|G6|", "G", "3/4")) == ["G", "C", "D", "G"]


def test_chords_of_known_tunes() -> None:
    kesh = names(perform(parse(KESH)))
    assert kesh[:8] == ["G", "G", "D", "D", "G", "G", "G", "G"]
    assert kesh[-1] == "G"
    song = names(perform(parse(AULD_LANG_SYNE)))
    # F | C | F | Bb is how it is sung everywhere.
    assert song[0] == "F"
    assert "B♭" in song[6:8]
    assert {"C", "F", "B♭"} <= set(song)
    assert song[-1] == "F"
    maggie = names(perform(parse(DROWSY_MAGGIE)))
    assert maggie[0] == "Em"
    assert set(maggie) & {"D"}


@pytest.mark.parametrize("mode", MODES)
def test_candidates_belong_to_the_key(mode: str) -> None:
    key = Key("D", mode)
    for chord, weight in candidates(key):
        assert 0 < weight <= 1
        outside = set(chord.pitch_classes) - set(key.scale)
        # Only the dominant of a minor key borrows its third.
        assert not outside or (mode == "m" and chord == Chord((key.pitch_class + 7) % 12, False))


def test_chords_have_names_and_notes() -> None:
    assert Chord(2, True).pitch_classes == (2, 5, 9)
    assert Chord(10, False).name == "B♭"
    assert Chord(9, True).name == "Am"


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize(
    ("beat_seconds", "kind"),
    [(0.3, ""), (0.7, ""), (1.4, ""), (0.5, "air"), (0.5, "march"), (0.3, "strathspey")],
)
def test_accompaniments_fit_under_the_tune(text: str, beat_seconds: float, kind: str) -> None:
    performance = perform(parse(text))
    spans = harmonise(performance)
    # Without a gap, from the first whole bar to the end.
    assert all(a.onset + a.length <= b.onset for a, b in pairwise(spans))
    for bass in (True, False):
        chords, basses = accompany(performance, spans, beat_seconds, bass=bass, kind=kind)
        assert chords
        assert bool(basses) == bass
        for hit in (*chords, *basses):
            assert hit.onset + hit.length <= performance.length
            assert 0 < hit.velocity < 1
            span = next(s for s in spans if s.onset <= hit.onset < s.onset + s.length)
            assert {p % 12 for p in hit.pitches} <= set(span.chord.pitch_classes)
        assert all(len(hit.pitches) == 1 and 28 <= hit.pitches[0] <= 55 for hit in basses)
        assert all(48 <= p <= 72 for hit in chords for p in hit.pitches)
        onsets = [hit.onset for hit in chords]
        assert onsets == sorted(onsets)
        if bass:  # every whole bar begins with a bass note
            starts = {
                m.onset for m in performance.measures if m.length == performance.metre.quarters
            }
            assert starts <= {hit.onset for hit in basses}


def test_kinds_of_tune_are_accompanied_in_their_own_manner() -> None:
    text = "X:1\nM:4/4\nL:1/8\nK:G\n" + "GABc d2B2|c2A2 B4|" * 2
    performance = perform(parse(text))
    spans = harmonise(performance)
    played = {
        kind: accompany(performance, spans, 0.5, bass=True, kind=kind)
        for kind in ("reel", "march", "air")
    }
    places = {k: sorted({h.onset % 4 for h in chords[:-1]}) for k, (chords, _) in played.items()}
    assert places["reel"] == [1, 3], "behind the bass"
    assert places["march"] == [0, 1, 2, 3], "with every step"
    assert places["air"] == [Fraction(n, 2) for n in range(1, 8)], "broken"
    alone, _ = accompany(performance, spans, 0.5, bass=False, kind="march")
    assert len({hit.onset for hit in alone}) == len(alone), "no chord is struck twice at once"


def test_pickups_are_not_accompanied() -> None:
    performance = perform(parse(AULD_LANG_SYNE))
    chords, basses = accompany(performance, harmonise(performance), 0.5, bass=True)
    assert min(hit.onset for hit in (*chords, *basses)) == 1


def test_the_melody_has_the_accents_of_its_metre() -> None:
    hits = melody(perform(parse(KESH)))
    assert [hit.pitches for hit in hits[:3]] == [(67,), (67,), (69,)]
    assert hits[0].velocity > hits[1].velocity > hits[2].velocity


@given(
    st.lists(st.sampled_from("CDEFGABcdefgz"), min_size=1, max_size=40),
    st.sampled_from(["C", "Gm", "Ador", "Dmix", "Ephr", "Flyd", "Bloc"]),
    st.sampled_from(["4/4", "2/4", "3/4", "6/8", "9/8", "5/4", "7/8", "3/8"]),
)
def test_anything_can_be_accompanied(notes: list[str], key: str, metre: str) -> None:
    body = "|".join("".join(notes[at : at + 6]) for at in range(0, len(notes), 6))
    performance = played(body, key, metre)
    spans = harmonise(performance)
    for seconds in (0.3, 1.5):
        for hits in accompany(performance, spans, seconds, bass=True):
            for hit in hits:
                assert hit.onset >= 0
                assert hit.length > 0
                assert hit.onset + hit.length <= performance.length
