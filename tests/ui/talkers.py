"""Small families that answer, suggest, enlarge and speak, under the ids that the panes ask for."""

from __future__ import annotations

import io
import json
import math
import struct
import sys
import time
import types
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from studio.core import media
from studio.core.controls import (
    Choice,
    Document,
    Extra,
    Mask,
    Named,
    Number,
    Option,
    Picture,
    Text,
)
from studio.core.errors import StudioError
from studio.core.family import Example, FamilySpec, Kind
from studio.core.messages import AudioPreview, Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.registry import Entry
from tests.engine import faults
from tests.ui import makers

PACE = makers.PACE
CONTEXT = 1000

CHAT = FamilySpec(
    id="text.chat",
    title="Chat",
    kind="text",
    needs=(faults.MARK,),
    outputs=(".md",),
    controls=(
        Text(name="prompt", label="About", lines=3, placeholder="A mouse", max_length=2000),
        Choice(
            name="kind",
            label="Kind",
            default="story",
            options=(Option(value="story", label="story"), Option(value="chat", label="chat")),
        ),
        Number(name="length", label="Length", default=12, minimum=1, maximum=400, whole=True),
        Document(name="document", label="Document"),
        Text(name="instruction", label="Instruction", folded=True, lines=2),
        Text(name="start", label="Go on from this", lines=3, folded=True, max_length=60_000),
        Text(name="history", label="What was said", hidden=True, max_length=400_000),
        PACE,
    ),
    examples=(Example("A mouse", {"prompt": "a mouse behind a clock"}),),
)
FILL = FamilySpec(
    id="text.fill",
    title="Fill in",
    kind="text",
    needs=(faults.MARK,),
    outputs=(".md",),
    controls=(
        Text(name="prompt", label="Text with ___", lines=3, required=True),
        Number(name="count", label="How many", default=5, minimum=1, maximum=20, whole=True),
    ),
)
REWRITE = FamilySpec(
    id="text.rewrite",
    title="Rewrite",
    kind="text",
    needs=(faults.MARK,),
    outputs=(".md",),
    controls=(Text(name="prompt", label="Text", lines=3, required=True),),
)
UPSCALE = FamilySpec(
    id="image.upscale",
    title="Larger",
    kind="image",
    needs=(faults.MARK,),
    outputs=(".png",),
    controls=(Picture(name="picture", label="Picture"),),
)
INPAINT = FamilySpec(
    id="image.diffusion",
    title="Pictures",
    kind="image",
    needs=(faults.MARK,),
    outputs=(".png",),
    controls=(
        Text(name="prompt", label="Prompt", lines=3),
        Number(name="count", label="How many", default=1, minimum=1, maximum=9, whole=True),
        Picture(name="picture", label="Start from"),
        Mask(name="mask", label="Part to change"),
        Picture(name="control_picture", label="Guide", folded=True),
        Extra(name="controlnet", label="ControlNet", role="controlnet", folded=True),
        Extra(name="lora", label="LoRA", role="lora", several=True, folded=True),
    ),
)
SPEECH = FamilySpec(
    id="audio.speech",
    title="Speech",
    kind="audio",
    needs=(faults.MARK,),
    outputs=(".wav",),
    controls=(
        Text(name="prompt", label="Text", lines=3, required=True, max_length=60_000),
        Named(name="voice", label="Voice", of="voices"),
        PACE,
    ),
)


