"""The family of language models in onnxruntime-genai folders: chats, stories, poems, rhymes.

The starter model and the largest chat model run through the same lines: a wish in plain words,
put into the model's own chat template, answered token by token. A chat is in `reply`.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from studio.core import media
from studio.core.controls import Value, complete, defaults
from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.core.messages import Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import documents, genai
from studio.engine.context import too_long
from studio.engine.text import template, writing
from studio.engine.text.chat_spec import SPEC
from studio.engine.text.page import Page
from studio.engine.text.reply import Answer, Document, Span, answer, task
from studio.engine.text.stream import stop_strings
from studio.engine.text.wished import Wished, words_of
from studio.engine.tokenizer import Tokenizer

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench

__all__ = ["SPEC", "instruction", "run", "warm"]

_VOICES = {"child": "for a child", "plain": "in plain words", "grand": "in a grand style"}
_LEAST_ROOM = 16
"""Tokens that must be left to write into."""
_LATIN = 0x24F
"""The last of the Latin letters of European languages."""

_SMALL_MODEL = 200 << 20
"""Bytes; models below it forget what they were asked for, and are reminded."""
_TOKENS_A_WORD = 1.3

_LATER = ("format", "history", "instruction", "max_tokens", "schema", "stop", "think")
"""Settings that came with chats: recipes name them only where they matter, as older ones do."""


def run(job: Job, bench: Workbench) -> Iterator[Step]:
    """Write one text into `job.folder`: a Markdown file with its recipe.

    Raises StudioError for values out of range, nothing to write about, a wish longer than the
    model's context, and a folder that is no language model.
    """
    values = complete(SPEC.controls, job.recipe.values)
    usual = defaults(SPEC.controls)
    named = {k: v for k, v in values.items() if k not in _LATER or v != usual[k]}
    recipe = replace(job.recipe, values=named)
    chat = values["kind"] == "chat"
    found = yield from documents.of_job(job, writing.DOCUMENT)
    document = Document(*found) if found else None
    wish = "" if chat else instruction(values, document.text if document else "")
    yield Progress("loading", 0, 1, writing.DOCUMENT if document else 0.0)
    loaded = genai.load(job, bench)
    yield Progress("loading", 1, 1, writing.LOADED)
    made = Answer(done=writing.LOADED)
    if chat:
        span = Span(writing.LOADED, writing.READ, writing.WRITTEN)
        yield from answer(loaded, bench, values, recipe.seed, document, made, span)
    else:
        yield from _story(loaded, values, recipe.seed, wish, made)
    yield Progress("saving", 0, 1, writing.WRITTEN)
    file = job.folder / f"{values['kind']}.md"
    record = Record(recipe, bench.provider, mark_ai=job.mark_ai, edited=False)
    write_atomic(file, media.embed((made.text + "\n").encode("utf-8"), file.suffix, record))
    yield Progress("saving", 1, 1, 1.0)
    title = str(values["prompt"]).strip() or str(values["words"]).strip() or made.text
    summary = writing.summary(made.text, title)
    if chat:
        summary |= {"context_used": made.used, "context_size": loaded.context}
    if made.notes:
        summary["note"] = " ".join(made.notes)
    yield Output((file,), recipe, summary)


def warm() -> None:
    """Import what `run` will need, while nobody waits."""
    for name in ("jinja2.sandbox", "numpy.random", "onnxruntime_genai", "tokenizers"):
        importlib.import_module(name)


def instruction(values: Mapping[str, Value], text: str = "") -> str:
    """The wish in plain words, the same for every model; `text` is that of a document.

    Raises StudioError where there is none.
    """
    words = ", ".join(w for w in map(_spaced, re.split("[,;\n،、，]", str(values["words"]))) if w)
    idea = "\n\n".join(filter(None, (str(values["prompt"]).strip(), text.strip())))
    if str(values["instruction"]).strip():
        return task(values, str(values["prompt"]), text)
    if not (words or idea or str(values["start"]).strip()):
        raise StudioError(
            "There is nothing to write about yet.",
            "Write an idea, a few words to use, or a beginning to go on from.",
        )
    sentences = [f"Write a {values['kind']} {_VOICES[str(values['voice'])]}."]
    if words:
        sentences.append(f"Words: {words.rstrip('.')}.")
    if idea:
        sentences.append(f"Idea: {_ended(idea)}")
    return " ".join(sentences)


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _ended(text: str) -> str:
    """A text with something that ends a sentence at its end."""
    text = text.rstrip(" \t\n,;:-–—")
    return text if re.search("[.!?…。！？؟।][\"'”’»)」』]*$", text) else text + "."


def _prompt(loaded: genai.Loaded, wish: str, system: str, start: str) -> writing.Prompt:
    """Token ids of the wish in the model's chat template, and of the start.

    Raises StudioError where the wish alone leaves no room to write in the model's context.
    """
    tokenizer = loaded.tokenizer
    wish, system = tokenizer.without_markers(wish), tokenizer.without_markers(system)
    messages = [{"role": "user", "content": wish}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    chat = template.find(loaded.folder)
    if chat is None:  # a model that only goes on from text
        ids = tokenizer.encode("\n\n".join(m["content"] for m in messages) + "\n\n", special=True)
    else:
        text = template.render(chat, messages, template.special_tokens(loaded.folder))
        if text.rstrip().endswith("<think>"):
            text += "\n\n</think>\n\n"  # the thoughts of a model are no part of the story
        ids = tokenizer.encode(text)
    if len(ids) > loaded.context - _LEAST_ROOM:
        raise too_long(loaded, len(ids), "the idea")
    # Tokens begin with the space before a word, so a space at the end would be one too many.
    written = tokenizer.encode_plain(start.rstrip(" \t"))
    return writing.Prompt(tuple(ids), tuple(written), start.endswith((" ", "\t")))


def unread(tokenizer: Tokenizer, text: str) -> bool:
    """Whether most letters of a text are bytes to a model, and no part of any word it knows.

    Beyond Latin letters a tokenizer that has seen a script needs fewer tokens than letters; one
    that has not needs one for each byte.
    """
    letters = [c for c in text if c.isalpha()]
    foreign = "".join(c for c in letters if ord(c) > _LATIN)
    if len(foreign) < 4 or len(foreign) * 2 < len(letters):
        return False
    return len(tokenizer.encode_plain(foreign)) >= 1.5 * len(foreign)


def _story(
    loaded: genai.Loaded, values: Mapping[str, Value], seed: int, wish: str, into: Answer
) -> Iterator[Step]:
    """A text of the wished length in one breath, told as it comes; it stands in `into`."""
    start = str(values["start"]).replace("\r\n", "\n").replace("\r", "\n")
    prompt = _prompt(loaded, wish, str(values["system"]).strip(), start)
    if unread(loaded.tokenizer, f"{values['prompt']} {values['words']} {start}"):
        into.notes.append(
            "This model hardly knows the script that you write in; another one would do better."
        )
    page = Page(start, int(values["length"]))
    wished = None
    if loaded.size < _SMALL_MODEL and not str(values["instruction"]).strip():
        words = words_of(str(values["words"]), str(values["prompt"]))
        tokens = round(int(values["length"]) * _TOKENS_A_WORD)
        wished = Wished.of(loaded.tokenizer, words, tokens, start)
    if start:
        yield TextPreview(start)
    yield from writing.write(
        functools.partial(genai.generate, loaded, wished=wished, **writing.chosen(values)),
        loaded.tokenizer,
        loaded.context,
        prompt,
        page,
        seed=seed,
        length=int(values["length"]),
        chunk=loaded.chunk,
        stop=stop_strings(str(values["stop"])),
    )
    if not page.words and not start.strip():
        raise StudioError(
            "The model had nothing to say to this.",
            "Try another seed, or say it in other words.",
        )
    into.text = page.text
