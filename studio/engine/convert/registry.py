"""The converters of the studio: one line each."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.messages import Convert, Progress


@dataclass(frozen=True, slots=True)
class Line:
    """Where a converter lives: its id, the lane that runs it, its module."""

    id: str
    kind: Kind
    module: str


class Converter(Protocol):
    """What a converter's module holds. Its top level imports nothing heavy."""

    def run(self, order: Convert) -> Iterator[Progress]:
        """Complete the model in `order.folder`; a generator, closed at any yield on cancel.

        Raises StudioError where what was brought cannot be made into a model.
        """
        ...


CONVERTERS: tuple[Line, ...] = (
    Line("text.genai", "text", "studio.engine.convert.text_genai"),
    Line("text.graphs", "text", "studio.engine.convert.text_graphs"),
    Line("image.graphs", "image", "studio.engine.convert.image_graphs"),
    Line("audio.graphs", "audio", "studio.engine.convert.audio_graphs"),
)


def load(converter: str) -> Converter:
    """The converter of that id. Raises StudioError where there is none."""
    for line in CONVERTERS:
        if line.id == converter:
            return cast(Converter, importlib.import_module(line.module))
    raise StudioError(
        f"This studio cannot convert “{converter[:60]}”.", "Update Triptych, and try again."
    )
