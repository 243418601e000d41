"""How fast this computer runs models, as an engine has measured it: a small file in the cache."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import write_atomic

NAME = "speed.json"
MOST = 1 << 14
"""Bytes of the file that are read."""
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Speed:
    """What one execution provider does here; what was not measured is not in it."""

    reading: Mapping[str, float] = field(default_factory=dict)
    """Bytes of weights a second that a language model's layers go through for one token, by
    their precision: int4, int8, fp32."""
    computing: float = 0.0
    """Floating-point operations a second in the layers of a picture's denoiser; 0 where unknown."""


def load(folder: Path, provider: str) -> Speed | None:
    """What was measured on this computer for an execution provider; None where nothing was, or
    with another ONNX Runtime, or other cores."""
    try:
        with (folder / NAME).open("rb") as file:
            told = json.loads(file.read(MOST))
        if told["of"] != _of(provider):
            return None
        speed = Speed({str(k): float(v) for k, v in told["reading"].items()}, told["computing"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    numbers = (speed.computing, *speed.reading.values())
    # A figure that cannot be (or a boolean, or a text) makes the whole file doubtful.
    sane = all(type(n) is float and math.isfinite(n) and n >= 0 for n in numbers)
    return speed if sane else None


def save(folder: Path, provider: str, speed: Speed) -> None:
    """Keep what was measured; a cache that cannot be written stays empty."""
    told = {
        "of": _of(provider),
        "reading": dict(speed.reading),
        "computing": float(speed.computing),
    }
    with contextlib.suppress(StudioError):
        write_atomic(folder / NAME, (json.dumps(told, indent=1) + "\n").encode())


def _of(provider: str) -> dict[str, str | int]:
    """What a measurement holds for."""
    from importlib import metadata  # a tenth of the window's start, which does not need it

    runtime = ""
    for name in _RUNTIMES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            runtime = runtime or metadata.version(name)
    return {
        "machine": platform.node(),
        "cores": os.cpu_count() or 1,
        "provider": provider,
        "onnxruntime": runtime,
    }
