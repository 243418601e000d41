"""Files that are whole or not there: written beside their place, synced, then put in it."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from pathlib import Path

from studio.core.errors import StudioError

PART = ".part"
"""Ends the name of a file that is being written; what carries it after a crash is refuse."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one.

    Raises StudioError where the disk is full or writing is not allowed; nothing is left behind.
    """
    part = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync_file(path: Path) -> None:
    """Make sure that what was written to `path` is on the disk. Raises OSError."""
    # Windows syncs only what is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make sure that the names in `folder` are on the disk, where the system has a way to."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What systems say of a disk, a share of it or a file that can grow no more."""


def cannot_write(path: Path, error: OSError) -> StudioError:
    """What a person is told when writing to `path` failed with `error`."""
    folder = path.parent
    if error.errno in FULL:
        return StudioError(
            f"The disk is full: “{path.name}” could not be saved in {folder}.",
            "Make room there, or choose another folder.",
        )
    if error.errno == errno.EROFS:
        return StudioError(
            f"{folder} cannot be written to, because its disk is read-only.",
            "Choose another folder.",
        )
    if isinstance(error, PermissionError):
        return StudioError(
            f"You have no permission to write to {folder}.",
            "Choose another folder, or close the program that uses the file.",
        )
    if error.errno == errno.ENAMETOOLONG:
        return StudioError("The file's name is too long.", "Choose a shorter one.")
    return StudioError(
        f"“{path.name}” could not be saved in {folder} ({error.strerror or error}).",
        "Choose another folder, and check that the disk is connected.",
    )


def of_disk(error: BaseException) -> StudioError | None:
    """What a person is told where a disk is full or may not be written to, which is no fault of
    the program; None for anything else. `error` knows the file, or nobody does."""
    if not isinstance(error, OSError):
        return None
    allowed = error.errno != errno.EROFS and not isinstance(error, PermissionError)
    if error.errno not in FULL and allowed:
        return None
    if error.filename:
        return cannot_write(Path(os.fsdecode(error.filename)), error)
    if allowed:
        return StudioError("The disk is full.", "Make room, or choose another folder.")
    return StudioError("Writing is not allowed here.", "Choose another folder.")


def from_system(error: OSError) -> StudioError:
    """What a person is told of an error that nobody foresaw where it came from."""
    known = of_disk(error)
    if known is not None:
        return known
    where = f" ({error.filename})" if error.filename else ""
    return StudioError(
        f"The system says: {error.strerror or error}{where}.",
        "Check the path, and that the disk is connected.",
    )


def cannot_read(path: Path, error: OSError) -> StudioError:
    """What a person is told when reading `path` failed with `error`."""
    return StudioError(
        f"“{path.name}” cannot be read ({error.strerror or type(error).__name__}).",
        "Check that the file is still there and that you may open it.",
    )
