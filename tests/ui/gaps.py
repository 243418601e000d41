"""How smooth the main thread runs: the gaps of a fast timer."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer


@dataclass(frozen=True, slots=True)
class Gaps:
    """Times between two ticks of a 5 ms timer, in milliseconds."""

    count: int
    median: float
    p99: float
    longest: float
    over_50: int
    work: float
    """The most processor time that the thread itself used between two ticks: what it would have
    been on a machine that nobody else uses."""

    def __str__(self) -> str:
        return (
            f"{self.count} ticks · median {self.median:.1f} ms · 99 % {self.p99:.1f} ms · "
            f"longest {self.longest:.1f} ms · {self.over_50} over 50 ms · "
            f"most work {self.work:.1f} ms"
        )


class GapMeter(QObject):
    """Ticks every 5 ms on the thread that made it, and keeps how long that really took."""

    def __init__(self, interval: int = 5) -> None:
        super().__init__()
        self._ticks: list[float] = []
        self._work: list[float] = []
        self._last = 0.0
        self._used = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(interval)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._ticks.clear()
        self._work.clear()
        # What the tests before have left in memory is not the window's to search for rubbish.
        gc.collect()
        gc.freeze()
        self._last, self._used = time.perf_counter(), time.thread_time()
        self._timer.start()

    def stop(self) -> Gaps:
        """The distribution since `start`."""
        self._tick()
        self._timer.stop()
        gc.unfreeze()
        ordered = sorted(self._ticks)
        return Gaps(
            count=len(ordered),
            median=ordered[len(ordered) // 2],
            p99=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
            longest=ordered[-1],
            over_50=sum(t > 50 for t in ordered),
            work=max(self._work),
        )

    def _tick(self) -> None:
        now, used = time.perf_counter(), time.thread_time()
        self._ticks.append((now - self._last) * 1000)
        self._work.append((used - self._used) * 1000)
        self._last, self._used = now, used
