"""Models are known by what is in their folders; broken ones are told, pickled ones refused."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.models import Card, InstalledModel, Store, families, fits
from studio.models.recognise import recognise
from tests.models import makers

WORDS = FamilySpec(
    id="text.chat", title="Words", kind="text", controls=(), needs=("genai_config.json",),
    without_tags=("abc-notation",),
)  # fmt: skip
TUNES = FamilySpec(
    id="audio.tune", title="Tunes", kind="audio", controls=(),
    needs=("genai_config.json", "*.onnx"), tags=("abc-notation",),
)  # fmt: skip
PICTURES = FamilySpec(
    id="image.diffusion", title="Pictures", kind="image", controls=(),
    needs=("model_index.json", "unet/model.onnx"), tags=("text-to-image",),
)  # fmt: skip

ONNX = b"\x08\x0a" + b"\x12" * 40


def safetensors(size: int = 8) -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]},
    }
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + b"\0" * size


def language_model(folder: Path, card: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "genai_config.json").write_text(
        json.dumps({"model": {"type": "llama", "decoder": {"filename": "model.onnx"}}})
    )
    (folder / "model.onnx").write_bytes(ONNX)
    (folder / "README.md").write_text(card, "utf-8")
    return folder


def once(folder: Path) -> Path:
    """The same, made where it is not there yet: for many examples of hypothesis."""
    return folder if folder.exists() else language_model(folder)


def fresh(path: Path, data: bytes) -> None:
    """Write a file anew: a file system may take milliseconds to cut off what was there."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def diffusion_model(folder: Path) -> Path:
    for part in ("unet", "vae_decoder"):
        (folder / part).mkdir(parents=True)
        (folder / part / "model.onnx").write_bytes(ONNX)
    (folder / "unet" / "model.safetensors").write_bytes(safetensors())
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae_decoder": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None],
        "requires_safety_checker": False,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "README.md").write_text("---\npipeline_tag: text-to-image\n---\n# Sketches\n")
    return folder


CARD = """---
license: apache-2.0
pipeline_tag: text-generation
tags:
  - stories
  - onnx
source: https://example.org/stories
---
# Stories for small people

It writes them.
"""


@pytest.fixture
def starters(tmp_path: Path) -> Path:
    folder = tmp_path / "starters"
    language_model(folder / "stories", CARD)
    language_model(
        folder / "tunes", "---\ntags: [abc-notation]\npipeline_tag: text-generation\n---\n"
    )
    diffusion_model(folder / "sketches")
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def by_id(store: Store) -> dict[str, InstalledModel]:
    return {m.id: m for m in store.installed()}


def test_a_model_is_what_its_folder_says(starters: Path, own: Path) -> None:
    store = Store([starters, own])
    stories = store.find("stories")
    assert stories is not None
    assert stories.title == "Stories for small people"
    assert stories.licence == "apache-2.0"
    assert stories.source == "https://example.org/stories"
    assert stories.tags == ("stories", "onnx")
    assert stories.kind == "text"
    assert stories.card.endswith("It writes them.")
    assert stories.starter
    assert stories.size == sum(p.stat().st_size for p in (starters / "stories").iterdir())
    assert {m.id: m.kind for m in store.installed()} == {
        "sketches": "image", "stories": "text", "tunes": "audio",
    }  # fmt: skip
    assert not any(m.problem for m in store.installed())


def test_each_family_finds_its_models(starters: Path, own: Path) -> None:
    store = Store([starters, own])
    assert [m.id for m in store.fitting(WORDS)] == ["stories"]
    assert [m.id for m in store.fitting(TUNES)] == ["tunes"]
    assert [m.id for m in store.fitting(PICTURES)] == ["sketches"]
    assert families(by_id(store)["tunes"], [WORDS, TUNES, PICTURES]) == [TUNES]
    language_model(own / "another")
    assert [m.id for m in store.fitting(WORDS)] == ["stories", "another"]
    default = store.default_for(WORDS)
    assert default is not None
    assert default.id == "stories"
    assert Store([own]).default_for(PICTURES) is None
    assert Store.fits(WORDS, by_id(store)["another"])


