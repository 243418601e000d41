"""The families of the studio: one line each. A family that cannot be imported is told, not lost."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind, Unavailable
from studio.core.messages import Step
from studio.core.recipe import Job

if TYPE_CHECKING:
    from studio.engine.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a family lives: its id, its lane and its module."""

    id: str
    kind: Kind
    module: str


class Family(Protocol):
    """What a family's module holds. Its top level imports nothing heavy."""

    SPEC: FamilySpec

    def run(self, job: Job, bench: Workbench) -> Iterator[Step]:
        """Do the job; a generator, closed at any yield when the person cancels."""
        ...

    def warm(self) -> None:
        """Import what `run` will need, while nobody waits."""
        ...


FAMILIES: tuple[Entry, ...] = (
    Entry("text.chat", "text", "studio.engine.text.chat"),
    Entry("text.causal", "text", "studio.engine.text.causal"),
    Entry("text.fill", "text", "studio.engine.text.masked"),
    Entry("text.rewrite", "text", "studio.engine.text.seq2seq"),
    Entry("image.diffusion", "image", "studio.engine.image.diffusion"),
    Entry("image.upscale", "image", "studio.engine.image.upscale"),
    Entry("image.background", "image", "studio.engine.image.background"),
    Entry("image.map", "image", "studio.engine.image.maps"),
    Entry("audio.tune", "audio", "studio.engine.audio.tune"),
    Entry("audio.speech", "audio", "studio.engine.audio.speech"),
    Entry("audio.music", "audio", "studio.engine.audio.music"),
    Entry("audio.diffusion", "audio", "studio.engine.audio.diffusion"),
)


def load(entry: Entry) -> Family | Unavailable:
    """The family's module, or why there is none."""
    try:
        module = importlib.import_module(entry.module)
    except StudioError as error:
        return Unavailable(entry.id, entry.kind, error.message)
    except Exception as error:  # whatever a broken install raises; the other families go on
        return Unavailable(
            entry.id, entry.kind, f"It could not be loaded ({type(error).__name__}: {error})."
        )
    return module  # the contract test holds every module to `Family`


def load_all(
    entries: Sequence[Entry], lane: Kind | None = None
) -> tuple[dict[str, Family], tuple[Unavailable, ...]]:
    """Every family of a lane (of all lanes for None) by id, and those that could not be loaded."""
    families: dict[str, Family] = {}
    missing: list[Unavailable] = []
    for entry in entries:
        if lane in (None, entry.kind):
            loaded = load(entry)
            if isinstance(loaded, Unavailable):
                missing.append(loaded)
            else:
                families[entry.id] = loaded
    return families, tuple(missing)
