"""What lies on a disk or comes from a server may be anything: it is read without a fault."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.models.remote import RemoteFile
from studio.models.transfer.flow import Flow
from studio.models.transfer.journal import Checked, Entry, Journal, parse
from studio.models.transfer.part import NOTE, Part, digest_of, is_right, plain_etag, read_note
from studio.models.transfer.plan import TransferPlan
from studio.models.transfer.rules import Rules

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.text("abcäöü_-0123456789", min_size=1, max_size=12).filter(lambda n: n[-1] not in ". ")
FILES = st.builds(RemoteFile, NAMES, st.integers(0, 1 << 40), HASHES)
PLANS = st.builds(
    TransferPlan,
    id=st.text(max_size=40),
    repo=st.just("owner/name"),
    revision=st.text("0123456789abcdef", min_size=40, max_size=40),
    files=st.lists(
        FILES, min_size=1, max_size=5, unique_by=(lambda f: f.path, lambda f: f.blob)
    ).map(tuple),
    cache=st.just(Path("cache")),
    variant=st.text(max_size=10),
    title=st.text(max_size=10),
    kind=st.sampled_from([None, "text", "image", "audio"]),
    ref=st.sampled_from(["", "main", "refs/pr/1"]),
)
ENTRIES = st.builds(
    Entry,
    plan=PLANS,
    state=st.sampled_from(["waiting", "paused", "failed", "done", "cancelled"]),
    began=st.text(max_size=30),
    message=st.text(max_size=30),
    hint=st.text(max_size=30),
)


@settings(max_examples=20)
@given(ENTRIES)
def test_entries_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, entry: Entry
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    journal.write(entry)
    assert journal.read(entry.plan.id) == entry
    assert journal.load() == [entry]
    journal.remove(entry.plan.id)
    assert journal.load() == []


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
def test_any_bytes_are_an_entry_or_none(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one says nothing
        parse(data)


@given(ENTRIES, st.data())
def test_an_entry_with_anything_in_it_is_one_or_none(entry: Entry, data: st.DataObject) -> None:
    said: dict[str, Any] = {
        "version": 1, "plan": entry.plan.to_dict(), "state": entry.state,
        "began": entry.began, "message": entry.message, "hint": entry.hint,
    }  # fmt: skip
    inside = data.draw(st.booleans())
    place = said["plan"] if inside else said
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(VALUES)
    try:
        found = parse(json.dumps(said).encode())
    except ValueError:
        return
    found.plan.check()


@given(st.binary(max_size=100) | VALUES.map(lambda v: json.dumps(v).encode()))
@example(b'{"bytes": 5, "hash": "a", "etag": "\\"x\\r\\nHost: evil\\""}')
@example(b'{"bytes": true, "hash": "a", "etag": ""}')
@example(b"[" * 100_000)
def test_any_bytes_are_a_note_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("note") / "note"
    path.write_bytes(data)
    count, _, etag = read_note(path)
    assert type(count) is int
    assert "\r" not in etag
    assert "\n" not in etag


@given(st.text(max_size=30))
def test_only_plain_etags_are_sent_back(text: str) -> None:
    etag = plain_etag(text)
    assert etag in ("", text)
    assert etag == "" or etag.isascii()


@given(st.binary(max_size=300))
def test_any_list_of_checked_blobs_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    journal.add_checked("a", "b" * 40, Checked(1, 2, True))
    (path,) = journal.folder.iterdir()
    path.write_bytes(data + path.read_bytes())
    found = journal.checked("a")
    assert not found or found["b" * 40] == Checked(1, 2, True)
    assert bool(found) or not data.isascii()


@settings(max_examples=25)
@given(st.lists(st.binary(min_size=1, max_size=100), max_size=8), st.integers(0, 800))
def test_a_part_goes_on_where_it_was_kept(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], torn: int
) -> None:
    data = b"".join(pieces)
    digest = digest_of(RemoteFile("a", len(data), "0" * 64))
    digest.update(data)
    file = RemoteFile("a", len(data), digest.hexdigest())
    blob = tmp_path_factory.mktemp("part") / file.blob
    first = Part(blob, file)
    first.open(lambda: None)
    for number, piece in enumerate(pieces[: len(pieces) // 2]):
        first.write(piece)
        if number % 2:
            first.keep()
    kept = first.offset if len(pieces) else 0
    first.close()
    if first.path.exists():  # what a dying system wrote beyond the note is worth nothing
        with first.path.open("ab") as more:
            more.write(b"\0" * torn)
    second = Part(blob, file)
    second.open(lambda: None)
    assert second.offset == kept
    second.write(data[kept:])
    second.finish()
    assert blob.read_bytes() == data
    assert is_right(blob, file, lambda: None)
    assert [p.name for p in blob.parent.iterdir()] == [blob.name]


def test_a_wrong_part_never_gets_a_name(tmp_path: Path) -> None:
    part = Part(tmp_path / ("0" * 64), RemoteFile("a", 3, "0" * 64))
    part.open(lambda: None)
    part.write(b"abc")
    with pytest.raises(AssertionError):
        part.finish()
    part.close()
    assert not part.blob.exists()
    assert part.blob.with_name(part.blob.name + NOTE).exists()


def test_waits_grow_with_jitter_up_to_a_bound() -> None:
    rules = Rules(first=1.0, most=8.0)
    waits = [[rules.wait(n) for _ in range(50)] for n in (0, 1, 2, 3, 10_000)]
    for bound, found in zip((1, 2, 4, 8, 8), waits, strict=True):
        assert bound / 2 <= min(found) < max(found) <= bound


def test_a_limit_is_asked_for_again_and_reads_in_small_pieces() -> None:
    limit = 0
    flow = Flow(lambda: limit)
    assert flow.piece() > 100_000
    flow.take(1 << 30, threading.Event())
    limit = 20_000
    slow = Flow(lambda: limit)
    assert slow.piece() == 1024
    stopped = threading.Event()
    stopped.set()
    slow.hold(3600)
    slow.await_turn(stopped)
