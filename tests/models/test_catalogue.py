"""The catalogue: only what a family runs, in our own words, and nothing that only a hub knows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.licences import licence
from studio.core.paths import resources
from studio.engine.registry import FAMILIES, load_all
from studio.models.catalogue import NAME, Entry, Pins, entries, recommended, way_for
from studio.models.hub import layouts, names
from studio.models.net import is_repo
from studio.models.remote import Found, Machine, ModelPage, RemoteFile, Variant
from tests.hub.catalogue import repositories

SMALL = Machine(memory=8 << 30, cores=4)
CARD = Machine(
    memory=32 << 30, gpu="NVIDIA RTX 4070", gpu_memory=16 << 30,
    providers=("CUDAExecutionProvider", "CPUExecutionProvider"),
)  # fmt: skip


@cache
def specs() -> tuple[FamilySpec, ...]:
    return tuple(f.SPEC for f in load_all(FAMILIES)[0].values())


@cache
def all_entries() -> tuple[Entry, ...]:
    return entries(resources())


def test_every_entry_is_whole() -> None:
    known = {s.id: s for s in specs()}
    told = all_entries()
    assert len({e.repo for e in told}) == len(told)
    for entry in told:
        assert is_repo(entry.repo)
        assert entry.words.endswith(".")
        assert entry.words[0].isupper()
        assert 40 < len(entry.words) < 200
        assert set(entry.families) <= set(known), entry.repo
        assert all(known[f].kind == entry.kind for f in entry.families)
        assert entry.parameters > 0
        assert entry.seen
        assert all(url.startswith("https://") for url in entry.seen)
        assert len({w.id for w in entry.ways}) == len(entry.ways)
        if entry.licence:
            assert licence(entry.licence).name != entry.licence, f"{entry.repo}: unknown licence"


def test_sizes_and_hashes_are_left_to_the_hub() -> None:
    raw = (resources() / NAME).read_text("utf-8")
    said: set[str] = set()

    def keys(value: Any) -> None:
        if isinstance(value, dict):
            said.update(value)
            for inner in value.values():
                keys(inner)
        elif isinstance(value, list):
            for inner in value:
                keys(inner)

    keys(json.loads(raw))
    assert not said & {"size", "bytes", "sha256", "hash", "etag", "oid", "downloads"}


@pytest.mark.parametrize("task", ["text-generation", "text-to-image", "text-to-speech",
                                  "text-to-audio", "image-to-image", "image-segmentation",
                                  "depth-estimation"])  # fmt: skip
def test_there_is_something_for_every_task(task: str) -> None:
    found = [e for e in all_entries() if e.task == task]
    assert found
    if task == "text-generation":
        sizes = [e.parameters for e in found]
        assert min(sizes) < 500_000_000
        assert max(sizes) > 10_000_000_000


def test_patterns_take_the_weights_and_nothing_of_other_variants() -> None:
    for entry in all_entries():
        for way in entry.ways:
            assert way.takes("README.md"), entry.repo
            assert not any(
                way.takes(name)
                for name in ("pytorch_model.bin", "unet/diffusion_pytorch_model.bin", "model.ckpt",
                             "own.py", "x.gguf")
            ), entry.repo  # fmt: skip
            if way.precision == "fp16":
                assert not way.takes("unet/diffusion_pytorch_model.safetensors")


def test_the_ways_are_those_that_a_repository_of_that_layout_offers() -> None:
    lookalikes = {r.id: r for r in repositories()}
    common = [e for e in all_entries() if e.repo in lookalikes]
    assert len(common) >= 8
    for entry in common:
        files = lookalikes[entry.repo].head.files
        listed = [(p, b.content.size, "a" * 64) for p, b in files.items()]
        taken, _ = names.sort(listed)
        told = {
            v.id: v
            for v in layouts.variants(
                taken,
                lambda p, files=files: files[p].content.read(0, 1 << 20),  # type: ignore[misc]
                specs(),
                piece=lambda p, a, b, files=files: files[p].content.read(a, b),  # type: ignore[misc]
                name=entry.repo,
            )
        }
        ways = [w for w in entry.ways if w.id in told]
        assert ways, (entry.repo, sorted(told))
        for way in ways:
            variant = told[way.id]
            assert (variant.layout, variant.problem) == (way.layout, ""), entry.repo
            assert variant.role == way.role
            assert set(variant.families) & set(entry.families)
            assert variant.providers == way.providers
            weights = [f.path for f in variant.files if f.size > 1 << 20]
            assert all(way.takes(name) for name in weights), (entry.repo, way.id, weights)


def test_what_suits_the_machine_comes_first_and_is_marked_once_for_a_task() -> None:
    for machine in (SMALL, CARD):
        told = recommended(machine, specs())
        assert len(told) == len(all_entries())
        marks = [f.task for f in told if f.recommended]
        assert len(marks) == len(set(marks))
        assert [f.recommended for f in told] == sorted((f.recommended for f in told), reverse=True)
        assert all(f.fit and f.fit.level != "no" for f in told if f.recommended)
        assert all(f.size is None for f in told)
        levels = [f.fit.level == "no" for f in told if f.fit and not f.recommended]
        assert levels == sorted(levels)
    small = {f.task: f.repo for f in recommended(SMALL, specs()) if f.recommended}
    large = {f.task: f.repo for f in recommended(CARD, specs()) if f.recommended}
    assert small["text-generation"] != large["text-generation"]


def test_only_what_the_families_here_can_run() -> None:
    speech = [s for s in specs() if s.id == "audio.speech"]
    assert {f.task for f in recommended(SMALL, speech)} == {"text-to-speech"}
    assert recommended(SMALL, []) == ()


def test_a_graph_for_another_device_is_not_the_way() -> None:
    phi = next(e for e in all_entries() if e.repo == "microsoft/Phi-4-mini-instruct-onnx")
    assert "cpu" in way_for(phi, SMALL)[0].id
    assert way_for(phi, CARD)[1].level == "good"


def test_what_the_hub_first_told_is_kept(tmp_path: Path) -> None:
    entry = next(e for e in all_entries() if e.repo == "facebook/mms-tts-eng")
    pins = Pins(tmp_path / "pins.json")
    assert (pins.revision(entry.repo), pins.size(entry.repo, "")) == ("", None)
    assert pins.pin(_page(entry, "c" * 40, 100), entry)
    assert not pins.pin(_page(entry, "d" * 40, 999), entry)
    again = Pins(tmp_path / "pins.json")
    assert again.revision(entry.repo) == "c" * 40
    assert again.size(entry.repo, "") == 102
    assert again.files(entry.repo, "")[0] == RemoteFile("model.safetensors", 100, "a" * 64)
    found = recommended(SMALL, specs(), again)
    assert next(f.size for f in found if f.repo == entry.repo) == 102
    again.forget(entry.repo)
    assert again.pin(_page(entry, "d" * 40, 999), entry)
    assert Pins(tmp_path / "pins.json").size(entry.repo, "") == 1001


def test_other_files_than_the_catalogue_says_are_not_pinned(tmp_path: Path) -> None:
    entry = next(e for e in all_entries() if e.repo == "facebook/mms-tts-eng")
    pins = Pins(tmp_path / "pins.json")
    assert not pins.pin(_page(entry, "c" * 40, 100, "surprise.bin"), entry)
    assert pins.revision(entry.repo) == ""


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["repos", "a/b", "revision", "variants", "", "fp16"]), inner),
).map(json.dumps).map(str.encode))  # fmt: skip
def test_a_file_of_pins_that_somebody_wrote_says_nothing_wrong(raw: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pins.json"
        path.write_bytes(raw)
        pins = Pins(path)
        assert isinstance(pins.revision("a/b"), str)
        assert pins.size("a/b", "fp16") is None or pins.files("a/b", "fp16")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"models": [{}]}', b'{"models": [7]}', b"\xff"]
)
def test_a_damaged_catalogue_says_so(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(raw)
    with pytest.raises(StudioError, match="catalogue"):
        entries(tmp_path)


def _page(entry: Entry, revision: str, size: int, name: str = "model.safetensors") -> ModelPage:
    files = (RemoteFile(name, size, "a" * 64), RemoteFile("config.json", 2, "b" * 40))
    variant = Variant(
        id="", title="", folder="", layout="transformers", precision="fp32", files=files,
        families=entry.families,
    )  # fmt: skip
    found = Found(repo=entry.repo, title=entry.title, kind=entry.kind)
    return ModelPage(found=found, revision=revision, card="", variants=(variant,))
