"""Making an item again, and saying whether it became the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from studio.core import media
from studio.core.errors import StudioError
from studio.library import Item
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background

Sameness = Literal["identical", "notes differ", "different"]


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of making `original` again."""

    original: Item
    made: Item
    sameness: Sameness


class Again(QObject):
    """Queues items' recipes again and compares what comes with what was there."""

    begun = Signal(str)
    """Item id: it is being made again."""
    compared = Signal(Compared)
    ended = Signal(str)
    """Item id: nothing is being made any more, however it went."""

    def __init__(self, studio: Studio, parent: QObject) -> None:
        super().__init__(parent)
        self._studio = studio
        self._work = Background(self)
        self._jobs: dict[str, Item] = {}
        studio.engine.made.connect(self._made)
        studio.engine.ended.connect(self._ended)

    def make(self, item: Item) -> None:
        """Make it again. Raises StudioError where its recipe cannot be run here."""
        self._jobs[self._studio.make_again(item.recipe)] = item
        self.begun.emit(item.id)

    def pending(self, item_id: str) -> bool:
        """Whether that item is being made again now."""
        return any(item.id == item_id for item in self._jobs.values())

    def _made(self, job: str, item: object) -> None:
        original = self._jobs.get(job)
        if original is not None and isinstance(item, Item):
            self._work.run(
                partial(sameness, original.files, item.files),
                lambda same: self.compared.emit(Compared(original, item, same)),
                self._studio.notices.error,
            )

    def _ended(self, job: str, _ending: object) -> None:
        original = self._jobs.pop(job, None)
        if original is not None:
            self.ended.emit(original.id)


def sameness(ours: tuple[Path, ...], theirs: tuple[Path, ...]) -> Sameness:
    """Whether two items' files are the same to the byte, or but for what is noted in them.

    Raises StudioError for a file that cannot be read.
    """
    mine, other = _by_suffix(ours), _by_suffix(theirs)
    if mine.keys() != other.keys():
        return "different"
    if mine == other:
        return "identical"
    try:
        bare = all(media.strip(mine[s], s) == media.strip(other[s], s) for s in mine)
    except StudioError:
        bare = False
    return "notes differ" if bare else "different"


def _by_suffix(files: tuple[Path, ...]) -> dict[str, bytes]:
    try:
        return {path.suffix.lower(): path.read_bytes() for path in files}
    except OSError as error:
        raise StudioError(
            "What was made before could not be compared: a file of it cannot be read.",
            "Look whether the library's folder is still complete.",
        ) from error