def answer(job: Job, bench: object) -> Iterator[Step]:
    """Say what was asked and how much was said before, in Markdown; or write a text."""
    values = job.recipe.values
    chat = values["kind"] == "chat"
    before = json.loads(str(values["history"])) if values["history"] else []
    if "refuse" in str(values["prompt"]):
        raise StudioError("The model had nothing to say to this.", "Say it in other words.")
    said = f"**{values['prompt']}** is number {len(before) // 2 + 1}, with seed {job.recipe.seed}."
    if "document" in job.inputs:
        said += f" The document says {job.inputs['document'].read_text('utf-8').strip()}."
    if values["instruction"]:
        said += f" So told: {values['instruction']}"
    words = said.split(" ") if chat else list(makers.WORDS[: int(values["length"])])
    yield Progress("loading", 1, 1, 0.05)
    text = str(values["start"])
    if text:
        yield TextPreview(text)
    for number, word in enumerate(words):
        grown = f" {word}" if text else word
        text += grown
        yield TextPreview(grown)
        time.sleep(float(values["pace"]))
        yield Progress("writing", number + 1, len(words), 0.05 + 0.9 * (number + 1) / len(words))
    summary: dict[str, Any] = {"excerpt": text[:200], "words": len(text.split())}
    if chat:
        used = min(CONTEXT, 300 * (len(before) // 2 + 1))
        summary |= {"context_used": used, "context_size": CONTEXT}
    yield _output(job, ".md", (text + "\n").encode(), summary)


def fill(job: Job, bench: object) -> Iterator[Step]:
    """Words for the blank, the best first."""
    prompt = str(job.recipe.values["prompt"])
    if "___" not in prompt:
        raise StudioError("There is no blank in this.", "Write ___ where a word is missing.")
    words = ("silver", "golden", "quiet", "old", "blue")[: int(job.recipe.values["count"])]
    found = [{"text": w, "score": 0.5 / (n + 1)} for n, w in enumerate(words)]
    filled = prompt.replace("___", words[0])
    yield _output(job, ".md", filled.encode(), {"excerpt": filled, "suggestions": found})


def rewrite(job: Job, bench: object) -> Iterator[Step]:
    """The text in capitals."""
    text = str(job.recipe.values["prompt"]).upper()
    yield _output(job, ".md", text.encode(), {"excerpt": text})


def enlarge(job: Job, bench: object) -> Iterator[Step]:
    """Twice as wide and high as what went in."""
    if "picture" not in job.inputs:
        raise StudioError("There is no picture to make larger.", "Choose one.")
    width, height = media.picture_size(job.inputs["picture"].read_bytes()[:32]) or (8, 8)
    pixels = makers._pixels(width * 2, height * 2, 3, 1.0)
    data = makers._png(width * 2, height * 2, pixels)
    yield _output(job, ".png", data, {"width": width * 2, "height": height * 2})


def paint(job: Job, bench: object) -> Iterator[Step]:
    """A plain picture; its summary tells what went in."""
    data = makers._png(96, 64, makers._pixels(96, 64, job.recipe.seed, 1.0))
    summary = {"width": 96, "height": 64, "note": "with " + ", ".join(sorted(job.inputs))}
    yield _output(job, ".png", data, summary)


def speak(job: Job, bench: object) -> Iterator[Step]:
    """A tone for each sentence, heard as it comes."""
    rate, frames, peaks = 8000, b"", b""
    sentences = [s for s in str(job.recipe.values["prompt"]).split(".") if s.strip()]
    for number, _ in enumerate(sentences):
        tone = b"".join(
            struct.pack("<h", int(9000 * math.sin(n * 2 * math.pi * 330 / rate)))
            for n in range(rate)
        )
        frames, peaks = frames + tone, peaks + bytes([120] * 10)
        yield AudioPreview(10.0, bytes([120] * 10), float(len(sentences)), tone, rate)
        time.sleep(float(job.recipe.values["pace"]))
        done = 0.95 * (number + 1) / len(sentences)
        yield Progress("speaking", number + 1, len(sentences), done)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frames)
    summary = {"seconds": float(len(sentences)), "peaks": peaks, "title": "Speech"}
    yield _output(job, ".wav", buffer.getvalue(), summary)


def _output(job: Job, suffix: str, data: bytes, summary: dict[str, Any]) -> Output:
    recipe = replace(job.recipe, values=dict(job.recipe.values))
    path = job.folder / f"out{suffix}"
    path.write_bytes(media.embed(data, suffix, Record(recipe, "CPUExecutionProvider")))
    return Output((path,), recipe, summary)


_FAMILIES: tuple[tuple[FamilySpec, Callable[[Job, object], Iterator[Step]]], ...] = (
    (CHAT, answer),
    (FILL, fill),
    (REWRITE, rewrite),
    (INPAINT, paint),
    (UPSCALE, enlarge),
    (makers.AUDIO, makers.make_audio),
    (SPEECH, speak),
)
_ENTRIES: list[Entry] = []
for _spec, _run in _FAMILIES:
    _kind: Kind = _spec.kind
    _module = types.ModuleType(f"{__name__}.{_spec.id.replace('.', '_')}")
    cast(Any, _module).SPEC = _spec
    cast(Any, _module).run = _run
    sys.modules[_module.__name__] = _module
    _ENTRIES.append(Entry(_spec.id, _kind, _module.__name__))
ENTRIES: tuple[Entry, ...] = tuple(_ENTRIES)
