"""Where models lie that somebody brings: folders, and the cache of the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path

from studio.core.card import MAX_CARD
from studio.models import cache
from studio.models.plan import refused

MAX_FILES = 5_000
"""Files in a model's folder; who gives more has given a whole disk."""


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder but hidden ones, links to files included. Raises StudioError."""
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__")))
        found += [Path(where) / n for n in sorted(names) if not n.startswith(".")]
        if len(found) > MAX_FILES or len(Path(where).relative_to(folder).parts) > 8:
            raise refused(
                folder.name, "there are too many files in it", "Choose the model's own folder."
            )
    return [p for p in found if p.is_file()]


def snapshot_of(folder: Path) -> tuple[Path, Path] | None:
    """The snapshot that counts and the repository's folder, where this is in a cache of the hub.

    Raises OSError.
    """
    owner = folder.parent.parent
    if folder.parent.name == "snapshots" and cache.is_repository(owner):
        return folder, owner
    snapshots = cache.read(folder).snapshots if cache.is_repository(folder) else ()
    return (snapshots[0].folder, folder) if snapshots else None


def card_of(folder: Path) -> str:
    """The text of the model card in a folder; empty where there is none."""
    try:
        with (folder / "README.md").open("rb") as file:
            return file.read(MAX_CARD).decode("utf-8", "replace")
    except OSError:
        return ""
