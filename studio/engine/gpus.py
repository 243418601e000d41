"""Graphics cards and memory as the system itself tells of them, without any framework."""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first NVIDIA GPU, as its driver names it; memory in bytes."""

    name: str
    memory: int


class _NvmlMemory(ctypes.Structure):
    """nvmlMemory_t of NVIDIA's management library."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


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


def free_on_gpu() -> int | None:
    """Bytes free on the first NVIDIA GPU, or None where its driver does not tell."""
    library = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
    try:
        nvml = ctypes.CDLL(library)
        handle, memory = ctypes.c_void_p(), _NvmlMemory()
        if nvml.nvmlInit_v2() != 0:
            return None
        try:
            if nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)) != 0:
                return None
            if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != 0:
                return None
            return int(memory.free)
        finally:
            nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return None


def free_memory() -> int:
    """Bytes of main memory that can be had without swapping, the container's limit included."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = _cgroup("memory.max")
    if limit is not None:
        # What the kernel keeps of files within the limit, it gives back when it is asked for.
        used = (_cgroup("memory.current") or 0) - _cached()
        free = min(free, max(0, limit - used))
    return free


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


_CGROUP = Path("/sys/fs/cgroup")


def _cgroup(name: str) -> int | None:
    """A number of bytes that the control group (version 2) of this process tells, if it does."""
    try:
        return int((_CGROUP / name).read_text("ascii"))
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None


def _cached() -> int:
    try:
        for line in (_CGROUP / "memory.stat").read_text("ascii").splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0
