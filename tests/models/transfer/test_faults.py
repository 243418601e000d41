"""Whatever the network and the server do: right bytes, or a sentence, and never a wrong file."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import StudioError
from tests.hub import Hub, Noise
from tests.hub.content import Source
from tests.models.transfer.world import QUICK, Program, plan_of

pytestmark = pytest.mark.usefixtures("hasty")

SIZE = 3_000_000
FILES: dict[str, Source] = {"config.json": '{"model_type": "tiny"}', "model.onnx": Noise(SIZE, 7)}

PASSING: dict[str, dict[str, Any]] = {
    "cut": {"kind": "cut", "after": 1_000_000, "times": 2},
    "cut by reset": {"kind": "cut", "after": 1_000_000, "times": 2, "reset": True},
    "cut before any answer": {"kind": "cut", "after": -1, "times": 2},
    "cut every 300 kB": {"kind": "cut", "after": 300_000},
    "stall": {"kind": "stall", "after": 1_000_000, "seconds": 20, "times": 1},
    "stall before the answer": {"kind": "stall", "after": -1, "seconds": 20, "times": 1},
    "server error": {"kind": "status", "status": 503, "times": 3},
    "server error while it is resolved": {"kind": "status", "on": "resolve", "times": 3},
    "too many requests": {"kind": "status", "status": 429, "times": 1},
    "unsized": {"kind": "unsized"},
    "chunked": {"kind": "chunked"},
    "short answers that say so": {"kind": "short", "after": 700_000},
    "length says too few": {"kind": "length", "by": -500_000, "times": 2},
    "length says too many": {"kind": "length", "by": 500_000},
    "drip": {"kind": "drip", "after": SIZE - 5_000, "rate": 10_000},
    "no web server for once": {"kind": "garbage", "times": 2},
    "a login page for once": {"kind": "html", "times": 2},
    "another ETag": {"kind": "etag"},
    "ETags taken away": {"kind": "headers", "headers": {"ETag": ""}},
}
"""Faults after which no byte needs to come twice."""

COSTLY: dict[str, tuple[dict[str, Any], ...]] = {
    "ranges ignored": ({"kind": "cut", "after": 2_000_000, "times": 1}, {"kind": "ignore-range"}),
    "416 for once": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "status", "status": 416, "ranged": True, "times": 1},
    ),
    "416 always": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "status", "status": 416, "ranged": True},
    ),
    "ranges from elsewhere": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "range", "by": -1000},
    ),
    "ranges from further on": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "range", "by": 1000, "times": 1},
    ),
    "gzip": ({"kind": "gzip"},),
    "gzip for a range": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "gzip", "ranged": True},
    ),
    "a wrong byte for once": ({"kind": "wrong-bytes", "after": 1234, "times": 1},),
    "changed, and cut meanwhile": (
        {"kind": "changed", "times": 1},
        {"kind": "cut", "after": 2_000_000, "times": 1},
    ),
    "changed under the same ETag, and cut": (
        {"kind": "wrong-bytes", "after": 1234, "times": 1},
        {"kind": "cut", "after": 2_000_000, "times": 1},
    ),
    "changed for a range": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "changed", "ranged": True, "times": 1},
    ),
    "another ETag for a range": (
        {"kind": "cut", "after": 2_000_000, "times": 1},
        {"kind": "etag", "ranged": True, "times": 1},
    ),
}
"""Faults that force some bytes to come again."""

FATAL: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong byte": ({"kind": "wrong-bytes", "after": 1234}, "is not what the hub says it is"),
    "other contents": ({"kind": "changed"}, "is not what the hub says it is"),
    "a login page": ({"kind": "html"}, "web page in place of the file"),
    "no web server": ({"kind": "garbage"}, "broke off"),
    "server errors": ({"kind": "status", "status": 500}, "trouble of its own"),
    "too many requests": ({"kind": "status", "status": 429}, "too many requests"),
    "a long wait": ({"kind": "status", "status": 429, "seconds": 3600}, "too many requests"),
    "redirects without end": ({"kind": "redirect"}, "without an end"),
    "nothing but silence": ({"kind": "stall", "after": -1, "seconds": 60}, "does not answer"),
    "always cut at once": ({"kind": "cut", "after": 0}, "broke off"),
    "length always says too few": ({"kind": "length", "by": -500_000}, "broke off"),
    "forbidden": ({"kind": "status", "status": 403}, "does not allow"),
    "gone": ({"kind": "status", "status": 404}, "no such model"),
}


@pytest.mark.parametrize("name", PASSING)
def test_passing_faults_cost_no_byte_twice(hub: Hub, program: Program, name: str) -> None:
    repo = hub.add("owner/name", FILES)
    fault = hub.fault(**{"path": "model.onnx", **PASSING[name]})
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert fault.hits
    program.assert_right(repo)
    # What lay in the buffers of a broken connection was sent, and is lost.
    assert hub.log.twice() <= (0 if name in ("drip", "another ETag") else SIZE)
    starts = [seen.start for seen in hub.log.bytes_of(path="model.onnx")]
    assert starts == sorted(starts)
    assert starts.count(0) == 1, "it began anew"


@pytest.mark.parametrize("name", COSTLY)
def test_changed_and_unhelpful_servers_give_right_bytes(
    hub: Hub, program: Program, name: str
) -> None:
    repo = hub.add("owner/name", FILES)
    faults = [hub.fault(**{"path": "model.onnx", **more}) for more in COSTLY[name]]
    done = program.get(plan_of(repo, program.cache))
    assert done.state == "done", done.message
    assert all(fault.hits for fault in faults)
    program.assert_right(repo)
    assert hub.log.sent(path="model.onnx") < 4 * SIZE


@pytest.mark.parametrize("name", FATAL)
def test_fatal_faults_end_in_a_sentence(hub: Hub, tmp_path: Path, name: str) -> None:
    repo = hub.add("owner/name", FILES)
    more, words = FATAL[name]
    hub.fault(**{"path": "model.onnx", **more})
    rules = QUICK if "silence" not in name else type(QUICK)(stall=0.1, tries=2, first=0.01)
    with Program(hub, tmp_path, rules=rules) as program:
        failed = program.get(plan_of(repo, program.cache))
        assert failed.state == "failed"
        assert words in failed.message
        assert failed.hint.endswith(".")
        assert not program.snapshot(repo).exists()
        blob = repo.head.files["model.onnx"].etag
        assert not (program.blobs(repo) / blob).exists()
        hub.faults.clear()
        program.transfers.resume(failed.id)
        assert program.ended(failed.id).state == "done"
        program.assert_right(repo)


def test_what_came_before_a_failure_is_not_fetched_again(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", FILES)
    hub.fault("cut", path="model.onnx", after=2_000_000, times=1)
    broken = hub.fault("status", path="model.onnx", status=500, ranged=True)
    failed = program.get(plan_of(repo, program.cache))
    assert failed.state == "failed"
    assert failed.done >= 1_000_000
    assert broken.hits == QUICK.tries
    hub.faults.clear()
    hub.log.clear()
    program.transfers.resume(failed.id)
    assert program.ended(failed.id).state == "done"
    assert hub.log.sent(path="model.onnx") <= failed.total - failed.done
    program.assert_right(repo)


def test_retry_after_is_honoured_by_every_connection(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", {f"{n}.onnx": Noise(200_000, n) for n in range(8)})
    fault = hub.fault("status", status=429, seconds=1, times=1, on="resolve")
    program.connections = 2
    assert program.get(plan_of(repo, program.cache)).state == "done"
    asked = sorted(s.at for s in hub.log.all() if s.stage == "resolve")
    refused = next(s.at for s in hub.log.all() if s.status == 429)
    assert fault.hits == 1
    # One other may have been on its way already; all the rest come when the second is over.
    assert sum(refused < at < refused + 0.95 for at in asked) <= 1


def test_a_gated_model_says_what_to_do(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/gated", FILES, gated="auto")
    failed = program.get(plan_of(repo, program.cache))
    assert failed.state == "failed"
    assert "accepted its terms" in failed.message
    program.assert_nothing(repo)


def test_the_token_stays_with_the_hub(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/private", FILES, private=True)
    hub.user("hf_secret", "me", "owner/private")
    hub.fault("cut", path="model.onnx", after=1_000_000, times=1)
    with Program(hub, tmp_path, token="hf_secret") as program:
        assert program.get(plan_of(repo, program.cache)).state == "done"
        program.assert_right(repo)
    assert any(s.server == "cdn" for s in hub.log.all())
    assert not hub.log.leaks("hf_secret")
    for kept in tmp_path.rglob("*"):
        if kept.is_file() and not kept.is_symlink():
            assert b"hf_secret" not in kept.read_bytes()


def test_a_file_that_is_no_longer_there(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", FILES)
    plan = plan_of(repo, program.cache)
    gone = hub.add("owner/name", {"config.json": "{}"})
    gone.commits[plan.revision] = gone.head
    failed = program.get(plan)
    assert failed.state == "failed"
    assert "no longer on the hub" in failed.message


def test_a_branch_that_moves_does_not_mix(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", FILES)
    plan = plan_of(repo, program.cache)
    old = repo.head
    hub.fault("cut", path="model.onnx", after=1_000_000, times=1)
    repo.commit({"model.onnx": Noise(SIZE, 8)})
    assert program.get(plan).state == "done"
    snapshot = program.snapshot(repo).with_name(old.sha)
    assert (snapshot / "model.onnx").read_bytes() == old.files["model.onnx"].content.read()
    newer = plan_of(repo, program.cache)
    assert program.get(newer).state == "done"
    program.assert_right(repo)
    assert (program.blobs(repo).parent / "refs" / "main").read_text() == repo.head.sha


def test_the_network_goes_and_comes_back(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("owner/name", {"model.onnx": Noise(SIZE, 7)})
    hub.rate = 3_000_000
    rules = type(QUICK)(stall=1.0, first=0.05, most=0.2, tries=100, reserve=0)
    with Program(hub, tmp_path, rules=rules) as program:
        plan = plan_of(repo, program.cache)
        program.transfers.add(plan)
        program.until(plan.id, lambda d: d.done > 500_000)
        hub.stop()
        waiting = program.until(plan.id, lambda d: bool(d.message))
        assert waiting.state == "running"
        hub.rate = 0
        hub.start()
        assert program.ended(plan.id).state == "done"
        program.assert_right(repo)
        starts = [s.start for s in hub.log.bytes_of(path="model.onnx")]
        assert starts.count(0) == 1


def test_offline_stops_downloads_with_a_sentence(hub: Hub, program: Program) -> None:
    repo = hub.add("owner/name", FILES)
    hub.rate = 500_000
    plan = plan_of(repo, program.cache)
    program.transfers.add(plan)
    program.until(plan.id, lambda d: d.done > 100_000)
    program.offline = True
    failed = program.ended(plan.id)
    assert "stay off the network" in failed.message
    hub.log.idle()
    hub.log.clear()
    with pytest.raises(StudioError):
        program.net.check()
    assert not hub.log.all()
    program.offline = False
    hub.rate = 0
    program.transfers.resume(plan.id)
    assert program.ended(plan.id).state == "done"
    program.assert_right(repo)


class Lost(Program):
    """A program whose network goes away, and comes back when it is told to."""

    def __enter__(self) -> Lost:
        return self

    def lose(self, error: OSError, times: int) -> None:
        ask = self.net.get

        @contextlib.contextmanager
        def get(*args: Any, **kwargs: Any) -> Iterator[Any]:
            nonlocal times
            if times > 0:
                times -= 1
                raise error
            with ask(*args, **kwargs) as answer:
                yield answer

        self.net.get = get  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        OSError(errno.ENETUNREACH, "Network is unreachable"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_network_that_is_gone_is_waited_for(hub: Hub, tmp_path: Path, error: OSError) -> None:
    repo = hub.add("tiny/model", FILES)
    patient = replace(QUICK, lost=60.0)
    with Lost(hub, tmp_path, rules=patient) as program:
        program.lose(error, times=5 * QUICK.tries)
        assert program.get(plan_of(repo, program.cache)).state == "done"
        program.assert_right(repo)
        waited = [d for d in program.told if d.message]
        assert waited, "the person hears why it waits"
        assert waited[0].hint


def test_but_not_for_ever(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add("tiny/model", FILES)
    with Lost(hub, tmp_path) as program:
        program.lose(ConnectionRefusedError(), times=1000)
        ended = program.get(plan_of(repo, program.cache))
        assert (ended.state, ended.message) == ("failed", "127.0.0.1 cannot be reached.")
        program.assert_nothing(repo)
