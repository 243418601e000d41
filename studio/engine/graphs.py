"""Graphs without weights: exported once an architecture, bound to anybody's safetensors.

A model in safetensors needs no conversion and no second copy on the disk: the graph of its
architecture ships with the studio or is exported once from the configuration alone, and its
weights are handed to the session by name.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import math
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.sessions import open_session
from studio.engine.tensors import safetensors_of as safetensors_of
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime as ort
    import torch

log = logging.getLogger(__name__)

GRAPH = "model.onnx"
WEIGHTS = "weights.json"
SHIPPED = Path(__file__).resolve().parents[2] / "resources" / "graphs"
FORMAT = 2
"""Of what is kept beside a graph; another number forgets every graph that was exported."""
BEAT = 0.1
"""Seconds between two looks at an export that runs."""
EXPORTING = 0.5
"""Share of the loading that the export is, where there is one."""
LARGE = 1 << 16
"""Numbers in a weight from which on it is worth it to convert them in another library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a graph is exported from: everything but the weights.

    `build` and `example` are functions at the top of a module, or functools.partial of such ones:
    large graphs are exported in a process of their own, which has to find them.
    """

    name: str
    """What the part is, in letters and dashes, as "unet"."""
    config: Mapping[str, Any]
    """All that the graph depends on, as JSON: it is the key under which the graph is kept."""
    build: Callable[[], torch.nn.Module]
    """The module, its weights of any value; its state dict's names are the weights' names."""
    example: Callable[[], tuple[torch.Tensor, ...]]
    """Inputs to trace it with, in the order of `inputs`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Axes without a fixed size, by input or output: axis -> name."""
    exporter: Literal["script", "dynamo"] = "script"
    prefix: str = ""
    """What stands before the weights' names in the state dict, where `build` wraps a module."""
    blind: bool = False
    """No size depends on a value: it need not be computed to be traced, which makes it quick."""
    half: bool = False
    """Computed in 16-bit floating point, for GPUs; floating inputs and outputs are so too."""

    def bare(self, name: str) -> str:
        """A name of the state dict as the weights' files have it."""
        return name.removeprefix(self.prefix)

    def identity(self) -> str:
        """The same for the same graph, whatever exports it: 32 hexadecimal digits."""
        said = {
            "format": FORMAT,
            "name": self.name,
            "config": dict(self.config),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "dynamic": {k: {str(a): n for a, n in v.items()} for k, v in self.dynamic.items()},
            "exporter": self.exporter,
            "prefix": self.prefix,
            "half": self.half,
        }
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def ensure(
    architecture: Architecture,
    cache: Job | Path | None,
    told: Callable[[float], None] | None = None,
) -> Path:
    """The graph of an architecture, exported now where neither the studio nor the cache has it.

    `cache` is a job, whose cache is taken, or the folder of it; with None the graph goes into a
    new temporary folder, and `discard` takes it away. `told` hears every 0.1 s how much is done
    (0 to 1) while an export runs; what it raises ends the export at once. Raises StudioError
    where the architecture cannot be exported.
    """
    base = cache.cache if isinstance(cache, Job) else cache
    key = f"{architecture.name}-{_key(architecture)}"
    if base is None:
        home = Path(tempfile.mkdtemp(prefix="triptych-graph-"))
    else:
        home = base / "graphs"
    kept = home / key
    if (kept / WEIGHTS).is_file() and (kept / GRAPH).is_file():
        return kept / GRAPH
    part = home / f"{key}.{os.getpid()}.{uuid.uuid4().hex[:6]}.part"
    part.mkdir(parents=True, exist_ok=True)
    try:
        if not _unpack(architecture, part):
            _export(architecture, part, told)
        try:
            part.replace(kept)
        except OSError:
            if not (kept / WEIGHTS).is_file():
                raise  # not because another lane was first
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return kept / GRAPH


def discard(graph: Path, cache: Job | Path | None) -> None:
    """Take away what `ensure` made where there was no cache to keep it in."""
    base = cache.cache if isinstance(cache, Job) else cache
    if base is None:
        shutil.rmtree(graph.parent.parent, ignore_errors=True)


