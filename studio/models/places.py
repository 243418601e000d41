"""Where models lie that somebody brings: folders, and the cache of the Hugging Face hub."""

from __future__ import annotations

import os
from pathlib import Path

from studio.core.card import MAX_CARD
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
    """The newest snapshot and the repository's folder, where this is in a Hugging Face cache."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder, folder.parent.parent
    snapshots = folder / "snapshots"
    if not folder.name.startswith("models--") or not snapshots.is_dir():
        return None
    try:
        revision = (folder / "refs" / "main").read_text("ascii").strip()
        if revision.isalnum() and (snapshots / revision).is_dir():
            return snapshots / revision, folder
    except (OSError, ValueError):
        pass  # without a name for the newest, the youngest it is
    found = sorted((p for p in snapshots.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    return (found[-1], folder) if found else None


def card_of(folder: Path) -> str:
    """The text of the model card in a folder; empty where there is none."""
    try:
        with (folder / "README.md").open("rb") as file:
            return file.read(MAX_CARD).decode("utf-8", "replace")
    except OSError:
        return ""
