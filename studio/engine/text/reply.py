"""The answer in a chat: what the model is told, what of its words is shown, what there is to note.

A document that the context does not hold is read in parts: each part is answered, and a last pass
makes one answer of theirs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Progress, Step, TextPreview
from studio.engine import genai
from studio.engine.context import too_long
from studio.engine.documents import split
from studio.engine.sampling import Sampler
from studio.engine.text.conversation import Conversation, Reader, Script, parse
from studio.engine.text.guide import Guide
from studio.engine.text.stream import THOUGHTS, Reply, Stops, Thoughts, stop_strings
from studio.engine.text.talk import Reading, speak
from studio.engine.tokenizer import Detokenizer

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench

LEAST_ROOM = 16
"""Tokens that must be left to write into."""
_ANSWER_SHARE = 4
"""A part of the context of this size is kept free for the answer, where as much is wanted."""
_THOUGHT_SHARE = 4
"""Thoughts may be so many times as long as the longest answer."""
_PART_ANSWER = 400
"""Tokens that the answer to one part of a document may have."""
_MOST_PARTS = 200
_MOST_CHARACTERS = 12
"""Of a token, on average: a text of more is too long without being put into tokens first."""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a document, and what it is called."""

    name: str
    text: str


@dataclass(slots=True)
class Answer:
    """What became of a chat turn; complete when the generator that fills it has ended."""

    text: str = ""
    used: int = 0
    """Tokens of the context in use, prompt and answer together."""
    notes: list[str] = field(default_factory=list)
    done: float = 0.0
    """How far the whole job is."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of the whole job is the progress of one answer."""

    start: float
    read: float
    end: float


def task(values: Mapping[str, Value], said: str, text: str) -> str:
    """What a person said and a document's text as one message, by the task where there is one."""
    instruction = str(values["instruction"]).strip()
    both = "\n\n".join(filter(None, (said.strip(), text.strip())))
    if not instruction:
        return both
    filled = instruction.replace("{length}", str(values["length"]))
    if "{text}" in filled:
        return filled.replace("{text}", both).strip()
    return "\n\n".join(filter(None, (filled, both)))


def answer(
    loaded: genai.Loaded,
    bench: Workbench,
    values: Mapping[str, Value],
    seed: int,
    document: Document | None,
    into: Answer,
    span: Span,
) -> Iterator[Step]:
    """Write the answer, told as it comes; what there is to keep stands in `into`.

    Raises StudioError where nothing was said, where what was said alone is longer than the
    context, for a history, schema or expression that is none, and for an empty answer.
    """
    reader = Reader(loaded)
    turns = parse(str(values["history"]))
    said = str(values["prompt"]).strip()
    start = _lines(str(values["start"]))
    if not said and (turns or not (document or str(values["instruction"]).strip())):
        raise StudioError("Nothing was said yet.", "Write something to the model.")
    form = str(values["format"])
    guide = None if form == "none" else Guide(loaded, form, str(values["schema"]))
    talk = Conversation(
        turns,
        said,
        system=str(values["system"]),
        start=start,
        think=values["think"] is True and guide is None,
    )
    pinned = bool(document or str(values["instruction"]).strip())
    room = loaded.context - _reserve(loaded, values)
    text = "" if document is None else document.text
    huge = len(text) > room * _MOST_CHARACTERS
    fitted = reader.fit(_begun(talk, values, document, "" if huge else text), room, pinned=pinned)
    script = reader.script(fitted)
    writer = _Writer(loaded, bench, values, into)
    if document is not None and (huge or script.count > room):
        if turns:
            into.notes.append(
                f"“{document.name}” is longer than this model can read at once: what was said "
                "about it stands for it."
            )
            fitted = reader.fit(_begun(talk, values, None, ""), room, pinned=pinned)
        else:
            middle = span.start + (span.end - span.start) * 0.85
            bare = replace(talk, start="", said=_begun(talk, values, document, "").said)
            read = _Parts(reader, writer, values, document, room - reader.script(bare).count)
            text = yield from read.condense(talk, seed, Span(span.start, span.start, middle))
            into.notes.append(
                f"“{document.name}” is longer than this model can read at once: it was read in "
                f"{read.parts} parts."
            )
            span = Span(middle, middle + (span.end - middle) * 0.3, span.end)
            fitted = replace(talk, said=task(values, read.asked(said), text))
        script = reader.script(fitted)
    if fitted.left_out:
        into.notes.append(_left_out(fitted.left_out))
    if script.count > loaded.context - LEAST_ROOM:
        raise too_long(loaded, script.count)
    if start:
        yield TextPreview(start)
    most = int(values["max_tokens"])
    into.text = yield from writer.write(script, seed, most, span, start=start, guide=guide)


