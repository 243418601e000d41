"""The lanes and the queue: jobs that go well, engines that misbehave, programs that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.core import media
from studio.core.errors import StudioError
from studio.core.family import KINDS, Kind
from studio.core.messages import Cancelled, Output, TextPreview
from studio.core.paths import Paths
from studio.engine.supervisor import Supervisor
from studio.library import Item, Library
from studio.models import Store
from studio.ui import lane as lane_module
from studio.ui.engine import Engine
from studio.ui.mailbox import Mailbox
from tests.engine import faults
from tests.ui.conftest import begin, recipe
from tests.ui.ear import Ear

LONG = 20_000
"""Milliseconds: for what must come, however busy the machine is."""

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")


@pytest.fixture
def ear(engine: Engine) -> Ear:
    return Ear(engine)


def wait(qtbot: QtBot, until: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(until()), timeout=LONG)


def ready(qtbot: QtBot, engine: Engine, kind: Kind = "text") -> None:
    engine.warm(kind)
    wait(qtbot, lambda: engine.state(kind) == "ready")


def kill(engine: Engine, kind: Kind = "text") -> None:
    pid = engine.pid(kind)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


class TestGood:
    def test_a_lane_tells_what_it_can_run(self, engine: Engine, qtbot: QtBot) -> None:
        assert engine.state("text") == "off"
        assert engine.families("text") == ()
        with qtbot.waitSignal(engine.hello, timeout=LONG) as heard:
            engine.warm("text")
            assert engine.state("text") == "starting"
        assert heard.args == ["text"]
        assert [f.id for f in engine.families("text")] == ["text.fault"]
        assert engine.family("text.fault") == faults.spec("text")
        assert engine.state("text") == "ready"
        device = engine.device()
        assert device is not None
        assert device.providers

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_made_is_in_the_library_before_it_is_told(
        self, engine: Engine, ear: Ear, library: Library, qtbot: QtBot, kind: Kind
    ) -> None:
        job = engine.submit(recipe(kind, count=3, seed=40))
        view = engine.job(job)
        assert view is not None
        assert (view.state, view.position, view.phase) == ("waiting", 1, "")
        wait(qtbot, lambda: ear.done(job))
        items = ear.made(job)
        assert len(items) == 3
        assert [i.recipe.seed for i in items] == [40, 41, 42]
        for item in items:
            assert library.get(item.id) == item
            assert media.extract(item.main).recipe == item.recipe
        told = [s for s, j, _ in ear.news if j == job]
        assert told[-1] == "ended"
        assert engine.job(job) is None
        assert engine.jobs() == ()

    def test_progress_never_goes_back_and_words_come_in_order(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        job = engine.submit(recipe(steps=30))
        wait(qtbot, lambda: ear.done(job))
        fractions = ear.fractions(job)
        assert fractions == sorted(fractions)
        assert ear.phases(job)[-1] == "saving"
        text = "".join(n.text for s, _, n in ear.news if isinstance(n, TextPreview))
        assert text == " ".join(faults.WORDS.split(" ")[i % 31] for i in range(30)) + " "

    def test_everything_is_told_on_the_main_thread(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        jobs = [engine.submit(recipe(k, steps=10)) for k in KINDS]
        wait(qtbot, lambda: all(ear.done(j) for j in jobs))
        assert ear.threads == {threading.get_ident()}

    def test_nothing_is_left_behind(
        self, engine: Engine, ear: Ear, library: Library, paths: Paths, qtbot: QtBot
    ) -> None:
        jobs = [
            engine.submit(recipe(fault="good")),
            engine.submit(recipe(fault="raises")),
            engine.submit(recipe(fault="hangs_saving")),
        ]
        wait(qtbot, lambda: ear.reached(jobs[2], "saving"))
        engine.cancel(jobs[2])
        wait(qtbot, lambda: ear.ending(jobs[2]))
        wait(qtbot, lambda: library.jobs.list() == [])
        engine.close()
        assert [p for p in paths.library.rglob("*") if p.suffix == ".part"] == []
        assert not any("out-" in p.name for p in paths.library.rglob("*"))

    def test_a_file_that_goes_in_is_kept_with_the_recipe(
        self, engine: Engine, ear: Ear, library: Library, tmp_path: Path, qtbot: QtBot
    ) -> None:
        source = tmp_path / "a sketch.png"
        source.write_bytes(b"\x89PNG\r\n\x1a\n sketch")
        job = engine.submit(recipe("image"), {"picture": source})
        wait(qtbot, lambda: ear.done(job))
        ref = ear.made(job)[0].recipe.inputs["picture"]
        assert ref.name == "a sketch.png"
        source.unlink()  # the library has its own
        again = engine.submit(ear.made(job)[0].recipe)
        wait(qtbot, lambda: ear.done(again))
        found = library.input_path(ref)
        assert found is not None
        assert found.read_bytes().endswith(b"sketch")

    def test_the_time_left_is_told(self, engine: Engine, ear: Ear, qtbot: QtBot) -> None:
        job = engine.submit(recipe(steps=400, pace=0.02))

        def known() -> bool:
            view = engine.job(job)
            return view is not None and view.seconds_left is not None

        wait(qtbot, known)
        view = engine.job(job)
        assert view is not None
        assert view.seconds_left is not None
        assert 2 < view.seconds_left < 60
        engine.cancel(job)
        wait(qtbot, lambda: ear.ending(job))


class TestBadWishes:
    def test_bad_values_are_refused_at_once(self, engine: Engine, qtbot: QtBot) -> None:
        ready(qtbot, engine)
        with pytest.raises(StudioError, match="Steps"):
            engine.submit(recipe(steps=0))
        with pytest.raises(StudioError, match="colour"):
            engine.submit(recipe(colour="red"))
        assert engine.jobs() == ()

    def test_what_is_not_installed_is_refused_at_once(self, engine: Engine, tmp_path: Path) -> None:
        from dataclasses import replace

        with pytest.raises(StudioError, match="not installed"):
            engine.submit(replace(recipe(), model="no-such-model"))
        with pytest.raises(StudioError, match="not there"):
            engine.submit(recipe("image"), {"picture": tmp_path / "gone.png"})
        assert engine.jobs() == ()

    def test_before_the_engine_stands_they_fail_when_their_turn_comes(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        bad, good = engine.submit(recipe(steps=0)), engine.submit(recipe())
        wait(qtbot, lambda: ear.done(good))
        failed = ear.failed(bad)
        assert failed is not None
        assert "Steps" in failed.message
        assert failed.hint

    def test_a_family_that_is_broken_is_named_with_its_reason(
        self, qapp: QApplication, library: Library, paths: Paths, qtbot: QtBot
    ) -> None:
        from dataclasses import replace

        entries = (*faults.ENTRIES, faults.BROKEN)
        engine = Engine(library, Store([paths.models]), begin=partial(Supervisor, entries=entries))
        try:
            ready(qtbot, engine)
            assert [u.id for u in engine.unavailable("text")] == ["text.broken"]
            with pytest.raises(StudioError) as told:
                engine.submit(replace(recipe(), family="text.broken"))
            assert "no_such_family" in told.value.hint
        finally:
            engine.close()


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ("raises", "Something went wrong"),
            ("refuses", "knows no such voice"),
            ("segfaults", "stopped"),
            ("exits", "stopped"),
            ("no_memory", "not enough memory"),
            ("disk_full", "disk is full"),
        ],
    )
    def test_a_fault_fails_one_job_in_human_words(
        self, engine: Engine, ear: Ear, qtbot: QtBot, fault: str, words: str
    ) -> None:
        bad, good = engine.submit(recipe(fault=fault)), engine.submit(recipe())
        wait(qtbot, lambda: ear.done(good))
        failed = ear.failed(bad)
        assert failed is not None
        assert words in failed.message
        assert failed.hint
        for technical in ("Traceback", "Error", "exit code", "errno"):
            assert technical not in failed.message + failed.hint
        assert ear.endings(bad) == ear.endings(good) == 1

    @needs_kill
    @pytest.mark.parametrize("phase", ["loading", "writing", "saving"])
    def test_a_killed_engine_fails_one_job_and_the_queue_goes_on(
        self, engine: Engine, ear: Ear, qtbot: QtBot, phase: str
    ) -> None:
        fault = {"loading": "hangs_loading", "writing": "hangs", "saving": "hangs_saving"}[phase]
        bad, good = engine.submit(recipe(fault=fault)), engine.submit(recipe())
        wait(qtbot, lambda: ear.reached(bad, phase))
        kill(engine)
        wait(qtbot, lambda: ear.done(good))
        failed = ear.failed(bad)
        assert failed is not None
        assert "stopped" in failed.message
        assert ear.endings(bad) == 1

    @needs_kill
    def test_an_engine_killed_at_rest_comes_back(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        ready(qtbot, engine)
        first = engine.pid("text")
        kill(engine)
        wait(qtbot, lambda: engine.state("text") == "ready" and engine.pid("text") != first)
        job = engine.submit(recipe())
        wait(qtbot, lambda: ear.done(job))

    @needs_kill
    def test_an_engine_killed_while_it_starts_comes_back(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        job = engine.submit(recipe())
        wait(qtbot, lambda: engine.pid("text") is not None)
        kill(engine)
        wait(qtbot, lambda: ear.done(job))

    def test_three_crashes_and_the_lane_rests_until_it_is_told(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        bad = [engine.submit(recipe(fault="segfaults")) for _ in range(3)]
        good, other = engine.submit(recipe()), engine.submit(recipe("image"))
        wait(qtbot, ear.gave_up)
        assert engine.state("text") == "down"
        assert all(ear.failed(job) for job in bad)
        assert [j.id for j in engine.jobs("text")] == [good]
        wait(qtbot, lambda: ear.done(other))  # the other lanes do not care
        engine.restart("text")
        wait(qtbot, lambda: ear.done(good))

    def test_an_engine_that_can_not_even_start_is_given_up(
        self,
        qapp: QApplication,
        library: Library,
        paths: Paths,
        qtbot: QtBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(lane_module, "BACKOFF_MS", (10, 10, 10))

        class Never(Supervisor):
            def start(self) -> None:
                raise OSError("no more processes")

        engine = Engine(library, Store([paths.models]), begin=Never)
        ear = Ear(engine)
        try:
            job = engine.submit(recipe())
            wait(qtbot, ear.gave_up)
            assert engine.job(job) is not None
        finally:
            engine.close()


class TestKeeping:
    def test_what_the_disk_refuses_can_be_kept_later(
        self,
        engine: Engine,
        ear: Ear,
        library: Library,
        qtbot: QtBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        take_in = library.take_in
        full = True

        def refusing(output: Output) -> Item:
            if full:
                raise StudioError("The disk is full.", "Make room.")
            return take_in(output)

        monkeypatch.setattr(library, "take_in", refusing)
        refused: list[object] = []
        engine.unkept.connect(refused.append)
        job, other = engine.submit(recipe()), engine.submit(recipe("image"))
        wait(qtbot, lambda: len(refused) == 2)
        failed = ear.failed(job)
        assert failed is not None
        assert (failed.message, failed.hint) == ("The disk is full.", "Make room.")
        assert ear.failed(other)
        engine.keep_again()
        wait(qtbot, lambda: len(refused) == 4)  # still full
        full = False
        engine.keep_again()
        wait(qtbot, lambda: ear.made(job) and ear.made(other))
        item = ear.made(job)[0]
        assert media.extract(item.main).recipe == item.recipe
        assert ear.endings(job) == 1
        wait(qtbot, lambda: library.jobs.list() == [])

    def test_a_queue_that_can_not_be_stored_is_told(
        self,
        engine: Engine,
        ear: Ear,
        library: Library,
        qtbot: QtBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(*_: object) -> None:
            raise StudioError("The disk is full.", "Make room.")

        monkeypatch.setattr(library.jobs, "add", full)
        job = engine.submit(recipe())
        wait(qtbot, lambda: ear.failed(job))
        assert engine.jobs() == ()


class TestCancel:
    @pytest.mark.parametrize(
        ("fault", "phase"),
        [
            ("hangs_loading", "loading"),
            ("hangs", "writing"),
            ("holds_gil", "writing"),
            ("hangs_saving", "saving"),
            ("hangs_closing", "writing"),
        ],
    )
    def test_a_job_that_hangs_is_free_at_once_and_the_next_goes_on(
        self, engine: Engine, ear: Ear, qtbot: QtBot, fault: str, phase: str
    ) -> None:
        steps = 1000 if fault == "hangs_closing" else 5
        bad, good = engine.submit(recipe(fault=fault, steps=steps)), engine.submit(recipe())
        wait(qtbot, lambda: ear.reached(bad, phase))
        qtbot.wait(100)  # well into it
        asked = time.monotonic()
        engine.cancel(bad)
        view = engine.job(bad)
        assert view is not None
        assert view.state == "cancelling"
        engine.cancel(bad)  # an impatient second click is no matter
        wait(qtbot, lambda: ear.ending(bad))
        assert isinstance(ear.ending(bad), Cancelled)
        assert ear.at[bad] - asked < 0.5
        wait(qtbot, lambda: ear.done(good))
        assert ear.endings(bad) == 1

    def test_a_well_behaved_job_closes_without_a_new_engine(
        self, engine: Engine, ear: Ear, qtbot: QtBot
    ) -> None:
        job = engine.submit(recipe(steps=1000))
        wait(qtbot, lambda: ear.reached(job, "writing"))
        pid = engine.pid("text")
        engine.cancel(job)
        wait(qtbot, lambda: ear.ending(job))
        assert isinstance(ear.ending(job), Cancelled)
        assert engine.pid("text") == pid
        assert engine.state("text") == "ready"

    def test_while_the_engine_starts(self, engine: Engine, ear: Ear, qtbot: QtBot) -> None:
        job = engine.submit(recipe())
        assert engine.state("text") == "starting"
        engine.cancel(job)
        assert isinstance(ear.ending(job), Cancelled)
        later = engine.submit(recipe())
        wait(qtbot, lambda: ear.done(later))
        assert ear.made(job) == []

    def test_while_what_it_made_is_taken_in(
        self,
        engine: Engine,
        ear: Ear,
        library: Library,
        qtbot: QtBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        gate = threading.Event()
        take_in = library.take_in

        def slow(output: Output) -> Item:
            gate.wait(30)
            return take_in(output)

        monkeypatch.setattr(library, "take_in", slow)
        job = engine.submit(recipe())
        wait(qtbot, lambda: ear.reached(job, "saving"))
        wait(qtbot, lambda: engine.state("text") == "ready")
        engine.cancel(job)
        assert isinstance(ear.ending(job), Cancelled)
        gate.set()
        wait(qtbot, lambda: ear.made(job))  # what is made is made
        assert ear.endings(job) == 1

    def test_the_next_job_begins_while_the_last_is_taken_in(
        self,
        engine: Engine,
        ear: Ear,
        library: Library,
        qtbot: QtBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        first = engine.submit(recipe())
        wait(qtbot, lambda: ear.done(first))
        take_in = library.take_in

        def slow(output: Output) -> Item:
            time.sleep(0.3)
            return take_in(output)

        monkeypatch.setattr(library, "take_in", slow)
        jobs = [engine.submit(recipe(seed=s)) for s in range(3)]
        wait(qtbot, lambda: all(ear.done(j) for j in jobs))
        assert [ear.made(j)[0].recipe.seed for j in jobs] == [0, 1, 2]

    def test_cancels_are_no_crashes(self, engine: Engine, ear: Ear, qtbot: QtBot) -> None:
        for _ in range(4):
            job = engine.submit(recipe(fault="hangs_loading"))
            wait(qtbot, partial(ear.reached, job, "loading"))
            engine.cancel(job)
            wait(qtbot, partial(ear.ending, job))
        assert engine.state("text") != "down"
        good = engine.submit(recipe())
        wait(qtbot, lambda: ear.done(good))

    def test_all_of_them(self, engine: Engine, ear: Ear, library: Library, qtbot: QtBot) -> None:
        jobs = [engine.submit(recipe(k, steps=1000)) for k in KINDS for _ in range(3)]
        wait(qtbot, lambda: sum(j.state == "running" for j in engine.jobs()) == 3)
        engine.cancel_all("text")
        assert len([j for j in engine.jobs("text") if j.state == "waiting"]) == 0
        engine.cancel_all()
        wait(qtbot, lambda: not engine.jobs())
        assert all(isinstance(ear.ending(j), Cancelled) for j in jobs)
        wait(qtbot, lambda: library.jobs.list() == [])


class TestQueue:
    def test_order_and_places(
        self, engine: Engine, ear: Ear, library: Library, qtbot: QtBot
    ) -> None:
        first = engine.submit(recipe(steps=1000))
        a, b, c = (engine.submit(recipe(seed=s)) for s in (1, 2, 3))
        wait(qtbot, lambda: (v := engine.job(first)) is not None and v.state == "running")
        assert [(j.id, j.position) for j in engine.jobs("text")] == [
            (first, 0),
            (a, 1),
            (b, 2),
            (c, 3),
        ]
        engine.move(c, -2)
        engine.move(a, 5)
        engine.move(first, 1)  # what runs stays
        assert [j.id for j in engine.jobs("text")] == [first, c, b, a]
        wait(qtbot, lambda: [j.id for j in library.jobs.list("text")] == [first, c, b, a])
        engine.cancel(first)
        wait(qtbot, lambda: all(ear.done(j) for j in (a, b, c)))
        ended = [j for s, j, _ in ear.news if s == "ended"]
        assert ended == [first, c, b, a]

    def test_lanes_work_at_the_same_time(self, engine: Engine, ear: Ear, qtbot: QtBot) -> None:
        jobs = [engine.submit(recipe(k, steps=200, pace=0.02)) for k in KINDS]
        wait(qtbot, lambda: [j.state for j in engine.jobs()] == ["running"] * 3)
        engine.cancel_all()
        wait(qtbot, lambda: all(ear.ending(j) for j in jobs))

    def test_closing_interrupts_what_runs_and_keeps_what_waits(
        self, qapp: QApplication, paths: Paths, qtbot: QtBot
    ) -> None:
        with Library.open(paths.library) as library:
            engine = Engine(library, Store([paths.models]), begin=begin())
            ear = Ear(engine)
            running = engine.submit(recipe(steps=1000))
            waiting = [engine.submit(recipe(seed=s)) for s in (1, 2)]
            wait(qtbot, lambda: ear.reached(running, "writing"))
            pid = engine.pid("text")
            engine.close()
            engine.close()
            assert pid is not None
            assert not _alive(pid)
        with NextStart(paths) as (ear, engine):
            wait(qtbot, lambda: ear.resumed() is not None)
            assert [j.id for j in ear.resumed().interrupted] == [running]
            wait(qtbot, lambda: all(ear.done(j) for j in waiting))

    @needs_kill
    def test_a_killed_program_loses_nothing_that_was_stored(
        self, qapp: QApplication, paths: Paths, qtbot: QtBot
    ) -> None:
        script = "from tests.ui.test_engine import doomed; import sys; doomed(sys.argv[1])"
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(paths.data.parent)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        running, *waiting, engine_pid = process.stdout.readline().split()
        process.kill()
        process.wait()
        process.stdout.close()
        with NextStart(paths) as (ear, engine):
            wait(qtbot, lambda: ear.resumed() is not None)
            assert [j.id for j in ear.resumed().interrupted] == [running]
            wait(qtbot, lambda: all(ear.done(j) for j in waiting))
            engine.make_interrupted(running)
            wait(qtbot, lambda: ear.reached(running, "writing"))
            engine.cancel(running)
            wait(qtbot, lambda: ear.ending(running))
        # Its engines notice that nobody listens any more.
        wait(qtbot, lambda: not _alive(int(engine_pid)))

    def test_what_is_not_wanted_again_is_forgotten(
        self, qapp: QApplication, paths: Paths, qtbot: QtBot
    ) -> None:
        with Library.open(paths.library) as library:
            library.jobs.add("one", recipe())
            library.jobs.start("one")
        with NextStart(paths) as (ear, engine):
            wait(qtbot, lambda: ear.resumed() is not None)
            engine.forget_interrupted("one")
        with NextStart(paths) as (ear, engine):
            wait(qtbot, lambda: ear.resumed() is not None)
            assert ear.resumed().interrupted == ()


class NextStart:
    """The program started again on the same folders."""

    def __init__(self, paths: Paths) -> None:
        self._library = Library.open(paths.library)
        self._engine = Engine(self._library, Store([paths.models]), begin=begin())

    def __enter__(self) -> tuple[Ear, Engine]:
        ear = Ear(self._engine)
        self._engine.resume()
        return ear, self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.close()
        self._library.close()


def doomed(root: str) -> None:
    """A program that is killed with one job running and two waiting."""
    app = QApplication([])
    paths = Paths.below(Path(root))
    library = Library.open(paths.library)
    engine = Engine(library, Store([paths.models]), begin=begin())
    jobs = [engine.submit(recipe(steps=1000, pace=0.05)), *(engine.submit(recipe()) for _ in "ab")]

    def tell(job: str) -> None:
        if job == jobs[0] and (view := engine.job(job)) is not None and view.phase == "writing":
            print(*jobs, engine.pid("text"), flush=True)  # noqa: T201

    engine.progressed.connect(tell)
    app.exec()


def _alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class TestMailbox:
    def test_things_of_one_kind_are_heard_as_one(self, qapp: QApplication, qtbot: QtBot) -> None:
        heard: list[object] = []
        box = Mailbox(heard.append)

        def post() -> None:
            box.post("first")
            for n in range(1000):
                box.post(n, key="picture")
                box.post([n], key="words", merge=lambda old, new: old + new)
            box.post("last")

        thread = threading.Thread(target=post)
        thread.start()
        thread.join()
        assert heard == []
        wait(qtbot, lambda: "last" in heard)
        assert heard == ["first", 999, list(range(1000)), "last"]

    def test_a_flood_leaves_room_for_others(self, qapp: QApplication, qtbot: QtBot) -> None:
        from PySide6.QtCore import QTimer

        heard: list[int] = []
        between: list[int] = []

        def slow(n: int) -> None:
            time.sleep(0.002)
            heard.append(n)

        box = Mailbox(slow)
        timer = QTimer()
        timer.timeout.connect(lambda: between.append(len(heard)))
        timer.start(1)
        for n in range(100):
            box.post(n)
        wait(qtbot, lambda: len(heard) == 100)
        assert heard == list(range(100))
        assert len([b for b in between if 0 < b < 100]) >= 5

    def test_a_closed_one_hears_nothing(self, qapp: QApplication, qtbot: QtBot) -> None:
        heard: list[object] = []
        box = Mailbox(heard.append)
        box.post(1)
        box.close()
        box.post(2)
        qtbot.wait(20)
        assert heard == []


@pytest.fixture(autouse=True)
def _no_engine_is_left(qapp: QApplication) -> Iterator[None]:
    import psutil

    before = {c.pid for c in psutil.Process().children()}
    yield
    left = [c for c in psutil.Process().children() if c.pid not in before]
    assert [c for c in left if "resource_tracker" not in " ".join(c.cmdline())] == []
