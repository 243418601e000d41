"""ONNX Runtime sessions: opened with the right provider, threads and a graph cache."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.gpus import free_on_gpu
from studio.engine.graphs_tuning import tuned
from studio.engine.workbench import Workbench, folder_size, gigabytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

log = logging.getLogger(__name__)

CACHE_ABOVE = 64 << 20
"""Graphs below it (bytes, weights included) load faster than their cache can be checked."""
CACHE_LIMIT = 16 << 30
"""Bytes of optimized graphs that are kept in all."""
GPU_HEADROOM = 1.3
"""GPU memory for each byte of weights: activations lie beside them."""


def open_session(
    job: Job,
    path: Path,
    bench: Workbench,
    initializers: Mapping[str, ort.OrtValue] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> ort.InferenceSession:
    """A session for one graph on the job's device; sets `bench.provider` to what it really uses.

    `initializers` are the weights of a graph that has none, by name. `watch` is given the
    session's options: their load cancellation flag, set from another thread, ends the opening,
    which then raises StudioError like a graph that cannot be read. A graph that the GPU does
    not take, or that does not fit into its memory, runs on the processor where no device was
    chosen, and `bench.note` says so; where one was chosen it is refused. Raises StudioError for
    that, and where the file is not a graph that ONNX Runtime can read.
    """
    wanted = device.providers(job.device)
    if wanted[0] != device.CPU:
        why = _too_large(path, initializers)
        session = None if why else _open(job, path, bench, wanted, initializers, watch)
        if session is not None and device.in_use(session.get_providers()) == wanted[0]:
            bench.provider = wanted[0]
            return session
        _fall(job, bench, wanted[0], why or "it cannot run this model")
        wanted = [device.CPU]
    session = _open(job, path, bench, wanted, initializers, watch)
    bench.provider = device.in_use(session.get_providers())
    return session


def _open(
    job: Job,
    path: Path,
    bench: Workbench,
    wanted: list[str],
    initializers: Mapping[str, ort.OrtValue] | None,
    watch: Callable[[Any], None] | None,
) -> ort.InferenceSession:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads(job.device)
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the other lanes and from the window:
    # with one of two cores busy, two threads took 2.0 s for a picture spinning, 0.6 s waiting.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    device.prepare(options, wanted)
    # Pictures are drawn by many steps of one size; a text's past grows with every token, which a
    # recording cannot follow.
    capture = job.device.cuda_graphs and job.recipe.kind == "image" and wanted[0] == device.CUDA
    choice = replace(job.device, cuda_graphs=capture)
    named = device.with_settings(wanted, choice, job.cache)
    optimized = None
    if initializers:
        options.add_external_initializers(list(initializers), list(initializers.values()))
        if wanted[0] == device.CPU and (optimal := tuned(path)) != path:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            path = optimal
    else:
        optimized = _cache_path(job, path, wanted)
    if watch is not None:
        watch(options)
    try:
        if optimized is not None and optimized.exists():
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            with contextlib.suppress(OSError):
                os.utime(optimized.parent)  # the least recently used goes first
            return _session(optimized, options, named)
        return _open_and_keep(path, options, named, job, optimized)
    except StudioError:
        raise
    except Exception as error:
        stopped = type(error).__name__ == "ModelLoadCanceled"  # by the flag that `watch` was given
        if optimized is not None and optimized.exists() and not stopped:
            # A cache is never worth a failure: throw it away and read the model itself.
            log.warning("cached graph %s is unreadable: %s", optimized, error)
            _drop(optimized)
            return _open(job, path, bench, wanted, initializers, watch)
        if capture and not stopped:
            # A graph of which a part stays on the processor cannot be recorded.
            plain = replace(job, device=replace(job.device, cuda_graphs=False))
            return _open(plain, path, bench, wanted, initializers, watch)
        if _is_memory(error):
            raise MemoryError(str(error)) from error
        raise unreadable(path, job.model) from error


def _session(
    path: Path, options: Any, named: list[tuple[str, dict[str, str]]]
) -> ort.InferenceSession:
    import onnxruntime as ort

    session = ort.InferenceSession(
        str(path), options, [n for n, _ in named], provider_options=[o for _, o in named]
    )
    captures = named[0][1].get("enable_cuda_graph") == "1"
    if captures and device.in_use(session.get_providers()) == device.CUDA:
        from studio.engine.captured import CapturedSession

        return CapturedSession(session)
    return session


def _too_large(path: Path, initializers: Mapping[str, ort.OrtValue] | None) -> str:
    """Why a graph cannot be held by the GPU; empty where it can, or where nobody knows."""
    free = free_on_gpu()
    size = _weight(path)
    if initializers:
        size += sum(v.tensor_size_in_bytes() for v in initializers.values())
    if free is None or size * GPU_HEADROOM <= free:
        return ""
    return f"it needs {gigabytes(int(size * GPU_HEADROOM))} and {gigabytes(free)} are free there"


def _fall(job: Job, bench: Workbench, provider: str, why: str) -> None:
    """Say that the processor takes over, or refuse it where the person has chosen otherwise."""
    label = next(b.label for b in device.BACKENDS if b.provider == provider)
    if job.device.provider != "auto":
        raise StudioError(
            f"“{job.model.name}” cannot run on {label}: {why}.",
            "Choose “The fastest there is” or the processor in Settings, or a smaller model.",
        )
    bench.note = f"This ran on the processor and not on {label}: {why}."


def _is_memory(error: Exception) -> bool:
    said = str(error).lower()
    return any(words in said for words in ("allocate memory", "bad_alloc", "out of memory"))


def unreadable(path: Path, model: Path) -> StudioError:
    """What is said of a file of the model in folder `model` that cannot be read."""
    name = path.relative_to(model).as_posix() if path.is_relative_to(model) else path.name
    return StudioError(
        f"The model file {name} cannot be read; it may be damaged or cut short.",
        f"Install the model “{model.name}” again.",
    )


def run(
    session: ort.InferenceSession, feed: Mapping[str, npt.NDArray[Any]]
) -> list[npt.NDArray[np.float32]]:
    """Every output of a session, in the graph's order."""
    result: list[npt.NDArray[np.float32]] = session.run(None, dict(feed))
    return result


