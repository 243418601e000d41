"""The family of models that go on from a text: GPT-2, GPT-NeoX, BLOOM, OPT and their like.

They know no instructions and no turns of a chat: what they get is a beginning, and what they give
is how it may go on.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.core import media
from studio.core.controls import Number, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.files import write_atomic
from studio.core.messages import Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.text import decoder, stepping, writing
from studio.engine.text.opening import PRECISION
from studio.engine.text.page import Page
from studio.engine.text.stream import stop_strings

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench

SPEC = FamilySpec(
    id="text.causal",
    title="Continuation",
    kind="text",
    needs=("config.json",),
    where={
        "layout": ("transformers", "transformers.js"),
        "model_type": ("gpt2", "gpt_neox", "bloom", "opt", "llama", "mistral", "qwen2", "qwen3"),
    },
    without_tags=("abc-notation",),
    models=(
        "GPT-2, GPT-NeoX and Pythia, BLOOM, OPT, Llama, Mistral, Qwen2 and Qwen3, as safetensors "
        "or in the layout of transformers.js"
    ),
    proved=(
        "scores and greedy texts of small models of each architecture with random weights equal "
        "those of transformers within 1e-4; graphs of GPT-2 in five layouts, and of NeoX, BLOOM, "
        "OPT, Llama and Qwen2 in the usual one"
    ),
    outputs=(".md",),
    controls=(
        Text(
            name="prompt",
            label="How does it begin?",
            lines=6,
            max_length=60_000,
            placeholder="It was a dark and stormy night, and",
        ),
        Number(
            name="length",
            label="Length",
            default=200,
            minimum=10,
            maximum=4000,
            step=10,
            whole=True,
            unit="words",
            help="The text ends with the sentence in which it gets this long, or sooner.",
        ),
        *writing.SAMPLING,
        Text(
            name="stop",
            label="Stop at",
            max_length=1000,
            lines=2,
            folded=True,
            help="The text ends before any of these, one a line.",
        ),
        PRECISION,
    ),
)


def run(job: Job, bench: Workbench) -> Iterator[Step]:
    """Go on from the beginning, into `job.folder`: a Markdown file with its recipe.

    Raises StudioError for values out of range, and for a folder that is no such model.
    """
    values = complete(SPEC.controls, job.recipe.values)
    job = replace(job, recipe=replace(job.recipe, values=values))
    start = str(values["prompt"]).replace("\r\n", "\n").replace("\r", "\n")
    length = int(values["length"])
    yield Progress("loading", 0, 1, 0.0)
    loaded = decoder.load(job, bench)
    yield Progress("loading", 1, 1, writing.LOADED)
    # Tokens begin with the space before a word, so a space at the end would be one too many.
    ids = loaded.tokenizer.encode_plain(start.rstrip(" \t"))
    prompt = writing.Prompt(loaded.frame, tuple(ids), start.endswith((" ", "\t")))
    if not (ids or loaded.frame):
        raise StudioError(
            "There is nothing to go on from yet.",
            "Write how the text begins, a few words at least.",
        )
    page = Page(start, length)
    if start:
        yield TextPreview(start)
    yield from writing.write(
        functools.partial(decoder.generate, loaded, **writing.chosen(values)),
        loaded.tokenizer,
        loaded.context,
        prompt,
        page,
        seed=job.recipe.seed,
        length=length,
        chunk=stepping.CHUNK,
        stop=stop_strings(str(values["stop"])),
    )
    if not page.text.strip():
        raise StudioError(
            "The model had nothing to say to this.",
            "Try another seed, or begin in other words.",
        )
    yield Progress("saving", 0, 1, writing.WRITTEN)
    file = job.folder / "continuation.md"
    record = Record(job.recipe, bench.provider, mark_ai=job.mark_ai, edited=False)
    write_atomic(file, media.embed((page.text + "\n").encode("utf-8"), file.suffix, record))
    yield Output((file,), job.recipe, writing.summary(page.text, start or page.text))


def warm() -> None:
    """Import what `run` will need, while nobody waits."""
    for name in ("numpy.random", "onnx", "onnxruntime", "tokenizers"):
        importlib.import_module(name)
