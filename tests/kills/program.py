"""`python -m tests.kills.program HOME MODELS JOBS LIMIT`: the studio without widgets, to be killed.

It takes up the stored queue, submits JOBS more jobs of each kind, and says on stdout what
happens, once it is true: `queued ID`, `phase KIND PHASE`, `made ID SHA256 FILE`, `ended ID WORD`.
It ends when its queue is empty, or after LIMIT seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer

from studio.core.family import KINDS
from studio.core.recipe import DeviceChoice, Recipe
from studio.library import Item, Library
from studio.models import Store
from studio.ui.engine import Engine, Resumed
from tests.engine.tiny import TINY


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Program:
    """The engine and the library joined, with a voice."""

    def __init__(self, home: Path, models: Path, jobs: int, limit: float) -> None:
        self.library = Library.open(home / "library")
        self.engine = Engine(self.library, Store([models]), device=lambda: DeviceChoice("cpu", 1))
        self.jobs = jobs
        self.until = time.monotonic() + limit
        self.phases: dict[str, str] = {}
        self.engine.resumed.connect(self.resumed)
        self.engine.progressed.connect(self.progressed)
        self.engine.made.connect(self.made)
        self.engine.ended.connect(self.ended)
        self.engine.resume()
        self.watch = QTimer(interval=50)
        self.watch.timeout.connect(self.look)

    def resumed(self, resumed: object) -> None:
        assert isinstance(resumed, Resumed)
        for job in resumed.interrupted:
            say("interrupted", job.id)
            self.engine.make_interrupted(job.id)
        for kind in KINDS:
            family = next(f for f in TINY if f.startswith(kind))
            for number in range(self.jobs):
                recipe = Recipe(kind, family, family, number, dict(TINY[family].values))
                say("queued", self.engine.submit(recipe))
        self.watch.start()

    def progressed(self, job_id: str) -> None:
        view = self.engine.job(job_id)
        if view is not None and self.phases.get(job_id) != view.phase:
            self.phases[job_id] = view.phase
            say("phase", view.lane, view.phase)

    def made(self, job_id: str, item: object) -> None:
        assert isinstance(item, Item)
        say("made", job_id, item.sha256, item.main)

    def ended(self, job_id: str, ending: object) -> None:
        say("ended", job_id, type(ending).__name__)

    def look(self) -> None:
        if not self.engine.jobs() or time.monotonic() > self.until:
            self.watch.stop()
            self.engine.close()
            self.library.close()
            QCoreApplication.quit()


def main() -> None:
    home, models, jobs, limit = sys.argv[1:]
    app = QCoreApplication(sys.argv[:1])
    program = Program(Path(home), Path(models), int(jobs), float(limit))
    app.exec()
    del program


if __name__ == "__main__":
    main()