def _weight(path: Path) -> int:
    return sum(p.stat().st_size for p in path.parent.glob(path.name + "*"))


def _cache_path(job: Job, path: Path, wanted: list[str]) -> Path | None:
    """Where the optimized graph of this file is kept: it depends on ORT, processor, provider."""
    import onnxruntime as ort

    if job.cache is None or not path.exists() or _weight(path) < CACHE_ABOVE:
        return None
    stamp = path.stat()
    key = "\n".join(
        (
            str(path.resolve()),
            str(stamp.st_size),
            str(stamp.st_mtime_ns),
            ort.__version__,
            device.processor(),
            *wanted,
        )
    )
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return job.cache / "graphs" / name / "model.onnx"


def _open_and_keep(
    path: Path,
    options: Any,
    named: list[tuple[str, dict[str, str]]],
    job: Job,
    keep: Path | None,
) -> ort.InferenceSession:
    """Open a graph and, where `keep` is given, leave its optimized form there, whole or not."""
    if keep is None or job.cache is None:
        return _session(path, options, named)
    part = keep.parent.with_name(f"{keep.parent.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        # Never the reason for a full disk: twice the graph has to stay free beside it.
        if shutil.disk_usage(part).free < 3 * _weight(path):
            part.rmdir()
            return _session(path, options, named)
    except OSError:
        return _session(path, options, named)
    options.optimized_model_filepath = str(part / keep.name)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_file_name", keep.name + ".data"
    )
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_min_size_in_bytes", "1024"
    )
    session = _session(path, options, named)
    try:
        part.replace(keep.parent)
    except OSError:
        _drop(part / keep.name)  # another lane was first, or the disk is full
    prune(job.cache / "graphs", CACHE_LIMIT)
    return session


def prune(folder: Path, limit: int) -> None:
    """Remove optimized graphs, the least recently used first, until `limit` bytes are left.

    Small ones stay: those are graphs without weights, which take minutes to make.
    """
    kept: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        try:
            size = folder_size(path) if path.is_dir() else 0
            if size >= CACHE_ABOVE:
                kept.append((path.stat().st_mtime, size, path))
        except OSError:
            continue  # another lane has just removed it
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept)[:-1]:  # the newest is in use
        if total <= limit:
            return
        shutil.rmtree(path, ignore_errors=True)
        total -= size


def _drop(graph: Path) -> None:
    shutil.rmtree(graph.parent, ignore_errors=True)
