"""The blobs that all repositories of a hub's cache share, and how not to lose or leave one.

The protocol is huggingface_hub's (its utils/_shared_blobs.py, 2.4): `<cache>/blobs/ab/HASH` holds
the bytes, `HASH.refs` lists the links to it, and who changes either holds `HASH.lock`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from studio.models.cache import SHARED, SHARED_MARK, payload

HASH = re.compile(r"[0-9a-f]{64}")
_MAX_REFS = 8 << 20


def behind(place: Path, steps: Iterable[str]) -> list[str]:
    """The names of the shared blobs behind what will be moved."""
    blobs = [blob for step in steps for blob in _blobs(place / step)]
    return sorted({real.name for real in map(payload, blobs) if real is not None})


def keep(place: Path, names: Iterable[str], folder: Path) -> None:
    """Give shared blobs a second name in `folder`: as long as it is there, nobody else's tidying
    loses their bytes. Where the disk knows no second names, so be it."""
    for name in names:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            os.link(_place_of(place, name), folder / name)


def give_back(place: Path, names: Iterable[str], folder: Path) -> None:
    """Put the shared blobs where they were, those that are not there any more. Raises OSError."""
    for name in names:
        target = _place_of(place, name)
        if not target.exists() and (folder / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.link(folder / name, target)


def refer(place: Path, steps: Iterable[str]) -> None:
    """See that what was put back is in the lists of the shared blobs behind it; somebody may have
    taken those away meanwhile. Never raises: a list that lacks a line loses nothing."""
    for blob in [blob for step in steps for blob in _blobs(place / step)]:
        real = payload(blob)
        if real is not None:
            with contextlib.suppress(OSError):
                _refer(real, blob.relative_to(place).as_posix())


def sweep(place: Path, names: Iterable[str]) -> None:
    """Delete those shared blobs that no repository links to any more. Where that cannot be told
    for certain, they stay. Never raises."""
    if not (place / SHARED / SHARED_MARK).is_file():
        return
    for name in names:
        with contextlib.suppress(OSError):
            _sweep(place, _place_of(place, name))


def _refer(store: Path, line: str) -> None:
    refs = store.with_name(f"{store.name}.refs")
    with _held(store) as ours:
        said = refs.read_text("utf-8", "replace").splitlines() if refs.is_file() else []
        if ours and line not in said:
            with refs.open("a", encoding="utf-8", newline="") as file:
                file.write(f"{line}\n")


def _sweep(place: Path, store: Path) -> None:
    refs = store.with_name(f"{store.name}.refs")
    with _held(store) as ours:
        if not ours or not refs.is_file() or refs.is_symlink() or refs.stat().st_size > _MAX_REFS:
            return
        for line in refs.read_text("utf-8", "replace").splitlines():
            if ".." not in Path(line).parts and payload(place / line) == store:
                return
        store.unlink(missing_ok=True)
        refs.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(store: Path) -> Iterator[bool]:
    """Whether the lock of a shared blob is ours while this is open. Raises OSError."""
    from filelock import FileLock, Timeout

    lock = FileLock(store.with_name(f"{store.name}.lock"), mode=0o666, thread_local=False)
    try:
        lock.acquire(timeout=5)
    except (Timeout, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _place_of(place: Path, name: str) -> Path:
    return place / SHARED / name[:2] / name


def _blobs(path: Path) -> list[Path]:
    """The blobs that go with something: itself, or those of a repository's folder."""
    if path.parent.name == "blobs":
        return [path]
    inside = path / "blobs"
    return sorted(inside.iterdir()) if inside.is_dir() and not path.is_symlink() else []
