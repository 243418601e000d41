"""What the machine really has. ONNX Runtime lists CUDA on machines without a GPU; we look."""

from __future__ import annotations

import base64
import ctypes
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.messages import DeviceReport, Probed
from studio.core.recipe import DeviceChoice

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first NVIDIA GPU, as its driver names it; memory in bytes."""

    name: str
    memory: int


def find_gpu() -> Gpu | str:
    """The first GPU the CUDA driver knows, or why there is none. Imports no framework."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    if sys.platform == "darwin":
        return "No CUDA on this system."
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return "No NVIDIA driver was found."
    count, device = ctypes.c_int(0), ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0 or not count.value:
        return "The NVIDIA driver is there, but it found no GPU."
    name, memory = ctypes.create_string_buffer(128), ctypes.c_size_t(0)
    cuda.cuDeviceGet(ctypes.byref(device), 0)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(name.value.decode("utf-8", "replace"), memory.value)


def processor() -> str:
    """The processor's name as the system tells it."""
    if sys.platform.startswith("linux"):
        try:
            for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def report() -> DeviceReport:
    """The providers that can be used here, best first, and on what they run."""
    gpu = find_gpu()
    if isinstance(gpu, Gpu):
        return DeviceReport((CUDA, CPU), gpu.name, f"{gpu.memory / 2**30:.0f} GiB")
    return DeviceReport((CPU,), processor(), gpu)


def providers(choice: DeviceChoice) -> list[str]:
    """What a session is asked to use. CUDA only where a GPU was found: asking in vain prints."""
    if choice.provider == "cpu" or not isinstance(find_gpu(), Gpu):
        return [CPU]
    return [CUDA, CPU]


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
    """Run a tiny graph on every provider that could be there; nothing else tells the truth."""
    import numpy as np
    import onnxruntime as ort

    found: dict[str, str] = {}
    gpu = find_gpu()
    for name in (CUDA, CPU):
        if name == CUDA and not isinstance(gpu, Gpu):
            found[name] = gpu
            continue
        options = ort.SessionOptions()
        options.log_severity_level = 4
        try:
            session = ort.InferenceSession(PROBE_GRAPH, options, providers=[name])
            used = in_use(session.get_providers())
            (result,) = session.run(None, {"x": np.ones(1, np.float32)})
            found[name] = "" if used == name and result[0] == 2 else f"It fell back to {used}."
        except Exception as error:  # a broken driver raises anything
            found[name] = str(error).splitlines()[0][:200]
    return Probed(found, versions())


def versions() -> dict[str, str]:
    """What is installed of the packages that run models."""
    result: dict[str, str] = {}
    for name in PACKAGES:
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result
