"""Pausing, resuming, cancelling, several at once, limits, and what outlives the program."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.models.remote import RemoteFile
from studio.models.transfer import TransferPlan
from tests.hub import Hub, Noise
from tests.models.transfer.world import Program, plan_of

pytestmark = pytest.mark.usefixtures("hasty")

MB = 1_000_000


def test_what_is_told_on_the_way(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(2 * MB, 1), "b.onnx": Noise(MB, 2), "c.txt": "c"})
    hub.rate = 4 * MB
    done = program.get(plan_of(repo, program.cache))
    program.transfers.close()
    assert done.model == "owner/name"
    assert (done.files_done, done.files) == (3, 3)
    assert done.done == done.total == 3 * MB + 1
    assert program.told[-1] == done
    states = [d.state for d in program.told]
    assert "running" in states
    assert states == sorted(
        states, key=("waiting", "starting", "running", "verifying", "done").index
    )
    amounts = [d.done for d in program.told]
    assert amounts == sorted(amounts)
    assert max(d.speed for d in program.told) > 0


def test_pause_and_resume_fetch_nothing_twice(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1), "b.onnx": Noise(3 * MB, 2)})
    hub.rate = 4 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    for reached in (MB, 2 * MB, 4 * MB):
        program.until(plan.id, lambda d, reached=reached: d.done >= reached)  # type: ignore[misc]
        program.transfers.pause(plan.id)
        paused = program.ended(plan.id)
        assert paused.state == "paused"
        assert paused.speed == 0
        hub.log.idle()
        asked = len(hub.log.all())
        time.sleep(0.1)
        assert len(hub.log.all()) == asked
        program.transfers.resume(plan.id)
    assert program.ended(plan.id).state == "done"
    program.assert_right(repo)
    assert [s.start for s in hub.log.bytes_of()].count(0) == 2


def test_closing_and_opening_goes_on(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(3 * MB, 1), "b.onnx": Noise(3 * MB, 2)})
    paused = hub.add("owner/paused", {"p.onnx": Noise(MB, 3)})
    hub.rate = 4 * MB
    with Program(hub, tmp_path) as first:
        plan = plan_of(repo, first.cache)
        first.transfers.add(plan)
        first.transfers.add(plan_of(paused, first.cache))
        first.transfers.pause(paused.id)
        first.until(plan.id, lambda d: d.done >= 2 * MB)
    with Program(hub, tmp_path) as second:
        assert [d.state for d in second.transfers.all()] == ["waiting", "paused"]
        assert second.transfers.plan(plan.id) == plan
        second.transfers.resume_all()
        assert second.ended(plan.id).state == "done"
        second.assert_right(repo)
        assert next(d for d in second.transfers.all() if d.id == paused.id).state == "paused"
    with Program(hub, tmp_path) as third:
        done = third.transfers.all()[0]
        assert (done.state, done.model, done.done) == ("done", plan.id, 6 * MB)
        third.transfers.forget(plan.id)
        assert [d.id for d in third.transfers.all()] == [paused.id]
        third.assert_right(repo)
    assert [s.start for s in hub.log.bytes_of("owner/name")].count(0) == 2


def test_cancel_takes_away_what_came_but_nothing_of_others(hub: Hub, program: Program) -> None:
    shared = Noise(200_000, 9)
    repo = hub.add(
        "owner/name",
        {"a/shared.onnx": shared, "b/shared.onnx": shared, "b/own.onnx": Noise(100_000, 3)}
        | {"b/large.onnx": Noise(4 * MB, 4)},
    )
    first = plan_of(repo, program.cache, "a/shared.onnx", id="owner/name:a", variant="a")
    assert program.get(first).state == "done"
    hub.rate = 2 * MB
    second = plan_of(repo, program.cache, "b/shared.onnx", "b/own.onnx", "b/large.onnx", id="b")
    program.connections = 1
    program.transfers.add(second)
    program.until("b", lambda d: d.done > MB)
    program.connections = 4
    program.until("b", lambda d: d.files_done >= 2)
    program.transfers.cancel("b")
    assert program.ended("b").state == "cancelled"
    program.transfers.forget("b")
    for _ in range(200):
        if len(program.transfers.all()) == 1:
            break
        time.sleep(0.02)
    assert [d.id for d in program.transfers.all()] == ["owner/name:a"]
    assert {p.name for p in program.blobs(repo).iterdir()} == {shared.sha256}
    program.assert_right(repo, "a/shared.onnx")


def test_cancel_leaves_no_folder_behind(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(4 * MB, 1)})
    hub.rate = 2 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > 100_000)
    program.transfers.forget(plan.id)
    for _ in range(200):
        if not program.transfers.all():
            break
        time.sleep(0.02)
    assert not program.transfers.all()
    assert not (program.cache / "models--owner--name").exists()
    with pytest.raises(StudioError):
        program.transfers.plan(plan.id)


def test_what_is_put_first_goes_first_also_after_a_restart(hub: Hub, tmp_path: Path) -> None:
    repos = [
        hub.add(f"owner/r{n}", {f"{m}.onnx": Noise(MB, n * 10 + m) for m in range(2)})
        for n in range(3)
    ]
    hub.rate = 2 * MB
    with Program(hub, tmp_path) as first:
        first.connections = 1
        for repo in repos:
            first.transfers.add(plan_of(repo, first.cache))
        first.until(repos[0].id, lambda d: d.done > 100_000)
        assert [d.behind for d in first.transfers.all()] == [False, True, True]
        first.transfers.put_first(repos[2].id)
        first.until(repos[2].id, lambda d: d.done > 100_000)
        assert [d.id for d in first.transfers.all()] == [repos[n].id for n in (2, 0, 1)]
        assert [d.behind for d in first.transfers.all()] == [False, True, True]
    with Program(hub, tmp_path) as second:
        second.connections = 1
        assert [d.id for d in second.transfers.all()] == [repos[n].id for n in (2, 0, 1)]
        hub.rate = 6 * MB
        second.transfers.resume_all()
        for repo in repos:
            assert second.ended(repo.id).state == "done"
            second.assert_right(repo)
        over = [d.id for d in second.told if d.state == "done"]
    assert over[0] == repos[2].id
    # What was cut off for it went on where it was.
    assert [s.start for s in hub.log.bytes_of("owner/r0")].count(0) == 2


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_connections_than_allowed(hub: Hub, program: Program, limit: int) -> None:
    hub.latency = 0.02
    repos = [
        hub.add(f"owner/r{n}", {f"{m}.onnx": Noise(50_000, n * 10 + m) for m in range(5)})
        for n in range(3)
    ]
    program.connections = limit
    most = 0
    for repo in repos:
        program.transfers.add(plan_of(repo, program.cache))
    while not all(d.state == "done" for d in program.transfers.all()):
        # What has all been sent may be about to be noted as done.
        asked = (s for s in hub.log.all() if not s.done)
        most = max(most, sum(s.status == 0 or 0 < s.sent < 50_000 for s in asked))
        time.sleep(0.002)
    assert 1 <= most <= limit
    for repo in repos:
        program.assert_right(repo)


def test_a_lower_limit_counts_at_once(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {f"{n}.onnx": Noise(2 * MB, n) for n in range(4)})
    hub.rate = 4 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > MB)
    assert sum(not s.done for s in hub.log.all()) == 4
    program.connections = 1
    for _ in range(500):
        if sum(not s.done for s in hub.log.all()) <= 1:
            break
        time.sleep(0.01)
    assert sum(not s.done for s in hub.log.all()) <= 1
    hub.rate = 0
    assert program.ended(plan.id).state == "done"
    program.assert_right(repo)
    assert [s.start for s in hub.log.bytes_of()].count(0) == 4


def test_bandwidth_is_shared_by_all_connections(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {f"{n}.onnx": Noise(250_000, n) for n in range(4)})
    program.bandwidth = MB
    began = time.monotonic()
    assert program.get(plan_of(repo, program.cache)).state == "done"
    # A megabyte, but for what is paid for only after the last piece.
    assert time.monotonic() - began > 0.8
    program.assert_right(repo)


def test_the_bandwidth_may_change_meanwhile(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(20 * MB, 1)})
    program.bandwidth = 100_000
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    slow = program.until(plan.id, lambda d: d.done > 20_000)
    assert slow.done < MB
    program.bandwidth = 0
    assert program.ended(plan.id).state == "done"


def test_the_same_again_is_one_download(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1)})
    hub.rate = 4 * MB
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.transfers.add(plan)
    repo.commit({"a.onnx": Noise(MB, 2)})
    with pytest.raises(StudioError, match="Another revision"):
        program.transfers.add(plan_of(repo, program.cache))
    assert program.ended(plan.id).state == "done"
    assert program.transfers.add(plan).id == plan.id
    assert program.ended(plan.id).state == "done"
    assert hub.log.sent() == MB


def test_a_newer_revision_in_place_of_one_that_was_not_finished(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(4 * MB, 1), "b.txt": "b"})
    hub.rate = 4 * MB
    old = plan_of(repo, program.cache)
    program.transfers.add(old)
    program.until(old.id, lambda d: d.done > MB)
    program.transfers.pause(old.id)
    assert program.ended(old.id).state == "paused"
    repo.commit({"a.onnx": Noise(MB, 2)})
    hub.rate = 0
    for _ in range(200):  # whoever was at work lets go of its file
        if not any(not s.done for s in hub.log.all()):
            break
        time.sleep(0.01)
    assert program.get(plan_of(repo, program.cache)).state == "done"
    program.assert_right(repo)


def test_two_programs_with_one_memory(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(2 * MB, 1)})
    hub.rate = 2 * MB
    with Program(hub, tmp_path) as one, Program(hub, tmp_path) as two:
        plan = plan_of(repo, one.cache)
        one.transfers.add(plan)
        with pytest.raises(StudioError, match="Another Triptych"):
            two.transfers.add(plan)
        hub.rate = 0
        assert one.ended(plan.id).state == "done"
        two.transfers.add(plan)
        assert two.ended(plan.id).state == "done"
    assert hub.log.sent() == 2 * MB


def test_two_programs_with_one_cache_share_the_work(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/name", {f"{n}.onnx": Noise(500_000, n) for n in range(6)})
    hub.rate = 4 * MB
    with Program(hub, tmp_path, state="one") as one, Program(hub, tmp_path, state="two") as two:
        plan = plan_of(repo, one.cache)
        one.transfers.add(plan)
        two.transfers.add(plan)
        assert one.ended(plan.id).state == "done"
        assert two.ended(plan.id).state == "done"
        two.assert_right(repo)
    assert hub.log.twice() == 0


def test_many_small_files(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {f"folder{n % 7}/{n}.json": f"[{n}]" for n in range(300)})
    assert program.get(plan_of(repo, program.cache)).state == "done"
    program.assert_right(repo)


def test_names_of_any_script_with_anything_that_addresses_mean(hub: Hub, program: Program) -> None:
    names = ("Modèle/日本語.onnx", "a b#c%20+&=.onnx", "é/ü;,!~'()[]{}@$.json", ".hidden.json")
    repo = hub.add("owner/name", {name: Noise(1000, n) for n, name in enumerate(names)})
    assert program.get(plan_of(repo, program.cache)).state == "done"
    program.assert_right(repo)


def test_one_blob_under_two_names_is_fetched_once(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(MB, 1), "b/a.onnx": Noise(MB, 1), "empty": ""})
    done = program.get(plan_of(repo, program.cache))
    assert (done.state, done.total, done.files_done) == ("done", MB, 3)
    program.assert_right(repo)
    assert hub.log.sent() == MB


HOSTILE = [
    "../evil.onnx", "/etc/evil.onnx", "a/../../evil.onnx", "C:/evil.onnx", "a\\..\\evil.onnx",
    "nul.onnx", "a/con", "evil.onnx.", "evil\0.onnx", "", "a//b.onnx", "..", "model.pkl", "run.py",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_names_that_lead_out_are_refused(hub: Hub, program: Program, path: str) -> None:
    repo = hub.add("owner/name", {"a.onnx": Noise(1000, 1)})
    plan = plan_of(repo, program.cache)
    evil = RemoteFile(path, 1000, plan.files[0].blob)
    with pytest.raises(StudioError, match="cannot be downloaded"):
        program.transfers.add(
            TransferPlan(
                id="owner/name",
                repo="owner/name",
                revision=plan.revision,
                files=(*plan.files, evil),
                cache=program.cache,
            )
        )
    assert not program.transfers.all()
    assert not program.cache.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"repo": "../evil"},
        {"repo": "owner/name/more"},
        {"revision": "main"},
        {"revision": "../" * 13 + "a"},
        {"ref": "../../evil"},
        {"files": ()},
        {"files": (RemoteFile("a.onnx", 1000, "../../evil"),)},
        {"files": (RemoteFile("a.onnx", -1, "a" * 40),)},
        {"files": (RemoteFile("a", 1, "a" * 40), RemoteFile("a/b", 1, "b" * 40))},
        {"files": (RemoteFile("A.onnx", 1, "a" * 40), RemoteFile("a.onnx", 1, "b" * 40))},
        {"files": (RemoteFile("a", 1, "a" * 40), RemoteFile("b", 2, "a" * 40))},
    ],
)
def test_plans_that_lead_out_are_refused(tmp_path: Path, more: dict[str, object]) -> None:
    good: dict[str, object] = {
        "id": "owner/name",
        "repo": "owner/name",
        "revision": "0" * 40,
        "files": (RemoteFile("a.onnx", 1, "a" * 40),),
        "cache": tmp_path,
    }
    TransferPlan(**good).check()  # type: ignore[arg-type]
    with pytest.raises(StudioError, match="cannot be downloaded"):
        TransferPlan(**{**good, **more}).check()  # type: ignore[arg-type]


def test_nothing_to_do_takes_no_threads(hub: Hub, program: Program) -> None:
    import threading

    before = threading.active_count()
    repo = hub.add("owner/name", {"a.txt": "a"})
    assert threading.active_count() == before
    assert program.get(plan_of(repo, program.cache)).state == "done"
    program.transfers.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("download")]
