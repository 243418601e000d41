"""A program that works in a library is killed at any moment, again and again; nothing is lost."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.core import media
from studio.library import Item, Library, Query
from tests.library import makers

ROOT = Path(__file__).resolve().parents[2]
KILLS = 60


def everybody(library: Library) -> dict[str, Item]:
    asked = (Query(), Query(trashed=True))
    return {item.id: item for q in asked for item in library.items(q, limit=100_000)}


def check(library: Library, said: list[list[str]]) -> None:
    """Rows and files agree, all is whole, and everything that was said to be made is there."""
    items = everybody(library)
    known = [path for item in items.values() for path in item.files]
    assert sorted(known) == makers.everything(library), "a file without a row, or a row without"
    for item in items.values():
        assert hashlib.sha256(item.main.read_bytes()).hexdigest() == item.sha256
        assert all(media.extract(path).recipe == item.recipe for path in item.files)
        assert not item.missing
        assert len(item.files) == (2 if item.kind == "audio" else 1), "half of an item"
        assert item.summary["words"] == 3, "what was told of it is gone"
    made = [words for words in said if words[0] == "made"]
    for _, item_id, sha256, files in made:
        assert item_id in items, "something that was made is gone"
        assert items[item_id].sha256 == sha256
        assert len(items[item_id].files) == int(files)
    assert not list(library.root.rglob("*.part"))
    trash: dict[str, bool] = {}
    for words in said:
        if words[0] in ("trashed", "restored"):
            trash |= dict.fromkeys(words[1:], words[0] == "trashed")
    # The very last thing may have been done and not said any more.
    wrong = [i for i, gone in trash.items() if (items[i].trashed is not None) != gone]
    assert len(wrong) <= KILLS
    queued = {words[1] for words in said if words[0] == "queued"}
    assert queued <= {job.id for job in library.jobs.list()}


@pytest.mark.timeout(600)
def test_nothing_is_lost_to_a_kill(tmp_path: Path, root: Path) -> None:
    rng = random.Random(2026)
    log = tmp_path / "said.txt"
    mended = 0
    for number in range(KILLS):
        command = [sys.executable, "-m", "tests.library.victim", str(root), str(number)]
        with log.open("ab") as out:
            before = out.tell()
            process = subprocess.Popen(command, stdout=out, cwd=ROOT)
            # Some deeds, then some moment of the next one, however fast the machine is.
            deeds, until = rng.randrange(1, 6), time.monotonic() + 60
            while _lines(log, before) < deeds and time.monotonic() < until:
                assert process.poll() is None, "it ended by itself"
                time.sleep(0.001)
            time.sleep(rng.random() * 0.03)
            assert process.poll() is None, "it ended by itself"
            process.kill()
            process.wait()
        if number % 10 == 0:
            with Library.open(root) as library:
                recovered = library.recover()
                mended += len(recovered.taken_in) + recovered.cleaned + recovered.restored
                check(library, _read(log))
    said = _read(log)
    with Library.open(root) as library:
        library.recover()
        check(library, said)
        assert library.recover().cleaned == 0
        assert len(list((root / ".jobs").iterdir())) == 1, "only our own lock"
    mended += sum(int(w[1]) + int(w[2]) for w in said if w[0] == "recovered")
    assert mended > KILLS / 4, "the kills came too late to hit anything"
    assert sum(words[0] == "made" for words in said) > KILLS / 3


def _lines(log: Path, start: int) -> int:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().count(b"\n")


def _read(log: Path) -> list[list[str]]:
    """Whole lines only: the last one of a life may have been cut."""
    lines = log.read_text("utf-8").split("\n")
    return [words for line in lines if (words := line.split()) and _whole(words)]


def _whole(words: list[str]) -> bool:
    wanted = {"made": 4, "recovered": 3, "queued": 2}
    return words[0] in ("ready", "trashed", "restored") or wanted.get(words[0]) == len(words)
