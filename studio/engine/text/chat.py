"""The family of language models in onnxruntime-genai folders: chats, stories, poems, rhymes.

The starter model and the largest chat model run through the same lines: a wish in plain words,
put into the model's own chat template, answered token by token. A chat is in `reply`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.core import media
from studio.core.controls import Value, complete, defaults
from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.core.messages import Output, Progress, Step, TextPreview
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import genai
from studio.engine.text import documents, template
from studio.engine.text.chat_spec import SPEC
from studio.engine.text.page import OVERRUN, Page, count_words
from studio.engine.text.reply import Answer, Document, Span, answer, task
from studio.engine.text.stream import Stops, stop_strings
from studio.engine.tokenizer import Detokenizer

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench

__all__ = ["SPEC", "instruction", "run", "warm"]

_VOICES = {"child": "for a child", "plain": "in plain words", "grand": "in a grand style"}
_DOCUMENT, _LOADED, _READ, _WRITTEN = 0.03, 0.05, 0.15, 0.98
"""How far the job is when a document is read, the model loaded, the prompt read, the text written.
"""

_MOST_TOKENS_A_WORD = 4
"""Where a text needs more than this, for instance in a script new to the model, it is cut."""

_LEAST_ROOM = 16
"""Tokens that must be left to write into."""

_LATER = ("format", "history", "instruction", "max_tokens", "schema", "stop", "think")
"""Settings that came with chats: recipes name them only where they matter, as older ones do."""


@dataclass(frozen=True, slots=True)
class _Prompt:
    """What the model goes on from: the wish, and the end of what was already written."""

    wish: tuple[int, ...]
    written: tuple[int, ...]


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
    document = yield from _document(job)
    wish = "" if chat else instruction(values, document.text if document else "")
    yield Progress("loading", 0, 1, _DOCUMENT if document else 0.0)
    loaded = genai.load(job, bench)
    yield Progress("loading", 1, 1, _LOADED)
    made = Answer(done=_LOADED)
    if chat:
        span = Span(_LOADED, _READ, _WRITTEN)
        yield from answer(loaded, bench, values, recipe.seed, document, made, span)
    else:
        yield from _story(loaded, values, recipe.seed, wish, made)
    yield Progress("saving", 0, 1, _WRITTEN)
    file = job.folder / f"{values['kind']}.md"
    record = Record(recipe, bench.provider, mark_ai=job.mark_ai, edited=False)
    write_atomic(file, media.embed((made.text + "\n").encode("utf-8"), file.suffix, record))
    yield Progress("saving", 1, 1, 1.0)
    summary = _summary(made.text, values)
    if chat:
        summary |= {"context_used": made.used, "context_size": loaded.context}
    if made.notes:
        summary["note"] = " ".join(made.notes)
    yield Output((file,), recipe, summary)


def warm() -> None:
    """Import what `run` will need, while nobody waits."""
    for name in ("jinja2.sandbox", "numpy.random", "onnxruntime_genai", "tokenizers"):
        importlib.import_module(name)


def _document(job: Job) -> Generator[Step, None, Document | None]:
    """The document that went in, read. Raises StudioError where it cannot be."""
    path = job.inputs.get("document")
    if path is None:
        return None
    name = job.recipe.inputs["document"].name if "document" in job.recipe.inputs else path.name
    reading = documents.read(path, name)
    try:
        while True:
            part = next(reading)
            yield Progress("reading", int(part * 100), 100, part * _DOCUMENT)
    except StopIteration as end:
        return Document(name, end.value)


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


def _prompt(loaded: genai.Loaded, wish: str, system: str, start: str) -> _Prompt:
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
        raise StudioError(
            f"This is too long for “{loaded.name}”: {len(ids):,} tokens, and it reads "
            f"{loaded.context:,} at most.",
            "Shorten the idea, or choose a model with a larger context.",
        )
    # Tokens begin with the space before a word, so a space at the end would be one too many.
    return _Prompt(tuple(ids), tuple(tokenizer.encode_plain(start.rstrip(" \t"))))


def _story(
    loaded: genai.Loaded, values: Mapping[str, Value], seed: int, wish: str, into: Answer
) -> Iterator[Step]:
    """A text of the wished length in one breath, told as it comes; it stands in `into`."""
    start = str(values["start"]).replace("\r\n", "\n").replace("\r", "\n")
    prompt = _prompt(loaded, wish, str(values["system"]).strip(), start)
    page = Page(start, int(values["length"]))
    if start:
        yield TextPreview(start)
    yield from _write(loaded, prompt, page, seed, values)
    if not page.words and not start.strip():
        raise StudioError(
            "The model had nothing to say to this.",
            "Try another seed, or say it in other words.",
        )
    into.text = page.text


def _write(
    loaded: genai.Loaded, prompt: _Prompt, page: Page, seed: int, values: Mapping[str, Value]
) -> Iterator[Step]:
    """Let the page grow until it is full or the model ends the text.

    Where the context is full before, the model reads the wish and the end of the text again and
    goes on from there: a small context makes no short text, only a forgetful one.
    """
    length = int(values["length"])
    most = _MOST_TOKENS_A_WORD * (length + OVERRUN)
    room = loaded.context - len(prompt.wish)
    written = list(prompt.written)
    first = None
    if str(values["start"]).endswith((" ", "\t")) and len(spaced := loaded.tokenizer.spaced()):
        first = spaced
    reader = Detokenizer(loaded.tokenizer, written or prompt.wish)
    stops = Stops(stop_strings(str(values["stop"])))
    done, tokens, turn = _LOADED, 0, 0
    while tokens < most:
        # Room for what is still to come, but at least half of it for what was written.
        kept = written[-(room - min(most - tokens, room // 2)) :]
        ids = [*prompt.wish, *kept]
        limit = min(most, tokens + loaded.context - len(ids))
        chunks, read = -(-len(ids) // genai.CHUNK), 0
        for token in genai.generate(
            loaded,
            ids,
            seed=(seed + turn) % 2**32,
            max_new_tokens=most - tokens,
            temperature=float(values["temperature"]),
            top_p=float(values["top_p"]),
            min_p=float(values["min_p"]),
            repetition_penalty=float(values["repetition_penalty"]),
            history=written,
            first=first,
        ):
            if token is None:
                read += 1
                if turn == 0:
                    done = _LOADED + (_READ - _LOADED) * min(1.0, read / chunks)
                yield Progress("reading", read, chunks, done)
                continue
            first = None
            tokens += 1
            written.append(token)
            grown = page.add(stops.add(reader.push(token)))
            if grown:
                yield TextPreview(grown)
            part = min(1.0, max(page.words / length, tokens / most))
            done = max(done, _READ + (_WRITTEN - _READ) * part)
            yield Progress("writing", min(page.words, length), length, done)
            if page.full or stops.hit:
                return
        if tokens < limit:  # the model has ended the text
            if grown := page.add(stops.rest()):
                yield TextPreview(grown)
            return
        turn += 1
    rest = page.cut()
    if rest:
        yield TextPreview(rest)


def _summary(text: str, values: Mapping[str, Value]) -> dict[str, str | int]:
    """What a list shows of a text."""
    named = str(values["prompt"]).strip() or str(values["words"]).strip() or text
    title = _shortened(_spaced(named.strip().split("\n")[0]), 48).rstrip(".,;:")
    return {
        "excerpt": _shortened(_spaced(text), 300),
        "words": count_words(text),
        "title": title[:1].upper() + title[1:],
    }


def _shortened(text: str, limit: int) -> str:
    """A text of at most `limit` characters, cut between words where that can be."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut) + "…"
