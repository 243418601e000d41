"""Families that misbehave on purpose, for the tests of lanes, queue and window.

One family a lane; its control `fault` says how it goes. It makes real files, so that the library
and the panes can be tested without any model.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import re
import signal
import struct
import sys
import time
import types
import wave
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from studio.core import media
from studio.core.controls import Choice, Number, Option, Picture, Sound, Text, Toggle
from studio.core.errors import StudioError
from studio.core.family import KINDS, Example, FamilySpec, Kind
from studio.core.messages import (
    AudioPreview,
    ImagePreview,
    Output,
    Phase,
    Progress,
    Step,
    TextPreview,
)
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.registry import Entry

MODEL = "fault-model"
MARK = "fault-model.txt"
"""What a model folder must hold so that the fault families can run it."""

FAULTS = (
    "good",
    "burns",
    "raises",
    "refuses",
    "segfaults",
    "exits",
    "no_memory",
    "disk_full",
    "hangs_loading",
    "hangs",
    "holds_gil",
    "hangs_saving",
    "hangs_closing",
)

WORDS = (
    "Once upon a time a small grey mouse lived behind the clock of an old house. "
    "Every night, when the hands met at twelve, she climbed up to look at the moon. "
)


def spec(kind: Kind) -> FamilySpec:
    """The family of a lane, with one control of each type."""
    return FamilySpec(
        id=f"{kind}.fault",
        title=f"Faults ({kind})",
        kind=kind,
        controls=(
            Text(name="prompt", label="Prompt", lines=3, placeholder="What shall it be?"),
            Choice(
                name="fault",
                label="Fault",
                default="good",
                options=tuple(Option(value=f, label=f.replace("_", " ")) for f in FAULTS),
            ),
            Number(name="steps", label="Steps", default=5, minimum=1, maximum=1000, whole=True),
            Number(
                name="pace",
                label="Pace",
                help="How long a step takes",
                default=0.01,
                minimum=0,
                maximum=10,
                step=0.01,
                unit="s",
                folded=True,
            ),
            Number(
                name="count",
                label="Count",
                default=1,
                minimum=1,
                maximum=9,
                whole=True,
                folded=True,
            ),
            Toggle(name="loud", label="Loud", folded=True),
            Picture(name="picture", label="Picture", folded=True)
            if kind != "audio"
            else Sound(name="sound", label="Sound", folded=True),
        ),
        needs=(MARK,),
        outputs={"text": (".md",), "image": (".png",), "audio": (".wav",)}[kind],
        examples=(
            Example("A mouse", {"prompt": "A mouse that looks at the moon"}),
            Example("A lighthouse", {"prompt": "A lighthouse in a storm"}),
            Example("A dance", {"prompt": "A slow dance at the end of summer"}),
        ),
    )


def run(kind: Kind, job: Job, bench: object) -> Iterator[Step]:
    """Loading, making and saving, with the fault in the phase where it belongs."""
    values = job.recipe.values
    fault, steps, pace = str(values["fault"]), int(values["steps"]), float(values["pace"])
    making: Phase = {"text": "writing", "image": "drawing", "audio": "composing"}[kind]  # type: ignore[assignment]
    total = steps + 2
    closed = False
    try:
        yield Progress("loading", 0, 1, 0.0)
        if fault == "hangs_loading":
            time.sleep(3600)
        time.sleep(pace)
        yield Progress("loading", 1, 1, 1 / total)
        for step in range(steps):
            yield from _preview(kind, job, step, steps)
            if step == steps // 2:
                _misbehave(fault)
            if fault == "burns":
                # All of a core, in native code that lets go of the interpreter, as models do.
                hashlib.pbkdf2_hmac("sha256", b"", b"", max(1, int(pace * 2_000_000)))
            else:
                time.sleep(pace)
            yield Progress(making, step + 1, steps, (step + 2) / total)
        for index in range(int(values["count"])):
            yield Progress("saving", index, 1, (steps + 1) / total)
            path = job.folder / f"out-{index}{spec(kind).outputs[0]}"
            if fault == "hangs_saving":
                path.with_suffix(".part").write_bytes(b"half of")
                time.sleep(3600)
            seed = job.recipe.seed + index
            recipe = job.recipe if index == 0 else _with_seed(job, seed)
            data, summary = _make(kind, job, seed)
            note = Record(recipe, "CPUExecutionProvider", mark_ai=job.mark_ai)
            path.write_bytes(media.embed(data, path.suffix, note))
            yield Output((path,), recipe, summary)
        closed = True
    finally:
        if fault == "hangs_closing" and not closed:
            time.sleep(3600)


def _with_seed(job: Job, seed: int) -> Any:
    from dataclasses import replace

    return replace(job.recipe, seed=seed)


def _misbehave(fault: str) -> None:
    if fault == "raises":
        raise ValueError("no such voice")
    if fault == "refuses":
        raise StudioError("This model knows no such voice.", "Choose another voice.")
    if fault == "segfaults":
        ctypes.string_at(0)
    elif fault == "exits":
        os._exit(7)
    elif fault == "no_memory":
        raise MemoryError
    elif fault == "disk_full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif fault == "hangs":
        time.sleep(3600)
    elif fault == "holds_gil":
        # A match that takes for ever and never lets another thread run.
        re.match(r"(a|aa)+$", "a" * 64 + "b")


def _preview(kind: Kind, job: Job, step: int, steps: int) -> Iterator[Step]:
    if kind == "text":
        words = WORDS.split(" ")
        yield TextPreview(words[step % len(words)] + " ")
    elif kind == "image":
        side = 128
        yield ImagePreview(0, side, side, _pixels(side, job.recipe.seed, step / steps))
    else:
        peaks = bytes((job.recipe.seed + i * 7 + step * 13) % 256 for i in range(20))
        yield AudioPreview(20.0, peaks, float(steps))


def _make(kind: Kind, job: Job, seed: int) -> tuple[bytes, dict[str, Any]]:
    prompt = str(job.recipe.values["prompt"])
    if kind == "text":
        text = f"# {prompt[:60] or 'A mouse'}\n\n{WORDS * 3}\n"
        return text.encode(), {"excerpt": text[:160], "words": len(text.split())}
    if kind == "image":
        side = 256
        rows = _pixels(side, seed, 1.0)
        return _png(side, rows), {"width": side, "height": side}
    rate, seconds = 22050, 2
    frames = bytearray()
    for i in range(rate * seconds):
        value = int(
            12000 * ((i * (220 + seed % 200) / rate) % 1.0 - 0.5) * (1 - i / rate / seconds)
        )
        frames += struct.pack("<h", value)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(frames))
    peaks = bytes(int(200 * (1 - i / 100)) for i in range(100))
    return buffer.getvalue(), {"seconds": seconds, "peaks": peaks, "title": prompt[:40] or "A tune"}


def _pixels(side: int, seed: int, ready: float) -> bytes:
    red, green, blue = (seed * 37) % 256, (seed * 91) % 256, (seed * 53) % 256
    rows = bytearray()
    for y in range(side):
        shade = y * 255 // side
        row = bytes((int(red * ready), int((green + shade) / 2 * ready), (blue + shade) // 2))
        rows += row * side
    return bytes(rows)


def _png(side: int, rgb: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    raw = b"".join(b"\0" + rgb[y * side * 3 : (y + 1) * side * 3] for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def stopped(pid: int) -> None:
    """Freeze an engine from outside, as a laptop that sleeps does; Linux and macOS."""
    os.kill(pid, signal.SIGSTOP)


def install_model(models: Path) -> Path:
    """A model folder that the fault families run, below `models`."""
    folder = models / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("a model for tests\n", "utf-8")
    (folder / "config.json").write_text('{"model_type": "fault"}\n', "utf-8")
    # A safetensors file with nothing in it: a folder without weights is no model.
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    (folder / "README.md").write_text(
        "---\nlicense: apache-2.0\nlibrary_name: triptych\n---\n# Fault model\n", "utf-8"
    )
    return folder


# A family is a module; these three are made here, where an engine process imports them from.
for _kind in KINDS:
    _module = types.ModuleType(f"{__name__}.{_kind}")
    cast(Any, _module).SPEC = spec(_kind)
    cast(Any, _module).run = partial(run, _kind)
    sys.modules[_module.__name__] = _module

ENTRIES: tuple[Entry, ...] = tuple(Entry(f"{k}.fault", k, f"{__name__}.{k}") for k in KINDS)
BROKEN = Entry("text.broken", "text", "tests.engine.no_such_family")
