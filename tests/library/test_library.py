"""What is made comes in whole, is found again, and goes to the trash and back."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from studio.core import media
from studio.core.errors import StudioError
from studio.core.family import KINDS, Kind
from studio.core.messages import Output
from studio.core.recipe import InputRef
from studio.core.record import Record
from studio.library import Item, Library, Query, names
from tests.library import makers
from tests.library.makers import make


def ids(items: list[Item]) -> list[str]:
    return [item.id for item in items]


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_its_files_and_its_recipe(library: Library, kind: Kind) -> None:
    item = make(library, kind, "A red fox and the moon", title="Der Fuchs")
    assert library.get(item.id) == item
    assert library.items() == [item]
    assert item.recipe == makers.recipe(kind)
    assert (item.kind, item.provider, item.edited, item.mark_ai) == (kind, makers.CPU, False, True)
    assert item.title == "Der Fuchs"
    assert [p.suffix for p in item.files] == {
        "text": [".md"], "image": [".png"], "audio": [".wav", ".mid", ".abc"]
    }[kind]  # fmt: skip
    assert item.main.name == (
        time.strftime("%Y-%m-%d", time.localtime(item.created)) + f" der-fuchs {item.id}"
        + item.main.suffix
    )  # fmt: skip
    assert item.main.parent == library.root / "items" / time.strftime(
        "%Y/%m", time.localtime(item.created)
    )
    assert len({p.stem for p in item.files}) == 1
    assert item.sha256 == hashlib.sha256(item.main.read_bytes()).hexdigest()
    assert all(media.extract(p).recipe == item.recipe for p in item.files)
    assert abs(item.main.stat().st_mtime - item.created) < 0.01
    assert item.file(item.main.suffix) == item.main
    assert item.file(".exe") is None
    if kind == "audio":
        assert item.summary["peaks"] == bytes(range(200))


def test_what_nobody_told_is_read_from_the_file(library: Library) -> None:
    folder = library.job_folder("one")
    wish = makers.recipe("audio")
    tune = makers.write(folder / "a.wav", makers.wav(2.0), Record(wish, ""))
    item = library.take_in(Output((tune,), wish))
    assert item.summary["seconds"] == pytest.approx(2.0)
    assert len(item.summary["peaks"]) == 200
    assert item.summary["peaks"][0] < 20 < 200 < item.summary["peaks"][-1]
    wish = makers.recipe("image")
    picture = makers.write(folder / "a.png", makers.png((7, 5)), Record(wish, ""))
    assert library.take_in(Output((picture,), wish)).summary == {"width": 7, "height": 5}
    wish = makers.recipe("text")
    text = makers.write(folder / "a.md", b"one two\nthree", Record(wish, ""))
    summary = library.take_in(Output((text,), wish)).summary
    assert summary == {"excerpt": "one two three", "words": 3}


def test_staging_is_empty_and_goes(library: Library) -> None:
    folder = library.job_folder("one")
    assert list(folder.iterdir()) == []
    (folder / "half.png.part").write_bytes(b"x")
    assert list(library.job_folder("one").iterdir()) == []
    library.discard_job("one")
    library.discard_job("one")
    assert not folder.exists()
    for bad in ("../../evil", "", "a/b", "x" * 200):
        with pytest.raises(StudioError):
            library.job_folder(bad)


def test_an_output_that_is_gone_leaves_nothing(library: Library) -> None:
    folder = library.job_folder("one")
    wish = makers.recipe("audio")
    tune = makers.write(folder / "a.wav", makers.wav(), Record(wish, ""))
    for files in ((folder / "no.wav",), (tune, folder / "no.mid"), ()):
        with pytest.raises(StudioError):
            library.take_in(Output(files, wish))
    assert tune.exists()
    assert library.items() == []
    assert makers.everything(library) == []


def test_pages_go_from_the_newest_to_the_oldest(library: Library) -> None:
    made = [make(library, created=1_700_000_000 + n // 3) for n in range(25)]
    seen: list[Item] = []
    while page := library.items(after=seen[-1].cursor if seen else None, limit=7):
        assert len(page) <= 7
        seen += page
    assert ids(seen) == ids(made[::-1])
    assert [i.created for i in seen] == sorted((i.created for i in seen), reverse=True)
    assert library.count() == 25
    assert library.items(limit=0) == []
    # What comes in while a person turns pages does not shift them.
    first = library.items(limit=5)
    make(library)
    assert ids(library.items(after=first[-1].cursor, limit=5)) == ids(seen[5:10])


def test_each_filter_holds(library: Library) -> None:
    old = make(library, "text", created=1_000_000.0)
    picture = make(library, "image", created=2_000_000.0, model="other")
    tune = make(library, "audio", created=3_000_000.0)
    library.star([picture.id, tune.id], True)
    library.star([tune.id], False)

    def found(**asked: object) -> list[str]:
        query = Query(**asked)  # type: ignore[arg-type]
        assert library.count(query) == len(library.items(query))
        return ids(library.items(query))

    assert found(kind="image") == [picture.id]
    assert found(model="other") == [picture.id]
    assert found(starred=True) == [picture.id]
    assert found(starred=False) == [tune.id, old.id]
    assert found(since=2_000_000.0) == [tune.id, picture.id]
    assert found(until=2_000_000.0) == [old.id]
    assert found(since=1.0, until=1e300, kind="audio", starred=False, words="fox") == [tune.id]
    assert found(since=float("nan"), until=float("inf")) == [tune.id, picture.id, old.id]
    assert found(words="fox", since=1_500_000.0, until=2_500_000.0) == [picture.id]
    assert {(u.model, u.kind, u.count) for u in library.models_used()} == {
        ("starter-text", "text", 1), ("other", "image", 1), ("starter-audio", "audio", 1)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("fox", True),
        ("FO", True),
        ("moon red", True),
        ("fox wolf", False),
        ("ox", False),
        ("uber", True),
        ("ÜBER", True),
        ("🦊", True),
        ("🦊fox", False),
        ("🐻", False),
        ("ثعلب", True),
        ("ثع", True),
        ("שועל", True),
        ("狐狸", True),
        ("狸", True),
        ("狸狐", False),
        ("starter-text", True),
        ("starter", True),
        ("text.chat", True),
        ("sleepy", True),
        ('"', True),
        ("fox OR", False),
        ("NOT fox", False),
        ("fox*", True),
        ("prompt:fox", False),
        ("(fox", True),
        ("--", True),
        ("", True),
        (" \t\n", True),
    ],
)
def test_words_are_found_in_every_script(library: Library, words: str, finds: bool) -> None:
    make(library, prompt="Red fox über the moon 🦊 ثعلب שועל 小さな狐狸", text="A sleepy bear-cub")
    assert bool(library.items(Query(words=words))) == finds
    assert library.count(Query(words=words)) == int(finds)


def test_what_is_told_of_a_thing_is_found(library: Library) -> None:
    item = make(library, prompt="x", words="penguin", voice="grand", title="An icy day")
    for words in ("penguin", "icy", "grand"):
        assert library.items(Query(words=words)) == [item]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                '"',
                "*",
                "^",
                "NEAR(",
                ")",
                "AND",
                "OR",
                "NOT",
                "+",
                ":",
                "{",
                "}",
                "fox",
                "\0",
                "\ud800",
                "🦊",
                "-",
                "'",
                "a" * 200,
                "\u202e",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
@example(words="fox " * 10_000)
@example(words="١" * 300)
def test_nothing_that_can_be_typed_is_an_error(library: Library, words: str) -> None:
    assert library.count(Query(words=words)) == 0
    assert library.items(Query(words=words, kind="text", starred=True, since=1.0)) == []


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(prompt=st.text(max_size=120), text=st.text(st.characters(exclude_categories=["Cs"])))
@example(prompt="CON", text="")
@example(prompt="a/b\\c:d*e?f|g<h>i\0j..", text="\0")
@example(prompt="🦊" * 300, text="x")
@example(prompt="ı" * 300 + "ŉ" * 90, text="x")
@example(prompt="नमस्ते दुनिया", text="x")
def test_every_prompt_gives_a_name_that_every_system_takes(
    library: Library, prompt: str, text: str
) -> None:
    wish = makers.recipe(prompt=prompt)
    folder = library.job_folder("odd")
    file = folder / "text.md"
    file.write_bytes(media.embed(text.encode(), ".md", Record(wish, "")))
    item = library.take_in(Output((file,), wish))
    name = item.main.name
    assert len(name.encode("utf-8")) <= 200
    assert len(name) <= 90
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    assert not name.endswith((" ", "."))
    assert name == name.casefold()
    assert names.id_in(item.main.stem) == item.id
    assert item.main.exists()
    # A lone surrogate cannot be stored in any file; everything else comes back as it was.
    clean = prompt.encode("utf-8", "replace").decode("utf-8")
    kept = library.get(item.id)
    assert kept is not None
    assert kept.recipe.values["prompt"] == clean
    assert library.text(item) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_the_trash_can_be_undone(library: Library) -> None:
    items = [make(library, kind) for kind in KINDS]
    before = makers.everything(library)
    ticket = library.trash(ids(items[:2]))
    assert set(ticket.ids) == set(ids(items[:2]))
    assert library.items() == items[2:]
    trashed = library.items(Query(trashed=True))
    assert set(ids(trashed)) == set(ticket.ids)
    assert all(p.exists() and ".trash" in p.parts for i in trashed for p in i.files)
    assert all(i.trashed is not None for i in trashed)
    assert library.count(Query(words="fox", trashed=True)) == 2
    assert not any(p.exists() for i in items[:2] for p in i.files)
    assert set(ids(library.restore(ticket))) == set(ticket.ids)
    assert library.restore(ticket) == []
    assert makers.everything(library) == before
    assert set(ids(library.items())) == set(ids(items))
    assert library.trash([items[0].id]).ids == (items[0].id,)
    assert library.trash([items[0].id, "nobody"]).ids == ()
    assert ids(library.restore([items[0].id])) == [items[0].id]


def test_emptying_the_trash_is_for_good(library: Library) -> None:
    old, young, kept = make(library, "audio"), make(library, "image"), make(library)
    library.thumbnail(young, 16)
    library.trash([old.id])
    between = time.time()
    library.trash([young.id])
    assert library.empty_trash(older_than=between) == 1
    assert library.get(old.id) is None
    assert library.get(young.id) is not None
    assert library.empty_trash() == 1
    assert library.empty_trash() == 0
    assert makers.everything(library) == list(kept.files)
    assert not list((library.root / ".thumbs").rglob("*.png"))
    assert library.count(Query(words="fox", trashed=True)) == 0


def test_an_edit_is_a_new_item(library: Library) -> None:
    first = make(library, text="The fox slept.", title="Fox")
    edited = library.save_edit(first.id, "The fox woke up. 🦊")
    assert edited.id != first.id
    assert edited.edited
    assert edited.recipe == first.recipe
    assert edited.title == "Fox"
    assert media.extract(edited.main).edited
    assert library.text(edited) == "The fox woke up. 🦊"
    assert library.text(first) == "The fox slept."
    assert edited.summary["words"] == 5
    with pytest.raises(StudioError):
        library.save_edit("nobody", "x")
    with pytest.raises(StudioError):
        library.save_edit(make(library, "image").id, "x")


def test_a_file_finds_its_item(library: Library, tmp_path: Path) -> None:
    item = make(library, "audio")
    assert all(library.find_by_file(p) == item for p in item.files)
    copy = tmp_path / "somewhere.wav"
    copy.write_bytes(item.main.read_bytes())
    assert library.find_by_file(copy) == item
    copy.write_bytes(b"else")
    assert library.find_by_file(copy) is None
    assert library.find_by_file(tmp_path / "nothing") is None
    assert library.find_by_file(tmp_path) is None
    library.trash([item.id])
    trashed = library.get(item.id)
    assert trashed is not None
    assert library.find_by_file(trashed.main) == trashed


def test_inputs_are_kept_by_their_content(library: Library, tmp_path: Path) -> None:
    photo = tmp_path / "Photo.PNG"
    photo.write_bytes(makers.png())
    ref = library.add_input(photo)
    assert ref == InputRef("Photo.PNG", hashlib.sha256(photo.read_bytes()).hexdigest())
    twin = tmp_path / "twin.png"
    twin.write_bytes(photo.read_bytes())
    assert library.add_input(twin).sha256 == ref.sha256
    kept = library.input_path(ref)
    assert kept is not None
    assert kept.suffix == ".png"
    assert kept.read_bytes() == photo.read_bytes()
    assert len(list((library.root / "inputs").iterdir())) == 1
    assert library.input_path(InputRef("x", "0" * 64)) is None
    assert library.input_path(InputRef("x", "../*")) is None


def test_inputs_that_cannot_be_kept_are_told(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StudioError, match="cannot be read"):
        library.add_input(tmp_path / "nothing.png")
    with pytest.raises(StudioError):
        library.add_input(tmp_path)
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(StudioError, match="too large"):
        library.add_input(large)
    assert not list((library.root).glob("inputs/*"))


def test_small_copies_are_made_once(library: Library) -> None:
    item = make(library, "image")
    small = library.thumbnail(item, 16)
    stamp = small.stat().st_mtime_ns
    assert library.thumbnail(item, 16) == small
    assert small.stat().st_mtime_ns == stamp
    assert media.picture_size(small.read_bytes()) == (16, 11)
    assert library.thumbnail(item, 10**9) != small
    with pytest.raises(StudioError):
        media.extract(small)
    with pytest.raises(StudioError):
        library.thumbnail(make(library, "text"), 16)
    broken = make(library, "image")
    broken.main.write_bytes(broken.main.read_bytes()[:80])
    with pytest.raises(StudioError, match="cannot be shown"):
        library.thumbnail(broken, 16)


def test_a_text_that_is_gone_is_told(library: Library) -> None:
    item = make(library)
    item.main.unlink()
    with pytest.raises(StudioError, match="cannot be read"):
        library.text(item)


def test_threads_do_not_get_in_each_others_way(library: Library) -> None:
    faults: list[BaseException] = []
    stop = threading.Event()

    def guarded(work: object) -> None:
        try:
            while not stop.is_set():
                assert callable(work)
                work()
        except BaseException as error:
            faults.append(error)

    def look() -> None:
        for item in library.items(Query(words="fox")):
            assert item.main.suffix == ".md"
        library.count()

    def toss() -> None:
        library.restore(library.trash([i.id for i in library.items(limit=2)]))

    threads = [threading.Thread(target=guarded, args=(w,)) for w in (look, toss, library.recover)]
    for thread in threads:
        thread.start()
    made = [make(library) for _ in range(40)]
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert set(ids(library.items())) == set(ids(made))
    assert len(makers.everything(library)) == 40


def test_a_closed_library_says_so(root: Path) -> None:
    library = Library.open(root)
    library.close()
    with pytest.raises(StudioError):
        library.items()
    assert not list((root / ".jobs").iterdir())