def test_missing_folders_hold_nothing(tmp_path: Path) -> None:
    store = Store([tmp_path / "no", tmp_path / "where"])
    assert store.installed() == []
    assert store.find("stories") is None


def test_changes_are_seen(starters: Path) -> None:
    store = Store([starters])
    assert store.fitting(WORDS)
    (starters / "stories" / "model.onnx").write_bytes(b"")
    assert not store.fitting(WORDS)
    (starters / "stories" / "model.onnx").write_bytes(ONNX)
    assert store.fitting(WORDS)
    (starters / "stories" / "README.md").write_text("---\ntags: abc-notation\n---\n")
    assert not store.fitting(WORDS)


@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".pt", ".pth"])
def test_pickled_weights_are_refused(own: Path, suffix: str) -> None:
    model = language_model(own / "old")
    (model / "model.onnx").rename(model / f"model{suffix}")
    found = by_id(Store([own]))["old"]
    assert "pickled" in found.problem
    assert found.hint
    assert not fits(WORDS, found)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("genai_config.json", b"{", "genai_config.json is damaged"),
        ("genai_config.json", b"[]", "genai_config.json is damaged"),
        ("genai_config.json", b"[" * 100_000, "genai_config.json is damaged"),
        ("genai_config.json", b'{"model":{"decoder":{"filename":"gone.onnx"}}}', "gone.onnx"),
        ("genai_config.json", b'{"model":{"decoder":{"filename":"../x/model.onnx"}}}', "missing"),
        ("model.onnx", b"", "model.onnx is damaged"),
        ("model.onnx", b"<html>not found, sorry about that</html>", "model.onnx is a web page"),
        ("model.onnx", b"nothing like a graph at all", "model.onnx is damaged"),
        ("extra.safetensors", safetensors()[:-3], "extra.safetensors is damaged"),
        ("extra.safetensors", b"\xff" * 40, "extra.safetensors is damaged"),
        ("extra.safetensors", b"\x02\0\0\0\0\0\0\0[]", "extra.safetensors is damaged"),
        ("README.md", b"---\ntags: [\n---\n", "not valid YAML"),
        ("README.md", b"---\n- a\n- b\n---\n", "not a list of names and values"),
        ("README.md", b"---\n" + b"a: b\n" * 20_000 + b"---\n", "too long"),
    ],
)
def test_a_damaged_folder_is_told_with_its_reason(
    own: Path, name: str, content: bytes, told: str
) -> None:
    model = language_model(own / "broken", CARD)
    (model / name).write_bytes(content)
    found = by_id(Store([own]))["broken"]
    assert told in found.problem
    assert found.hint
    assert not fits(WORDS, found)


def test_a_pipeline_without_one_of_its_parts_is_told(own: Path) -> None:
    model = diffusion_model(own / "sketches")
    (model / "vae_decoder" / "model.onnx").unlink()
    (model / "vae_decoder").rmdir()
    assert "vae_decoder" in by_id(Store([own]))["sketches"].problem


@pytest.mark.parametrize("layout", ["transformers", "diffusers"])
def test_weights_that_another_program_has_packed_fit_nobody(own: Path, layout: str) -> None:
    plain, packed = own / "plain", own / "packed"
    for folder in (plain, packed):
        if layout == "diffusers":
            makers.diffusers(folder, onnx_parts=False)
        else:
            makers.transformers(folder, "llama", "LlamaForCausalLM")
    path = packed / ("unet" if layout == "diffusers" else "") / "config.json"
    method = {"quant_method": "awq", "bits": 4}
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "quantization_config": method}))
    found = {m.id: m for m in Store([own]).installed()}
    assert not found[plain.name].problem
    assert found[packed.name].problem == "Its weights are quantized for another program."
    assert "original weights" in found[packed.name].hint
    with pytest.raises(StudioError) as refused:
        recognise(packed)
    assert "its weights are quantized for another program" in refused.value.message


