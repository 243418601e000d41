"""What a container is given to carry, and the errors that all containers share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import BinaryIO

from studio.core.errors import StudioError

KEY = "triptych"
PREFIX = "triptych: "
"""Stands before the JSON where a container has text without names."""
MAX_NOTE = 16 << 20
"""Bytes; four for each character of the longest recipe."""
MAX_PIECES = 100_000
"""Chunks of one file; a file with more was not made by any program of good will."""


@dataclass(frozen=True, slots=True)
class Note:
    """What goes into a file: our JSON, and what other programs read."""

    json: str
    software: str
    parameters: str = ""
    """The text that image tools read; empty for none."""
    xmp: str = ""
    """The packet that says that a model made it; empty for none."""

    @property
    def ascii(self) -> str:
        """The JSON for containers that were never told of Unicode."""
        return json.dumps(json.loads(self.json), sort_keys=True)


def no_recipe() -> StudioError:
    return StudioError(
        "There is no recipe in this file.",
        "Choose a file that was made with Triptych and saved with its recipe.",
    )


def damaged(what: str) -> StudioError:
    return StudioError(
        f"This is not a whole {what} file.",
        "It may be damaged or carry the wrong ending. Choose another file.",
    )


def too_large() -> StudioError:
    return StudioError(
        "What stands in this file is too large to be a recipe.",
        "Choose a file that was made with Triptych.",
    )


def text_of(raw: bytes) -> str:
    """UTF-8 from a stranger. Raises StudioError where it is none."""
    if len(raw) > MAX_NOTE:
        raise too_large()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise no_recipe() from None


def read_exactly(file: BinaryIO, size: int, what: str) -> bytes:
    """`size` bytes, which the caller has bounded. Raises StudioError where the file ends first."""
    data = file.read(size)
    if len(data) != size:
        raise damaged(what)
    return data
