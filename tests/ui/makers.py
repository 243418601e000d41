"""Three small families that make real files, for the tests of the create panes.

The pace is a setting, so that a test can watch, stop and queue at leisure.
"""

from __future__ import annotations

import io
import math
import struct
import sys
import time
import types
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from studio.core import media
from studio.core.controls import Choice, Number, Option, Picture, Text
from studio.core.errors import StudioError
from studio.core.family import Example, FamilySpec, Kind
from studio.core.messages import AudioPreview, ImagePreview, Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.registry import Entry
from tests.engine import faults

_LINES = """
Once there was a mouse who lived behind a clock and went up every night to see the moon .
The moon was round and white and said nothing at all , but the mouse did not mind .
"""
WORDS = tuple(_LINES.split())
PACE = Number(name="pace", label="Pace", default=0, minimum=0, maximum=10, step=0.01, folded=True)

TEXT = FamilySpec(
    id="text.small",
    title="Small texts",
    kind="text",
    needs=(faults.MARK,),
    outputs=(".md",),
    controls=(
        Text(name="prompt", label="About", lines=3, placeholder="A mouse", max_length=2000),
        Choice(
            name="kind",
            label="Kind",
            default="story",
            options=(Option(value="story", label="story"), Option(value="poem", label="poem")),
        ),
        Number(name="length", label="Length", default=12, minimum=1, maximum=400, whole=True),
        Text(name="start", label="Go on from this", lines=3, folded=True, max_length=60_000),
        PACE,
    ),
    examples=(
        Example("A mouse", {"prompt": "a mouse behind a clock"}),
        Example("A poem", {"prompt": "the moon", "kind": "poem"}),
        Example("Something long", {"prompt": "the sea", "length": 30}),
    ),
)
IMAGE = FamilySpec(
    id="image.small",
    title="Small pictures",
    kind="image",
    needs=(faults.MARK,),
    outputs=(".png",),
    controls=(
        Text(name="prompt", label="Prompt", lines=3),
        Choice(
            name="style",
            label="Style",
            default="flat",
            options=(Option(value="flat", label="flat"), Option(value="3d", label="3d")),
        ),
        Number(name="steps", label="Steps", default=4, minimum=1, maximum=100, whole=True),
        Number(name="width", label="Width", default=64, minimum=0, maximum=512, whole=True),
        Number(name="height", label="Height", default=64, minimum=0, maximum=512, whole=True),
        Number(name="count", label="How many", default=1, minimum=1, maximum=9, whole=True),
        Picture(name="picture", label="Start from", folded=True),
        PACE,
    ),
    examples=(
        Example("A sun", {"prompt": "a sun"}),
        Example("An apple", {"prompt": "an apple"}),
        Example("Four cats", {"prompt": "a cat", "count": 4}),
    ),
)
AUDIO = FamilySpec(
    id="audio.small",
    title="Small tunes",
    kind="audio",
    needs=(faults.MARK,),
    outputs=(".wav", ".mid", ".abc"),
    controls=(
        Text(name="prompt", label="Title", lines=2),
        Choice(
            name="tune",
            label="Kind of tune",
            default="jig",
            options=(Option(value="jig", label="Jig"), Option(value="reel", label="Reel")),
        ),
        Number(
            name="length", label="Length", default=8, minimum=1, maximum=60, whole=True, unit="s"
        ),
        PACE,
    ),
    examples=(
        Example("A jig", {"prompt": "The Mouse"}),
        Example("A reel", {"tune": "reel"}),
        Example("A short one", {"length": 2}),
    ),
)


def make_text(job: Job, bench: object) -> Iterator[Step]:
    """As many words as asked for, beginning at the seed's; the start first."""
    values = job.recipe.values
    if "refuse" in str(values["prompt"]):
        raise StudioError("The model had nothing to say to this.", "Say it in other words.")
    yield Progress("loading", 1, 1, 0.05)
    text = str(values["start"])
    if text:
        yield TextPreview(text)
    length = int(values["length"])
    for number in range(length):
        word = WORDS[(job.recipe.seed + number) % len(WORDS)]
        grown = word if not text else " " + word
        text += grown
        yield TextPreview(grown)
        time.sleep(float(values["pace"]))
        yield Progress("writing", number + 1, length, 0.05 + 0.9 * (number + 1) / length)
    yield _output(
        job,
        0,
        {".md": (text + "\n").encode()},
        {"excerpt": text[:200], "words": len(text.split()), "title": str(values["prompt"])},
    )


