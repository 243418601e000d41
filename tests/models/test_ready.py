"""A recipe remembers which revisions of the hub's models it was run with."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.controls import Extra, parse_extras
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.recipe import Recipe
from studio.models import Store, as_made, moved_on, ready
from tests.models import makers
from tests.models.caches import FIRST, SECOND, files_of, put
from tests.models.test_store import CARD, ONNX, language_model

SPEC = FamilySpec(
    id="image.diffusion",
    title="Pictures",
    kind="image",
    controls=(Extra(name="lora", label="LoRA", role="lora", several=True),),
    needs=(),
)
NEWER = {"model.onnx": ONNX + b"\x12\0"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    words = language_model(tmp_path / "words", CARD)
    put(tmp_path / "hub", "acme/words", files_of(words))
    ink = makers.lora(tmp_path / "ink" / "ink.safetensors")
    put(tmp_path / "hub", "acme/ink", {"ink.safetensors": ink, "README.md": CARD.encode()})
    language_model(tmp_path / "own" / "stories", CARD)
    return Store([tmp_path / "own"], [tmp_path / "hub"])


def made(store: Store, recipe: Recipe) -> Recipe:
    model = store.find(as_made(store, recipe))
    assert model is not None
    return ready(store, SPEC, recipe, model).recipe


def test_what_is_run_is_written_down(store: Store) -> None:
    wish = Recipe("image", SPEC.id, "acme/words", 1, {"lora": "acme/ink:ink:0.5"})
    model = store.find("acme/words")
    assert model is not None
    found = ready(store, SPEC, wish, model)
    assert found.recipe.revisions == {"acme/words": FIRST, "acme/ink:ink": FIRST}
    assert (found.model / "model.onnx").read_bytes() == ONNX
    assert list(found.extras) == ["acme/ink:ink"]
    assert (found.extras["acme/ink:ink"] / "ink.safetensors").is_file()
    assert Recipe.from_json(found.recipe.to_json()) == found.recipe


def test_recipes_of_other_models_are_as_they_were(store: Store) -> None:
    wish = Recipe("text", "text.chat", "stories", 1, {})
    done = made(store, wish)
    assert done == wish
    assert "revisions" not in done.to_dict()


def test_again_takes_the_revision_it_was_made_with_where_it_is_here(
    store: Store, tmp_path: Path
) -> None:
    first = made(store, Recipe("text", "text.chat", "acme/words", 1, {}))
    words = files_of(tmp_path / "words")
    snapshot = put(tmp_path / "hub", "acme/words", {**words, **NEWER}, SECOND)
    assert made(store, Recipe("text", "text.chat", "acme/words", 1, {})).revisions == {
        "acme/words": SECOND
    }
    assert as_made(store, first) == f"acme/words@{FIRST}"
    again = made(store, first)
    assert again == first
    assert moved_on(first, again) == []
    (snapshot.parent / FIRST / "model.onnx").unlink()
    other = made(store, first)
    assert other.revisions == {"acme/words": SECOND}
    assert moved_on(first, other) == ["acme/words"]


@pytest.mark.parametrize(
    "said", [{"a": "b"}, {"a b/": 1}, [], {"": FIRST}, {"a": FIRST.upper()[:39]}]
)
def test_bad_revisions_are_no_recipe(said: object) -> None:
    data = Recipe("text", "text.chat", "a/b", 1).to_dict()
    with pytest.raises(StudioError):
        Recipe.from_dict({**data, "revisions": said})


@given(st.sampled_from(["a/b", "a/b:q4", "a/b:cpu-int4"]), st.none() | st.floats(0, 2))
def test_names_of_the_hub_go_with_strengths(name: str, strength: float | None) -> None:
    text = name if strength is None else f"{name}:{strength:g}"
    (ref,) = parse_extras(text)
    assert ref.model == name
    assert f"{ref.strength:g}" == f"{1.0 if strength is None else strength:g}"