class _Writer:
    """Runs the model over a script and keeps of what it says what belongs to the answer."""

    def __init__(
        self,
        loaded: genai.Loaded,
        bench: Workbench,
        values: Mapping[str, Value],
        into: Answer,
    ) -> None:
        self._loaded, self._bench, self._values, self._into = loaded, bench, values, into
        marks = [mark for pair in THOUGHTS for mark in pair]
        ids = ((loaded.tokenizer.id_of(m), m) for m in marks)
        self._marks = {i: m for i, m in ids if i is not None}
        """Markers that are tokens of their own, which decoding may leave out."""

    def write(
        self,
        script: Script,
        seed: int,
        most: int,
        span: Span,
        *,
        start: str = "",
        guide: Guide | None = None,
        quiet: bool = False,
    ) -> Generator[Step, None, str]:
        """The text of the answer, `start` included; with `quiet` nothing of it is told.

        A generator that returns the text.
        """
        loaded, into, values = self._loaded, self._into, self._values
        reply, thoughts = Reply(start), Thoughts(script.thinking)
        stops = Stops(stop_strings(str(values["stop"])))
        begun = loaded.tokenizer.encode_plain(start)
        sampler = Sampler(
            seed,
            temperature=float(values["temperature"]),
            top_p=float(values["top_p"]),
            min_p=float(values["min_p"]),
            repetition_penalty=float(values["repetition_penalty"]),
            history=begun,
        )
        reader = Detokenizer(loaded.tokenizer, begun or script.calls[-1])
        limit = most * (1 + _THOUGHT_SHARE)
        written = tokens = 0
        cut = ""
        for step in speak(loaded, self._bench, script.calls, sampler, limit, guide):
            if isinstance(step, Reading):
                part = step.step / step.total
                self._at(span.start + (span.read - span.start) * part)
                yield Progress("reading", step.step, step.total, into.done)
                continue
            tokens += 1
            mark = self._marks.get(step)
            shown = thoughts.add(mark if mark and not thoughts.begun else reader.push(step))
            written += thoughts.begun
            grown = reply.add(stops.add(shown))
            if grown and not quiet:
                yield TextPreview(grown)
            self._at(span.read + (span.end - span.read) * min(1.0, written / most))
            yield Progress("writing", min(written, most), most, into.done)
            if stops.hit:
                break
            if written >= most or tokens >= limit:
                cut = f"The answer was cut off after {tokens:,} tokens, as “Longest answer” says."
                break
        else:
            if script.count + tokens >= loaded.context:
                cut = "The answer was cut off, because this model's context is full."
        if not stops.hit:
            grown = reply.add(stops.add(thoughts.rest()) + stops.rest())
            if grown and not quiet:
                yield TextPreview(grown)
        into.used = script.count + tokens
        if cut and not quiet:
            into.notes.append(cut)
        text = reply.text
        if not text.strip() and not quiet:
            raise StudioError(
                "The model was still thinking when it had to stop."
                if thoughts.inside
                else "The model had nothing to say to this.",
                "Allow a longer answer, or switch “Think first” off."
                if thoughts.inside
                else "Try another seed, or say it in other words.",
            )
        return text

    def _at(self, fraction: float) -> None:
        self._into.done = max(self._into.done, fraction)