def open_bound(
    job: Job,
    bench: Workbench,
    architecture: Architecture,
    weights: Mapping[str, npt.NDArray[Any]],
    told: Callable[[float], None] | None = None,
) -> ort.InferenceSession:
    """A session of the architecture's graph with these weights, on the job's device.

    The weights are converted to the graph's types; more of them than the graph has do no harm.
    `told` hears how much is done (0 to 1), every 0.1 s: what it raises ends the loading. Raises
    StudioError naming the part where a weight is missing or of another shape.
    """
    import onnxruntime as ort

    heard = told or (lambda fraction: None)
    path = ensure(architecture, job, lambda fraction: heard(EXPORTING * fraction))
    try:
        wait(bench, lambda: heard(EXPORTING))
        listed = json.loads((path.parent / WEIGHTS).read_text("utf-8"))
        # Ours and ONNX Runtime's copy of them lie side by side for a moment.
        bench.make_room(2 * sum(map(_bytes, listed.values())))
        found = _fitted(architecture, listed, weights, device.threads(job.device), heard)
        # ONNX Runtime copies them into memory of its own, so that ours is free again at the end.
        bound = {n: ort.OrtValue.ortvalue_from_numpy(array) for n, array in found.items()}
        heard(0.9)
        session = opened(job, path, bench, bound, lambda: heard(0.9))
    finally:
        discard(path, job)
    heard(1.0)
    return session


def _bytes(entry: Mapping[str, Any]) -> int:
    """What a weight of the list takes in memory."""
    import numpy as np

    return int(math.prod(entry["shape"]) * np.dtype(entry["type"]).itemsize)


def wait(bench: Workbench, heard: Callable[[], None]) -> None:
    """Let loading end that was stopped, so that two large models are not in memory at once."""
    while bench.given_up:
        heard()
        bench.given_up[0].join(BEAT)
        if not bench.given_up[0].is_alive():
            del bench.given_up[0]


