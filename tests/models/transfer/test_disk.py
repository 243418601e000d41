"""Disks that are small, fill up meanwhile, or may not be written to."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from studio.core.errors import StudioError
from studio.models.transfer import Rules
from tests.hub import Hub, Noise
from tests.models.transfer.world import Program, plan_of

MB = 1_000_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How much the system says is free."""
    said = {"free": 100 * MB}
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: Usage(10**12, 10**12 - said["free"], said["free"])
    )
    return said


def test_too_little_room_is_said_before_anything_is_fetched(
    hub: Hub, program: Program, free: dict[str, int]
) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1)})
    free["free"] = 2 * MB
    failed = program.get(plan_of(repo, program.cache))
    assert failed.state == "failed"
    assert "2.9 MB" in failed.message
    assert "1.9 MB" in failed.message
    assert not hub.log.all()
    free["free"] = 4 * MB
    program.transfers.resume(failed.id)
    assert program.ended(failed.id).state == "done"


def test_what_is_here_already_needs_no_room(
    hub: Hub, program: Program, free: dict[str, int]
) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1), "b.txt": "b"})
    plan = plan_of(repo, program.cache)
    assert program.get(plan).state == "done"
    free["free"] = 10
    assert program.get(plan).state == "done"


def test_others_that_still_come_need_their_room(
    hub: Hub, program: Program, free: dict[str, int]
) -> None:
    one = hub.add("owner/one", {"a.onnx": Noise(3 * MB, 1)})
    two = hub.add("owner/two", {"a.onnx": Noise(3 * MB, 2)})
    hub.rate = MB
    free["free"] = 5 * MB
    program.transfers.add(plan_of(one, program.cache))
    program.until(one.id, lambda d: d.state == "running")
    failed = program.get(plan_of(two, program.cache))
    assert failed.state == "failed"
    assert "not enough room" in failed.message
    hub.rate = 0
    assert program.ended(one.id).state == "done"


def test_a_disk_that_fills_meanwhile_stops_the_download_in_time(
    hub: Hub, tmp_path: Path, free: dict[str, int]
) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1)})
    hub.rate = 2 * MB
    rules = Rules(keep=0.05, reserve=MB, first=0.01)
    with Program(hub, tmp_path, rules=rules) as program:
        plan = plan_of(repo, program.cache)
        program.transfers.add(plan)
        program.until(plan.id, lambda d: d.done > MB)
        free["free"] = MB // 2
        failed = program.ended(plan.id)
        assert failed.state == "failed"
        assert "almost full" in failed.message
        free["free"] = 100 * MB
        hub.rate = 0
        hub.log.idle()
        program.transfers.resume(plan.id)
        assert program.ended(plan.id).state == "done"
        program.assert_right(repo)
    assert [s.start for s in hub.log.bytes_of()].count(0) == 1


@pytest.fixture
def largest() -> Iterator[int]:
    """No file of this process may grow beyond two megabytes, as on a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MB, before[1]))
    yield 2 * MB
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is one of POSIX")
def test_a_full_disk_is_a_sentence_and_loses_nothing(
    hub: Hub, program: Program, largest: int
) -> None:
    import resource

    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1)})
    failed = program.get(plan_of(repo, program.cache))
    assert failed.state == "failed"
    assert "disk is full" in failed.message
    assert failed.done == largest
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    program.transfers.resume(failed.id)
    assert program.ended(failed.id).state == "done"
    program.assert_right(repo)
    assert [s.start for s in hub.log.bytes_of()] == [0, largest]


def test_a_cache_that_cannot_be_made_is_a_sentence(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(1000, 1)})
    program.cache.write_text("a file stands where the folder should be")
    failed = program.get(plan_of(repo, program.cache))
    assert failed.state == "failed"
    assert failed.hint
    assert not hub.log.all()


def test_a_disk_that_goes_away_is_a_sentence(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1), "b.onnx": Noise(3 * MB, 2)})
    hub.rate = 3 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > MB)
    gone = program.cache.rename(program.cache.with_name("elsewhere"))
    failed = program.ended(plan.id)
    assert failed.state == "failed"
    assert failed.hint
    hub.rate = 0
    hub.log.idle()
    shutil.rmtree(program.cache, ignore_errors=True)
    gone.rename(program.cache)
    program.transfers.resume(plan.id)
    assert program.ended(plan.id).state == "done"
    program.assert_right(repo)


def test_what_cannot_be_remembered_is_not_begun(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(1000, 1)})
    (tmp_path / "state").write_text("a file stands where the folder should be")
    with Program(hub, tmp_path) as program:
        with pytest.raises(StudioError, match="cannot be remembered"):
            program.transfers.add(plan_of(repo, program.cache))
        assert not program.transfers.all()
    assert not hub.log.all()
