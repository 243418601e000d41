"""An engine process of its own: what it says, and how it leaves."""

from __future__ import annotations

import errno
import os
import queue
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from studio.core.errors import StudioError
from studio.core.messages import Failed, Hello, Memory, Probe, Probed, Report, Run, Unload
from studio.core.recipe import Job, Recipe
from studio.engine.host import explain
from studio.engine.registry import Entry
from studio.engine.supervisor import Died, Heard, Supervisor


def hear(heard: queue.SimpleQueue[Heard], kind: type) -> Heard:
    while True:
        answer = heard.get(timeout=30)
        if isinstance(answer, kind):
            return answer


def test_a_family_that_cannot_be_imported_is_told_and_the_lane_stands(tmp_path: Path) -> None:
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    lane = Supervisor("text", heard.put, [Entry("text.none", "text", "studio.engine.no_such")])
    lane.start()
    try:
        hello = hear(heard, Hello)
        assert isinstance(hello, Hello)
        assert hello.families == ()
        assert [u.id for u in hello.unavailable] == ["text.none"]
        assert "no_such" in hello.unavailable[0].reason
        assert hello.device.providers[-1] == "CPUExecutionProvider"
        recipe = Recipe("text", "text.none", "m", 1)
        lane.send(Run(Job("a", recipe, tmp_path, tmp_path)))
        report = hear(heard, Report)
        assert isinstance(report, Report)
        assert isinstance(report.news, Failed)
        assert report.news.hint
        lane.send(Unload())
        assert isinstance(hear(heard, Memory), Memory)
        lane.send(Probe())
        probed = hear(heard, Probed)
        assert isinstance(probed, Probed)
        assert probed.providers["CPUExecutionProvider"] == ""
    finally:
        lane.stop()
    died = hear(heard, Died)
    assert isinstance(died, Died)


def test_the_engine_leaves_when_the_program_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
        import time
        from studio.engine.supervisor import Supervisor
        if __name__ == "__main__":
            lane = Supervisor("text", lambda m: print(lane.pid, flush=True), [])
            lane.start()
            time.sleep(100)
        """)
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=env, text=True
    ) as program:
        assert program.stdout is not None
        engine = psutil.Process(int(program.stdout.readline()))
        program.kill()
        program.wait()
        _, alive = psutil.wait_procs([engine], timeout=10)
    assert not alive or alive[0].status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOSPC, "No space left"), "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "no permission"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "read-only"),
        (ValueError("?"), "Something went wrong"),
    ],
)
def test_failures_nobody_foresaw_are_put_in_words(error: Exception, word: str) -> None:
    failed = explain(error)
    assert word in failed.message
    assert failed.hint
    assert type(error).__name__ in failed.detail
    assert failed.ours == isinstance(error, ValueError)


def test_both_sentences_of_an_error_cross_the_pipe() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(StudioError("It failed.", "Do this.")))
    assert (error.message, error.hint) == ("It failed.", "Do this.")


def test_a_dead_engine_takes_orders_silently_and_can_be_started_again(tmp_path: Path) -> None:
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    lane = Supervisor("text", heard.put, [])
    lane.start()
    hear(heard, Hello)
    lane.kill()
    hear(heard, Died)
    lane.send(Unload())
    lane.start()
    hear(heard, Hello)
    lane.stop()


def test_transformers_keeps_its_warnings_to_itself() -> None:
    said = (
        "import studio.engine; from transformers.utils import logging; "
        "logging.get_logger('transformers').warning('a warning')"
    )
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=True
    )
    assert "a warning" not in done.stderr
