"""Real files with real recipes, as the engine would hand them over."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from studio.core import media
from studio.core.controls import Value
from studio.core.family import Kind
from studio.core.messages import Output
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import Item, Library

CPU = "CPUExecutionProvider"
_numbers = itertools.count(1)


def recipe(kind: Kind = "text", prompt: str = "A red fox and the moon", **values: Value) -> Recipe:
    family = {"text": "text.chat", "image": "image.diffusion", "audio": "audio.tune"}[kind]
    return Recipe(kind, family, f"starter-{kind}", 7, {"prompt": prompt, **values})


def write(path: Path, data: bytes, made: Record) -> Path:
    path.write_bytes(media.embed(data, path.suffix, made))
    return path


def png(size: tuple[int, int] = (48, 32), mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(data, "PNG")
    return data.getvalue()


def wav(seconds: float = 0.5) -> bytes:
    data = io.BytesIO()
    wave = np.sin(np.arange(int(8000 * seconds)) / 9) * np.linspace(0, 0.9, int(8000 * seconds))
    soundfile.write(data, wave, 8000, format="WAV", subtype="PCM_16")
    return data.getvalue()


MIDI = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0c\0\x90\x3c\x40\x60\x80\x3c\x40\0\xff\x2f\0"
ABC = b"X:1\nT:Tune\nM:4/4\nK:D\nDEFG ABcd|\n"


def make(
    library: Library,
    kind: Kind = "text",
    prompt: str = "A red fox and the moon",
    *,
    text: str = "Once upon a time there was a fox.",
    created: float | None = None,
    title: str = "",
    mark_ai: bool = True,
    model: str = "",
    **values: Value,
) -> Item:
    """An item of a kind in the library, through its front door."""
    wish = recipe(kind, prompt, **values)
    if model:
        wish = Recipe(wish.kind, wish.family, model, wish.seed, wish.values)
    made = Record(wish, CPU, mark_ai=mark_ai)
    job = f"job{next(_numbers)}"
    folder = library.job_folder(job)
    summary: dict[str, object] = {"title": title} if title else {}
    if kind == "text":
        files = [write(folder / "text.md", text.encode(), made)]
        summary |= {"excerpt": text[:300], "words": len(text.split())}
    elif kind == "image":
        files = [write(folder / "image.png", png(), made)]
        summary |= {"width": 48, "height": 32}
    else:
        files = [
            write(folder / "tune.wav", wav(), made),
            write(folder / "tune.mid", MIDI, made),
            write(folder / "tune.abc", ABC, made),
        ]
        summary |= {"seconds": 0.5, "peaks": bytes(range(200))}
    item = library.take_in(Output(tuple(files), wish, summary), created=created)
    library.discard_job(job)
    return item


def everything(library: Library) -> list[Path]:
    """Every file among the items and in the trash."""
    return sorted(
        p for base in ("items", ".trash") for p in (library.root / base).rglob("*") if p.is_file()
    )
