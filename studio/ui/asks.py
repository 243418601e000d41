"""Small questions to a family whose answers are shown and not kept, as other words for a word."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.core import media
from studio.core.errors import StudioError
from studio.core.messages import Failed, Output

MAX_TEXT = 4 << 20
"""Bytes of an answer that is read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One output of a question: what its summary says, and its words where it is a text."""

    summary: Mapping[str, Any]
    text: str = ""


Then = Callable[[Sequence[Answered]], None]
Refused = Callable[[Failed], None]


@dataclass(eq=False, slots=True)
class Ask:
    """Who asked, and what has come until now, in a folder that goes away with the question."""

    then: Then
    failed: Refused
    folder: Path | None = None
    outputs: list[Output] = field(default_factory=list)

    def begin(self) -> Path:
        """An empty folder for the answer. Waits for the disk."""
        self.folder = Path(tempfile.mkdtemp(prefix="triptych-ask-"))
        return self.folder

    def read(self) -> tuple[Answered, ...]:
        """The answers. Waits for the disk; raises StudioError where one cannot be read."""
        return tuple(Answered(dict(o.summary), _words(o)) for o in self.outputs)

    def end(self) -> None:
        """Away with the folder. Waits for the disk."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _words(output: Output) -> str:
    main = output.files[0] if output.files else None
    if main is None or main.suffix.lower() != ".md":
        return ""
    try:
        with main.open("rb") as file:
            return media.body(file.read(MAX_TEXT).decode("utf-8", "replace"))
    except OSError as error:
        raise StudioError(
            f"The answer could not be read ({error.strerror or type(error).__name__}).",
            "Try again.",
        ) from error
