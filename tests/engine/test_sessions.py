"""Sessions: what they run on, what is said when it is not what was meant, and the graph cache."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine import device, sessions
from studio.engine.captured import CapturedSession
from studio.engine.workbench import Workbench


def job_on(provider: str, folder: Path, cache: Path | None = None) -> Job:
    recipe = Recipe("image", "any", "tiny", 1)
    choice = DeviceChoice(provider, 1)  # type: ignore[arg-type]
    return Job("job", recipe, folder, folder, device=choice, cache=cache)


def graph(path: Path, size: int = 4) -> Path:
    """y = x * w, w of `size` floats."""
    weight = numpy_helper.from_array(np.arange(size, dtype=np.float32), "w")
    made = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", size])],
        [weight],
    )
    save(helper.make_model(made, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def cuda_is_believed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose card computes the trial and then fails with a real model."""
    monkeypatch.setattr(device, "fault", lambda provider: "")


@pytest.mark.skipif(
    not isinstance(device.find_gpu(), str), reason="needs a machine where CUDA cannot be opened"
)
@pytest.mark.usefixtures("cuda_is_believed_in")
def test_a_fall_to_the_processor_is_said(tmp_path: Path) -> None:
    bench = Workbench()
    session = sessions.open_session(job_on("auto", tmp_path), graph(tmp_path / "g.onnx"), bench)
    assert session.get_providers() == [device.CPU]
    assert bench.provider == device.CPU
    assert bench.note.startswith("This ran on the processor and not on CUDA")


@pytest.mark.skipif(
    not isinstance(device.find_gpu(), str), reason="needs a machine where CUDA cannot be opened"
)
@pytest.mark.usefixtures("cuda_is_believed_in")
def test_where_a_device_was_chosen_there_is_no_fall(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="cannot run on CUDA"):
        sessions.open_session(job_on("cuda", tmp_path), graph(tmp_path / "g.onnx"), Workbench())


@pytest.mark.usefixtures("cuda_is_believed_in")
def test_what_does_not_fit_into_the_gpu_stays_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "free_on_gpu", lambda: 16)
    bench, path = Workbench(), graph(tmp_path / "g.onnx", 1024)
    sessions.open_session(job_on("auto", tmp_path), path, bench)
    assert "it needs" in bench.note
    with pytest.raises(StudioError, match="free there"):
        sessions.open_session(job_on("cuda", tmp_path), path, bench)


def test_on_the_processor_nothing_is_noted(tmp_path: Path) -> None:
    bench = Workbench()
    session = sessions.open_session(job_on("cpu", tmp_path), graph(tmp_path / "g.onnx"), bench)
    (y,) = session.run(None, {"x": np.ones((1, 4), np.float32)})
    assert y.tolist() == [[0, 1, 2, 3]]
    assert (bench.provider, bench.note) == (device.CPU, "")


def test_optimized_graphs_are_kept_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "CACHE_ABOVE", 1 << 10)
    cache = tmp_path / "cache"
    job = job_on("cpu", tmp_path, cache)
    for number in range(3):
        path = graph(tmp_path / f"g{number}.onnx", 1024)
        sessions.open_session(job, path, Workbench())
        newest = max((cache / "graphs").iterdir(), key=lambda p: p.stat().st_mtime_ns)
        os.utime(newest, (1000 + number, 1000 + number))
    kept = {p.name for p in (cache / "graphs").iterdir()}
    assert len(kept) == 3
    small = cache / "graphs" / "weightless"
    small.mkdir()
    (small / "model.onnx").write_bytes(b"x" * 10)
    # The one that was used again stays, the oldest of the others goes.
    sessions.open_session(job, tmp_path / "g0.onnx", Workbench())
    sessions.prune(cache / "graphs", 9000)
    left = {p.name for p in (cache / "graphs").iterdir()}
    assert small.name in left
    assert len(left & kept) == 2
    again = sessions.open_session(job, tmp_path / "g0.onnx", Workbench())
    (y,) = again.run(None, {"x": np.ones((1, 1024), np.float32)})
    assert y[0, 1023] == 1023


def test_a_damaged_cache_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CACHE_ABOVE", 1 << 10)
    job, path = job_on("cpu", tmp_path, tmp_path / "cache"), graph(tmp_path / "g.onnx", 1024)
    sessions.open_session(job, path, Workbench())
    (kept,) = (tmp_path / "cache" / "graphs").glob("*/model.onnx")
    kept.write_bytes(b"not a graph")
    session = sessions.open_session(job, path, Workbench())
    (y,) = session.run(None, {"x": np.ones((1, 1024), np.float32)})
    assert y[0, 7] == 7


def test_a_captured_session_answers_as_a_plain_one(tmp_path: Path) -> None:
    """On the processor, where the same buffers are bound and nothing is recorded."""
    path = str(graph(tmp_path / "g.onnx"))
    plain = ort.InferenceSession(path, providers=[device.CPU])
    captured = CapturedSession(ort.InferenceSession(path, providers=[device.CPU]), "cpu")
    random = np.random.default_rng(1)
    for rows in (1, 3, 1, 3, 2):
        x = random.standard_normal((rows, 4), dtype=np.float32)
        (wanted,), (given,) = plain.run(None, {"x": x}), captured.run(["y"], {"x": x})
        assert np.array_equal(wanted, given)
    assert captured.get_providers() == [device.CPU]
