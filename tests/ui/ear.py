"""Hears everything an engine says, for tests to look at."""

from __future__ import annotations

import threading
import time
from typing import Any

from studio.core.messages import Done, Ending, Failed
from studio.library import Item
from studio.ui.engine import Engine


class Ear:
    """The news of all jobs, in the order in which they were told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.news: list[tuple[str, str, Any]] = []
        """(signal, job id or lane, what came with it)."""
        self.threads: set[int] = set()
        self.at: dict[str, float] = {}
        """When each job ended, monotonic."""
        engine.progressed.connect(self._progressed)
        engine.previewed.connect(lambda job, news: self._add("previewed", job, news))
        engine.made.connect(lambda job, item: self._add("made", job, item))
        engine.ended.connect(lambda job, ending: self._add("ended", job, ending))
        engine.gave_up.connect(lambda lane: self._add("gave_up", lane, None))
        engine.resumed.connect(lambda resumed: self._add("resumed", "", resumed))

    def phases(self, job: str) -> list[str]:
        return [n.phase for s, j, n in self.news if s == "progressed" and j == job]

    def fractions(self, job: str) -> list[float]:
        return [n.fraction for s, j, n in self.news if s == "progressed" and j == job]

    def made(self, job: str) -> list[Item]:
        return [n for s, j, n in self.news if s == "made" and j == job]

    def ending(self, job: str) -> Ending | None:
        return next((n for s, j, n in self.news if s == "ended" and j == job), None)

    def endings(self, job: str) -> int:
        return sum(s == "ended" and j == job for s, j, _ in self.news)

    def done(self, job: str) -> bool:
        ending = self.ending(job)
        assert not isinstance(ending, Failed), ending
        return isinstance(ending, Done)

    def failed(self, job: str) -> Failed | None:
        ending = self.ending(job)
        return ending if isinstance(ending, Failed) else None

    def reached(self, job: str, phase: str) -> bool:
        return phase in self.phases(job)

    def told(self, signal: str) -> bool:
        return any(s == signal for s, _, _ in self.news)

    def gave_up(self) -> bool:
        return any(s == "gave_up" for s, _, _ in self.news)

    def resumed(self) -> Any:
        return next((n for s, _, n in self.news if s == "resumed"), None)

    def _progressed(self, job: str) -> None:
        self._add("progressed", job, self.engine.job(job))

    def _add(self, signal: str, key: str, news: object) -> None:
        self.threads.add(threading.get_ident())
        self.news.append((signal, key, news))
        if signal == "ended":
            self.at[key] = time.monotonic()
