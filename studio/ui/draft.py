"""Texts that are not finished: stopped in the middle, or typed and not yet kept."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.core import media
from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.core.messages import Output
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import Item, Library
from studio.ui.widgets.textview import count_words

EXCERPT = 300
"""Characters shown of it in lists."""


def keep_draft(library: Library, recipe: Recipe, text: str, mark_ai: bool) -> Item:
    """Store `text`, which is the beginning of what `recipe` makes; marked as edited for that.

    Waits for the disk: not for the main thread. Raises StudioError where it cannot be stored.
    """
    job = uuid.uuid4().hex
    file = library.job_folder(job) / "text.md"
    record = Record(recipe, "", edited=True, mark_ai=mark_ai)
    try:
        write_atomic(file, media.embed((text + "\n").encode("utf-8"), ".md", record))
        line = " ".join(text.split())
        summary = {
            "excerpt": line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…",
            "words": count_words(text),
        }
        return library.take_in(Output((file,), recipe, summary))
    finally:
        library.discard_job(job)


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, into which item (its id; empty where there was none), made by what."""

    item: str
    recipe: Recipe
    text: str


class DraftFile:
    """What is being typed, on the disk until it is an item, so that no crash takes it away.

    Every method waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, draft: Draft) -> None:
        """Raises StudioError where it cannot be written."""
        data = {"item": draft.item, "recipe": draft.recipe.to_dict(), "text": draft.text}
        write_atomic(self.path, json.dumps(data).encode("utf-8"))

    def clear(self) -> None:
        """There is nothing that was not kept."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def recover(self, library: Library, mark_ai: bool) -> Item | None:
        """Make an item of what the last run of the program left; None where it left nothing.

        Raises StudioError where it cannot be stored; then the file stays.
        """
        try:
            data = json.loads(self.path.read_text("utf-8"))
            item, text = str(data["item"]), str(data["text"])
            recipe = Recipe.from_dict(data["recipe"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, StudioError):
            with suppress(OSError):
                self.path.replace(self.path.with_name(self.path.name + ".bad"))
            return None
        if item and library.get(item) is not None:
            kept = library.save_edit(item, text)
        else:
            kept = keep_draft(library, recipe, text, mark_ai)
        self.clear()
        return kept