class _Parts:
    """A document read part by part, until what was answered to the parts fits in one."""

    def __init__(
        self,
        reader: Reader,
        writer: _Writer,
        values: Mapping[str, Value],
        document: Document,
        room: int,
    ) -> None:
        """`room`: tokens that a part of the text may have."""
        self._reader, self._writer, self._values = reader, writer, values
        self._document = document
        self.parts = 0
        """In how many parts the document itself was read."""
        self._room = int(room * 0.9) - 48  # a part says which it is; and tokens at a cut may differ

    def asked(self, said: str) -> str:
        """What the last pass is told of the text that it gets."""
        return "\n\n".join(
            filter(
                None,
                (
                    said,
                    f"This is what was found in “{self._document.name}”, part by part, in order. "
                    "Make one whole of it:",
                ),
            )
        )

    def condense(self, talk: Conversation, seed: int, span: Span) -> Generator[Step, None, str]:
        """A generator that returns the answers to the parts, as one text that fits."""
        text, done = self._document.text, span.start
        if self._room < 64:
            raise StudioError(
                "The context of this model is too small to read a document with.",
                "Choose a model with a larger context.",
            )
        if len(text) > _MOST_PARTS * self._room * _MOST_CHARACTERS:
            raise self._far_too_long()
        answers = min(_PART_ANSWER, max(32, self._room // 4))
        passes = 0
        while not passes or self._reader.count(text) > self._room:
            parts = split(text, self._room, self._reader.count)
            if len(parts) > _MOST_PARTS or passes == 4:
                raise self._far_too_long()
            self.parts = self.parts or len(parts)
            end = done + (span.end - done) * 0.8
            found: list[str] = []
            for number, part in enumerate(parts):
                said = "\n\n".join(
                    filter(
                        None,
                        (
                            talk.said,
                            f"Part {number + 1} of {len(parts)} of “{self._document.name}”:",
                        ),
                    )
                )
                script = self._reader.script(
                    replace(talk, turns=(), start="", said=task(self._values, said, part))
                )
                low = done + (end - done) * number / len(parts)
                high = done + (end - done) * (number + 1) / len(parts)
                share = Span(low, low + (high - low) * 0.6, high)
                found.append(
                    (
                        yield from self._writer.write(
                            script, (seed + number) % 2**32, answers, share, quiet=True
                        )
                    )
                )
            text = "\n\n".join(f"{n + 1}. {t.strip()}" for n, t in enumerate(found) if t.strip())
            done, passes = end, passes + 1
        return text

    def _far_too_long(self) -> StudioError:
        return StudioError(
            f"“{self._document.name}” is far too long for this model: it would have to be read in "
            f"more than {_MOST_PARTS} parts.",
            "Choose a model with a larger context, or a part of the document.",
        )


def _begun(
    talk: Conversation, values: Mapping[str, Value], document: Document | None, text: str
) -> Conversation:
    """The conversation with the task and the document where they belong: in its first message."""

    def first(said: str) -> str:
        if document is None or str(values["instruction"]).strip():
            return task(values, said, text)
        return task(values, f"The text of “{document.name}”:\n\n{text}", said or "Summarise it.")

    if talk.turns:
        begun = replace(talk.turns[0], said=first(talk.turns[0].said))
        return replace(talk, turns=(begun, *talk.turns[1:]))
    return replace(talk, said=first(talk.said))


def _reserve(loaded: genai.Loaded, values: Mapping[str, Value]) -> int:
    """Tokens of the context that the prompt may not have."""
    return max(LEAST_ROOM, min(int(values["max_tokens"]), loaded.context // _ANSWER_SHARE))


def _left_out(turns: int) -> str:
    what = "The oldest turn was" if turns == 1 else f"The {turns} oldest turns were"
    return f"{what} left out, because the conversation no longer fits into this model's context."


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
