"""What a killed or clumsy program leaves is finished, cleared away, or taken in."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio.core import media
from studio.core.errors import StudioError
from studio.core.locks import FileLock
from studio.core.messages import Output
from studio.core.record import Record
from studio.library import Library, Query
from studio.library.item import Recovered
from studio.library.rows import Rows
from tests.library import makers
from tests.library.makers import make

NOTHING = Recovered()


def aged(path: Path) -> None:
    """As if it had been written before the program was started."""
    os.utime(path, (time.time() - 3600,) * 2)


def test_a_tidy_library_needs_nothing(library: Library) -> None:
    for kind in ("text", "image", "audio"):
        library.trash([make(library, kind).id])
        make(library, kind)
    assert library.recover() == NOTHING
    assert library.recover() == NOTHING


def test_leftovers_of_a_dead_program_go(root: Path) -> None:
    with Library.open(root) as library:
        item = make(library)
        dead = root / ".jobs" / "0123456789abcdef"
        (dead / "job-1").mkdir(parents=True)
        (dead / "job-1" / "half.png").write_bytes(b"half")
        (root / "inputs").mkdir()
        (root / "inputs" / "y.png.part").write_bytes(b"young")
        for part in (item.main.with_name(".x.md.part"), root / "inputs" / "x.png.part"):
            part.write_bytes(b"half")
            aged(part)
        recovered = library.recover()
        assert recovered == replace(NOTHING, cleaned=3)
        assert not dead.exists()
        parts = [p.name for p in root.rglob("*.part")]
        assert parts == ["y.png.part"], "what is being written now is spared"


def test_what_a_running_program_does_is_spared(root: Path) -> None:
    with Library.open(root) as first, Library.open(root) as second:
        folder = first.job_folder("one")
        (folder / "half.png").write_bytes(b"half")
        part = folder / "x.part"
        part.write_bytes(b"x")
        aged(part)
        assert second.recover() == NOTHING
        assert part.exists()
        assert (folder / "half.png").exists()
        with pytest.raises(StudioError, match="Another"):
            second.rebuild()
        # An orphan may be what the other one is just taking in.
        item = make(first)
        stray = item.main.with_name("stray.md")
        stray.write_bytes(item.main.read_bytes())
        assert second.recover() == NOTHING
    with Library.open(root) as library:
        assert len(library.recover().taken_in) == 1


def test_orphans_with_a_recipe_are_taken_in(library: Library) -> None:
    gone = make(library, "audio", created=1_700_000_000.0)
    library.star([gone.id], True)
    with library._database.write() as db:
        library._rows.delete(db, [gone])
    assert library.recover().taken_in == (gone.id,)
    again = library.get(gone.id)
    assert again is not None
    assert again.files == gone.files
    assert again.created == gone.created
    assert again.starred
    assert again.summary["seconds"] == 0.5
    assert library.count(Query(words="fox")) == 1
    assert library.recover() == NOTHING


def test_files_that_a_person_put_there_are_taken_in(library: Library) -> None:
    item = make(library, "image")
    copy = library.root / "items" / "My Foxes" / "Reineke 2.PNG"
    copy.parent.mkdir()
    shutil.copyfile(item.main, copy)
    twin = item.main.with_name("copy of " + item.main.name)
    shutil.copyfile(item.main, twin)
    taken = library.recover().taken_in
    assert len(taken) == 2
    assert {i.main for i in library.items()} == {item.main, copy, twin}
    assert len({i.id for i in library.items()}) == 3
    assert library.recover() == NOTHING


def test_strangers_are_left_alone(library: Library) -> None:
    stranger = library.root / "items" / "holiday.png"
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.write_bytes(makers.png())
    hidden = library.root / "items" / ".DS_Store"
    hidden.write_bytes(b"x")
    note = library.root / "items" / "notes.txt"
    note.write_text("mine")
    recovered = library.recover()
    assert set(recovered.strangers) == {stranger, note}
    assert recovered.taken_in == ()
    assert stranger.exists()
    assert hidden.exists()


def test_missing_files_are_marked_until_they_return(library: Library) -> None:
    item = make(library, "audio")
    aside = library.root / "aside.wav"
    item.main.rename(aside)
    assert library.recover().missing == (item.id,)
    marked = library.get(item.id)
    assert marked is not None
    assert marked.missing
    aside.rename(item.main)
    assert library.recover().missing == ()
    back = library.get(item.id)
    assert back is not None
    assert not back.missing
    back.files[2].unlink()
    library.recover()
    smaller = library.get(item.id)
    assert smaller is not None
    assert smaller.files == item.files[:2]
    assert not smaller.missing


@pytest.mark.parametrize("to_trash", [True, False])
def test_files_between_items_and_trash_go_where_their_row_says(
    library: Library, to_trash: bool
) -> None:
    item = make(library, "audio")
    if not to_trash:
        library.trash([item.id])
    kept = library.get(item.id)
    assert kept is not None
    old, new = ("items", ".trash") if to_trash else (".trash", "items")
    for path in kept.files[:2]:
        target = library.root / new / path.relative_to(library.root / old)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert library.recover() == replace(NOTHING, restored=2)
    assert all(p.exists() for p in kept.files)
    assert library.get(item.id) == kept


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_an_arrival_that_was_cut_off_is_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    """As a kill leaves it: noted, and `moved` of three files in their place."""
    wish = makers.recipe("audio")
    made = Record(wish, makers.CPU)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    library = Library.open(root)
    folder = library.job_folder("one")
    files = (
        makers.write(folder / "a.wav", makers.wav(), made),
        makers.write(folder / "a.mid", makers.MIDI, made),
        makers.write(folder / "a.abc", makers.ABC, made),
    )
    with monkeypatch.context() as patch:
        patch.setattr("studio.library.arriving._put_back", lambda placed: None)
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        if moved < 3:
            real, count = Path.replace, 0

            def replace_some(self: Path, target: Path) -> Path:
                nonlocal count
                if self in files:
                    count += 1
                    if count > moved:
                        raise Killed
                return real(self, target)

            patch.setattr(Path, "replace", replace_some)
        else:
            patch.setattr(Rows, "insert", die)
        with pytest.raises(Killed):
            library.take_in(Output(files, wish, {"title": "Cut off", "peaks": b"\x01\x02"}))
    library._database.close()
    library._staging._lock.free(remove=False)  # the system lets go of a dead program's lock

    with Library.open(root) as library:
        recovered = library.recover()
        (item,) = library.items()
        assert recovered.taken_in == (item.id,)
        assert len(item.files) == 3
        assert item.summary == {"title": "Cut off", "peaks": b"\x01\x02"}
        assert all(media.extract(p).recipe == wish for p in item.files)
        assert makers.everything(library) == sorted(item.files)
        assert library.recover() == NOTHING
        assert len(list((root / ".jobs").glob("*.lock"))) == 1


def test_notes_that_cannot_be_read_stop_nothing(library: Library) -> None:
    notes = library.root / ".jobs" / "dead" / "arrivals"
    notes.mkdir(parents=True)
    for number, text in enumerate(("", "[]", "{}", '{"id": 1, "sources": 2, "targets": 3}', "{")):
        (notes / f"{number}.json").write_text(text)
    library.recover()
    assert not notes.exists()


def test_rebuilding_finds_everything(library: Library) -> None:
    items = [make(library, kind) for kind in ("text", "image", "audio", "text")]
    edited = library.save_edit(items[0].id, "Another end.")
    library.star([edited.id], True)
    library.trash([items[1].id])
    before = {i.id: i for i in library.items() + library.items(Query(trashed=True))}
    recovered = library.rebuild()
    assert set(recovered.taken_in) == set(before)
    after = {i.id: i for i in library.items() + library.items(Query(trashed=True))}
    for item_id, item in before.items():
        again = after[item_id]
        assert (again.files, again.recipe, again.edited, again.starred) == (
            item.files, item.recipe, item.edited, item.starred
        )  # fmt: skip
        assert abs(again.created - item.created) < 0.01


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, null]", "[" * 100_000])
def test_a_broken_list_of_stars_stops_nothing(library: Library, content: str) -> None:
    item = make(library)
    (library.root / "starred.json").write_text(content)
    library.rebuild()
    again = library.get(item.id)
    assert again is not None
    assert not again.starred
    library.star([item.id], True)
    assert json.loads((library.root / "starred.json").read_text()) == [item.id]


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.free()
    assert not (tmp_path / "x.lock").exists()
    assert second.take()
    second.free(remove=False)
    assert first.take()
    first.free()
    first.free()


def test_a_folder_that_vanished_is_told(library: Library) -> None:
    shutil.rmtree(library.root / ".jobs")
    with pytest.raises(StudioError) as caught:
        library.recover()
    assert caught.value.hint
