"""A text grown token by token by any model that goes on from tokens, until its page is full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from studio.core.controls import Number, Value
from studio.core.messages import Progress, Step, TextPreview
from studio.engine.text.page import OVERRUN, Page, count_words
from studio.engine.text.stream import Stops
from studio.engine.tokenizer import Detokenizer, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DOCUMENT, LOADED, READ, WRITTEN = 0.03, 0.05, 0.15, 0.98
"""How far the job is when a document is read, the model loaded, the prompt read, the text written.
"""

MOST_TOKENS_A_WORD = 4
"""Where a text needs more than this, for instance in a script new to the model, it is cut."""

SAMPLING = (
    Number(
        name="temperature",
        label="Temperature",
        default=0.8,
        minimum=0,
        maximum=2,
        step=0.05,
        folded=True,
        help="Low is predictable, high is daring. 0 always takes the most probable word.",
    ),
    Number(
        name="top_p",
        label="Top-p",
        default=0.95,
        minimum=0.05,
        maximum=1,
        step=0.05,
        folded=True,
        help="Only the most probable tokens that together have this probability.",
    ),
    Number(
        name="min_p",
        label="Min-p",
        default=0.05,
        minimum=0,
        maximum=1,
        step=0.01,
        folded=True,
        help="Only tokens at least this probable beside the most probable one.",
    ),
    Number(
        name="repetition_penalty",
        label="Repetition penalty",
        default=1.1,
        minimum=1,
        maximum=2,
        step=0.01,
        folded=True,
        help="Above 1, what was just said becomes less probable.",
    ),
)
"""The settings of a sampler, which `chosen` reads."""


class Sampling(TypedDict):
    """A sampler's settings, as `generate` takes them."""

    temperature: float
    top_p: float
    min_p: float
    repetition_penalty: float


def chosen(values: Mapping[str, Value]) -> Sampling:
    """The sampler's settings out of a recipe's values."""
    return Sampling(
        temperature=float(values["temperature"]),
        top_p=float(values["top_p"]),
        min_p=float(values["min_p"]),
        repetition_penalty=float(values["repetition_penalty"]),
    )


class Generate(Protocol):
    """Tokens after a prompt: None while it is read, then ids until the model ends the text."""

    def __call__(
        self,
        ids: Sequence[int],
        *,
        seed: int,
        max_new_tokens: int,
        history: Sequence[int],
        first: npt.NDArray[np.intp] | None,
    ) -> Iterator[int | None]: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model goes on from: ids that always stand before, and what was written already."""

    wish: tuple[int, ...]
    written: tuple[int, ...]
    spaced: bool = False
    """The text ends in a space, which belongs to the token that comes."""


def summary(text: str, named: str) -> dict[str, str | int]:
    """What a list shows of a text; `named` is what it is called by."""
    title = shortened(" ".join(named.strip().split("\n")[0].split()), 48).rstrip(".,;:")
    return {
        "excerpt": shortened(" ".join(text.split()), 300),
        "words": count_words(text),
        "title": title[:1].upper() + title[1:],
    }


def shortened(text: str, limit: int) -> str:
    """A text of at most `limit` characters, cut between words where that can be."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut) + "…"


def write(
    generate: Generate,
    tokenizer: Tokenizer,
    context: int,
    prompt: Prompt,
    page: Page,
    *,
    seed: int,
    length: int,
    chunk: int,
    stop: Sequence[str] = (),
    since: float = LOADED,
    until: float = WRITTEN,
) -> Iterator[Step]:
    """Let the page grow until it is full or the model ends the text.

    Where the context is full before, the model reads the wish and the end of the text again and
    goes on from there: a small context makes no short text, only a forgetful one. `chunk`: prompt
    tokens of a call, about; `since` and `until`: how far the job is before and after.
    """
    most = MOST_TOKENS_A_WORD * (length + OVERRUN)
    room = context - len(prompt.wish)
    written = list(prompt.written)
    first = None
    if prompt.spaced and len(spaced := tokenizer.spaced()):
        first = spaced
    reader, ending = Detokenizer(tokenizer, written or prompt.wish), Stops(stop)
    reading = since + 0.1 * (until - since)
    done, tokens, turn = since, 0, 0
    while tokens < most:
        # Room for what is still to come, but at least half of it for what was written.
        kept = written[-(room - min(most - tokens, room // 2)) :]
        ids = [*prompt.wish, *kept]
        limit = min(most, tokens + context - len(ids))
        calls, read = -(-len(ids) // chunk), 0
        for token in generate(
            ids,
            seed=(seed + turn) % 2**32,
            max_new_tokens=most - tokens,
            history=written,
            first=first,
        ):
            if token is None:
                read = min(read + 1, calls)
                if turn == 0:
                    done = since + (reading - since) * read / calls
                yield Progress("reading", read, calls, done)
                continue
            first = None
            tokens += 1
            written.append(token)
            grown = page.add(ending.add(reader.push(token)))
            if grown:
                yield TextPreview(grown)
            part = min(1.0, max(page.words / length, tokens / most))
            done = max(done, reading + (until - reading) * part)
            yield Progress("writing", min(page.words, length), length, done)
            if page.full or ending.hit:
                return
        if tokens < limit:
            # The model has ended the text.
            grown = page.add(ending.rest())
            if grown:
                yield TextPreview(grown)
            return
        turn += 1
    rest = page.add(ending.rest()) + page.cut()
    if rest:
        yield TextPreview(rest)
