"""A job in the window: where it stands, how far it is, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from studio.core.family import Kind
from studio.core.messages import Convert, Ending, Progress
from studio.core.recipe import Recipe
from studio.library import Recovered, StoredJob
from studio.ui.asks import Ask

JobState = Literal["waiting", "running", "cancelling"]

SURE_AFTER = 1.0
"""Seconds after which the time left is told; before, it is a guess about loading."""
SURE_FROM = 0.03


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the panes see it."""

    id: str
    lane: Kind
    recipe: Recipe
    state: JobState
    phase: str
    """Empty while it waits."""
    fraction: float
    """0 to 1."""
    seconds_left: float | None
    """Estimated; None while unknown."""
    position: int
    """0 is running, 1 is next."""
    adding: bool = False
    """A model is being made of what somebody brought; nothing comes out for the library."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What the last run of the program left: jobs that wait, jobs that were cut off, repairs."""

    waiting: tuple[StoredJob, ...]
    interrupted: tuple[StoredJob, ...]
    recovered: Recovered


@dataclass(eq=False, slots=True)
class Entry:
    """The queue's own record of a job."""

    id: str
    recipe: Recipe
    files: Mapping[str, Path] = field(default_factory=dict)
    stored: bool = False
    """It survives a kill of the program from now on."""
    state: JobState = "waiting"
    phase: str = ""
    fraction: float = 0.0
    in_engine: bool = False
    taking: int = 0
    """Outputs on their way into the library."""
    ending: Ending | None = None
    """What the engine said at the end."""
    ask: Ask | None = None
    """It is a question beside the queue, and who asked."""
    order: Convert | None = None
    """A model is to be made; the recipe only says so in the queue."""
    _began: float = 0.0

    @property
    def lane(self) -> Kind:
        return self.recipe.kind

    def begin(self) -> None:
        """The engine has it now."""
        self.in_engine = True
        self._began = time.monotonic()

    def progress(self, news: Progress) -> None:
        self.phase = news.phase
        self.fraction = max(self.fraction, min(1.0, news.fraction))

    def seconds_left(self) -> float | None:
        """By the pace so far; None before that says anything."""
        if not self.in_engine or self.fraction < SURE_FROM:
            return None
        passed = time.monotonic() - self._began
        if passed < SURE_AFTER:
            return None
        return passed * (1.0 - self.fraction) / self.fraction

    def view(self, position: int) -> JobView:
        return JobView(
            self.id,
            self.lane,
            self.recipe,
            self.state,
            self.phase,
            self.fraction,
            self.seconds_left(),
            position,
            self.order is not None,
        )