def make_image(job: Job, bench: object) -> Iterator[Step]:
    """A plain picture for each of the batch, brighter with every step."""
    values = job.recipe.values
    count, steps = int(values["count"]), int(values["steps"])
    width, height = int(values["width"]) or 96, int(values["height"]) or 48
    for index in range(count):
        seed = job.recipe.seed + index
        for step in range(steps):
            rgb = _pixels(width, height, seed, (step + 1) / steps)
            yield ImagePreview(index, width, height, rgb)
            time.sleep(float(values["pace"]))
            done = (index * steps + step + 1) / (count * steps)
            yield Progress("drawing", step + 1, steps, 0.95 * done)
        yield _output(
            job,
            index,
            {".png": _png(width, height, _pixels(width, height, seed, 1.0))},
            {"width": width, "height": height},
        )


def make_audio(job: Job, bench: object) -> Iterator[Step]:
    """A tone of the wished length, told second by second, with notes beside it."""
    values = job.recipe.values
    seconds = int(values["length"])
    rate = 8000
    frames = bytearray()
    peaks = bytearray()
    for second in range(seconds):
        level = 40 + (job.recipe.seed + second * 37) % 200
        peaks += bytes([level] * 10)
        for n in range(rate):
            frames += struct.pack("<h", int(level * 100 * math.sin(n * 2 * math.pi * 440 / rate)))
        yield AudioPreview(10.0, bytes([level] * 10), float(seconds))
        time.sleep(float(values["pace"]))
        yield Progress("sounding", second + 1, seconds, 0.95 * (second + 1) / seconds)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(frames))
    title = str(values["prompt"]) or "A tune"
    midi = b"MThd\0\0\0\6\0\0\0\1\0\x60" + b"MTrk\0\0\0\4\0\xff\x2f\0"
    abc = f"X:1\nT:{title}\nM:6/8\nL:1/8\nK:D\nABc def|\n".encode()
    yield _output(
        job,
        0,
        {".wav": buffer.getvalue(), ".mid": midi, ".abc": abc},
        {"seconds": float(seconds), "peaks": bytes(peaks), "title": title},
    )


def _output(job: Job, index: int, files: dict[str, bytes], summary: dict[str, Any]) -> Output:
    recipe = replace(job.recipe, seed=job.recipe.seed + index)
    if "count" in recipe.values:
        recipe = recipe.with_values(count=1)
    paths = []
    for suffix, data in files.items():
        path = job.folder / f"out-{index}{suffix}"
        path.write_bytes(media.embed(data, suffix, Record(recipe, "CPUExecutionProvider")))
        paths.append(path)
    return Output(tuple(paths), recipe, summary)


def _pixels(width: int, height: int, seed: int, ready: float) -> bytes:
    red, green, blue = ((seed * k) % 200 + 56 for k in (37, 91, 53))
    return bytes((int(red * ready), int(green * ready), int(blue * ready))) * (width * height)


def _png(width: int, height: int, rgb: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    row = width * 3
    raw = b"".join(b"\0" + rgb[y * row : (y + 1) * row] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


# A family is a module; these three are made here, where an engine process imports them from.
_MAKERS: dict[Kind, tuple[FamilySpec, Callable[[Job, object], Iterator[Step]]]] = {
    "text": (TEXT, make_text),
    "image": (IMAGE, make_image),
    "audio": (AUDIO, make_audio),
}
for _kind, (_spec, _run) in _MAKERS.items():
    _module = types.ModuleType(f"{__name__}.{_kind}")
    cast(Any, _module).SPEC = _spec
    cast(Any, _module).run = _run
    sys.modules[_module.__name__] = _module

ENTRIES: tuple[Entry, ...] = tuple(
    Entry(spec.id, kind, f"{__name__}.{kind}") for kind, (spec, _) in _MAKERS.items()
)
