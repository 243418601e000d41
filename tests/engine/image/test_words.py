"""Words with weights, more words than one encoding holds, fewer layers: against torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine.image import words
from studio.engine.image.encoders import MARK
from tests.engine.image import tiny_kinds
from tests.engine.image.conftest import MakeKind
from tests.engine.image.drawing import model_of, outputs, pixels

LONG = "a quick brown fox jumps over the lazy dog, " * 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a fox", [("a fox", 1.0)]),
        ("a (fox)", [("a ", 1.0), ("fox", 1.1)]),
        ("a (red fox:1.3) runs", [("a ", 1.0), ("red fox", 1.3), (" runs", 1.0)]),
        ("[dull] fox", [("dull", 1 / 1.1), (" fox", 1.0)]),
        ("((fox))", [("fox", 1.1 * 1.1)]),
        ("(a (fox:2))", [("a ", 1.1), ("fox", 2.2)]),
        (r"a fox \(red\)", [("a fox (red)", 1.0)]),
        ("(fox", [("fox", 1.1)]),
        ("fox) at 3:45", [("fox) at 3:45", 1.0)]),
        ("fox:1.5)", [("fox:1.5)", 1.0)]),
        ("(fox:9)", [("fox", 4.0)]),
        ("", []),
    ],
)
def test_weights_are_read(text: str, parts: list[tuple[str, float]]) -> None:
    found = words.parse(text)
    assert [t for t, _ in found] == [t for t, _ in parts]
    assert [w for _, w in found] == pytest.approx([w for _, w in parts])


@given(st.text(alphabet="ab ()[]:.\\19", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found = words.parse(text)
    assert all(0 <= w <= words.MOST for _, w in found)
    assert len(words.plain(text)) <= len(text)
    assert words.weighted(text) == (bool(text) and found != [(text, 1.0)])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["(" * 20_000, "(a" * 10_000, ":1" * 10_000, "([" * 5_000 + "a"])
def test_hostile_brackets_are_read_in_time(text: str) -> None:
    assert words.plain(text)


def encoded(text: str, **more: Any) -> Any:
    """What CLIP on torch says to a text that fits: (1, tokens, width)."""
    ids = tiny_kinds.tokenizer(True)(
        text, padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    return tiny_kinds.tiny("clip")(ids, **more)


def test_a_weight_moves_a_word_away_from_no_words(make_kind: MakeKind) -> None:
    import torch

    text = "a (fox:1.5)"
    model = model_of(make_kind("sd"))
    pipeline = model.pipeline("words", "auto", (text, ""))
    ours = pipeline.encode_prompt(text, "cpu", 1, True, negative_prompt="")
    plain, empty = (encoded(t).last_hidden_state for t in ("a fox", ""))
    count = [len(tiny_kinds.tokenizer(True)(t)["input_ids"]) - 2 for t in ("a", "fox")]
    weights = torch.ones(1, plain.shape[1], 1)
    weights[:, 1 + count[0] : 1 + sum(count)] = 1.5
    expected = empty + (plain - empty) * weights
    assert (ours[0] - expected).abs().max() < 1e-5
    assert (ours[1] - empty).abs().max() < 1e-5  # the other prompt stays as it is


def test_long_prompts_are_encoded_in_pieces(make_kind: MakeKind) -> None:
    import torch

    model = model_of(make_kind("sd"))
    pipeline = model.pipeline("words", "auto", (LONG, "dog"))
    ours = pipeline.encode_prompt(LONG, "cpu", 1, True, negative_prompt="dog")
    clip, room = tiny_kinds.tokenizer(True), tiny_kinds.CLIP_LENGTH - 2
    ids = clip(LONG, add_special_tokens=False)["input_ids"]
    pieces = [ids[i : i + room] for i in range(0, len(ids), room)]
    rows = [[512, *p, 513] + [clip.pad_token_id] * (room - len(p)) for p in pieces]
    states = tiny_kinds.tiny("clip")(torch.tensor(rows)).last_hidden_state
    assert len(pieces) > 2
    assert ours[0].shape == ours[1].shape == (1, len(pieces) * (room + 2), tiny_kinds.WIDTH)
    assert (ours[0] - states.reshape(1, -1, tiny_kinds.WIDTH)).abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["sd", "lcm", "xl", "sd3", "flux"])
@pytest.mark.parametrize("text", [LONG, "a (red:1.6) fox"], ids=["long", "weighted"])
def test_every_kind_reads_all_of_it(kind: str, text: str, make_kind: MakeKind) -> None:
    made = outputs(make_kind(kind, prompt=text, negative_prompt="dog"))[0]
    short = outputs(make_kind(kind, prompt=words.plain(text)[:40], negative_prompt="dog"))[0]
    assert "left out" not in made.summary.get("note", "").replace("it was left out", "")
    assert (pixels(made) != pixels(short)).any()


def test_one_weight_for_all_is_a_mark_above_the_ids() -> None:
    marked = words.Marked(tiny_kinds.tokenizer(False), 0)
    row = marked("(fox:2)", max_length=8).input_ids
    plain = tiny_kinds.tokenizer(False)(
        "fox", padding="max_length", max_length=8, return_tensors="pt"
    ).input_ids
    assert (row & (1 << MARK) - 1).tolist() == plain.tolist()
    assert set((row[0] >> MARK).tolist()) == {0, 2000}
    assert marked("fox", padding="longest").input_ids.shape[1] < 8


@pytest.mark.parametrize("kind", ["sd", "xl", "sd3"])
def test_layers_left_out_are_those_of_torch(
    kind: str, make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(make_kind(kind))
    ours = model.pipeline("words", "auto")
    clip = tiny_kinds.tiny("clip")
    # Where the library has it no more, though its pipeline still asks for it there.
    monkeypatch.setattr(
        clip,
        "text_model",
        SimpleNamespace(final_layer_norm=clip.final_layer_norm),
        raising=False,
    )
    theirs = type(ours)(
        **{n: tiny_kinds.on_torch(kind).get(n, p) for n, p in ours.components.items()},
        **({"requires_safety_checker": False} if kind == "sd" else {}),
    )
    said: dict[str, Any] = {"prompt": "a fox", "device": "cpu", "num_images_per_prompt": 1}
    if kind == "sd3":
        said |= {"prompt_2": None, "prompt_3": None}
    changed = []
    for skip in (None, 1, 2):
        one, two = (
            p.encode_prompt(**said, do_classifier_free_guidance=False, clip_skip=skip)[0]
            for p in (ours, theirs)
        )
        assert (one - two).abs().max() < 1e-4
        changed.append(one)
    assert (changed[0] - changed[1]).abs().max() > 0.01


def test_more_layers_than_there_are_cannot_be_left_out(make_kind: MakeKind) -> None:
    with pytest.raises(StudioError, match="layers"):
        outputs(make_kind("sd", clip_skip=3))
    with pytest.raises(StudioError, match="CLIP"):
        outputs(make_kind("flux", clip_skip=1))
