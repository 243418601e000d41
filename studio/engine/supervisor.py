"""The program's side of the pipe: starts one engine process, hears it, kills it. Knows no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from studio.core.family import Kind
from studio.core.messages import Answer, Order
from studio.core.process import Child, Died
from studio.engine.registry import FAMILIES, Entry

__all__ = ["Died", "Heard", "Supervisor"]

Heard = Answer | Died


class Supervisor:
    """One engine process of one lane.

    `hear` is called on a reader thread. After `Died` the supervisor can be started again.
    """

    def __init__(
        self, lane: Kind, hear: Callable[[Heard], None], entries: Sequence[Entry] = FAMILIES
    ) -> None:
        self.lane = lane
        self._entries = tuple(entries)
        self._child = Child(_serve, lane, hear)

    def start(self) -> None:
        """Spawn the engine; it says Hello when it stands."""
        self._child.start(self.lane, self._entries)

    def send(self, order: Order) -> None:
        """Give an order. A dead engine takes it silently: `Died` is on its way."""
        self._child.send(order)

    def kill(self) -> None:
        """End the engine at once, whatever it does."""
        self._child.kill()

    def stop(self) -> None:
        """Kill the engine and wait until it is gone. Not to be called from `hear`."""
        self._child.stop()

    @property
    def pid(self) -> int | None:
        return self._child.pid


def _serve(conn: Connection, lane: Kind, entries: Sequence[Entry]) -> None:
    """What the engine process runs. The window would stand later for importing that as well."""
    from studio.engine import host

    host.main(conn, lane, entries)
