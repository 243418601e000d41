"""Full and read-only disks, newer and damaged databases: told in words, and nothing is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.core.files import PART
from studio.core.messages import Output
from studio.core.notice import Notice
from studio.core.record import Record
from studio.library import Library, Query, exporters
from studio.library.database import MIGRATIONS, NAME
from tests.library import makers
from tests.library.makers import make

HERE = Path(__file__).parent
ROOT_USER = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one mebibyte, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not (sys.platform == "linux" and ROOT_USER and shutil.which("mount")):
        pytest.skip("only the system's administrator can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder with a library in it that may be read and not written."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if ROOT_USER and sys.platform == "linux":
        mount = ["mount", "-t", "tmpfs", "none", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("permissions do not bind this user, and mounting is not allowed")
        with Library.open(folder / "library") as library:
            make(library)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
    elif sys.platform == "win32":
        pytest.skip("a folder cannot be made read-only there")
    else:
        with Library.open(folder / "library") as library:
            make(library)
        every = [folder, *folder.rglob("*")]
        for path in every:
            path.chmod(0o500 if path.is_dir() else 0o400)
        yield folder
        for path in every:
            path.chmod(0o700)


def nothing_half(root: Path) -> bool:
    return not [p for p in root.rglob("*") if p.name.endswith(PART)]


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return ballast


def test_a_disk_that_is_really_full(small_disk: Path, tmp_path: Path) -> None:
    wish = makers.recipe(prompt="another")
    source = makers.write(tmp_path / "text.md", b"word " * 5_000, Record(wish, makers.CPU))
    data = source.read_bytes()
    with Library.open(small_disk / "library") as library:
        kept = make(library)
        ballast = fill(small_disk)
        tries = (
            lambda: library.take_in(Output((source,), wish)),
            lambda: library.save_edit(kept.id, "word " * 5_000),
            lambda: library.add_input(source),
            lambda: exporters.export(kept, small_disk / "copy.md"),
            lambda: library.jobs.add("job", makers.recipe(prompt="word " * 4_000)),
        )
        for attempt in tries:
            with pytest.raises(StudioError) as caught:
                attempt()
            assert "full" in caught.value.message
            assert caught.value.hint
        assert nothing_half(small_disk)
        assert library.items() == [kept]
        assert source.read_bytes() == data
        ballast.unlink()
        item = library.take_in(Output((source,), wish))
        assert item.main.read_bytes() == data
        assert library.jobs.list() == []
        assert library.recover().taken_in == ()
        assert len(makers.everything(library)) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_disk_leaves_all_as_it_was(
    library: Library, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The disk fails at each step on the way in; each time everything is as before."""
    wish = makers.recipe("audio")
    made = Record(wish, makers.CPU)
    folder = library.job_folder("one")
    files = (
        makers.write(folder / "a.wav", makers.wav(), made),
        makers.write(folder / "a.mid", makers.MIDI, made),
        makers.write(folder / "a.abc", makers.ABC, made),
    )
    before = [p.read_bytes() for p in files]
    real = os.fsync
    told: list[StudioError] = []
    for turn in range(1, 40):
        calls = 0

        def fsync(handle: int, turn: int = turn) -> None:
            nonlocal calls
            calls += 1
            if calls >= turn:
                raise OSError(code, os.strerror(code))
            real(handle)

        monkeypatch.setattr(os, "fsync", fsync)
        try:
            library.take_in(Output(files, wish))
            break
        except StudioError as error:
            told.append(error)
            assert [p.read_bytes() for p in files] == before
            assert library.items() == []
            assert makers.everything(library) == []
            assert nothing_half(library.root)
    else:
        pytest.fail("it never came in")
    monkeypatch.undo()
    assert len(told) > 3
    assert all(error.message and error.hint for error in told)
    (item,) = library.items()
    assert makers.everything(library) == sorted(item.files)


