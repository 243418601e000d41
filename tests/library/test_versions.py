"""Libraries of older versions open as they were; a script of the past is never changed."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from studio.library import Library, Query, database
from tests.library import makers
from tests.library.makers import make

V1 = Path(__file__).parent / "v1"
RELEASED = ("b014c1be", "301745cb")


def version(root: Path) -> int:
    with contextlib.closing(sqlite3.connect(root / database.NAME)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_library_of_version_1_opens_as_it_was(root: Path) -> None:
    shutil.copytree(V1, root)
    assert version(root) == 1
    with Library.open(root) as library:
        assert not library.notices
        (fox,) = library.items()
        (whale,) = library.items(Query(trashed=True))
        assert fox.starred
        assert fox.title == "A red fox and the moon 🦊"
        assert fox.created == 1_780_000_000.0
        assert library.text(fox) == "Once there was a fox.\n"
        assert library.text(whale) == "A whale sang.\n"
        assert library.items(Query(words="🦊 moon")) == [fox]
        library.jobs.add("one", makers.recipe())
        assert library.recover().taken_in == ()
        assert [j.id for j in library.jobs.list()] == ["one"]
        make(library, "image")
        assert library.count() == 2
    assert version(root) == len(database.MIGRATIONS)


def test_released_scripts_stay_as_they_are() -> None:
    found = tuple(
        hashlib.sha256(" ".join(script.split()).encode()).hexdigest()[:8]
        for script in database.MIGRATIONS
    )
    assert found[: len(RELEASED)] == RELEASED


def test_a_migration_that_fails_leaves_the_version_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library.open(root) as library:
        item = make(library)
    bad = "CREATE TABLE half(x); INSERT INTO item(nothing) VALUES(1)"
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, bad))
        patch.setattr(database, "is_damage", lambda error: False)
        with pytest.raises(sqlite3.OperationalError):
            Library.open(root)
    assert version(root) == len(database.MIGRATIONS)
    with Library.open(root) as library:
        assert library.items() == [item]
        with library._database.read() as db:
            assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()
