"""kill -9 of an engine in every phase, and of the whole program at any moment: fifty in all."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from studio.core import media
from studio.core.family import Kind
from studio.core.messages import Done, Ending, Failed
from studio.core.recipe import DeviceChoice, Recipe
from studio.library import Item, Library, Query
from studio.models import Store
from studio.ui.engine import Engine
from tests.engine.tiny import TINY

ROOT = Path(__file__).resolve().parents[2]
PROGRAM_KILLS = 26
CALM = 4
"""Runs of the program at the end, without a kill, until the queue is empty."""
ENGINE_KILLS: tuple[tuple[Kind, str], ...] = (
    *(("text", p) for p in ("starting", "loading", "reading", "writing", "saving") * 3),
    *(("audio", p) for p in ("loading", "composing", "sounding", "saving")),
    *(("image", p) for p in ("loading", "drawing", "decoding", "saving")),
    ("text", "any"),
)


def test_fifty_kills_are_fifty() -> None:
    assert PROGRAM_KILLS + len(ENGINE_KILLS) >= 50


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a tiny model for each family, named after it."""
    folder = tmp_path_factory.mktemp("models")
    for family, tiny in TINY.items():
        tiny.make(folder / family)
    return folder


def wish(kind: Kind, seed: int) -> Recipe:
    family = next(f for f in TINY if f.startswith(kind))
    return Recipe(kind, family, family, seed, dict(TINY[family].values))


class Ear(QObject):
    """Remembers what the engine said."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.endings: dict[str, Ending] = {}
        self.items: list[Item] = []
        engine.ended.connect(self.ended)
        engine.made.connect(lambda _job, item: self.items.append(item))

    def ended(self, job_id: str, ending: object) -> None:
        assert isinstance(ending, Ending)
        self.endings[job_id] = ending


def whole(library: Library, folder: Path) -> None:
    """Every row has its files, every file opens and has its row, and nothing else lies about."""
    rows = library.items(Query(), limit=10_000)
    known = set()
    for item in rows:
        for file in item.files:
            assert media.extract(file).recipe == item.recipe
            known.add(file.resolve())
        assert hashlib.sha256(item.main.read_bytes()).hexdigest() == item.sha256
    on_disk = {p.resolve() for p in (folder / "items").rglob("*") if p.is_file()}
    assert on_disk == known
    staged = folder / ".jobs"
    assert not staged.exists() or not [p for p in staged.rglob("*") if p.suffix in (".md", ".png")]


@pytest.fixture
def studio(tmp_path: Path, models: Path, qapp: object) -> Iterator[tuple[Engine, Library, Ear]]:
    library = Library.open(tmp_path / "library")
    engine = Engine(library, Store([models]), device=lambda: DeviceChoice("cpu", 1))
    yield engine, library, Ear(engine)
    engine.close()
    library.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["text", "audio", "image"])
def test_an_engine_killed_in_every_phase_costs_one_job(
    kind: Kind, studio: tuple[Engine, Library, Ear], qtbot: QtBot, tmp_path: Path
) -> None:
    engine, library, ear = studio
    failed = 0
    for number, phase in enumerate(p for k, p in ENGINE_KILLS if k == kind):
        engine.restart(kind)  # also: the studio does not count these deaths as one illness
        pair = [engine.submit(wish(kind, number)), engine.submit(wish(kind, 1000 + number))]
        hit: list[int] = []

        def kill(
            job: str = "", pair: list[str] = pair, hit: list[int] = hit, at: str = phase
        ) -> None:
            view = engine.job(job) if job else None
            pid = engine.pid(kind)
            if pid is not None and not hit and (view is None or at in (view.phase, "any")):
                hit.append(pid)
                psutil.Process(pid).kill()

        if phase == "starting":
            qtbot.waitUntil(lambda: engine.pid(kind) is not None, timeout=20_000)
            kill()
        else:
            engine.progressed.connect(kill)
        qtbot.waitUntil(lambda pair=pair: set(pair) <= set(ear.endings), timeout=60_000)  # type: ignore[misc]
        if phase != "starting":
            engine.progressed.disconnect(kill)
        assert hit, f"nothing was ever {phase}"
        # One kill costs one job at most; the engine may have been a job further than its news.
        endings = [ear.endings[job] for job in pair]
        stopped = [e for e in endings if isinstance(e, Failed) and "engine stopped" in e.message]
        assert len(stopped) <= 1, phase
        failed += len(stopped)
        for ending in endings:
            # An untrained model may also say that nothing came of it; nobody cancelled anything.
            assert isinstance(ending, Done | Failed)
            if isinstance(ending, Failed):
                assert ending.message
                assert ending.hint
                assert "Traceback" not in ending.message
    assert failed >= 2
    qtbot.waitUntil(lambda: not engine.jobs(), timeout=10_000)
    engine.close()
    assert {i.id for i in library.items(Query(), limit=10_000)} == {i.id for i in ear.items}
    whole(library, tmp_path / "library")


@pytest.mark.timeout(600)
def test_the_program_killed_at_any_moment_loses_nothing(tmp_path: Path, models: Path) -> None:
    rng = random.Random(26)
    log = tmp_path / "said.txt"
    command = [sys.executable, "-m", "tests.kills.program", str(tmp_path), str(models)]
    for _ in range(PROGRAM_KILLS):
        before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            process = subprocess.Popen([*command, "1", "30"], stdout=out, cwd=ROOT)
            until = time.monotonic() + 20
            # From the first sign of life on; the time before is Python's own.
            while log.stat().st_size == before and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(rng.choice((0.0, 0.3, 1.0, 3.0)) * rng.random())
            engines = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
            process.wait()
        _, alive = psutil.wait_procs(engines, timeout=10)
        assert not alive, "an engine outlived the program"
    for _ in range(CALM):
        with log.open("ab") as out:
            subprocess.run([*command, "0", "90"], stdout=out, cwd=ROOT, check=True, timeout=120)
    said = [line.split(" ", 3) for line in log.read_text("utf-8").splitlines()]
    with Library.open(tmp_path / "library") as library:
        recovered = library.recover()
        assert not recovered.missing
        whole(library, tmp_path / "library")
        hashes = [i.sha256 for i in library.items(Query(), limit=10_000)]
        made = {words[2] for words in said if words[0] == "made"}
        assert made <= set(hashes), "something that was made is gone"
        assert not library.jobs.list()
    # Every job that was stored has come to an end, in whichever life.
    ended = {words[1] for words in said if words[0] == "ended"}
    stored = {words[1] for words in said if words[0] in ("interrupted", "ended")}
    assert stored <= ended
    assert len(made) >= 3
    assert {words[2] for words in said if words[0] == "phase"} >= {"writing", "drawing", "sounding"}
