"""Folders of the studio's own in a place of models: what is in them is on its way, and locked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from studio.core.files import cannot_write
from studio.core.locks import FileLock

_TRIES = 5


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Whether nobody else is at it, for as long as this is open. The lock lies beside the folder;
    what holds both goes when it is empty. Raises StudioError."""
    lock = _take(folder)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.free()
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def is_below(name: object) -> bool:
    """Whether a name of a list stays below the folder that it is said of, whoever wrote it."""
    if not isinstance(name, str) or not name or "\0" in name:
        return False
    path = Path(name)
    return not path.is_absolute() and not path.drive and ".." not in path.parts


def sweep(home: Path) -> None:
    """Away with locks that dead programs have left, and with what is empty. Never raises."""
    with contextlib.suppress(OSError):
        for path in list(home.iterdir()):
            if path.suffix == ".lock" and not path.with_suffix("").exists():
                lock = FileLock(path)
                if lock.take():
                    lock.free()
        home.rmdir()


def _take(folder: Path) -> FileLock | None:
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    for left in reversed(range(_TRIES)):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            return lock if lock.take() else None
        except FileNotFoundError as error:
            # Another program has just taken away what was empty.
            if not left:
                raise cannot_write(folder, error) from error
        except OSError as error:
            raise cannot_write(folder, error) from error
    return None
