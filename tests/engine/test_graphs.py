"""Graphs without weights, bound to safetensors: the numbers of torch, and what can go wrong."""

from __future__ import annotations

import dataclasses
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.graphs import Architecture, ensure, open_bound, safetensors_of
from studio.engine.workbench import SPARED, Workbench


class Gpt2(torch.nn.Module):
    """GPT-2 with its logits as the only output; the head is tied to the embedding."""

    def __init__(self) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        super().__init__()
        self.model = GPT2LMHeadModel(
            GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=2, n_head=2)
        )

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        return self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits


def ids() -> tuple[torch.Tensor, ...]:
    mask = torch.ones(2, 7, dtype=torch.int64)
    mask[1, :3] = 0
    return torch.randint(0, 50, (2, 7)), mask


GPT2 = Architecture(
    name="gpt2",
    config={"n_embd": 16, "n_layer": 2},
    build=Gpt2,
    example=ids,
    inputs=("ids", "mask"),
    outputs=("logits",),
    dynamic={"ids": {0: "batch", 1: "tokens"}, "mask": {0: "batch", 1: "tokens"}},
    prefix="model.",
)


def weights_of(module: Gpt2, file: Path) -> Path:
    """A GPT-2 as its publishers store it: without the head, which is the embedding."""
    state = {k: v.contiguous() for k, v in module.model.state_dict().items() if "lm_head" not in k}
    save_file(state, file)
    return file


@pytest.fixture
def job(tmp_path: Path) -> Job:
    recipe = Recipe("image", "image.diffusion", "tiny", 1)
    folder, cache = tmp_path / "job", tmp_path / "cache"
    return Job("job", recipe, folder, tmp_path, device=DeviceChoice("cpu", 1), cache=cache)


@pytest.mark.parametrize("exporter", ["script", "dynamo"])
def test_tied_weights_are_bound_once_and_compute_as_torch_does(
    job: Job, tmp_path: Path, exporter: Any
) -> None:

    architecture = dataclasses.replace(GPT2, exporter=exporter)
    torch.manual_seed(0)
    module = Gpt2().eval()
    file = weights_of(module, tmp_path / "model.safetensors")
    session = open_bound(job, Workbench(), architecture, safetensors_of(file))
    tokens, mask = torch.randint(0, 50, (3, 5)), torch.ones(3, 5, dtype=torch.int64)
    mask[2, :2] = 0
    (ours,) = session.run(None, {"ids": tokens.numpy(), "mask": mask.numpy()})
    with torch.no_grad():
        theirs = module(tokens, mask).numpy()
    assert np.abs(ours - theirs)[mask.numpy() == 1].max() < 1e-5


def test_weights_are_copied_so_that_the_file_need_not_be_kept(job: Job, tmp_path: Path) -> None:
    state = {k: v.numpy().copy() for k, v in Gpt2().model.state_dict().items()}
    session = open_bound(job, Workbench(), GPT2, state)
    feed = {n: t.numpy() for n, t in zip(GPT2.inputs, ids(), strict=True)}
    before = session.run(None, feed)[0]
    for array in state.values():
        array.fill(np.nan)
    assert np.array_equal(before, session.run(None, feed)[0])


def test_a_graph_is_made_once_and_optimized_once(job: Job) -> None:
    assert job.cache is not None
    state = {k: v.numpy() for k, v in Gpt2().model.state_dict().items()}
    open_bound(job, Workbench(), GPT2, state)
    made = {p: p.stat().st_mtime_ns for p in job.cache.rglob("*") if p.is_file()}
    assert sum(p.suffix == ".onnx" for p in made) == 2
    open_bound(job, Workbench(), GPT2, state)
    assert made == {p: p.stat().st_mtime_ns for p in job.cache.rglob("*") if p.is_file()}
    assert not list(job.cache.rglob("*.part"))


def test_too_little_memory_is_told_before_it_is_taken(job: Job) -> None:
    state = {k: v.numpy() for k, v in Gpt2().model.state_dict().items()}
    size = sum(v.nbytes for k, v in state.items() if "lm_head" not in k)
    scarce = Workbench(free=lambda: SPARED + 2 * size - 1)
    with pytest.raises(StudioError, match="of memory"):
        open_bound(job, scarce, GPT2, state)
    open_bound(job, Workbench(free=lambda: SPARED + 2 * size), GPT2, state)


