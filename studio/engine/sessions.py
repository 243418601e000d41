"""ONNX Runtime sessions: opened with the right provider, threads and a graph cache."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

log = logging.getLogger(__name__)

CACHE_ABOVE = 64 << 20
"""Graphs below it (bytes, weights included) load faster than their cache can be checked."""


def open_session(job: Job, path: Path, bench: Workbench) -> ort.InferenceSession:
    """A session for one graph on the job's device; sets `bench.provider` to what it really uses.

    Raises StudioError where the file is not a graph that ONNX Runtime can read.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads(job.device)
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the other lanes and from the window:
    # with one of two cores busy, two threads took 2.0 s for a picture spinning, 0.6 s waiting.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    wanted = device.providers(job.device)
    source, optimized = path, _cache_path(job, path, wanted)
    try:
        if optimized is not None and optimized.exists():
            source = optimized
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = ort.InferenceSession(str(source), options, providers=wanted)
        else:
            session = _open_and_keep(ort, options, path, optimized, wanted)
    except StudioError:
        raise
    except Exception as error:
        if optimized is not None and source == optimized:
            # A cache is never worth a failure: throw it away and read the model itself.
            log.warning("cached graph %s is unreadable: %s", optimized, error)
            _drop(optimized)
            return open_session(job, path, bench)
        raise unreadable(path, job.model) from error
    bench.provider = device.in_use(session.get_providers())
    return session


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


def _open_and_keep(ort: Any, options: Any, path: Path, keep: Path | None, wanted: list[str]) -> Any:
    """Open a graph and, where `keep` is given, leave its optimized form there, whole or not."""
    if keep is None:
        return ort.InferenceSession(str(path), options, providers=wanted)
    part = keep.parent.with_name(f"{keep.parent.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ort.InferenceSession(str(path), options, providers=wanted)
    options.optimized_model_filepath = str(part / keep.name)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_file_name", keep.name + ".data"
    )
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_min_size_in_bytes", "1024"
    )
    session = ort.InferenceSession(str(path), options, providers=wanted)
    try:
        part.replace(keep.parent)
    except OSError:
        _drop(part / keep.name)  # another lane was first, or the disk is full
    return session


def _drop(graph: Path) -> None:
    import shutil

    shutil.rmtree(graph.parent, ignore_errors=True)
