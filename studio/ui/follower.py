"""One lane as a create pane follows it: the job at its head, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from studio.core.family import Kind
from studio.core.messages import Ending, Preview
from studio.core.recipe import Recipe
from studio.library import Item
from studio.ui.engine import Engine, JobView

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a job: how it ended, and what it has made until then."""

    recipe: Recipe
    items: Sequence[Item]
    ending: Ending


class Follower(QObject):
    """Says when a job of the lane begins, shows more of itself, and ends. One at a time."""

    changed = Signal()
    """The head of the lane, its state or its progress."""
    began = Signal(JobView)
    """It runs now."""
    previewed = Signal(object)
    """A Preview of the job that runs."""
    finished = Signal(Finished)

    def __init__(self, engine: Engine, kind: Kind, parent: QObject) -> None:
        super().__init__(parent)
        self._engine = engine
        self._kind = kind
        self._head: JobView | None = None
        self._started = False
        self._items: list[Item] = []
        self._gone: JobView | None = None
        """A job that left the queue before it began; its ending is still to come."""
        self._early: dict[str, list[Preview]] = {}
        """Of the next job: it may begin while what the last one made goes into the library."""
        engine.hello.connect(self._lane)
        engine.lane_changed.connect(self._lane)
        engine.queue_changed.connect(self._lane)
        engine.progressed.connect(self._progressed)
        engine.previewed.connect(self._previewed)
        engine.made.connect(self._made)
        engine.ended.connect(self._ended)

    @property
    def job(self) -> JobView | None:
        """The job at the head of the lane, running or about to."""
        return self._head

    @property
    def started(self) -> bool:
        return self._started

    @property
    def waiting(self) -> int:
        """How many come after it."""
        return max(0, len(self._jobs()) - 1)

    def sync(self) -> None:
        """Look at the lane again."""
        jobs = self._jobs()
        head = jobs[0] if jobs else None
        if self._head is None or not self._started:
            if self._head is not None and (head is None or head.id != self._head.id):
                self._gone = self._head
            self._head, self._items = head, []
        elif head is not None and head.id == self._head.id:
            self._head = head
        # Otherwise: it has left the queue, and its ending is on its way.
        self._begin()
        self.changed.emit()

    def stop(self) -> None:
        """Stop the job at the head."""
        if self._head is not None:
            self._engine.cancel(self._head.id)

    def _jobs(self) -> list[JobView]:
        """What the pane is about: models that are being added are the models page's matter."""
        return [job for job in self._engine.jobs(self._kind) if not job.adding]

    def _begin(self) -> None:
        if self._head is not None and not self._started and self._head.state != "waiting":
            self._started = True
            self.began.emit(self._head)
            for preview in self._early.pop(self._head.id, []):
                self.previewed.emit(preview)

    def _lane(self, lane: str) -> None:
        if lane == self._kind:
            self.sync()

    def _progressed(self, job_id: str) -> None:
        job = self._engine.job(job_id)
        if job is not None and job.lane == self._kind and not job.adding:
            self.sync()

    def _previewed(self, job_id: str, preview: Any) -> None:
        if self._head is not None and job_id == self._head.id:
            if not self._started:
                self.sync()
            self.previewed.emit(preview)
        elif (job := self._engine.job(job_id)) is not None and job.lane == self._kind:
            self._early.setdefault(job_id, []).append(preview)

    def _made(self, job_id: str, item: Any) -> None:
        if self._head is not None and job_id == self._head.id:
            self._items.append(item)

    def _ended(self, job_id: str, ending: Any) -> None:
        job = next((j for j in (self._head, self._gone) if j is not None and j.id == job_id), None)
        if job is None:
            return
        items, self._gone = self._items, None
        self._early.pop(job_id, None)
        if job is self._head:
            self._head, self._started, self._items = None, False, []
        else:
            items = []
        self.finished.emit(Finished(job.recipe, tuple(items), ending))
        self.sync()


def phase_words(phase: str) -> str:
    """What the engine does, for a person."""
    return {
        "starting": translate("Phases", "Starting"),
        "loading": translate("Phases", "Loading the model"),
        "reading": translate("Phases", "Reading your words"),
        "writing": translate("Phases", "Writing"),
        "drawing": translate("Phases", "Drawing"),
        "decoding": translate("Phases", "Developing the picture"),
        "composing": translate("Phases", "Composing"),
        "sounding": translate("Phases", "Playing it in"),
        "saving": translate("Phases", "Saving"),
        "converting": translate("Phases", "Preparing the model"),
        "speaking": translate("Phases", "Speaking"),
    }.get(phase, translate("Phases", "Working"))


def left_words(seconds: float | None) -> str:
    """How long it will still take; nothing where that is not known."""
    if seconds is None:
        return ""
    if seconds < 1.5:
        return translate("Phases", "almost done")
    if seconds < 90:
        return translate("Phases", "about {n} s left").format(n=round(seconds))
    return translate("Phases", "about {n} min left").format(n=round(seconds / 60))