def test_files_from_another_disk_are_copied_whole(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = makers.recipe()
    file = makers.write(tmp_path / "text.md", b"words", Record(wish, ""))
    data = file.read_bytes()
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self == file:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    item = library.take_in(Output((file,), wish))
    assert item.main.read_bytes() == data
    assert not file.exists()
    assert nothing_half(library.root)


def test_a_folder_that_may_not_be_written_is_told(locked: Path, tmp_path: Path) -> None:
    for folder in (locked / "library", locked / "new"):
        with pytest.raises(StudioError) as caught:
            Library.open(folder)
        assert caught.value.hint
    with Library.open(tmp_path / "own") as library:
        item = make(library)
        with pytest.raises(StudioError) as caught:
            exporters.export(item, locked / "copy.md")
        assert caught.value.hint
        with pytest.raises(StudioError):
            exporters.export(item, item.main / "below-a-file.md")


def test_a_move_that_fails_is_undone(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another program on Windows keeps one of the files open."""
    item = make(library, "audio")
    other = make(library)
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.suffix == ".abc":
            raise PermissionError(errno.EACCES, "in use")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(StudioError):
        library.trash([other.id, item.id])
    monkeypatch.undo()
    assert {i.id for i in library.items()} == {item.id, other.id}
    assert all(p.exists() for i in library.items() for p in i.files)
    assert library.count(Query(trashed=True)) == 0


def test_a_newer_database_is_left_alone(root: Path) -> None:
    with Library.open(root) as library:
        make(library)
    with sqlite3.connect(root / NAME) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    with pytest.raises(StudioError, match="newer version"):
        Library.open(root)
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "foreign": lambda data: b"this is no database at all " * 100,
    "empty header": lambda data: bytes(100) + data[100:],
    "cut": lambda data: data[: len(data) // 3],
    "schema": lambda data: data[:100] + os.urandom(3_900) + data[4_000:],
    "noise": lambda data: data[:5_000] + os.urandom(len(data) - 5_000),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_database_is_built_anew(root: Path, how: str) -> None:
    with Library.open(root) as library:
        items = [make(library, kind) for kind in ("text", "image", "audio")]
        library.star([items[0].id], True)
        library.trash([items[1].id])
        items = [i for i in (library.get(item.id) for item in items) if i is not None]
    for ending in ("-wal", "-shm"):
        (root / (NAME + ending)).unlink(missing_ok=True)
    file = root / NAME
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    broken = file.read_bytes()

    # Damage beyond the first pages is met by a query, and mended by the next start.
    notices: list[Notice] = []
    told: list[StudioError] = []
    for _ in range(3):
        with Library.open(root) as library:
            notices += library.notices
            try:
                library.recover()
                library.items(Query(words="fox"))
                found = {i.id: i for i in (library.get(item.id) for item in items) if i}
            except StudioError as error:
                told.append(error)
                found = {}
        if len(found) == 3:
            break
    assert set(found) == {item.id for item in items}
    assert all("damaged" in e.message and "again" in e.hint for e in told)
    if notices:
        assert "damaged" in notices[0].message
        (kept,) = root.glob("library-damaged-*.sqlite3")
        assert kept.read_bytes() == broken
        assert str(kept) in notices[0].hint
    for item in items:
        again = found[item.id]
        assert again.files == item.files
        assert again.recipe == item.recipe
        assert (again.provider, again.sha256) == (item.provider, item.sha256)
        assert again.starred == item.starred
        assert (again.trashed is None) == (item.trashed is None)
        assert abs(again.created - item.created) < 0.01
        if item.kind != "audio":  # the peaks are counted again
            assert {**item.summary} == {**again.summary}
    assert nothing_half(root)


def test_the_queue_is_saved_out_of_a_damaged_database(root: Path) -> None:
    with Library.open(root) as library:
        library.jobs.add("one", makers.recipe("image"), {"count": 3})
        library.jobs.add("two", makers.recipe("image"))
        library.jobs.start("one")
    (root / (NAME + ".damaged")).touch()  # as a query that met damage leaves it
    with Library.open(root) as library:
        assert library.notices
        library.recover()
        assert [j.id for j in library.jobs.list()] == ["two"]
        (one,) = library.jobs.interrupted()
        assert (one.id, one.recipe, one.details) == ("one", makers.recipe("image"), {"count": 3})
    with Library.open(root) as library:
        assert not library.notices


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "library").write_bytes(b"")
    with pytest.raises(StudioError):
        Library.open(tmp_path / "library")
    (tmp_path / "deep" / NAME).mkdir(parents=True)
    with pytest.raises(StudioError):
        Library.open(tmp_path / "deep")
    with Library.open(tmp_path / "fine") as library:
        (tmp_path / "fine" / "items").write_bytes(b"")
        with pytest.raises(StudioError):
            make(library)
        assert library.items() == []
