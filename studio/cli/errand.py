"""One job from the command line, from the wish to the files, through a lane of its own."""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.core.messages import (
    Cancelled,
    Convert,
    Done,
    Failed,
    Hello,
    News,
    Order,
    Output,
    Probe,
    Probed,
    Report,
    Run,
)
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.supervisor import Died, Heard, Supervisor

H = TypeVar("H", Hello, Probed)

PATIENCE = 0.2
"""Seconds between looks at the keyboard: on Windows an endless wait cannot be interrupted."""


class BrokenError(Exception):
    """A fault of the program: `message` for the person, `detail` for a report."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class PausedError(KeyboardInterrupt):
    """Ctrl+C where something is left that can go on; its text says how."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a finished job left: its items, and what it ran on."""

    outputs: tuple[Output, ...]
    provider: str
    seconds: float


class Lane:
    """One engine process, spoken to in turn. A context manager: leaving it kills the engine."""

    def __init__(self, kind: Kind) -> None:
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._supervisor = Supervisor(kind, self._heard.put)
        self.hello: Hello

    def __enter__(self) -> Lane:
        self.begin()
        try:
            self.stand()
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def begin(self) -> None:
        """Start the engine, and do not wait for it."""
        self._supervisor.start()

    def stand(self) -> None:
        """Wait until it stands. Raises StudioError where it does not."""
        self.hello = self._wait_for(Hello)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._supervisor.stop()

    def spec(self, family: str) -> FamilySpec | None:
        return next((f for f in self.hello.families if f.id == family), None)

    def probe(self) -> Probed:
        self._send(Probe())
        return self._wait_for(Probed)

    def make(self, job: Job, news: Callable[[News], None]) -> Made:
        """Do one job. Raises StudioError where it failed, BrokenError where that was our fault."""
        return self._follow(Run(job), news)

    def convert(self, order: Convert, news: Callable[[News], None]) -> Made:
        """Make a model of what was brought; nothing comes out but what lies in its folder then.

        Raises as `make` does.
        """
        return self._follow(order, news)

    def _follow(self, order: Run | Convert, news: Callable[[News], None]) -> Made:
        self._send(order)
        outputs: list[Output] = []
        for heard in self._answers():
            if not isinstance(heard, Report):
                continue
            news(heard.news)
            if isinstance(heard.news, Output):
                outputs.append(heard.news)
            elif isinstance(heard.news, Done):
                return Made(tuple(outputs), heard.news.provider, heard.news.seconds)
            elif isinstance(heard.news, Failed):
                if heard.news.ours:
                    raise BrokenError(heard.news.message, heard.news.detail)
                raise StudioError(heard.news.message, heard.news.hint)
            elif isinstance(heard.news, Cancelled):
                raise KeyboardInterrupt
        raise AssertionError("a lane answers until it dies")

    def _send(self, order: Order) -> None:
        self._supervisor.send(order)

    def _answers(self) -> Iterator[Heard]:
        while True:
            try:
                heard = self._heard.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            if isinstance(heard, Died):
                raise StudioError(
                    "The engine stopped while making this.",
                    "Try again; with a smaller size or length if it happens twice. "
                    f"(Exit code {heard.exit_code}.)",
                )
            yield heard

    def _wait_for(self, kind: type[H]) -> H:
        for heard in self._answers():
            if isinstance(heard, kind):
                return heard
        raise AssertionError("a lane answers until it dies")


def new_job(
    recipe: Recipe,
    folder: Path,
    model: Path,
    *,
    inputs: Mapping[str, Path],
    device: DeviceChoice,
    cache: Path,
    mark_ai: bool,
    extras: Mapping[str, Path],
) -> Job:
    """A job of its own id."""
    return Job(
        id=uuid.uuid4().hex,
        recipe=recipe,
        folder=folder,
        model=model,
        inputs=dict(inputs),
        extras=dict(extras),
        device=device,
        cache=cache,
        mark_ai=mark_ai,
    )


@contextlib.contextmanager
def lanes(kinds: tuple[Kind, ...]) -> Iterator[tuple[Lane, ...]]:
    """Several lanes, begun together, all of them ended at the end."""
    made = tuple(Lane(kind) for kind in kinds)
    with contextlib.ExitStack() as stack:
        for lane in made:
            stack.push(lane)
            lane.begin()
        for lane in made:
            lane.stand()
        yield made
