"""What is understood of a prompt, and who has the last word about a tune."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.abc import parse_key
from studio.core.controls import complete
from studio.core.errors import StudioError
from studio.engine.audio import plan as planning
from studio.engine.audio import tune, wishes
from studio.engine.audio.instruments import INSTRUMENTS, MELODY
from studio.engine.audio.plan import CUSTOMS, Plan
from studio.engine.audio.titles import title


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A slow sad waltz in D minor on the flute",
         {"kind": "waltz", "key": "Dm", "instrument": "flute", "pace": 0.76}),
        ("a merry JIG for fiddle in A", {"kind": "jig", "key": "A", "instrument": "fiddle"}),
        ("a slip jig in E dorian", {"kind": "slip jig", "key": "Edor"}),
        ("a minor waltz", {"kind": "waltz", "key": None, "mode": "m"}),
        ("something in a minor key", {"key": None, "mode": "m"}),
        ("an air in a minor", {"kind": "air", "key": "Am"}),
        ("A minor", {"key": "Am"}),
        ("F# minor, 96 bpm", {"key": "F#m", "tempo": 96.0}),
        ("in B flat", {"key": "Bb"}),
        ("in E-flat major", {"key": "Eb"}),
        ("key of G", {"key": "G"}),
        ("in D♯ minor", {"key": "D#m"}),
        ("d mixolydian", {"key": "Dmix"}),
        ("a cat in a hat", {"key": None, "mode": None, "kind": ""}),
        ("I had a good day", {"key": None, "kind": ""}),
        ("Grade A eggs", {"key": None}),
        ("Go Dance", {"key": None}),
        ("a gentle lullaby on a music box, 16 bars, twice",
         {"kind": "waltz", "instrument": "music box", "bars": 16, "times": 2, "pace": 0.8}),
        ("6/8 march, solo", {"kind": "march", "metre": "6/8", "accompaniment": "none"}),
        ("very fast reel without bass", {"pace": 1.3, "accompaniment": "chords"}),
        ("a haunting tune", {"mode": "dor"}),
        ("tin whistle and a reel", {"instrument": "whistle", "kind": "reel"}),
        ("penny-whistles and harps", {"instrument": "whistle"}),
        ("reeling jigsaw", {"kind": ""}),
        ("", {"kind": "", "words": ()}),
    ],
)  # fmt: skip
def test_words(prompt: str, expected: dict[str, Any]) -> None:
    wish = wishes.read(prompt)
    for name, value in expected.items():
        found = getattr(wish, name)
        assert (str(found) if name == "key" and found is not None else found) == value, name


def test_what_was_understood_is_told_in_order() -> None:
    wish = wishes.read("A slow sad waltz in D minor on the flute")
    assert wish.words == ("slow", "sad", "waltz", "D minor", "flute")


@given(st.text(max_size=300))
def test_no_words_do_harm(text: str) -> None:
    wish = wishes.read(text)
    made = make({"prompt": text[:2000]}, 1)
    assert abs(made.key.fifths) <= 7
    assert wish == wishes.read(text)


def make(values: dict[str, Any], seed: int) -> Plan:
    whole = complete(tune.SPEC.controls, values)
    return planning.make(whole, wishes.read(str(whole["prompt"])), Random(f"plan {seed}"))


def test_settings_win_over_words() -> None:
    prompt = "a slow waltz in D minor on the flute, 16 bars, twice, solo, 60 bpm"
    made = make(
        {
            "prompt": prompt, "tune": "reel", "key": "G", "instrument": "harp", "length": "32",
            "times": 3, "accompaniment": "chords", "tempo": 120, "metre": "2/4",
        },
        1,
    )  # fmt: skip
    assert (made.kind, str(made.key), made.instrument) == ("reel", "G", "harp")
    assert (made.bars, made.times, made.accompaniment) == (32, 3, "chords")
    assert made.tempo.bpm == 120
    assert str(made.metre) == "2/4"
    assert made.unit == Fraction(1, 4)
    words = make({"prompt": prompt}, 1)
    assert (words.kind, str(words.key), words.instrument) == ("waltz", "Dm", "flute")
    assert (words.bars, words.times, words.accompaniment) == (16, 2, "none")
    assert words.tempo.bpm == 60


def test_words_for_speed_change_what_is_usual() -> None:
    usual, slow, fast = (
        make({"prompt": f"{word} jig"}, 1).tempo.bpm for word in ("a", "a slow", "a fast")
    )
    assert slow < usual < fast
    assert make({"prompt": "a sad jig"}, 1).tempo.bpm < usual


@pytest.mark.parametrize("seed", range(20))
def test_what_nobody_asked_for_is_what_is_usual(seed: int) -> None:
    made = make({}, seed)
    assert any(
        (c.metre, Fraction(c.unit) * 4) == (str(made.metre), made.unit) for c in CUSTOMS[made.kind]
    )
    assert made.instrument in MELODY
    assert made == make({}, seed)
    minor = make({"prompt": "sad"}, seed)
    assert minor.key.minor
    # Asking for one thing leaves the others as they were.
    assert make({"instrument": "harp"}, seed).kind == made.kind
    assert make({"tempo": 100}, seed).key == made.key


def test_a_metre_alone_chooses_a_kind_that_has_it() -> None:
    for seed in range(10):
        for metre in ("2/2", "2/4", "3/4", "4/4", "6/8", "9/8"):
            made = make({"metre": metre}, seed)
            assert str(made.metre) == metre
            assert metre in {c.metre for c in CUSTOMS[made.kind]}


def test_every_kind_can_be_had_in_every_metre() -> None:
    for kind in CUSTOMS:
        for metre in ("2/2", "2/4", "3/4", "4/4", "6/8", "9/8"):
            made = make({"tune": kind, "metre": metre}, 3)
            assert (made.kind, str(made.metre)) == (kind, metre)


def test_a_tempo_nobody_can_play_is_told() -> None:
    with pytest.raises(StudioError) as caught:
        make({"tempo": 7}, 1)
    assert caught.value.hint


def test_the_form_knows_what_there_is() -> None:
    def options(name: str) -> set[str]:
        control = tune.SPEC.control(name)
        assert control is not None
        return {option.value for option in control.options} - {"auto"}  # type: ignore[union-attr]

    assert options("instrument") == set(MELODY)
    assert options("tune") == set(CUSTOMS)
    assert {str(parse_key(key)) for key in options("key")} == options("key")
    labels = {o.value: o.label for o in tune.SPEC.control("key").options}  # type: ignore[union-attr]
    assert labels["F#m"] == "F♯ minor"
    assert labels["Bb"] == "B♭ major"
    for instrument in INSTRUMENTS.values():
        assert {instrument.chords, instrument.bass} <= set(INSTRUMENTS)
        assert 0 <= instrument.program < 128


def test_titles_are_drawn_from_the_seed() -> None:
    made = [title("waltz", seed % 2 == 0, Random(f"title {seed}")) for seed in range(200)]
    assert made == [title("waltz", seed % 2 == 0, Random(f"title {seed}")) for seed in range(200)]
    assert len(set(made)) > 120
    assert all(5 < len(t) < 60 and t.isprintable() for t in made)


def test_importing_the_family_imports_nothing_heavy() -> None:
    code = (
        "import sys, studio.engine.audio.tune;"
        "print([m for m in ('numpy', 'mido', 'onnxruntime_genai', 'tokenizers', 'torch')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
