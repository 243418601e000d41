"""What a list shows of a file, read from the file alone where nobody told it."""

from __future__ import annotations

import contextlib
import wave
from pathlib import Path
from typing import Any

from studio.core import media
from studio.core.family import Kind

EXCERPT = 300
"""Characters of a text that a list shows."""
PEAKS = 200
"""Peaks of a whole sound that a list draws."""
MAX_READ = 256 << 20
"""Bytes; a sound larger than that is shown without its waveform."""


def summarize(kind: Kind, path: Path) -> dict[str, Any]:
    """What can be told of a main file; an empty dict where it cannot be read. Never raises."""
    with contextlib.suppress(OSError, ValueError, EOFError, wave.Error):
        if path.stat().st_size > MAX_READ:
            return {}
        if kind == "text":
            return text_summary(media.body(path.read_text("utf-8", "replace")))
        if kind == "image":
            with path.open("rb") as file:
                size = media.picture_size(file.read(32))
            return {"width": size[0], "height": size[1]} if size else {}
        if path.suffix.lower() == ".wav":
            return _sound(path)
    return {}


def text_summary(text: str) -> dict[str, Any]:
    """Of a text: how it begins, and how many words it has."""
    words = text.split()
    line = " ".join(words[:EXCERPT])
    excerpt = line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
    return {"excerpt": excerpt, "words": len(words)}


def _sound(path: Path) -> dict[str, Any]:
    with wave.open(str(path)) as sound:
        rate, frames, channels = sound.getframerate(), sound.getnframes(), sound.getnchannels()
        width = sound.getsampwidth()
        raw = sound.readframes(frames) if width == 2 else b""
    if not rate:
        return {}
    result: dict[str, Any] = {"seconds": frames / rate}
    if raw:
        result["peaks"] = _peaks(raw, channels)
    return result


def _peaks(raw: bytes, channels: int) -> bytes:
    """The loudest sample of each of `PEAKS` stretches, 0 to 255, of 16-bit samples."""
    import numpy as np

    samples = np.frombuffer(raw[: len(raw) // (2 * channels) * 2 * channels], "<i2")
    loud = np.abs(samples.astype(np.int32)).reshape(-1, channels).max(axis=1)
    starts = np.unique(np.linspace(0, len(loud), PEAKS, endpoint=False).astype(np.int64))
    peaks = np.maximum.reduceat(loud, starts)
    return bytes(np.minimum(255, peaks * 255 // 32767).astype(np.uint8))