def test_without_a_cache_nothing_is_left(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    assert job.cache is not None
    job.cache.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(job.cache))
    state = {k: v.numpy() for k, v in Gpt2().model.state_dict().items()}
    open_bound(dataclasses.replace(job, cache=None), Workbench(), GPT2, state)
    assert not list(job.cache.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("transformer.h.1.ln_1.bias"), "transformer.h.1.ln_1.bias is missing"),
        (
            lambda s: s.update({"transformer.wpe.weight": np.zeros((4, 4), np.float32)}),
            "4×4 instead of 32×16",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told(job: Job, change: Any, words: str) -> None:
    state = {k: v.numpy() for k, v in Gpt2().model.state_dict().items()}
    change(state)
    with pytest.raises(StudioError, match=words) as caught:
        open_bound(job, Workbench(), GPT2, state)
    assert "gpt2" in caught.value.message


class Wide(torch.nn.Module):
    """Large enough for an export in a process of its own; it never ends by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8000, 8000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        import time

        time.sleep(600)
        return torch.as_tensor(self.layer(x))


def rows() -> tuple[torch.Tensor, ...]:
    return (torch.rand(1, 8000),)


def test_an_export_is_stopped_at_once(tmp_path: Path) -> None:
    import time

    class StopError(Exception):
        pass

    heard: list[tuple[float, float]] = []

    def told(fraction: float) -> None:
        heard.append((time.monotonic(), fraction))
        if len(heard) > 12:
            raise StopError

    endless = Architecture(
        name="wide", config={}, build=Wide, example=rows, inputs=("x",), outputs=("y",)
    )
    children = {p.pid for p in psutil.Process().children()}
    with pytest.raises(StopError):
        ensure(endless, tmp_path, told)
    assert time.monotonic() - heard[-1][0] < 0.5
    assert {p.pid for p in psutil.Process().children()} <= children
    assert [f for _, f in heard] == sorted(f for _, f in heard)
    assert not list((tmp_path / "graphs").iterdir())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.7, 0.9])
def test_loading_is_stopped_wherever_it_is(job: Job, share: float) -> None:
    class StopError(Exception):
        pass

    def told(fraction: float) -> None:
        if fraction >= share:
            raise StopError

    state = {k: v.numpy() for k, v in Gpt2().model.state_dict().items()}
    bench = Workbench()
    with pytest.raises(StopError):
        open_bound(job, bench, GPT2, state, told)
    heard: list[float] = []
    open_bound(job, bench, GPT2, state, heard.append)
    assert not bench.given_up
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_a_part_that_cannot_be_built_is_told(tmp_path: Path) -> None:
    broken = dataclasses.replace(GPT2, build=functools.partial(torch.nn.Linear, -1, -2))
    with pytest.raises(StudioError, match="gpt2"):
        ensure(broken, tmp_path)


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    save_file({"a": torch.arange(6.0).reshape(2, 3)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "model-2.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = safetensors_of(tmp_path)
    assert sorted(found) == ["a", "b"]
    assert found.shape("a") == (2, 3)
    assert np.array_equal(found["a"], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert found["b"].dtype == np.float32


@pytest.mark.parametrize("name", ["../model-1.safetensors", "/etc/passwd", "a\\b.safetensors"])
def test_an_index_reaches_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    index = json.dumps({"weight_map": {"a": name}})
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(StudioError):
        safetensors_of(tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
        torch.float8_e5m2, torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool,
    ],
)  # fmt: skip
def test_every_type_has_torchs_values(tmp_path: Path, kind: torch.dtype) -> None:
    numbers = torch.tensor([0, 1, -2, 0.0078125, 100, 3.5, -0.4]).to(kind)
    save_file({"x": numbers}, tmp_path / "x.safetensors")
    found = safetensors_of(tmp_path / "x.safetensors")["x"]
    assert np.array_equal(found.astype(np.float64), numbers.to(torch.float64).numpy())


def header(entry: Any) -> bytes:
    text = json.dumps({"x": entry}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(16)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        (1 << 60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xff\xff\xff",
        header({"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 16]}),
        header({"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}),
        header({"dtype": "F32", "shape": [4], "data_offsets": [16, 32]}),
        header({"dtype": "F32", "shape": [4], "data_offsets": [0]}),
        header({"dtype": "F32", "shape": [True, 4], "data_offsets": [0, 16]}),
        header({"dtype": "F3", "shape": [4], "data_offsets": [0, 16]}),
        header({"dtype": "F32", "shape": [1] * 9 + [4], "data_offsets": [0, 16]}),
        header(7),
    ],
)
def test_a_damaged_or_hostile_file_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(StudioError, match="damaged"):
        safetensors_of(tmp_path / "x.safetensors")


@given(st.binary(max_size=200))
def test_any_bytes_are_weights_or_told(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        path.write_bytes(len(data).to_bytes(8, "little") + data + bytes(8))
        try:
            found = safetensors_of(path)
        except StudioError:
            return
        assert all(found[name].shape == found.shape(name) for name in found)
