"""A process of ours at the other end of a pipe: started, heard, killed."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any


@dataclass(frozen=True, slots=True)
class Died:
    """The process is gone; everything it said was heard before this."""

    exit_code: int | None


class Child:
    """One process that runs `target(conn, *args)`; it is spawned, so both cross as pickles.

    `hear` is called on a reader thread with all that it says. After `Died` it can be started
    again. The process sees the end of its pipe when the program dies, and is to leave then.
    """

    def __init__(self, target: Callable[..., None], name: str, hear: Callable[[Any], None]) -> None:
        self._target = target
        self._name = name
        self._hear = hear
        self._conn: Connection | None = None
        self._process: SpawnProcess | None = None
        self._reader: threading.Thread | None = None
        self._sending = threading.Lock()

    def start(self, *args: object) -> None:
        """Spawn it; what it says is heard from now on."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._target, args=(theirs, *args), name=f"triptych-{self._name}", daemon=True
        )
        process.start()
        theirs.close()  # so that the end of the process is the end of the stream
        self._conn, self._process = ours, process
        self._reader = threading.Thread(
            target=self._read, args=(ours, process), name=f"hear-{self._name}", daemon=True
        )
        self._reader.start()

    def send(self, thing: object) -> None:
        """Give it something. A dead process takes it silently: `Died` is on its way."""
        if self._conn is not None:
            with self._sending:
                try:
                    self._conn.send(thing)
                except (OSError, ValueError):
                    pass

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended by itself within that time."""
        if self._process is None:
            return True
        return bool(wait([self._process.sentinel], seconds))

    def stop(self) -> None:
        """Kill it and wait until it is gone. Not to be called from `hear`."""
        self.kill()
        if self._reader is not None:
            self._reader.join()
        if self._conn is not None:
            self._conn.close()
        self._conn = self._process = self._reader = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def _read(self, conn: Connection, process: SpawnProcess) -> None:
        try:
            while True:
                if conn in wait([conn, process.sentinel]):
                    self._hear(conn.recv())
                else:
                    break  # died, and everything it said has been heard
        except Exception:
            pass  # the end of the stream, or half a message of a killed process
        process.join()
        self._hear(Died(process.exitcode))
