"""The family of models that make one text of another: summaries and rewritings."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.core import media
from studio.core.controls import Choice, Document, Number, Option, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.files import write_atomic
from studio.core.messages import Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import documents
from studio.engine.text import rewriter, stepping, writing
from studio.engine.text.opening import PRECISION
from studio.engine.text.page import Page

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench

_USUAL = {"temperature": 0.0}
"""Where one text is to be made of another, the most probable word is mostly the right one."""

SPEC = FamilySpec(
    id="text.rewrite",
    title="Rewrite",
    kind="text",
    needs=("config.json",),
    where={
        "layout": ("transformers", "transformers.js"),
        "model_type": ("t5", "mt5", "bart"),
        # Others of these types sort texts into classes.
        "architecture": (
            "T5ForConditionalGeneration",
            "T5WithLMHeadModel",
            "MT5ForConditionalGeneration",
            "BartForConditionalGeneration",
            "BartModel",
        ),
    },
    models="T5, Flan-T5, mT5 and BART as safetensors or in the layout of transformers.js",
    proved=(
        "scores and greedy texts of small models of each architecture with random weights equal "
        "those of transformers within 1e-4; graphs of Flan-T5 and BART, merged and in two"
    ),
    outputs=(".md",),
    controls=(
        Text(
            name="prompt",
            label="The text",
            lines=8,
            max_length=400_000,
            placeholder="What is to be made shorter, or said in other words",
        ),
        Document(name="document", label="A document"),
        Choice(
            name="task",
            label="What is to be done",
            default="summary",
            options=(
                Option(value="summary", label="a summary"),
                Option(value="rewrite", label="the same in other words"),
                Option(value="own", label="what the first words say"),
            ),
            help="BART models do what they were trained for, whatever is chosen here.",
        ),
        Text(
            name="prefix",
            label="First words",
            max_length=500,
            folded=True,
            placeholder="translate English to German: ",
            help="What a T5 model is told before the text, where that is chosen above.",
        ),
        Number(
            name="length",
            label="Length",
            default=100,
            minimum=5,
            maximum=1000,
            step=5,
            whole=True,
            unit="words",
            help="At most, of each part: a long text is taken part by part.",
        ),
        *(replace(c, default=_USUAL.get(c.name, c.default)) for c in writing.SAMPLING),
        PRECISION,
    ),
)

_PREFIXES = {"summary": "summarize: ", "rewrite": "paraphrase: "}
_READ = 0.3
"""How much of a part's time its reading takes, about."""


def run(job: Job, bench: Workbench) -> Iterator[Step]:
    """Make a text of the prompt and the document, into `job.folder`: Markdown with its recipe.

    Raises StudioError for values out of range, nothing to make a text of, and a folder that is no
    such model.
    """
    values = complete(SPEC.controls, job.recipe.values)
    job = replace(job, recipe=replace(job.recipe, values=values))
    prompt = str(values["prompt"]).replace("\r\n", "\n").replace("\r", "\n").strip()
    document = yield from documents.of_job(job, writing.DOCUMENT)
    text = "\n\n".join(filter(None, (prompt, document[1].strip() if document else "")))
    if not text:
        raise StudioError("There is no text to work on yet.", "Write one, or give a document.")
    yield Progress("loading", 0, 1, writing.DOCUMENT if document else 0.0)
    loaded = rewriter.load(job, bench)
    yield Progress("loading", 1, 1, writing.LOADED)
    prefix = ""
    if loaded.told or values["task"] == "own":
        prefix = _PREFIXES.get(str(values["task"]), str(values["prefix"]))
    encode = loaded.tokenizer.encode
    clean = loaded.tokenizer.without_markers
    spare = len(encode(prefix, special=True))
    parts = documents.split(clean(text), max(16, loaded.context - spare), lambda t: len(encode(t)))
    whole = ""
    share = (writing.WRITTEN - writing.LOADED) / len(parts)
    for number, part in enumerate(parts):
        since = writing.LOADED + number * share
        given: rewriter.Values = {}
        for step in loaded.read(encode(clean(prefix) + part, special=True)[: loaded.context]):
            given = step or given
            yield Progress("reading", number, len(parts), since)
        page = Page("", int(values["length"]))
        for news in writing.write(
            functools.partial(rewriter.generate, loaded, given, **writing.chosen(values)),
            loaded.tokenizer,
            loaded.context,
            writing.Prompt(loaded.begin, ()),
            page,
            seed=(job.recipe.seed + number) % 2**32,
            length=int(values["length"]),
            chunk=stepping.CHUNK,
            since=since + _READ * share,
            until=since + share,
        ):
            if isinstance(news, TextPreview) and whole and page.text == news.text:
                news = TextPreview("\n\n" + news.text)
            yield news
        whole += ("\n\n" if whole and page.text else "") + page.text
    if not whole.strip():
        raise StudioError(
            "The model had nothing to say to this.",
            "Try another text, or a model that was trained for this.",
        )
    yield Progress("saving", 0, 1, writing.WRITTEN)
    file = job.folder / f"{values['task']}.md"
    record = Record(job.recipe, bench.provider, mark_ai=job.mark_ai, edited=False)
    write_atomic(file, media.embed((whole + "\n").encode("utf-8"), file.suffix, record))
    yield Output((file,), job.recipe, writing.summary(whole, whole))


def warm() -> None:
    """Import what `run` will need, while nobody waits."""
    for name in ("numpy.random", "onnx", "onnxruntime", "tokenizers"):
        importlib.import_module(name)
