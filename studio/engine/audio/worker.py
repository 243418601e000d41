"""A job that works in a thread and is stopped from another: what the families of sound share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.files import write_atomic
from studio.core.media import embed
from studio.core.messages import Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.image import handover

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake
    from studio.engine.workbench import Workbench


LOADED = 0.05
"""Part of a job's progress that loading is."""


class Worker:
    """One job, from the model folder to the file; `work` is what a family does."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self.job, self.bench = job, bench
        self._brake: Brake | None = None
        self._halted = False
        self._last = Progress("starting", 0, 1, 0.0)
        self._emit: Callable[[Step], None] = lambda step: None

    def work(self) -> None:
        """Everything the job is, in order. In a thread of its own."""
        raise NotImplementedError

    def steps(self) -> Generator[Step, None, None]:
        """What the job yields; closed at any yield, it stops and leaves nothing behind."""
        yield from handover.steps(self._start, self._halt, self._beat)

    def held_by(self, brake: Brake) -> None:
        """From here on `brake` stops what runs."""
        self._brake = brake
        if self._halted:  # a moment ago, when there was no brake to pull yet
            brake.pull()

    @property
    def phase(self) -> Phase:
        """The one that was said last."""
        return self._last.phase

    def emit(self, step: Step) -> None:
        """Hand a step over; raises Stopped where nobody wants it any more."""
        self._emit(step)

    def say(self, phase: Phase, step: int, total: int, fraction: float) -> None:
        """Say how far the job is; `fraction` of the whole never goes back."""
        fraction = max(self._last.fraction, min(1.0, fraction))
        self._last = Progress(phase, min(step, total), total, fraction)
        self.emit(self._last)

    def loaded(self, fraction: float) -> None:
        """Say how much of the model is loaded; raises Stopped where nobody wants it any more."""
        self.say("loading", round(100 * fraction), 100, LOADED * fraction)

    def save(
        self,
        name: str,
        samples: npt.NDArray[np.int16],
        rate: int,
        provider: str,
        title: str,
        note: str = "",
    ) -> None:
        """Write the finished sound (n, channels) with its recipe inside, and hand it over."""
        from studio.engine.audio import waves
        from studio.engine.audio.mixer import PEAKS, peaks

        record = Record(self.job.recipe, provider, mark_ai=self.job.mark_ai)
        path: Path = self.job.folder / f"{name}.wav"
        write_atomic(path, embed(waves.to_wav(samples, rate), ".wav", record))
        summary: dict[str, Any] = {
            "seconds": len(samples) / rate,
            "peaks": list(peaks(samples, PEAKS, 32767.0)),
            "title": title,
        }
        if note:
            summary["note"] = note
        self.emit(Output((path,), self.job.recipe, summary))
        self.say("saving", 1, 1, 1.0)

    def _start(self, emit: Callable[[Step], None]) -> None:
        self._emit = emit
        self.say("starting", 0, 1, 0.0)
        self.work()

    def _halt(self) -> None:
        self._halted = True
        if self._brake is not None:
            self._brake.pull()

    def _beat(self) -> Step | None:
        """Where we are, again, while one long graph runs: a moment at which it can be stopped."""
        busy = self._brake is not None and self._brake.busy
        return self._last if busy else None