def opened(
    job: Job,
    path: Path,
    bench: Workbench,
    bound: Mapping[str, ort.OrtValue],
    heard: Callable[[], None],
) -> ort.InferenceSession:
    """A session, opened in a thread while `heard` is called; what it raises ends the opening."""
    options: list[Any] = []
    made: list[ort.InferenceSession | BaseException] = []
    unwanted = threading.Event()

    def work() -> None:
        try:
            made.append(open_session(job, path, bench, bound, options.append))
        except BaseException as error:  # carried to whoever waits
            made.append(error)
        if unwanted.is_set():
            made.clear()

    thread = threading.Thread(target=work, name="opening", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            heard()
            thread.join(BEAT)
    except BaseException:
        # It hears this before it copies the weights, and not while it does: nobody waits for it.
        unwanted.set()
        bench.given_up.append(thread)
        for each in options:
            each.set_load_cancellation_flag(True)
        raise
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _fitted(
    architecture: Architecture,
    listed: Mapping[str, Any],
    weights: Mapping[str, npt.NDArray[Any]],
    threads: int,
    heard: Callable[[float], None],
) -> dict[str, npt.NDArray[Any]]:
    """The weights in the graph's types by their names there, converted by several threads."""
    found: dict[str, npt.NDArray[Any]] = {}
    with ThreadPoolExecutor(threads) as pool:
        waiting = {
            name: pool.submit(_fitting, architecture, entry, weights)
            for name, entry in listed.items()
        }
        try:
            for number, (name, future) in enumerate(waiting.items()):
                while name not in found:
                    heard(EXPORTING + (0.9 - EXPORTING) * number / len(waiting))
                    with contextlib.suppress(TimeoutError):
                        found[name] = future.result(BEAT)
        finally:
            pool.shutdown(cancel_futures=True)
    return found


def _fitting(
    architecture: Architecture, entry: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    import numpy as np

    name = next((n for n in entry["names"] if n in weights), None)
    if name is None:
        raise misfit(architecture, f"{entry['names'][0]} is missing")
    found = weights[name]
    if list(found.shape) != entry["shape"]:
        has, wants = ("×".join(map(str, s)) or "1" for s in (found.shape, entry["shape"]))
        raise misfit(architecture, f"{name} is {has} instead of {wants}")
    wanted = np.dtype(entry["type"])
    if found.size >= LARGE and {found.dtype, wanted} == {np.dtype("f2"), np.dtype("f4")}:
        import torch  # converts several times as fast as NumPy

        kind = torch.float16 if wanted.itemsize == 2 else torch.float32
        found = torch.from_numpy(found).to(kind).numpy()
    return np.ascontiguousarray(found, dtype=wanted).reshape(entry["shape"])


def misfit(architecture: Architecture, why: str) -> StudioError:
    """What is said of weights that are not those of the architecture."""
    return StudioError(
        f"The weights of the part “{architecture.name}” do not fit its configuration: {why}.",
        "Add the model again from a complete folder, or choose another one.",
    )


def _key(architecture: Architecture) -> str:
    """Under which a graph is kept: it depends on what exported it, too."""
    versions = [importlib.metadata.version(p) for p in ("torch", "diffusers", "transformers")]
    text = "\n".join([architecture.identity(), *versions])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def archive_of(architecture: Architecture, folder: Path) -> Path:
    """What the archive of a graph is called in the folder of those that are shipped."""
    return folder / f"{architecture.name}-{architecture.identity()}.zip"


def _unpack(architecture: Architecture, folder: Path) -> bool:
    """Whether the studio ships the graph, which then lies in `folder`."""
    shipped = archive_of(architecture, SHIPPED)
    if not shipped.is_file():
        return False
    with zipfile.ZipFile(shipped) as archive:
        for name in (GRAPH, WEIGHTS):
            (folder / name).write_bytes(archive.read(name))
    return True


def _export(architecture: Architecture, folder: Path, told: Callable[[float], None] | None) -> None:
    from studio.engine import graphs_export

    unwanted: list[BaseException] = []

    def heard(fraction: float) -> None:
        try:
            if told is not None:
                told(fraction)
        except BaseException as error:
            unwanted.append(error)
            raise

    try:
        module = graphs_export.module_of(architecture, lambda: heard(0.0))
        heard(0.1)
        if graphs_export.is_small(module):
            graphs_export.export(architecture, module, folder)
        else:
            del module
            _in_a_process(architecture, folder, heard)
        heard(1.0)
    except (StudioError, MemoryError, OSError):
        raise
    except Exception as error:  # whatever a library says to a stranger's configuration
        if unwanted:
            raise
        log.warning("%s cannot be exported", architecture.name, exc_info=True)
        raise _unknown(architecture) from error


def _unknown(architecture: Architecture) -> StudioError:
    return StudioError(
        f"The part “{architecture.name}” of this model is of a kind that the studio cannot run.",
        "Choose another model.",
    )


def _exporter() -> list[str]:
    """What starts `graphs_export`: the packed program is no Python that takes `-m`."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--export-graph"]
    return [sys.executable, "-m", "studio.engine.graphs_export"]


def _in_a_process(architecture: Architecture, folder: Path, heard: Callable[[float], None]) -> None:
    """Export where it can be stopped: the exporter itself hears nothing for many seconds."""
    import time

    data = pickle.dumps(architecture)
    # Not by multiprocessing: engine processes are daemons, which have no children there.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*_exporter(), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
            creationflags=hidden,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(len(data).to_bytes(8, "little") + data)
            process.stdin.flush()
            start = time.monotonic()
            while True:
                try:
                    code = process.wait(BEAT)
                    break
                except subprocess.TimeoutExpired:
                    # Nobody knows how long it takes: it draws near the end and never reaches it.
                    taken = time.monotonic() - start
                    heard(0.1 + 0.85 * taken / (taken + 20))
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        if code != 0:
            said.seek(0)
            log.warning("%s: %s", architecture.name, said.read().decode("utf-8", "replace")[-4000:])
            raise _unknown(architecture)
