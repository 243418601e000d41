"""Which device a job runs on: told by running something on it, never by what is compiled in.

ONNX Runtime lists CUDA on machines without a GPU, and falls back to the processor without a word.
"""

from __future__ import annotations

import base64
import functools
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.core.messages import DeviceReport, Probed
from studio.core.recipe import DeviceChoice
from studio.core.sizes import size_words
from studio.engine.gpus import Gpu, find_gpu, processor

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["BACKENDS", "CPU", "CUDA", "Gpu", "find_gpu", "processor", "providers", "report"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Backend:
    """One of ONNX Runtime's execution providers that the studio can use."""

    id: str
    """What settings call it; one of `studio.core.recipe.Provider`."""
    label: str
    provider: str
    missing: Callable[[], str]
    """Why it cannot be there, told without opening anything; empty where it may be."""
    automatic: bool = True
    """Taken without being asked for. TensorRT is not: it builds an engine for minutes first."""
    beside: tuple[str, ...] = ()
    """Providers that take what this one leaves, before the processor does."""


def _no_nvidia() -> str:
    gpu = find_gpu()
    return gpu if isinstance(gpu, str) else ""


def _only_on(system: str, name: str) -> str:
    return "" if sys.platform == system else f"Only on {name}."


BACKENDS: tuple[Backend, ...] = (
    Backend("cuda", "CUDA", CUDA, _no_nvidia),
    Backend("tensorrt", "TensorRT", "TensorrtExecutionProvider", _no_nvidia, False, (CUDA,)),
    Backend("directml", "DirectML", "DmlExecutionProvider", lambda: _only_on("win32", "Windows")),
    Backend("coreml", "Core ML", "CoreMLExecutionProvider", lambda: _only_on("darwin", "macOS")),
    Backend("cpu", "The processor", CPU, lambda: ""),
)
"""Best first."""


@functools.cache
def fault(provider: str) -> str:
    """Why a provider cannot be used here; empty where a graph was really computed on it.

    Found out once a process: it takes a second where there is a GPU, and a driver does not come
    and go.
    """
    backend = next((b for b in BACKENDS if b.provider == provider), None)
    if backend is None:
        return "The studio does not know it."
    return backend.missing() or _trial(provider)


def _trial(provider: str) -> str:
    import numpy as np
    import onnxruntime as ort

    if provider not in ort.get_available_providers():
        return "It is not in this build of ONNX Runtime."
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(PROBE_GRAPH, options, providers=[provider])
        used = in_use(session.get_providers())
        (result,) = session.run(None, {"x": np.ones(1, np.float32)})
    except Exception as error:  # a broken driver raises anything
        return str(error).splitlines()[0][:200] or type(error).__name__
    return "" if used == provider and result[0] == 2 else f"It fell back to {used}."


def report() -> DeviceReport:
    """The providers that can be used here, best first, and on what they run."""
    usable = tuple(b.provider for b in BACKENDS if not fault(b.provider))
    gpu = find_gpu()
    if usable[0] == CPU:
        # The card is there and still cannot be used: then the reason is what helps.
        return DeviceReport(usable, processor(), gpu if isinstance(gpu, str) else fault(CUDA))
    if isinstance(gpu, Gpu):
        detail = size_words(gpu.memory)
        return DeviceReport(usable, gpu.name, detail, gpu.memory)
    return DeviceReport(usable, next(b.label for b in BACKENDS if b.provider == usable[0]))


def providers(choice: DeviceChoice) -> list[str]:
    """What a session is asked to use, best first.

    Raises StudioError where a device was chosen that cannot be used here: what was chosen is
    never replaced in silence.
    """
    if choice.provider == "auto":
        backend = next(b for b in BACKENDS if b.automatic and not fault(b.provider))
    else:
        backend = next(b for b in BACKENDS if b.id == choice.provider)
        why = fault(backend.provider)
        if why:
            raise StudioError(
                f"{backend.label} was chosen and cannot be used here: {why}",
                "Choose another device in Settings.",
            )
    return list(dict.fromkeys((backend.provider, *backend.beside, CPU)))


def settings_of(provider: str, choice: DeviceChoice, cache: Path | None) -> dict[str, str]:
    """The options of an execution provider, by ONNX Runtime's names."""
    if provider == CUDA:
        options = {"arena_extend_strategy": "kSameAsRequested"}
        return options | ({"enable_cuda_graph": "1"} if choice.cuda_graphs else {})
    if provider == "TensorrtExecutionProvider" and cache is not None:
        folder = cache / "tensorrt"
        folder.mkdir(parents=True, exist_ok=True)
        return {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder),
            "trt_fp16_enable": "1",
        }
    if provider == "CoreMLExecutionProvider":
        return {"ModelFormat": "MLProgram"}
    return {}


def prepare(options: ort.SessionOptions, wanted: Sequence[str]) -> None:
    """What a provider needs of the session's own options."""
    import onnxruntime as ort

    if "DmlExecutionProvider" in wanted:  # its documentation asks for both
        options.enable_mem_pattern = False
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL


def with_settings(
    wanted: Sequence[str], choice: DeviceChoice, cache: Path | None
) -> list[tuple[str, dict[str, str]]]:
    """Providers with their options, as a session takes them."""
    return [(name, settings_of(name, choice, cache)) for name in wanted]


def threads(choice: DeviceChoice) -> int:
    """Threads for one session: the choice, or the cores this process may use less one.

    One core is left to the window and to other lanes; two sessions that each take every core
    are slower than two that share.
    """
    if choice.threads > 0:
        return choice.threads
    try:
        cores = len(os.sched_getaffinity(0))  # type: ignore[attr-defined,unused-ignore]
    except AttributeError:  # not on Windows and macOS
        cores = os.cpu_count() or 1
    return max(1, cores - 1) if cores > 2 else max(1, cores)


def in_use(session_providers: Sequence[str]) -> str:
    """The provider that a session really runs on (`session.get_providers()` is the truth)."""
    return session_providers[0] if session_providers else CPU


# y = x + x for one float, ONNX IR 10, opset 13: the smallest graph a provider has to compute.
# (A test builds the same graph with the onnx package and compares.)
PROBE_GRAPH = base64.b64decode(
    "CAo6NQoOCgF4CgF4EgF5IgNBZGQSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAN"
)

PACKAGES = (
    "onnxruntime-gpu",
    "onnxruntime",
    "onnxruntime-genai-cuda",
    "onnxruntime-genai",
    "torch",
    "diffusers",
    "transformers",
)


def probe() -> Probed:
    """Every provider that there could be, tried anew; nothing else tells the truth."""
    fault.cache_clear()
    return Probed({b.provider: fault(b.provider) for b in BACKENDS}, versions())


def versions() -> dict[str, str]:
    """What is installed of the packages that run models."""
    result: dict[str, str] = {}
    for name in PACKAGES:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result
