"""The blobs that all repositories of a hub's cache share, and how not to lose or leave one.

The protocol is huggingface_hub's (its utils/_shared_blobs.py, 2.4): `<cache>/blobs/ab/HASH` holds
the bytes, `HASH.refs` lists the links to it, and who changes either holds `HASH.lock`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from studio.models.cache import SHARED, SHARED_MARK, payload

_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_REFS = 8 << 20


def keep(place: Path, steps: Iterable[str], folder: Path) -> None:
    """Give the shared blobs behind what will be moved a second name in `folder`: as long as it is
    there, emptying by anybody else does not lose their bytes. Raises OSError."""
    for step in steps:
        for blob in _blobs(place / step):
            real = payload(blob)
            if real is not None and real.is_file() and not (folder / real.name).exists():
                folder.mkdir(parents=True, exist_ok=True)
                os.link(real, folder / real.name)


def give_back(place: Path, folder: Path) -> None:
    """Put the shared blobs where they were, those that are not there any more. Raises OSError."""
    for name in named(folder):
        target = place / SHARED / name[:2] / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.link(folder / name, target)


def named(folder: Path) -> list[str]:
    """The shared blobs that were kept there."""
    try:
        return sorted(n for n in os.listdir(folder) if _HASH.fullmatch(n))  # noqa: PTH208
    except OSError:
        return []


def sweep(place: Path, names: Iterable[str]) -> None:
    """Delete those shared blobs that no repository links to any more. Where that cannot be told
    for certain, they stay. Never raises."""
    if not (place / SHARED / SHARED_MARK).is_file():
        return
    for name in names:
        with contextlib.suppress(OSError):
            _sweep(place, place / SHARED / name[:2] / name)


def _sweep(place: Path, store: Path) -> None:
    from filelock import FileLock, Timeout

    try:
        with FileLock(store.with_name(f"{store.name}.lock"), mode=0o666, timeout=5):
            refs = store.with_name(f"{store.name}.refs")
            if not refs.is_file() or refs.is_symlink() or refs.stat().st_size > _MAX_REFS:
                return
            for line in refs.read_text("utf-8").splitlines():
                if ".." not in Path(line).parts and payload(place / line) == store:
                    return
            store.unlink(missing_ok=True)
            refs.unlink(missing_ok=True)
    except (Timeout, ValueError, NotImplementedError):
        return


def _blobs(path: Path) -> list[Path]:
    """The blobs that go with something: itself, or those of a repository's folder."""
    if path.parent.name == "blobs":
        return [path]
    inside = path / "blobs"
    return sorted(inside.iterdir()) if inside.is_dir() and not path.is_symlink() else []
