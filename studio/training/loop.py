"""The training loop all starter models share: time budget, progress lines, checkpoints, leaving on
SIGINT."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from studio.core.errors import StudioError

WARM_STEPS = 3
"""Steps left out of the speed measurement: the first ones compile kernels and allocate."""
SAVE_EVERY_S = 120.0
REPORT_EVERY_S = 15.0


class Trainee(Protocol):
    """Something that can be trained a step at a time and put away between steps."""

    def train_step(self, step: int, done: float) -> float:
        """Do optimizer step number ``step``; ``done`` in [0, 1] is the part of the budget used.
        Gives the loss."""

    def state(self) -> dict[str, Any]:
        """Everything the next step depends on: weights, averages, optimizer moments."""

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""

    def evaluate(self) -> dict[str, float]:
        """Held-out figures of the present weights."""


class Interrupted(Exception):  # noqa: N818 - it is a request, not an error
    """Training was asked to stop; the checkpoint is written and ``--resume`` goes on from it."""


@dataclass(frozen=True)
class Budget:
    """How long to train: wall-clock minutes or, for exact repetition, steps; neither means not at
    all."""

    minutes: float = 0.0
    steps: int = 0


@dataclass
class Outcome:
    """What a finished run did, for the report."""

    steps: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@contextmanager
def stop_on_sigint() -> Iterator[Callable[[], bool]]:
    """Yields a question "was SIGINT received?"; the signal itself no longer interrupts a step half
    way."""
    asked = False

    def note(_signal: int, _frame: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill at any moment leaves either the old or the new one
    whole."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted. Raises StudioError when it is
    unreadable."""
    import torch

    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except FileNotFoundError as error:
        raise StudioError(
            f"There is no checkpoint {path.name} to go on from.", "Start without --resume."
        ) from error
    except Exception as error:
        raise StudioError(
            f"The checkpoint {path.name} cannot be read.",
            "Delete it and train again without --resume.",
        ) from error
    return state


def minutes_text(seconds: float) -> str:
    """Seconds as ``m:ss``."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class Loop:
    """Runs one Trainee through one Budget, with a checkpoint file named after it.

    With a budget of minutes the number of steps follows the measured speed and the learning rate
    follows the share of the budget used; with a budget of steps the run is repeatable bit for bit,
    resumed or not.
    """

    def __init__(
        self,
        name: str,
        budget: Budget,
        checkpoints: Path | None,
        *,
        resume: bool = False,
        evaluations: int = 4,
        output: TextIO | None = None,
        each: Callable[[int, float], None] | None = None,
    ) -> None:
        self.name = name
        self.budget = budget
        self.file = checkpoints / f"{name}.pt" if checkpoints else None
        self.resume = resume
        self.evaluations = evaluations
        self.output = output or sys.stderr
        self.each = each
        self.outcome = Outcome()
        self._rate_steps = 0
        self._rate_seconds = 0.0

    def say(self, text: str) -> None:
        """One progress line."""
        print(f"[{self.name}] {text}", file=self.output, flush=True)

    def run(self, trainee: Trainee) -> Outcome:
        """Train to the end of the budget. Raises Interrupted after SIGINT, with the checkpoint
        written."""
        out = self.outcome
        if self.resume and self.file is not None and self.file.exists():
            saved = load_checkpoint(self.file)
            try:
                trainee.load_state(saved["trainee"])
            except (KeyError, ValueError, RuntimeError) as error:
                raise StudioError(
                    f"The checkpoint {self.file.name} belongs to another configuration or data.",
                    "Train again without --resume, or with the data it was begun with.",
                ) from error
            out.steps, out.seconds = int(saved["step"]), float(saved["seconds"])
            out.loss, out.history = float(saved["loss"]), list(saved["history"])
            self.say(f"goes on from step {out.steps}")
        if self._done(out) >= 1.0:
            self.say("nothing left to train")
            return out
        reported = saved_at = time.monotonic()
        with stop_on_sigint() as asked:
            while (done := self._done(out)) < 1.0:
                began = time.monotonic()
                loss = trainee.train_step(out.steps, done)
                took = time.monotonic() - began
                out.steps += 1
                out.seconds += took
                out.loss = loss if out.steps == 1 else 0.98 * out.loss + 0.02 * loss
                self._rate_steps += 1
                if self._rate_steps > WARM_STEPS:
                    self._rate_seconds += took
                now = time.monotonic()
                if now - reported > REPORT_EVERY_S:
                    reported = now
                    self._report(out)
                if len(out.history) < self.evaluations - 1 and self._done(out) >= (
                    (len(out.history) + 1) / self.evaluations
                ):
                    self._evaluate(trainee, out)
                if asked():
                    self._save(trainee, out)
                    self.say(f"stopped after step {out.steps}; --resume goes on from here")
                    raise Interrupted(self.name)
                if now - saved_at > SAVE_EVERY_S:
                    saved_at = now
                    self._save(trainee, out)
                if self.each is not None:
                    self.each(out.steps, done)
            self._evaluate(trainee, out)
            self._save(trainee, out)
        return out

    def _done(self, out: Outcome) -> float:
        if self.budget.steps:
            return min(1.0, out.steps / self.budget.steps)
        if self.budget.minutes <= 0:
            return 1.0
        return min(1.0, out.seconds / (self.budget.minutes * 60))

    def _report(self, out: Outcome) -> None:
        counted = max(1, self._rate_steps - WARM_STEPS)
        per_step = self._rate_seconds / counted
        if self.budget.steps:
            left = (self.budget.steps - out.steps) * per_step
        else:
            left = self.budget.minutes * 60 - out.seconds
        self.say(
            f"step {out.steps}  loss {out.loss:.4f}  {1 / max(per_step, 1e-9):.2f} steps/s  "
            f"{minutes_text(left)} left"
        )

    def _evaluate(self, trainee: Trainee, out: Outcome) -> None:
        figures = trainee.evaluate()
        out.history.append({"step": float(out.steps), "minutes": out.seconds / 60, **figures})
        self.say("held out: " + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))

    def _save(self, trainee: Trainee, out: Outcome) -> None:
        if self.file is None:
            return
        save_checkpoint(
            self.file,
            {
                "trainee": trainee.state(),
                "step": out.steps,
                "seconds": out.seconds,
                "loss": out.loss,
                "history": out.history,
            },
        )
