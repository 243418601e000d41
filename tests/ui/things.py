"""Real small files in a library: pictures, texts and sounds with their recipes inside."""

from __future__ import annotations

import io
import math
import struct
import uuid
import wave
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from studio.core import media
from studio.core.controls import Value
from studio.core.family import Kind
from studio.core.messages import Output
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import Item, Library
from tests.engine import faults

PROVIDER = "CPUExecutionProvider"
DAY = 86_400.0
START = 1_790_000_000.0
"""Some day in September 2026."""


def recipe_of(kind: Kind, prompt: str, seed: int = 1, /, **values: Value) -> Recipe:
    """What made a thing; the family is the small maker of its kind."""
    return Recipe(kind, f"{kind}.small", faults.MODEL, seed, {"prompt": prompt, **values})


def add_picture(
    library: Library, prompt: str, created: float = START, *, seed: int = 1, **values: Value
) -> Item:
    """A PNG of 96 x 64 pixels."""
    image = Image.new("RGB", (96, 64), ((seed * 53) % 256, (seed * 91) % 256, 180))
    ImageDraw.Draw(image).ellipse((20, 10, 60, 50), fill=(250, 240, (seed * 17) % 256))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    made = recipe_of("image", prompt, seed, **values)
    return _take_in(
        library, made, {".png": buffer.getvalue()}, created, {"width": 96, "height": 64}
    )


def add_text(
    library: Library, prompt: str, text: str, created: float = START, *, seed: int = 1
) -> Item:
    """A Markdown file."""
    summary = {"excerpt": text[:200], "words": len(text.split())}
    return _take_in(
        library, recipe_of("text", prompt, seed), {".md": text.encode()}, created, summary
    )


def add_sound(
    library: Library, title: str, created: float = START, *, seed: int = 1, seconds: float = 1.0
) -> Item:
    """A WAV file of a tone, and its notes as ABC."""
    rate = 8000
    frames = b"".join(
        struct.pack("<h", int(9000 * math.sin(n * 440 * 2 * math.pi / rate)))
        for n in range(int(rate * seconds))
    )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frames)
    abc = f"X:1\nT:{title}\nM:6/8\nL:1/8\nK:D\nABc def|\n".encode()
    peaks = bytes(80 + (n * seed * 7) % 150 for n in range(100))
    summary = {"seconds": seconds, "peaks": peaks, "title": title}
    files = {".wav": buffer.getvalue(), ".abc": abc}
    return _take_in(library, recipe_of("audio", title, seed), files, created, summary)


def add_many(library: Library, count: int, words: Sequence[str] = ("mouse", "moon")) -> list[Item]:
    """Short texts, the newest last."""
    return [
        add_text(library, f"{words[n % len(words)]} {n}", f"Text number {n}.", START + n, seed=n)
        for n in range(count)
    ]


def _take_in(
    library: Library,
    made: Recipe,
    files: Mapping[str, bytes],
    created: float,
    summary: Mapping[str, Any],
) -> Item:
    job = uuid.uuid4().hex
    folder = library.job_folder(job)
    paths = []
    for suffix, data in files.items():
        path = folder / f"out{suffix}"
        path.write_bytes(media.embed(data, suffix, Record(made, PROVIDER)))
        paths.append(path)
    item = library.take_in(Output(tuple(paths), made, summary), created=created)
    library.discard_job(job)
    return item
