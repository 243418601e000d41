"""The window's side of the courier: the process that speaks with the hub and fetches models.

It is started with the first wish that needs it, and the window's own process imports nothing of
the network. When the courier dies it is started again by itself and downloads go on.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.process import Child, Died
from studio.core.settings import Settings
from studio.models import courier_host
from studio.models.courier_messages import (
    Ask,
    Changed,
    Close,
    Ended,
    Equip,
    Heard,
    Noted,
    Reply,
    Start,
    Step,
    Stop,
    Use,
)
from studio.models.remote import Machine

__all__ = ["Changed", "Courier", "Ended", "Heard", "Reply", "Start", "Step"]

log = logging.getLogger(__name__)

BACKOFF = (0.2, 1.0, 4.0)
"""Seconds before it is started again after its first, second, third death."""
MOURNING = 300.0
"""Seconds for which a death counts."""
CRASHES = 3
"""So many deaths that count, and it is started again only when somebody asks for something."""
CLOSE_SECONDS = 2.0
"""What it may take to write down how far the downloads are."""


class Courier:
    """One courier process. Nothing here blocks but `close`; safe from any thread.

    `hear` gets Reply, Step, Changed and Ended, on a thread of its own. Every question is answered
    once: by its Reply, or by the Ended that names it.
    """

    def __init__(self, start: Start, hear: Callable[[Heard], None]) -> None:
        self._start = start
        self._hear = hear
        self._child = Child(courier_host.main, "courier", self._heard)
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="courier")
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._open: dict[int, Ask] = {}
        self._given: set[int] = set()
        """Of those, what the process that there is now has been asked."""
        self._up = False
        """There is a process, or one is on its way."""
        self._closed = False
        self._expected = False
        """The end of the process is our own doing."""
        self._deaths: list[float] = []
        self._again: threading.Timer | None = None

    def start(self) -> None:
        """Have it at work: what was being fetched goes on. Again is no matter."""
        with self._lock:
            if self._up or self._closed:
                return
            self._up = True
            self._hand.submit(self._spawn)

    def ask(self, action: str, *args: object) -> int:
        """Ask for an action of `Manager` by its name; the Reply has the number that this gives."""
        ask = Ask(next(self._numbers), action, args)
        with self._lock:
            self._open[ask.id] = ask
        self.start()
        self._send(ask)
        return ask.id

    def stop(self, number: int) -> None:
        """Give up what was asked with this number, where it can be; the Reply says so."""
        self._send(Stop(number))

    def use(self, settings: Settings) -> None:
        """The settings have changed; another endpoint means another process."""
        with self._lock:
            before = self._start.settings
            self._start = replace(self._start, settings=settings)
            anew = self._up and before.endpoint != settings.endpoint
            if before.endpoint != settings.endpoint:
                self._start = replace(self._start, token="")  # it is for one server only
            if anew and not self._closed:
                self._hand.submit(self._end_politely)
        if not anew:
            self._send(Use(settings))

    def equip(self, machine: Machine, specs: Sequence[FamilySpec]) -> None:
        """What models have to fit into, and the families that run them; once both are known."""
        with self._lock:
            self._start = replace(self._start, machine=machine, specs=tuple(specs))
        self._send(Equip(machine, tuple(specs)))

    def close(self) -> None:
        """End it; what is being fetched is written down and goes on at the next start."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._again is not None:
                self._again.cancel()
            self._hand.submit(self._end_politely)
        self._hand.shutdown(wait=True)
        self._child.stop()

    @property
    def pid(self) -> int | None:
        """The process, for who wants to look at it from outside."""
        return self._child.pid

    def _send(self, thing: Ask | Stop | Use | Equip) -> None:
        def give() -> None:
            with self._lock:
                # What is asked of a process that is not there yet is asked when it stands.
                if not self._up or self._again is not None:
                    return
                if isinstance(thing, Ask):
                    if thing.id not in self._open or thing.id in self._given:
                        return
                    self._given.add(thing.id)
            self._child.send(thing)

        with self._lock:
            if not self._closed:
                self._hand.submit(give)

    def _spawn(self) -> None:
        with self._lock:
            self._again = None
            if self._closed:
                return
            start, asked = self._start, tuple(self._open.values())
            self._given = set(self._open)
        try:
            self._child.start(start)
        except Exception:
            # Out of processes or of memory: the same as a death, and heard as one.
            log.exception("the courier could not be started")
            self._heard(Died(None))
            return
        for ask in asked:
            self._child.send(ask)

    def _end_politely(self) -> None:
        with self._lock:
            self._expected = True
        self._child.send(Close())
        if not self._child.wait(CLOSE_SECONDS):
            self._child.kill()

    def _heard(self, said: Any) -> None:  # on the reader thread
        if isinstance(said, Died):
            self._died(said)
            return
        if isinstance(said, Noted):
            logging.getLogger(said.name).log(said.level, "%s", said.text)
            return
        if isinstance(said, Reply):
            with self._lock:
                ask = self._open.pop(said.id, None)
                self._given.discard(said.id)
                if ask is not None and not isinstance(said.value, StudioError):
                    # The next process has to know it as well, where no keyring does.
                    if ask.action == "sign_in":
                        self._start = replace(self._start, token=str(ask.args[0]))
                    elif ask.action == "sign_out":
                        self._start = replace(self._start, token="")
            if said.detail:
                log.error("the courier failed at %s: %s", ask and ask.action, said.detail)
            if ask is None:
                return
        self._hear(said)

    def _died(self, died: Died) -> None:
        with self._lock:
            expected, self._expected = self._expected, False
            if self._closed:
                self._up = False
                return
            now = time.monotonic()
            if expected:
                # What was asked is asked again of the next; a token was meant for one server.
                lost = tuple(a.id for a in self._open.values() if a.action == "sign_in")
            else:
                log.warning("the courier ended with exit code %s", died.exit_code)
                self._deaths = [t for t in self._deaths if now - t < MOURNING] + [now]
                lost = tuple(self._open)
            for number in lost:
                del self._open[number]
            gave_up = len(self._deaths) >= CRASHES
            if gave_up:
                self._deaths.clear()
                self._up = False
            else:
                wait = 0.0 if expected else BACKOFF[len(self._deaths) - 1]
                self._again = threading.Timer(wait, self._spawn_later)
                self._again.daemon = True
                self._again.start()
        if lost or not expected:
            hint = "Ask again; downloads go on by themselves."
            if gave_up:
                hint = "Close other programs and ask again; what was fetched is kept."
            error = StudioError("The part of Triptych that speaks with the hub has stopped.", hint)
            self._hear(Ended(error, lost, gave_up))

    def _spawn_later(self) -> None:  # on the timer's thread
        with self._lock:
            if not self._closed:
                self._hand.submit(self._spawn)
