"""How files come in: noted, synced, put in their place, and only then given a row."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import PART, cannot_write, sync_file, sync_folder
from studio.core.record import Record
from studio.library.database import Database
from studio.library.item import Item, summary_from_json
from studio.library.rows import ITEMS, NewRow, Rows
from studio.library.staging import Arrival, Staging


class Arrivals:
    """Brings files among the items so that a kill at any moment loses none and doubles none."""

    def __init__(self, root: Path, database: Database, rows: Rows, staging: Staging) -> None:
        self._items = root / ITEMS
        self._database = database
        self._rows = rows
        self._staging = staging
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def bring(self, arrival: Arrival) -> Item:
        """Move the files to their place and add the row; on failure everything is as it was.

        Raises StudioError.
        """
        with self._claimed(arrival):
            note = self._staging.note(arrival)
            placed: list[tuple[Path, Path, bool]] = []
            try:
                # A database that is built anew knows the time from here.
                with contextlib.suppress(OSError):
                    os.utime(arrival.sources[0], (arrival.created, arrival.created))
                # The main file last: where it stands, the others stand.
                for source, target in reversed(self._pairs(arrival)):
                    placed.append((source, target, _place(source, target)))
                item = self._row(arrival)
            except BaseException as error:
                _put_back(placed)
                note.unlink(missing_ok=True)
                if isinstance(error, OSError):
                    raise _failed(self._items, error) from error
                raise
            for source, _, copied in placed:
                if copied:  # from another disk
                    with contextlib.suppress(OSError):
                        source.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                note.unlink(missing_ok=True)
            return item

    def finish(self, arrival: Arrival) -> str | None:
        """Complete what a dead program had begun; the item's id where a row was added.

        Raises StudioError or OSError.
        """
        for source, target in reversed(self._pairs(arrival)):
            if not target.exists() and source.exists():
                _place(source, target)
        if not self._pairs(arrival)[0][1].exists():
            return None  # it had not come to the main file, and its source is gone
        with self._database.read() as db:
            if self._rows.by_ids(db, [arrival.id]):
                return None
        return self._row(arrival).id

    def expects(self, name: str) -> bool:
        """Whether the file (below the items) is being brought by a thread of ours right now."""
        with self._lock:
            return name in self._under_way

    @contextmanager
    def _claimed(self, arrival: Arrival) -> Iterator[None]:
        with self._lock:
            self._under_way.update(arrival.targets)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.difference_update(arrival.targets)

    def _pairs(self, arrival: Arrival) -> list[tuple[Path, Path]]:
        targets = [self._items / name for name in arrival.targets]
        return list(zip(map(Path, arrival.sources), targets, strict=True))

    def _row(self, arrival: Arrival) -> Item:
        pairs = zip(arrival.targets, self._pairs(arrival), strict=True)
        new = NewRow(
            id=arrival.id,
            created=arrival.created,
            files=tuple(name for name, (_, target) in pairs if target.exists()),
            sha256=arrival.sha256,
            record=Record.from_json(arrival.record),
            summary=summary_from_json(arrival.summary),
        )
        with self._database.write() as db:
            return self._rows.insert(db, new)


def _place(source: Path, target: Path) -> bool:
    """Put a file in its place, synced; whether it had to be copied. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        sync_file(source)
        source.replace(target)
        copied = False
    except OSError as error:
        # Another disk, or a file that may be read but not moved.
        if error.errno not in (errno.EXDEV, errno.EACCES, errno.EPERM):
            raise
        part = target.with_name(f".{target.name}{PART}")
        try:
            with source.open("rb") as old, part.open("wb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        copied = True
    sync_folder(target.parent)
    return copied


def _put_back(placed: list[tuple[Path, Path, bool]]) -> None:
    for source, target, copied in placed:
        with contextlib.suppress(OSError):
            if copied:
                target.unlink()
            else:
                target.replace(source)


def _failed(folder: Path, error: OSError) -> StudioError:
    if isinstance(error, FileNotFoundError):
        return StudioError(
            "A file that was just made is gone before it could be kept.", "Make it again."
        )
    return cannot_write(folder / "the new file", error)
