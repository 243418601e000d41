"""Models are removed and had back exactly, moved whole, verified by the byte; nobody loses any."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.models import InstalledModel, Store, keep, moving, trash
from studio.models.cache import SHARED
from studio.models.notes import Notes
from tests.models.caches import FIRST, SECOND, everything, files_of, put, share
from tests.models.test_cache import graph_set
from tests.models.test_store import CARD, ONNX, language_model

OTHER = ONNX + b"\x12\0"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


@pytest.fixture
def store(own: Path, hub: Path, tmp_path: Path) -> Store:
    return Store([tmp_path / "starters", own], [hub])


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return language_model(tmp_path / "words", CARD)


def model_of(store: Store, name: str) -> InstalledModel:
    model = store.find(name)
    assert model is not None
    return model


def names(store: Store) -> set[str]:
    return {m.id for m in store.installed()}


def whole(store: Store, name: str) -> bool:
    model = store.find(name)
    return model is not None and not model.problem and keep.verify(model).good


# Remove and have back


def test_a_folder_is_removed_and_had_back(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    before = everything(own)
    model = model_of(store, "stories")
    done = keep.remove(model)
    assert (done.model, done.title, done.size) == ("stories", model.title, model.size)
    assert names(store) == set()
    assert keep.removed([own]) == [done]
    keep.undo(done.token)
    assert everything(own) == before
    assert keep.removed([own]) == []
    with pytest.raises(StudioError, match="not there any more"):
        keep.undo(done.token)


def test_a_folder_does_not_come_back_over_another(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    done = keep.remove(model_of(store, "stories"))
    language_model(own / "stories", "another")
    with pytest.raises(StudioError, match="another “stories”"):
        keep.undo(done.token)
    assert (own / "stories" / "README.md").read_text() == "another"
    (own / "stories").rename(own / "others")
    keep.undo(done.token)
    assert (own / "stories" / "README.md").read_text("utf-8") == CARD


def test_a_whole_repository_is_removed_and_had_back(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/others", files_of(words))
    before = everything(hub)
    done = keep.remove(model_of(store, "acme/words"))
    assert done.size == sum(p.stat().st_size for p in words.iterdir())
    assert not (hub / "models--acme--words").exists()
    assert names(store) == {"acme/others"}
    keep.undo(done.token)
    assert everything(hub) == before
    assert whole(store, "acme/words")


def test_a_variant_goes_and_what_others_need_stays(store: Store, hub: Path, tmp_path: Path) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    before = everything(hub)
    model = model_of(store, "acme/go:q4")
    store.opened(model)
    freed = keep.freed_by(model)
    assert freed == model.size - model.shared > 0
    done = keep.remove(model)
    assert names(store) == {"acme/go:onnx"}
    assert whole(store, "acme/go:onnx")
    assert done.size == freed
    gone = set(before) - set(everything(hub))
    assert {n.rpartition("/")[2] for n in gone if "snapshots" in n} == {
        "model_q4.onnx",
        "model_q4.onnx_data",
    }
    assert sum("blobs" in n for n in gone) == 2
    keep.undo(done.token)
    assert everything(hub) == before
    assert whole(store, "acme/go:q4")


def test_one_revision_goes_and_blobs_of_another_stay(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/words", {**files_of(words), "model.onnx": OTHER}, SECOND)
    before = everything(hub)
    model = model_of(store, "acme/words")
    assert (model.revision, model.older) == (SECOND, (FIRST,))
    done = keep.remove(model, revision=FIRST)
    assert done.size == len(ONNX)
    assert (model_of(store, "acme/words").older, whole(store, "acme/words")) == ((), True)
    keep.undo(done.token)
    assert everything(hub) == before
    done = keep.remove(model)
    assert names(store) == set()
    keep.undo(done.token)
    assert everything(hub) == before


def test_weights_of_other_programs_stay(store: Store, hub: Path, words: Path) -> None:
    snapshot = put(hub, "acme/words", {**files_of(words), "pytorch_model.bin": b"\x80\x02}"})
    before = everything(hub)
    done = keep.remove(model_of(store, "acme/words"))
    left = {p.name for p in snapshot.iterdir()}
    assert left == {"pytorch_model.bin", "genai_config.json", "README.md"}
    keep.undo(done.token)
    assert everything(hub) == before


def test_a_repository_that_is_not_whole_can_be_removed(
    store: Store, hub: Path, words: Path
) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    (snapshot / "model.onnx").resolve().unlink()
    put(hub, "acme/bits", {"config.json": b"{}"})
    before = everything(hub)
    tokens = [keep.remove(model_of(store, n)).token for n in ("acme/words", "acme/bits")]
    assert names(store) == set()
    for token in tokens:
        keep.undo(token)
    assert everything(hub) == before


def test_what_another_program_gave_up_can_be_removed(store: Store, hub: Path) -> None:
    blobs = hub / "models--acme--begun" / "blobs"
    blobs.mkdir(parents=True)
    name = "a" * 64
    (blobs / f"{name}.1f2e.incomplete").write_bytes(b"abc")
    lock = hub / ".locks" / "models--acme--begun" / f"{name}.lock"
    lock.parent.mkdir(parents=True)
    model = model_of(store, "acme/begun")
    with FileLock(lock), pytest.raises(StudioError, match="being downloaded"):
        keep.remove(model)
    done = keep.remove(model)
    assert names(store) == set()
    keep.undo(done.token)
    assert names(store) == {"acme/begun"}


def test_what_a_paused_download_has_brought_stays(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    blobs = hub / "models--acme--words" / "blobs"
    (blobs / ("a" * 64)).write_bytes(b"done, and in no snapshot yet")
    (blobs / ("b" * 64 + ".triptych.part")).write_bytes(b"half")
    done = keep.remove(model_of(store, "acme/words"))
    assert {p.name[:1] for p in blobs.iterdir()} == {"a", "b"}
    keep.undo(done.token)
    assert whole(store, "acme/words")


def test_what_came_meanwhile_stays_when_something_is_had_back(
    store: Store, hub: Path, words: Path
) -> None:
    put(hub, "acme/words", files_of(words))
    done = keep.remove(model_of(store, "acme/words"))
    put(hub, "acme/words", {**files_of(words), "model.onnx": OTHER}, SECOND)
    keep.undo(done.token)
    model = model_of(store, "acme/words")
    assert (model.revision, model.older) == (SECOND, (FIRST,))
    assert whole(store, "acme/words")


def test_a_cache_without_links_is_kept_as_well(
    store: Store, hub: Path, own: Path, tmp_path: Path
) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"), links=False)
    before = everything(hub)
    done = keep.remove(model_of(store, "acme/go:q4"))
    assert done.size > 0
    assert names(store) == {"acme/go:onnx"}
    keep.undo(done.token)
    assert everything(hub) == before
    keep.move(model_of(store, "acme/go:q4"), own)
    assert model_of(store, "acme/go:q4").place == own
    assert "nothing on this computer" in keep.verify(model_of(store, "acme/go:q4")).message


@pytest.mark.parametrize("swept", [False, True], ids=["there", "swept by another program"])
def test_shared_blobs_are_had_back(store: Store, hub: Path, words: Path, swept: bool) -> None:
    put(hub, "acme/words", files_of(words), shared=True)
    before = everything(hub)
    done = keep.remove(model_of(store, "acme/words"))
    payloads = [p for p in (hub / SHARED).rglob("*") if len(p.name) == 64]
    assert payloads
    if swept:
        for payload in payloads:
            payload.unlink()
    keep.undo(done.token)
    assert everything(hub) == before
    assert whole(store, "acme/words")


def test_emptying_frees_shared_blobs_that_nobody_needs(
    store: Store, hub: Path, words: Path
) -> None:
    snapshot = put(hub, "acme/words", files_of(words), shared=True)
    blob = (snapshot / "model.onnx").readlink().name
    payload = (snapshot / "model.onnx").resolve()
    put(hub, "acme/others", files_of(words))
    other = hub / "models--acme--others" / "blobs" / blob
    assert share(hub, other) == payload
    keep.remove(model_of(store, "acme/words"))
    keep.empty_trash([hub])
    assert payload.is_file(), "another repository needs it"
    assert whole(store, "acme/others")
    keep.remove(model_of(store, "acme/others"))
    keep.empty_trash([hub])
    assert not payload.exists()


def test_emptying_waits_and_then_frees(store: Store, hub: Path, own: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    language_model(own / "stories", CARD)
    sizes = [keep.remove(model_of(store, n)).size for n in ("acme/words", "stories")]
    assert keep.empty_trash([hub, own], days=30) == 0
    assert len(keep.removed([hub, own])) == 2
    assert keep.empty_trash([hub, own]) == sum(sizes)
    assert keep.removed([hub, own]) == []
    assert everything(hub) == {}
    assert everything(own) == {}


# What may not be removed


def test_what_a_job_uses_stays(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    before = everything(hub)
    for deed in (
        lambda m: keep.remove(m, busy=lambda id: id == "acme/words"),
        lambda m: keep.move(m, hub.parent / "other", busy=lambda id: id == "acme/words"),
    ):
        with pytest.raises(StudioError, match="while a job uses it"):
            deed(model_of(store, "acme/words"))
    assert everything(hub) == before


def test_what_comes_with_the_program_stays(tmp_path: Path) -> None:
    language_model(tmp_path / "starters" / "stories", CARD)
    store = Store([tmp_path / "starters", tmp_path / "own"])
    with pytest.raises(StudioError, match="comes with Triptych"):
        keep.remove(model_of(store, "stories"))


def test_what_another_program_is_bringing_stays(store: Store, hub: Path, tmp_path: Path) -> None:
    snapshot = put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    before = everything(hub)
    blob = (snapshot / "onnx" / "model_q4.onnx").readlink().name
    lock = hub / ".locks" / "models--acme--go" / f"{blob}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(StudioError, match="being downloaded"):
        keep.remove(model_of(store, "acme/go:q4"))
    assert everything(hub) == before


def test_a_blob_that_somebody_links_to_meanwhile_goes_back(
    store: Store, hub: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/words", {**files_of(words), "model.onnx": OTHER}, SECOND, ref="new")
    plain = trash._rename
    blob = (hub / "models--acme--words" / "snapshots" / FIRST / "model.onnx").readlink().name

    def rename(source: Path, target: Path) -> None:
        plain(source, target)
        if source.name == blob and target.parent.name == "blobs" and trash.REMOVED in str(target):
            other = hub / "models--acme--words" / "snapshots" / SECOND / "copy.onnx"
            other.symlink_to(f"../../blobs/{blob}")

    monkeypatch.setattr(trash, "_rename", rename)
    keep.remove(model_of(store, "acme/words"), revision=FIRST)
    other = hub / "models--acme--words" / "snapshots" / SECOND / "copy.onnx"
    assert other.read_bytes() == ONNX


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_disk_that_may_not_be_written_to_is_told(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    own.chmod(0o500)
    try:
        with pytest.raises(StudioError, match="permission"):
            keep.remove(model_of(store, "stories"))
    finally:
        own.chmod(0o700)
    assert whole(store, "stories")


@pytest.mark.parametrize("at", range(4))  # two links and two blobs
def test_a_disk_that_fails_on_the_way_leaves_all_of_it(
    store: Store, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    before = everything(hub)
    plain, count = trash._rename, iter(range(100))

    def rename(source: Path, target: Path) -> None:
        if next(count) == at:
            raise OSError(5, "Input/output error")
        plain(source, target)

    model = model_of(store, "acme/go:q4")
    monkeypatch.setattr(trash, "_rename", rename)
    with pytest.raises(StudioError, match="Input/output error"):
        keep.remove(model)
    assert everything(hub) == before


# Another program's list


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["version", "state", "steps", "when", "size", "model", "title"]),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_damaged_lists_never_raise(data: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        folder = place / trash.REMOVED / "one"
        (folder / trash.FILES).mkdir(parents=True)
        (folder / trash.FILES / "kept").write_bytes(b"kept")
        (folder / trash.MANIFEST).write_text(json.dumps(data))
        keep.removed([place])
        keep.recover([place])
        keep.empty_trash([place])
        assert (folder / trash.FILES / "kept").exists()
        way = place / moving.MOVING / "one"
        way.mkdir(parents=True)
        (way / moving.JOURNAL).write_text(json.dumps(data))
        keep.recover([place])


@pytest.mark.parametrize(
    "step",
    ["../out", "/out", "a/../../out", "", ".triptych-removed/one"]
    + ["C:/out", "a\\..\\out"] * (os.name == "nt"),
)
def test_a_list_that_leads_out_is_not_followed(tmp_path: Path, step: str) -> None:
    place = tmp_path / "place"
    folder = place / trash.REMOVED / "one"
    inside = folder / trash.FILES / "a"
    inside.mkdir(parents=True)
    data = {"version": 1, "state": "removed", "model": "a", "title": "a", "size": 0,
            "when": "2026-01-01T00:00:00+00:00", "steps": [step]}  # fmt: skip
    (folder / trash.MANIFEST).write_text(json.dumps(data))
    with pytest.raises(StudioError):
        keep.undo(str(folder))
    assert keep.removed([place]) == []
    assert inside.is_dir()
    assert {p.name for p in tmp_path.iterdir()} == {"place"}


def test_what_goes_for_good_waits_for_who_looks_at_it(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    done = keep.remove(model_of(store, "stories"))
    looking = FileLock(f"{done.token}.lock")  # as another program has it while it puts right
    looking.acquire()
    thread = threading.Thread(target=trash.drop, args=(done.token,))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    assert keep.removed([own]) == [done]
    looking.release()
    thread.join()
    assert keep.removed([own]) == []
    assert not Path(done.token).exists()


def test_what_no_list_names_is_not_deleted(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    done = keep.remove(model_of(store, "stories"))
    stray = Path(done.token) / trash.FILES / "stray"
    stray.write_bytes(b"kept")
    with pytest.raises(StudioError):
        keep.undo(done.token)
    assert whole(store, "stories")
    keep.recover([own])
    keep.empty_trash([own])
    assert stray.read_bytes() == b"kept"


@pytest.mark.skipif(os.name == "nt", reason="the system has no such names")
def test_odd_names_come_back(store: Store, own: Path) -> None:
    for name in ("a:b", "x@abcdef1", "c\\d", "größe", "e f", "\udcff", "..."):
        language_model(own / name, CARD)
    before = everything(own)
    models = [m for m in store.installed() if m.place == own]
    assert len(models) == 6, "hidden ones are no models"
    for model in models:
        if not model.problem:
            assert store.find(model.id) == model
        done = keep.remove(model)
        assert done in keep.removed([own])
        keep.undo(done.token)
        assert everything(own) == before


def test_no_other_folder_is_taken_for_the_trash(tmp_path: Path) -> None:
    with pytest.raises(StudioError):
        keep.undo(str(tmp_path / "anything"))
    assert list(tmp_path.iterdir()) == []


# Move


@pytest.fixture(params=["same disk", "another disk"])
def disks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """On another disk, files cannot be linked to and have to be copied."""
    if request.param == "another disk":

        def refuse(*args: object, **kwargs: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", refuse)
    return str(request.param)


def test_a_folder_is_moved(store: Store, own: Path, hub: Path, disks: str) -> None:
    language_model(own / "stories", CARD)
    before = everything(own)
    hub.mkdir()
    heard: list[tuple[int, int]] = []
    keep.move(model_of(store, "stories"), hub, lambda *far: heard.append(far))
    assert everything(hub) == before
    assert everything(own) == {}
    assert model_of(store, "stories").place == hub
    assert heard[-1][0] == heard[-1][1] > 0
    assert heard == sorted(heard)


def test_a_repository_is_moved(store: Store, hub: Path, own: Path, words: Path, disks: str) -> None:
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/words", {**files_of(words), "model.onnx": OTHER}, SECOND)
    before = everything(hub)
    keep.move(model_of(store, "acme/words"), own)
    assert everything(own) == before
    assert not (hub / "models--acme--words").exists()
    assert keep.removed([hub]) == []
    assert whole(store, "acme/words")
    assert model_of(store, "acme/words").older == (FIRST,)


def test_one_variant_is_moved(store: Store, hub: Path, own: Path, tmp_path: Path) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    keep.move(model_of(store, "acme/go:q4"), own)
    assert {m.id: m.place for m in store.installed()} == {"acme/go:q4": own, "acme/go:onnx": hub}
    assert whole(store, "acme/go:q4")
    assert whole(store, "acme/go:onnx")
    keep.move(model_of(store, "acme/go:onnx"), own)
    assert {m.place for m in store.installed()} == {own}
    assert whole(store, "acme/go:q4")


def test_shared_blobs_are_moved_as_files_of_their_own(
    store: Store, hub: Path, own: Path, words: Path, disks: str
) -> None:
    put(hub, "acme/words", files_of(words), shared=True)
    keep.move(model_of(store, "acme/words"), own)
    assert whole(store, "acme/words")
    blobs = own / "models--acme--words" / "blobs"
    assert not any(p.is_symlink() for p in blobs.iterdir())
    assert not [p for p in (hub / SHARED).rglob("*") if len(p.name) == 64]


def test_a_move_that_is_cancelled_changes_nothing(
    store: Store, hub: Path, own: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    before = everything(hub)
    for after in range(4):
        calls = iter([False] * after + [True] * 100)
        with pytest.raises(StudioError, match="cancelled"):
            keep.move(model_of(store, "acme/words"), own, cancelled=lambda c=calls: next(c))  # type: ignore[misc]
        assert everything(hub) == before
        assert everything(own) == {}


def test_a_move_over_another_model_or_to_its_own_place_is_refused(
    store: Store, hub: Path, own: Path
) -> None:
    language_model(own / "stories", CARD)
    language_model(hub / "Stories", "another")
    with pytest.raises(StudioError, match="another “stories”"):
        keep.move(model_of(store, "stories"), hub)
    with pytest.raises(StudioError, match="already"):
        keep.move(model_of(store, "stories"), own)
    assert whole(store, "stories")


def test_a_copy_that_is_not_the_same_is_not_taken(
    store: Store, hub: Path, own: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    before = everything(hub)
    plain = moving._copy

    def copy(source: Path, target: Path, pass_on: object) -> str:
        digest = plain(source, target, lambda count: None)
        if target.stat().st_size == len(ONNX):
            target.write_bytes(b"\0" * len(ONNX))
        return digest

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(moving, "_copy", copy)
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StudioError, match="not what it should be"):
        keep.move(model_of(store, "acme/words"), own)
    assert everything(hub) == before
    assert everything(own) == {}


def test_there_has_to_be_room(
    store: Store, hub: Path, own: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    monkeypatch.setattr(moving, "_near", lambda load, place: False)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("D", (), {"free": 10})())
    with pytest.raises(StudioError, match="not enough room"):
        keep.move(model_of(store, "acme/words"), own)
    assert whole(store, "acme/words")


# Verify


def test_what_is_whole_is_told_so(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    heard: list[tuple[int, int]] = []
    report = keep.verify(model_of(store, "acme/words"), lambda *far: heard.append(far))
    assert report.good
    assert {f.state for f in report.files} == {"good"}
    assert "as they were published" in report.message
    assert report.hint == ""
    total = sum(p.stat().st_size for p in words.iterdir())
    assert heard[-1] == (total, total)


@pytest.mark.parametrize("name", ["model.onnx", "genai_config.json", "README.md"])
def test_a_changed_byte_is_found_and_can_be_got_again(
    store: Store, hub: Path, words: Path, name: str
) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    path = (snapshot / name).resolve()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    report = keep.verify(model_of(store, "acme/words"))
    assert not report.good
    assert [f.name for f in report.files if f.state == "broken"] == [name]
    assert name in report.message
    assert "again" in report.hint
    keep.set_aside(report)
    assert name in model_of(store, "acme/words").problem
    put(hub, "acme/words", files_of(words))
    assert whole(store, "acme/words")


def test_what_is_missing_is_found(store: Store, hub: Path, words: Path) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    (snapshot / "model.onnx").resolve().unlink()
    report = keep.verify(model_of(store, "acme/words"))
    assert [(f.name, f.state) for f in report.files if f.state != "good"] == [
        ("model.onnx", "missing")
    ]


def test_folders_have_nothing_to_be_compared_with(store: Store, own: Path) -> None:
    language_model(own / "stories", CARD)
    report = keep.verify(model_of(store, "stories"))
    assert report.good
    assert "nothing on this computer to compare" in report.message
    (own / "stories" / "model.onnx").write_bytes(b"")
    assert not keep.verify(model_of(store, "stories")).good


def test_verifying_can_be_cancelled(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    with pytest.raises(StudioError, match="cancelled"):
        keep.verify(model_of(store, "acme/words"), cancelled=lambda: True)


# What is noted


def test_revisions_that_are_here_can_be_kept_to(
    tmp_path: Path, hub: Path, own: Path, words: Path
) -> None:
    notes = Notes(tmp_path / "notes.json")
    store = Store([own], [hub], notes=notes)
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/words", {**files_of(words), "model.onnx": OTHER}, SECOND)
    keep.keep_revision(notes.keep, model_of(store, "acme/words"), FIRST)
    assert model_of(store, "acme/words").revision == FIRST
    with pytest.raises(StudioError, match="not here"):
        keep.keep_revision(notes.keep, model_of(store, "acme/words"), "3" * 40)
    keep.keep_revision(notes.keep, model_of(store, "acme/words"), "")
    assert model_of(store, "acme/words").revision == SECOND


def test_uses_are_counted_by_all_names_of_a_model(store: Store, hub: Path, tmp_path: Path) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "q4"))
    model = model_of(store, "acme/go")
    counts = {"acme/go:q4": 2, f"acme/go:q4@{FIRST[:12]}": 3, "acme/go": 1, "acme/gone": 9}
    assert keep.uses(model, counts) == 6
