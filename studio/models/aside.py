"""Folders of the studio's own in a place of models: what is in them is on its way, and locked."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import cannot_write
from studio.core.locks import FileLock

KEEPING = ".triptych-keeping"
"""Where the locks lie of what is being moved or removed, in the place that it is in."""
_TRIES = 5
_PAUSE = 0.01


@contextlib.contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[bool]:
    """Whether nobody else is at it, for as long as this is open; asked for so many seconds.

    The lock lies beside the folder; what holds both goes when it is empty. Raises StudioError.
    """
    until = time.monotonic() + patience
    while (lock := _take(folder)) is None and time.monotonic() < until:
        time.sleep(_PAUSE)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.free()
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


@contextlib.contextmanager
def alone(title: str, *spots: tuple[Path, str]) -> Iterator[None]:
    """Nobody else moves or removes these folders (place and name) while this is open.

    Raises StudioError where somebody does already.
    """
    with contextlib.ExitStack() as held:
        # In one order everywhere: two who want both never wait for each other half way.
        for place, name in sorted(set(spots)):
            short = hashlib.sha256(name.casefold().encode("utf-8", "surrogatepass")).hexdigest()
            if not held.enter_context(locked(place / KEEPING / short[:32])):
                raise busy(title)
        yield


def busy(title: str) -> StudioError:
    """What is said where another program is faster."""
    return StudioError(
        f"Another program is at “{title}” just now.", "Try again when it has finished."
    )


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
