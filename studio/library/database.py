"""The database beside the files: connections, migrations, and what is told when it fails."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.notice import Notice

NAME = "library.sqlite3"
_DAMAGED = ".damaged"
"""A file of this ending says that a query met damage; the next start begins anew."""

MIGRATIONS: tuple[str, ...] = (
    # 1: what was made, and the words to find it by
    """
    CREATE TABLE item (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        family TEXT NOT NULL,
        model TEXT NOT NULL,
        starred INTEGER NOT NULL DEFAULT 0,
        trashed REAL,
        missing INTEGER NOT NULL DEFAULT 0,
        main TEXT NOT NULL UNIQUE,
        files TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        record TEXT NOT NULL,
        summary TEXT NOT NULL
    );
    CREATE INDEX item_kind ON item(kind);
    CREATE INDEX item_model ON item(model, kind);
    CREATE INDEX item_sha256 ON item(sha256);
    CREATE INDEX item_starred ON item(seq) WHERE starred = 1;
    CREATE INDEX item_trashed ON item(seq) WHERE trashed IS NOT NULL;
    CREATE VIRTUAL TABLE find USING fts5(
        prompt, title, excerpt, model, family,
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    );
    """,
    # 2: the queue, which survives the program
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        lane TEXT NOT NULL,
        position INTEGER NOT NULL,
        recipe TEXT NOT NULL,
        details TEXT NOT NULL,
        state TEXT NOT NULL,
        added REAL NOT NULL,
        owner TEXT NOT NULL
    );
    CREATE INDEX job_lane ON job(lane, position);
    """,
    # 3: counts that read an index and no rows: the grid jumps to far rows by counting
    """
    DROP INDEX item_kind;
    DROP INDEX item_model;
    CREATE INDEX item_shown ON item(trashed);
    CREATE INDEX item_kind ON item(trashed, kind);
    CREATE INDEX item_model ON item(trashed, model, kind);
    """,
)
"""One script for each version, in order; a script that has been released is never changed."""


class DamagedError(Exception):
    """The file is no database, or not a whole one."""


class Database:
    """Connections to one database: readers wait for nobody, writers for each other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Raises StudioError where the database fails."""
        with self._explained():
            db = self._take()
            try:
                yield db
            finally:
                self._give(db)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it happens, or nothing. Raises StudioError where it fails."""
        with self._explained(), self._writing:
            db = self._take()
            try:
                # Not sqlite3's own transactions: those do not roll back a change of tables.
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
            finally:
                self._give(db)

    def migrate(self) -> None:
        """Bring the tables up to date. Raises StudioError for a newer database, or DamagedError."""
        try:
            with self._writing, contextlib.closing(self._connect()) as db:
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version > len(MIGRATIONS):
                    raise StudioError(
                        "This library was made by a newer version of Triptych.",
                        "Update Triptych, or choose another library folder in Settings.",
                    )
                db.execute("BEGIN IMMEDIATE")
                try:
                    (version,) = db.execute("PRAGMA user_version").fetchone()
                    for number in range(version, len(MIGRATIONS)):
                        for statement in MIGRATIONS[number].split(";"):
                            db.execute(statement)
                        db.execute(f"PRAGMA user_version = {number + 1}")
                    db.execute("SELECT count(*) FROM (SELECT 1 FROM item LIMIT 1)").fetchone()
                    db.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            if is_damage(error):
                raise DamagedError from error
            raise explained(error, self.path) from error

    def close(self) -> None:
        """Let go of every connection; nothing may be asked afterwards."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StudioError("The library is closed.", "Start Triptych again.")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    def _connect(self) -> sqlite3.Connection:
        # A connection is used by one thread at a time, but not always by the same.
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10.0)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            # A row that a power cut takes back is found again by its file.
            db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error):
                with contextlib.suppress(OSError):
                    self.path.with_name(NAME + _DAMAGED).touch()
            raise explained(error, self.path) from error


def open_database(path: Path) -> tuple[Database, Path | None]:
    """The database, up to date; a damaged one is begun anew, and where the old one now lies.

    Raises StudioError where the database is newer than this program or cannot be used.
    """
    marker = path.with_name(NAME + _DAMAGED)
    kept: Path | None = None
    try:
        if marker.exists() and path.exists():
            kept = _set_aside(path)
        marker.unlink(missing_ok=True)
        database = Database(path)
        try:
            database.migrate()
        except DamagedError:
            kept = _set_aside(path)
            database = Database(path)
            database.migrate()
    except DamagedError as error:
        raise _unusable(path) from error
    except OSError as error:
        raise StudioError(
            f"The library in {path.parent} cannot be used ({error.strerror or error}).",
            "Check the folder, or choose another one in Settings.",
        ) from error
    return database, kept


def salvage(path: Path, read: Callable[[sqlite3.Connection], None]) -> None:
    """Let `read` take what it can out of a damaged database. Never raises sqlite3.Error."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db,
    ):
        read(db)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and not only the moment."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    # The low byte is the error, the others say where it was met. A table or column that is
    # missing (SQLITE_ERROR) is damage too: the version number says that it has to be there.
    primary = code & 0xFF
    return primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or (
        primary == sqlite3.SQLITE_ERROR
        and str(error).startswith(("no such table", "no such column", "table ", "vtable "))
    )


def explained(error: sqlite3.Error, path: Path) -> StudioError:
    """What a person is told of a failed query."""
    folder = path.parent
    primary = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if is_damage(error):
        return StudioError(
            "The library's database is damaged. Nothing that you made is lost.",
            "Start Triptych again: the database is then built anew from the files.",
        )
    if primary == sqlite3.SQLITE_FULL:
        return StudioError(
            f"The disk is full: the library in {folder} cannot be written to.",
            "Make room there, or choose another folder in Settings.",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StudioError(
            f"You have no permission to write to the library in {folder}.",
            "Check the folder, or choose another one in Settings.",
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StudioError(
            "Another program keeps the library busy.", "Try again in a moment, or close it."
        )
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return StudioError(
            f"The library in {folder} cannot be read or written ({error}).",
            "Check that the disk is connected and not full, or choose another folder in Settings.",
        )
    raise error  # a fault of ours


def damage_notice(kept: Path) -> Notice:
    """What a person is told of a damaged database that is now at `kept`."""
    return Notice(
        "The library's database was damaged. It is being built anew from the files.",
        f"Nothing that you made is lost. The damaged file is kept as {kept}.",
    )


def _set_aside(path: Path) -> Path:
    """Move a damaged database away, with what belongs to it. Raises OSError."""
    kept = path.with_name(f"{path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    number = 1
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{kept.stem}-{number}{kept.suffix}")
    for ending in ("-wal", "-shm", ""):
        file = path.with_name(path.name + ending)
        if file.exists():
            file.replace(kept.with_name(kept.name + ending))
    return kept


def _unusable(path: Path) -> StudioError:
    return StudioError(
        f"The library in {path.parent} cannot be used.",
        "Check the disk, or choose another library folder in Settings.",
    )
