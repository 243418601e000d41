"""What stands in the library: items, and what can be asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.core.family import Kind
from studio.core.recipe import Recipe

_BYTES = "$bytes"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the next one begins with the item made before."""

    order: int


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was made: its files and how it was made."""

    id: str
    kind: Kind
    created: float
    """Seconds since the epoch."""
    files: tuple[Path, ...]
    """The main one first."""
    recipe: Recipe
    provider: str
    edited: bool
    starred: bool
    summary: Mapping[str, Any]
    """text: excerpt, words · image: width, height · audio: seconds, peaks · all: title."""
    sha256: str
    """Of the main file as it was taken in."""
    order: int
    """Microseconds since the epoch, unlike that of every other item."""
    mark_ai: bool = True
    trashed: float | None = None
    """When it went to the trash, in seconds since the epoch."""
    missing: bool = False
    """The main file was not there when it was last looked for."""

    @property
    def main(self) -> Path:
        return self.files[0]

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.order)

    @property
    def title(self) -> str:
        return title_of(self.kind, self.recipe, self.summary)

    def file(self, suffix: str) -> Path | None:
        """The item's file that ends in `suffix` (with its dot, in lower case)."""
        return next((p for p in self.files if p.suffix.lower() == suffix), None)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; the default is everything that is not in the trash."""

    words: str = ""
    """Every word has to occur, each by its beginning."""
    kind: Kind | None = None
    model: str | None = None
    since: float | None = None
    """Seconds since the epoch; from here on."""
    until: float | None = None
    """Seconds since the epoch; before this."""
    starred: bool | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class TrashTicket:
    """What one move to the trash took away, to undo it."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model that something in the library was made with, and how much."""

    model: str
    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found and mended at the start."""

    taken_in: tuple[str, ...] = ()
    """Items whose files were there and whose row was not."""
    missing: tuple[str, ...] = ()
    """Items whose main file is gone."""
    cleaned: int = 0
    """Leftovers of a program that was killed: unfinished files and staging folders."""
    strangers: tuple[Path, ...] = field(default=())
    """Files among the items that carry no recipe; they are left alone."""
    restored: int = 0
    """Files that a killed program had left between the items and the trash."""


def title_of(kind: Kind, recipe: Recipe, summary: Mapping[str, Any]) -> str:
    """One line to call a thing by."""
    values = recipe.values
    for words in (summary.get("title"), values.get("prompt"), values.get("words")):
        line = " ".join(str(words or "").split())
        if line:
            return line[:200]
    return {"text": "Text", "image": "Picture", "audio": "Sound"}[kind]


def summary_to_json(summary: Mapping[str, Any]) -> str:
    """A summary as JSON; bytes, such as the peaks of a sound, come back as bytes."""

    def plain(value: object) -> object:
        if isinstance(value, bytes | bytearray | memoryview):
            return {_BYTES: base64.b64encode(bytes(value)).decode("ascii")}
        raise TypeError(f"a summary cannot hold {type(value).__name__}")

    return json.dumps(dict(summary), default=plain, ensure_ascii=True)


def summary_from_json(text: str) -> dict[str, Any]:
    """What `summary_to_json` wrote."""

    def rich(data: dict[str, Any]) -> Any:
        if len(data) == 1 and isinstance(data.get(_BYTES), str):
            return base64.b64decode(data[_BYTES])
        return data

    # A hook makes reading much slower, and most summaries hold no bytes.
    result = json.loads(text, object_hook=rich if _BYTES in text else None)
    return result if isinstance(result, dict) else {}
