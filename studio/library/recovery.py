"""What is done at the start: leftovers away, orphans taken in, rows and files made to agree."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from studio.core import media
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.files import PART
from studio.library import names
from studio.library.arriving import Arrivals
from studio.library.database import Database
from studio.library.item import Recovered
from studio.library.rows import ITEMS, TRASH, NewRow, Rows
from studio.library.staging import Staging
from studio.library.summary import summarize

STARS = "starred.json"
"""The ids of the starred items beside the database, for a database can be lost."""
_MAIN: dict[Kind, tuple[str, ...]] = {
    "text": (".md", ".markdown", ".txt"),
    "image": (".png",),
    "audio": (".wav", ".flac", ".mid", ".midi", ".abc"),
}
_ORDER = tuple(suffix for suffixes in _MAIN.values() for suffix in suffixes)
_TAKEN_TOGETHER = 50
"""Orphans of one transaction: so many are read before anybody who wants to write gets a turn."""


@dataclass(slots=True)
class _Found:
    taken_in: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    strangers: list[Path] = field(default_factory=list)
    cleaned: int = 0
    restored: int = 0


class Recovery:
    """Makes the database say what the files say; runs beside everything else, on any thread."""

    def __init__(
        self,
        root: Path,
        database: Database,
        rows: Rows,
        staging: Staging,
        arrivals: Arrivals,
        opened: float,
        moving: threading.Lock,
    ) -> None:
        self._root = root
        self._database = database
        self._rows = rows
        self._staging = staging
        self._arrivals = arrivals
        self._opened = opened
        self._moving = moving
        self._found = _Found()

    def run(self) -> Recovered:
        """Mend everything that nobody else is working on. Raises StudioError."""
        for instance in self._staging.instances():
            self._bury(instance)
        # What another program is writing, moving or taking in looks just like a leftover.
        if not self._staging.others_alive():
            self._sweep()
            self._agree()
        found = self._found
        return Recovered(
            taken_in=tuple(found.taken_in),
            missing=tuple(found.missing),
            cleaned=found.cleaned,
            strangers=tuple(found.strangers),
            restored=found.restored,
        )

    def _bury(self, instance: str) -> None:
        """Finish what a dead program was taking in; its staging folder goes."""
        with contextlib.suppress(OSError), self._staging.stale(instance) as arrivals:
            if arrivals is None:
                return
            for arrival in arrivals:
                if taken := self._arrivals.finish(arrival):
                    self._found.taken_in.append(taken)
            folder = self._staging.root / instance
            if folder.exists():
                self._found.cleaned += sum(1 for p in folder.iterdir() if p.name != "arrivals")

    def _sweep(self) -> None:
        """Away with files that were being written when a program died."""
        for path in _walk(self._root):
            if path.name.endswith(PART):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < self._opened:  # not one of ours, of this moment
                        path.unlink()
                        self._found.cleaned += 1

    def _agree(self) -> None:
        """Rows and files: what is where."""
        # Files first: what comes in after this look has its row before the next one.
        on_disk: dict[str, set[str]] = defaultdict(set)
        for base in (ITEMS, TRASH):
            folder = self._root / base
            for path in _walk(folder):
                if not path.name.startswith("."):
                    on_disk[path.relative_to(folder).as_posix()].add(base)
        with self._database.read() as db:
            rows = self._rows.files(db)
        known: set[str] = set()
        for item_id, files, trashed, missing in rows:
            known.update(files)
            home = TRASH if trashed else ITEMS
            if all(home in on_disk.get(name, ()) for name in files):
                if missing:
                    self._mark(item_id, False)
            else:
                self._look_after(item_id)
        groups: dict[str, list[str]] = defaultdict(list)
        for name in on_disk:
            if name not in known and not self._arrivals.expects(name):
                groups[str(PurePosixPath(name).with_suffix(""))].append(name)
        self._adopt(groups, on_disk)

    def _look_after(self, item_id: str) -> None:
        """Bring an item's files to where its row says; mark it where the main one is gone."""
        with self._moving, self._database.write() as db:
            items = self._rows.by_ids(db, [item_id])
            if not items:
                return
            item = items[0]
            home, other = (ITEMS, TRASH) if item.trashed is None else (TRASH, ITEMS)
            there: list[str] = []
            for path in item.files:
                name = path.relative_to(self._root / home).as_posix()
                lost = self._root / other / name
                if not path.exists() and lost.exists():
                    with contextlib.suppress(OSError):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        lost.replace(path)
                        self._found.restored += 1
                if path.exists() or path == item.main:
                    there.append(name)
            missing = not item.main.exists()
            if missing:
                self._found.missing.append(item_id)
            db.execute(
                "UPDATE item SET files = ?, missing = ? WHERE id = ?",
                (json.dumps(there), int(missing), item_id),
            )

    def _mark(self, item_id: str, missing: bool) -> None:
        with self._database.write() as db:
            self._rows.set(db, [item_id], "missing", int(missing))

    def _adopt(self, groups: dict[str, list[str]], on_disk: dict[str, set[str]]) -> None:
        """Take in files that have a recipe and no row: whoever put them there, they count."""
        starred = _stars(self._root / STARS)
        ready: list[NewRow] = []
        for stem in sorted(groups):
            new = self._describe(groups[stem], on_disk, starred)
            if new is not None:
                ready.append(new)
            if len(ready) >= _TAKEN_TOGETHER:
                self._insert(ready)
                ready = []
        self._insert(ready)

    def _describe(
        self, group: list[str], on_disk: dict[str, set[str]], starred: set[str]
    ) -> NewRow | None:
        """The row of files that share a stem; None where none of them has a recipe."""
        group = sorted(group, key=_rank)
        for main in group:
            path = self._path(main, on_disk)
            try:
                record = media.extract(path)
                created = path.stat().st_mtime
                sha256 = file_sha256(path)
            except (StudioError, OSError):
                continue
            item_id = names.id_in(PurePosixPath(main).stem) or names.new_id()
            kind = record.recipe.kind
            others = [name for name in group if name != main]
            return NewRow(
                id=item_id,
                created=created,
                files=(main, *others),
                sha256=sha256,
                record=record,
                summary=summarize(kind, path),
                starred=item_id in starred,
                trashed=time.time() if TRASH in on_disk[main] else None,
            )
        self._found.strangers += [self._path(name, on_disk) for name in group]
        return None

    def _insert(self, ready: list[NewRow]) -> None:
        if not ready:
            return
        with self._database.write() as db:
            for new in ready:
                if self._has_come(db, new):
                    continue
                if self._rows.by_ids(db, [new.id]):
                    # Somebody has copied a file together with its name.
                    new = replace(new, id=names.new_id())
                item = self._rows.insert(db, new)
                self._found.taken_in.append(item.id)

    def _has_come(self, db: sqlite3.Connection, new: NewRow) -> bool:
        """Whether a thread of ours has brought these files in since we looked."""
        if any(self._arrivals.expects(name) for name in new.files):
            return True
        if self._rows.by_column(db, "main", new.files[0]) is not None:
            return True
        stem = PurePosixPath(new.files[0]).stem
        return any(item.main.stem == stem for item in self._rows.by_ids(db, [new.id]))

    def _path(self, name: str, on_disk: dict[str, set[str]]) -> Path:
        base = ITEMS if ITEMS in on_disk[name] else TRASH
        return self._root / base / name


def file_sha256(path: Path) -> str:
    """The hash of a file's content, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rank(name: str) -> tuple[int, str]:
    """Main files before their companions."""
    suffix = PurePosixPath(name).suffix.lower()
    return (_ORDER.index(suffix) if suffix in _ORDER else len(_ORDER), name)


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder; links are not followed."""
    for where, _, files in os.walk(folder):
        for name in files:
            yield Path(where) / name


def _stars(path: Path) -> set[str]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    return {x for x in data if isinstance(x, str)} if isinstance(data, list) else set()