def test_folders_that_are_no_models_are_told(own: Path) -> None:
    (own / "empty").mkdir(parents=True)
    (own / "pictures").mkdir()
    (own / "pictures" / "cat.png").write_bytes(b"png")
    (own / "odd").mkdir()
    (own / "odd" / "weights.onnx").write_bytes(ONNX)
    (own / ".cache").mkdir()
    language_model(own / "größe")
    found = by_id(Store([own]))
    assert set(found) == {"empty", "pictures", "odd", "größe"}
    assert "empty" in found["empty"].problem
    assert "no model" in found["pictures"].problem
    assert "no layout" in found["odd"].problem
    assert "recipe" in found["größe"].problem


def test_of_two_models_with_one_name_the_first_counts(starters: Path, own: Path) -> None:
    language_model(own / "stories")
    store = Store([starters, own])
    assert [m.path.parent for m in store.fitting(WORDS)] == [starters]
    twin = next(m for m in store.installed() if m.path.parent == own)
    assert "another model" in twin.problem


@pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="permissions do not bind this user",
)
def test_a_folder_that_may_not_be_read_is_told(own: Path) -> None:
    model = language_model(own / "locked")
    model.chmod(0)
    try:
        assert "cannot be read" in by_id(Store([own]))["locked"].problem
    finally:
        model.chmod(0o700)


def test_an_unreadable_file_is_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    language_model(own / "stories", CARD)
    plain = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "model.onnx":
            raise PermissionError(13, "Permission denied")
        return plain(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in by_id(Store([own]))["stories"].problem


pieces = st.sampled_from(
    ["---\n", "tags:", " - a\n", "license: ", "[", "]", "{", "}", "&a ", "*a", "!!python/name:os",
     "2026-13-45", "0b", "\n", ": ", "? ", "- ", "'", '"', "|", ">", "!!binary x", "<<: *a", "1_",
     "=", "\u0000", "\ud800", "\x85", "1:60:61", "!!timestamp x", "%YAML 9.9\n", "\t", "# T\n"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    text=st.text(max_size=200)
    | st.lists(pieces, max_size=30).map(lambda p: "---\n" + "".join(p) + "\n---\n")
)
@example(text="---\n" + "[" * 900 + "\n---\n")
@example(text="---\n" + "[" * 5_000 + "\n---\n")
@example(text="---\n? [a]\n: b\n---\n")
@example(text="---\nlicense: 2026-13-45\n---\n")
@example(text="---\nlicense: " + "9" * 5_000 + "\n---\n")
@example(text="---\na: &a [x]\nb: &b [*a, *a]\ntags: [*b, *b]\n---\n")
def test_broken_cards_never_raise(held: Path, text: str) -> None:
    card = Card.parse(text)
    assert all(isinstance(tag, str) for tag in card.tags)
    card.title.encode()
    model = once(held / "cards" / "one")
    fresh(model / "README.md", text.encode("utf-8", "surrogatepass"))
    assert len(Store([held / "cards"]).installed()) == 1


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=80),
    name=st.sampled_from(
        [
            "genai_config.json",
            "model_index.json",
            "config.json",
            "x.safetensors",
            "x.gguf",
            "model.onnx",
        ]
    ),
)
def test_foreign_files_never_raise(held: Path, data: bytes, name: str) -> None:
    model = once(held / "foreign" / "one")
    before = (model / name).read_bytes() if (model / name).exists() else None
    fresh(model / name, data)
    assert len(Store([held / "foreign"]).installed()) == 1
    (model / name).unlink()
    if before is not None:
        (model / name).write_bytes(before)


@settings(max_examples=150, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["model", "decoder", "filename", "unet", ".."]), inner
            )
        ),
        max_leaves=9,
    )
)
def test_odd_configurations_never_raise(held: Path, value: object) -> None:
    for name in ("genai_config.json", "model_index.json"):
        model = once(held / "odd" / name.partition(".")[0])
        fresh(model / name, json.dumps(value).encode())
    assert len(Store([held / "odd"]).installed()) == 2
