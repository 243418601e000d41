"""Tokens of an answer, from where the model's cache already stands.

What is kept between turns is a generator with the calls it has read. A new turn takes back what
is different and reads the rest: the cache saves time and never changes what is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.engine.context import foreign_tokenizer
from studio.engine.genai import Loaded, Reader
from studio.engine.sampling import Sampler

if TYPE_CHECKING:
    from studio.engine.text.guide import Guide
    from studio.engine.workbench import Workbench

Call = tuple[int, ...]

KEPT = 2
"""Conversations of one model whose place is kept."""
_GROWTH = 2
"""Room made for so many times what is needed now, so that the next turns find it."""
_SHARE = 8
"""Of the memory for models, at most a part of this size goes into room not needed yet."""


@dataclass(frozen=True, slots=True)
class Reading:
    """So many of the calls that were still to be read are read."""

    step: int
    total: int


def speak(
    loaded: Loaded,
    bench: Workbench,
    calls: Sequence[Call],
    sampler: Sampler,
    wanted: int,
    guide: Guide | None = None,
) -> Iterator[Reading | int]:
    """`Reading` after each call, then token ids until one that ends a text, or `wanted` of them.

    `guide` is what the answer is held to. The calls have to leave room in the context. Raises
    StudioError where the tokenizer belongs to another model.
    """
    count = sum(map(len, calls))
    if not calls or max(map(max, calls)) >= loaded.vocabulary:
        raise foreign_tokenizer(loaded)
    wanted = min(wanted, loaded.context - count)
    reader = _take(loaded, bench, calls, count + wanted)
    sound = False
    try:
        todo = calls[len(reader.calls) :]
        for number, call in enumerate(todo):
            reader.read(call)
            yield Reading(number + 1, len(todo))
        for written in range(1, wanted + 1):
            token = sampler.draw(reader.logits(), guide.allowed() if guide else None)
            if token in loaded.stops:
                break
            if guide:
                guide.take(token)
            yield token
            if written < wanted:
                reader.said(token)
        sound = True
    except GeneratorExit:
        sound = True  # somebody has heard enough; what was read is read
        raise
    finally:
        if sound and loaded.rewinds:
            loaded.kept.append(reader)
            del loaded.kept[:-KEPT]


def _take(loaded: Loaded, bench: Workbench, calls: Sequence[Call], length: int) -> Reader:
    """A generator that has read a beginning of `calls`, but not all, with room for `length`."""
    count = sum(map(len, calls))
    for reader in sorted(loaded.kept, key=lambda r: -_common(r, calls)[1]):
        alike, tokens = _common(reader, calls)
        held = sum(map(len, reader.calls))
        if 2 * tokens < min(held, count) and len(loaded.kept) < KEPT:
            break  # another conversation, which keeps its place
        loaded.kept.remove(reader)
        if reader.length >= length:
            try:
                reader.rewind(alike)
            except RuntimeError:  # a kind of model that cannot take back what it has read
                continue
            return reader
    room = _room(loaded, bench, length)
    bench.make_room(room * loaded.cache_bytes)
    return Reader(loaded, room)


def _room(loaded: Loaded, bench: Workbench, length: int) -> int:
    """Tokens to make room for where `length` are needed: more, where that is cheap."""
    most = bench.budget // _SHARE // max(1, loaded.cache_bytes)
    while loaded.kept and sum(r.length for r in loaded.kept) + length > 2 * most:
        loaded.kept.pop(0)
    return min(loaded.context, max(length, min(_GROWTH * length, most)))


def _common(reader: Reader, calls: Sequence[Call]) -> tuple[int, int]:
    """How many calls, and tokens, `reader` begins with as `calls` do; never all of `calls`.

    The last one is read again in any case, because the logits come with the reading.
    """
    alike = tokens = 0
    for one, other in zip(reader.calls, calls[:-1], strict=False):
        if one != other:
            break
        alike, tokens = alike + 1, tokens + len(one)
    return alike, tokens
