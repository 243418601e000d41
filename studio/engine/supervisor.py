"""The program's side of the pipe: starts one engine process, hears it, kills it. Knows no Qt."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from studio.core.family import Kind
from studio.core.messages import Answer, Order
from studio.engine import host
from studio.engine.registry import FAMILIES, Entry


@dataclass(frozen=True, slots=True)
class Died:
    """The engine process is gone; everything it said was heard before this."""

    exit_code: int | None


Heard = Answer | Died


class Supervisor:
    """One engine process of one lane.

    `hear` is called on a reader thread. After `Died` the supervisor can be started again.
    """

    def __init__(
        self, lane: Kind, hear: Callable[[Heard], None], entries: Sequence[Entry] = FAMILIES
    ) -> None:
        self.lane = lane
        self._hear = hear
        self._entries = tuple(entries)
        self._conn: Connection | None = None
        self._process: SpawnProcess | None = None
        self._reader: threading.Thread | None = None
        self._sending = threading.Lock()

    def start(self) -> None:
        """Spawn the engine; it says Hello when it stands."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=host.main,
            args=(theirs, self.lane, self._entries),
            name=f"triptych-{self.lane}",
            daemon=True,
        )
        process.start()
        theirs.close()  # so that the end of the engine is the end of the stream
        self._conn, self._process = ours, process
        self._reader = threading.Thread(
            target=self._read, args=(ours, process), name=f"hear-{self.lane}", daemon=True
        )
        self._reader.start()

    def send(self, order: Order) -> None:
        """Give an order. A dead engine takes it silently: `Died` is on its way."""
        if self._conn is not None:
            with self._sending:
                try:
                    self._conn.send(order)
                except (OSError, ValueError):
                    pass

    def kill(self) -> None:
        """End the engine at once, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """Kill the engine and wait until it is gone. Not to be called from `hear`."""
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
            pass  # the end of the stream, or half a message of a killed engine
        process.join()
        self._hear(Died(process.exitcode))
