"""Whether what is installed is still what was published: every byte is read and hashed again.

Blobs of a hub's cache are named by what they hold: sha256 for large files (LFS), git's sha1 of a
blob for small ones (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.core.errors import StudioError
from studio.core.files import cannot_read
from studio.models import cache
from studio.models.installed import InstalledModel
from studio.models.snapshots import entries_of

FileState = Literal["good", "broken", "missing", "unknown"]
Told = Callable[[int, int], None]
"""How far it is: bytes done, bytes in all."""
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found of one file."""

    name: str
    size: int
    state: FileState
    """"unknown": there is nothing here to compare it with."""
    message: str = ""
    """What is wrong, in a sentence; empty where nothing is."""
    blob: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a model's files."""

    model: InstalledModel
    files: tuple[FileReport, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, as far as that can be told."""
        return not self.model.problem and not any(
            f.state in ("broken", "missing") for f in self.files
        )

    @property
    def message(self) -> str:
        """All of it in a sentence."""
        wrong = [f for f in self.files if f.state in ("broken", "missing")]
        unknown = [f for f in self.files if f.state == "unknown"]
        title = self.model.title
        if wrong:
            names = ", ".join(f.name for f in wrong[:3]) + (" …" if len(wrong) > 3 else "")
            return f"“{title}” is not whole: {len(wrong)} of {len(self.files)} files ({names})."
        if self.model.problem:
            return f"“{title}” cannot be used: {self.model.problem}"
        if len(unknown) == len(self.files):
            return f"“{title}” looks whole; there is nothing on this computer to compare it with."
        if unknown:
            return f"“{title}” is whole; {len(unknown)} files have nothing to be compared with."
        return f"“{title}” is whole: all {len(self.files)} files are as they were published."

    @property
    def hint(self) -> str:
        """What to do; empty where there is nothing to be done."""
        if self.good:
            return ""
        if self.model.repo:
            return "Get the model again: only the files that are wrong are downloaded."
        return self.model.hint or "Get the model again."


def nothing(done: int, total: int) -> None:
    """Nobody wants to know how far it is."""


def go_on() -> bool:
    """Nobody cancels."""
    return False


def verify(
    model: InstalledModel, told: Told = nothing, cancelled: Callable[[], bool] = go_on
) -> Report:
    """Read all files of a model again, and compare them with what they should be.

    Raises StudioError where its disk is away, and when `cancelled` says so.
    """
    if model.away:
        raise StudioError(f"“{model.title}” cannot be verified: {model.problem}", model.hint)
    if not model.repo or model.place is None:
        files = [_Known(n, model.path / n, _size(model.path / n), "") for n in model.files]
    else:
        folder = cache.repository_folder(model.place, model.repo)
        try:
            entries = entries_of(cache.read(folder), model.revision, model.variant)
        except OSError as error:
            raise cannot_read(folder, error) from error
        files = [_Known(e.name, e.path, e.size, e.blob, e.strange) for e in entries]
    total, done = sum(max(0, f.size) for f in files if f.blob), 0
    found: dict[str, FileReport] = {}
    reports = []
    for file in files:
        if file.blob and file.blob in found:
            reports.append(_named(found[file.blob], file.name))
            continue
        report, done = _look(file, told, cancelled, done, total)
        if file.blob:
            found[file.blob] = report
        reports.append(report)
    told(total, total)
    return Report(model, tuple(reports))


def hash_of(path: Path, size: int, blob: str, read: Callable[[int], None]) -> str:
    """The name that a blob of these bytes should have; `read` hears of every piece.

    Raises OSError.
    """
    git = len(blob) == 40
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if git else hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            read(len(piece))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    path: Path
    size: int
    blob: str
    strange: bool = False


def _look(
    file: _Known, told: Told, cancelled: Callable[[], bool], done: int, total: int
) -> tuple[FileReport, int]:
    """What is to be said of one file, and how many bytes are read in all."""

    def read(count: int) -> None:
        nonlocal done
        if cancelled():
            raise StudioError("Verifying was cancelled.", "Nothing has been changed.")
        done += count
        told(min(done, total), total)

    if file.strange:
        message = "It is a link that leads out of the model's folder."
        return FileReport(file.name, 0, "broken", message), done
    if file.size < 0:
        message = "It is not there."
        return FileReport(file.name, 0, "missing", message, file.blob), done
    if not cache.HASH.fullmatch(file.blob):
        return FileReport(file.name, file.size, "unknown"), done
    try:
        right = hash_of(file.path, file.size, file.blob, read) == file.blob
    except OSError as error:
        why = f"It cannot be read ({error.strerror or type(error).__name__})."
        return FileReport(file.name, file.size, "broken", why, file.blob), done
    if right:
        return FileReport(file.name, file.size, "good", blob=file.blob), done
    message = "Its bytes are not those that were published."
    return FileReport(file.name, file.size, "broken", message, file.blob), done


def _named(report: FileReport, name: str) -> FileReport:
    return FileReport(name, report.size, report.state, report.message, report.blob)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
