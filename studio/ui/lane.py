"""One engine process as the window sees it: starts it, gives it jobs, frees it, mourns it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

from studio.core.family import FamilySpec, Kind, Unavailable
from studio.core.messages import (
    AudioPreview,
    Cancel,
    Cancelled,
    Convert,
    DeviceReport,
    Done,
    Ending,
    Failed,
    Hello,
    ImagePreview,
    Memory,
    Progress,
    Report,
    Run,
    TextPreview,
    Unload,
)
from studio.core.recipe import Job
from studio.engine.supervisor import Died, Heard, Supervisor
from studio.ui.mailbox import Mailbox

log = logging.getLogger(__name__)

LaneState = Literal["off", "starting", "ready", "busy", "down"]
Begin = Callable[[Kind, Callable[[Heard], None]], Supervisor]

PATIENCE_MS = 400
"""How long a cancelled job may take to close by itself."""
START_MS = 60_000
"""How long an engine may take to say Hello."""
BACKOFF_MS = (200, 1_000, 4_000)
MOURNING = 300.0
"""Seconds for which a crash counts."""
LOW_PRIORITY = 10
"""Of an engine, as `nice` counts."""
CRASHES = 3
"""So many crashes that count, and the lane gives up until somebody says: try again."""


class Lane(QObject):
    """One engine process of one kind, and the job it does. The queue is not its matter."""

    hello = Signal()
    changed = Signal()
    """The state has changed."""
    reported = Signal(str, object)
    """Job id, Progress | Preview | Output."""
    finished = Signal(str, object)
    """Job id, Ending. The lane may be ready for the next job, or starting again."""
    gave_up = Signal()

    def __init__(self, kind: Kind, begin: Begin, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.families: tuple[FamilySpec, ...] = ()
        self.unavailable: tuple[Unavailable, ...] = ()
        self.device: DeviceReport | None = None
        self.memory: Memory | None = None
        self.known = False
        """Hello was said at least once."""
        self._state: LaneState = "off"
        self._running: str | None = None
        self._expected = False
        """The end of the process is our own doing."""
        self._crashes: list[float] = []
        self._mail = Mailbox(self._heard, self)
        self._supervisor = begin(kind, self._post)
        # Spawning takes milliseconds and a pipe can be full: neither is for the main thread.
        self._hand = ThreadPoolExecutor(1, thread_name_prefix=f"orders-{kind}")
        self._impatience = self._timer(PATIENCE_MS, self._free)
        self._late = self._timer(START_MS, self._supervisor.kill)
        self._again = self._timer(BACKOFF_MS[0], self._spawn)

    @property
    def state(self) -> LaneState:
        return self._state

    @property
    def pid(self) -> int | None:
        """The engine process, for who wants to look at it from outside."""
        return self._supervisor.pid

    def start(self) -> None:
        """Start the engine if it is off."""
        if self._state == "off":
            self._spawn()

    def run(self, job: Job | Convert) -> None:
        """Do this job, or make this model. Only where the state is ready."""
        assert self._state == "ready"
        self._running = job.id
        self._set("busy")
        order = job if isinstance(job, Convert) else Run(job)
        self._order(lambda: self._supervisor.send(order))

    def cancel(self) -> None:
        """Free the lane of its job: asked first, killed when it does not close in time."""
        job = self._running
        if job is not None and not self._impatience.isActive():
            self._order(lambda: self._supervisor.send(Cancel(job)))
            self._impatience.start()

    def unload(self) -> None:
        """Let the engine drop the models that it keeps loaded."""
        self._order(lambda: self._supervisor.send(Unload()))

    def restart(self) -> None:
        """A fresh engine, whatever this one does; its job counts as cancelled."""
        self._crashes.clear()
        if self._state in ("off", "down"):
            self._spawn()
        elif self._again.isActive():
            self._again.stop()
            self._spawn()
        elif self._state != "starting":
            self._free()

    def close(self) -> None:
        """End the engine and wait until it is gone."""
        for timer in (self._impatience, self._late, self._again):
            timer.stop()
        self._mail.close()
        self._supervisor.kill()  # first of all, so that nothing waits for a full pipe
        self._hand.submit(self._supervisor.stop)
        self._hand.shutdown(wait=True)
        self._state, self._running = "off", None

    def _post(self, heard: Heard) -> None:  # on the reader thread
        key: Hashable = None
        merge: Callable[[Any, Any], object] | None = None
        if isinstance(heard, Report):
            news = heard.news
            if isinstance(news, Progress):
                key = ("progress", heard.job)
            elif isinstance(news, ImagePreview):
                key = ("picture", heard.job, news.index)
            elif isinstance(news, TextPreview):
                key, merge = ("text", heard.job), _join_text
            elif isinstance(news, AudioPreview):
                key, merge = ("sound", heard.job), _join_sound
        self._mail.post(heard, key, merge)

    def _heard(self, heard: Heard) -> None:
        if isinstance(heard, Report):
            if heard.job != self._running:
                return  # of a job that was given up already
            if isinstance(heard.news, Done | Cancelled | Failed):
                self._end(heard.news, "ready")
            else:
                self.reported.emit(heard.job, heard.news)
        elif isinstance(heard, Hello):
            self._late.stop()
            self.families, self.unavailable = heard.families, heard.unavailable
            self.device, self.known = heard.device, True
            self._set("ready")
            self.hello.emit()
        elif isinstance(heard, Memory):
            self.memory = heard
            self.changed.emit()
        elif isinstance(heard, Died):
            self._died(heard)

    def _died(self, died: Died) -> None:
        self._late.stop()
        self.memory = None
        if self._expected:
            self._expected = False
            self._spawn()
            return
        log.warning("the %s engine ended with exit code %s", self.kind, died.exit_code)
        now = time.monotonic()
        self._crashes = [t for t in self._crashes if now - t < MOURNING] + [now]
        if len(self._crashes) >= CRASHES:
            state: LaneState = "down"
        else:
            state = "starting"
            self._again.setInterval(BACKOFF_MS[min(len(self._crashes), len(BACKOFF_MS)) - 1])
            self._again.start()
        if self._running is None:
            self._set(state)
        elif self._impatience.isActive():
            self._end(Cancelled(), state)
        else:
            self._end(_obituary(died.exit_code), state)
        if state == "down":
            self.gave_up.emit()

    def _free(self) -> None:
        """Kill the engine on purpose. What it was doing is over at once, not when it is dead."""
        self._expected = True
        self._supervisor.kill()
        if self._running is not None:
            self._end(Cancelled(), "starting")
        else:
            self._set("starting")

    def _end(self, ending: Ending, state: LaneState) -> None:
        job, self._running = self._running, None
        self._impatience.stop()
        self._set(state)
        if job is not None:
            self.finished.emit(job, ending)

    def _spawn(self) -> None:
        self._set("starting")
        self._late.start()
        self._order(self._begin)

    def _begin(self) -> None:  # on the lane's own thread
        self._supervisor.start()
        pid = self._supervisor.pid
        if pid is not None:
            _step_back(pid)

    def _order(self, order: Callable[[], None]) -> None:
        def obey() -> None:
            try:
                order()
            except Exception:
                # Out of processes or of memory: the same as a death, and heard as one.
                log.exception("an order to the %s engine failed", self.kind)
                if order == self._begin:
                    self._post(Died(None))

        self._hand.submit(obey)

    def _set(self, state: LaneState) -> None:
        if state != self._state:
            self._state = state
            self.changed.emit()

    def _timer(self, interval: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer


def _step_back(pid: int) -> None:
    """The person before the engine: at a low priority it computes as fast where nobody else wants
    the processor, and where somebody does, that is who types and scrolls."""
    try:
        if sys.platform == "win32":
            import psutil

            psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.setpriority(os.PRIO_PROCESS, pid, LOW_PRIORITY)
    except Exception:
        log.info("the priority of an engine could not be lowered", exc_info=True)


def _join_text(old: Report, new: Report) -> Report:
    assert isinstance(old.news, TextPreview)
    assert isinstance(new.news, TextPreview)
    return Report(old.job, TextPreview(old.news.text + new.news.text))


def _join_sound(old: Report, new: Report) -> Report:
    assert isinstance(old.news, AudioPreview)
    assert isinstance(new.news, AudioPreview)
    joined = replace(
        new.news,
        peaks=old.news.peaks + new.news.peaks,
        samples=old.news.samples + new.news.samples,
        sample_rate=new.news.sample_rate or old.news.sample_rate,
    )
    return Report(old.job, joined)


def _obituary(exit_code: int | None) -> Failed:
    """What a person is told when the engine dies over a job."""
    translate = QCoreApplication.translate
    if exit_code == -9:  # on Linux this is also how the system takes memory back
        hint = translate(
            "Lane",
            "The computer may have run out of memory. Choose a smaller size, length or model, "
            "or close other programs, and try again.",
        )
    else:
        hint = translate(
            "Lane", "Try again. If it happens twice, choose other settings or another model."
        )
    return Failed(
        translate("Lane", "The engine stopped while making this."),
        hint,
        f"exit code {exit_code}",
        ours=True,
    )
