"""All downloads of a program: what runs, what waits, and who hears how they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from studio.core.errors import StudioError
from studio.models.net import Net
from studio.models.remote import Download
from studio.models.transfer import stages
from studio.models.transfer.crew import Crew
from studio.models.transfer.flow import Flow
from studio.models.transfer.journal import Journal
from studio.models.transfer.order import Order
from studio.models.transfer.plan import TransferPlan
from studio.models.transfer.rules import Rules


class Transfers:
    """Downloads that go on together, within a limit of connections and of bytes a second.

    Safe from any thread. `told` is called on a thread of its own whenever a download changed, at
    most ten times a second for each. `connections` and `bandwidth` (bytes a second, 0 for no
    limit) are asked again and again. What is asked for lies in `state` until it is forgotten.
    """

    def __init__(
        self,
        state: Path,
        net: Net,
        told: Callable[[Download], None],
        *,
        connections: Callable[[], int],
        bandwidth: Callable[[], int],
        rules: Rules | None = None,
    ) -> None:
        self._crew = Crew(Journal(state), net, told, connections, Flow(bandwidth), rules or Rules())

    def add(self, plan: TransferPlan) -> Download:
        """Begin a download, or go on with it where it was begun before.

        Raises StudioError where its names are hostile, or it is under way already.
        """
        plan.check()
        with self._crew.lock:
            before = self._crew.orders.get(plan.id)
            if before is not None and before.live and self._crew.is_ours(before):
                if before.plan == plan:
                    return before.told()
                raise StudioError(
                    "Another revision of this model is being downloaded.",
                    "Wait for it, or cancel it first.",
                )
            order = Order(plan, began=datetime.now(UTC).isoformat(timespec="milliseconds"))
            self._crew.start(order)
            if before is not None and before.plan != plan:
                stages.clean(before.plan, self._crew.journal, self._crew.wanted(None))
            return order.told()

    def pause(self, id: str) -> None:
        """Stop it, and keep what has come. Nothing where it does not run."""
        with self._crew.lock:
            order = self._find(id)
            if order.live and self._crew.is_ours(order):
                order.state, order.stage = "paused", "rest"
                self._crew.halt(order)

    def resume(self, id: str) -> None:
        """Go on with what was paused, failed or cancelled. Nothing where it runs or is done.

        Raises StudioError where another program is at it.
        """
        with self._crew.lock:
            order = self._find(id)
            if order.state != "done" and not (order.live and self._crew.is_ours(order)):
                self._crew.again(order)

    def put_first(self, id: str) -> None:
        """Bring it before all others that go on, in later runs of the program as well."""
        with self._crew.lock:
            self._crew.put_first(self._find(id))

    def resume_all(self) -> None:
        """Go on with all that ran when the program ended, but what another program is at."""
        with self._crew.lock:
            for order in list(self._crew.orders.values()):
                if order.live and not self._crew.is_ours(order):
                    try:
                        self._crew.again(order)
                    except StudioError as error:
                        order.message, order.hint = error.message, error.hint
                        self._crew.wake.notify_all()

    def cancel(self, id: str) -> None:
        """Stop it, and take away what came of it. Nothing where it is done."""
        with self._crew.lock:
            order = self._find(id)
            if order.state == "done" or order.stage == "clean":
                return
            if not self._crew.is_ours(order):
                self._crew.take(order)
            order.state, order.stage, order.message, order.hint = "cancelled", "clean", "", ""
            self._crew.halt(order)

    def forget(self, id: str) -> None:
        """Take it off the list; what is not done is cancelled first."""
        with self._crew.lock:
            self.cancel(id)
            order = self._find(id)
            order.forgotten = True
            self._crew.settle(order)
            self._crew.stir()

    def all(self) -> tuple[Download, ...]:
        """Every download that is remembered, in the order in which they go: the oldest first, but
        for those that were put first."""
        with self._crew.lock:
            ordered = sorted(self._crew.orders.values(), key=lambda o: o.place)
            going = [o for o in ordered if o.live]
            return tuple(replace(o.told(), behind=o in going[1:]) for o in ordered)

    def plan(self, id: str) -> TransferPlan:
        """What is downloaded. Raises StudioError where there is no such download."""
        with self._crew.lock:
            return self._find(id).plan

    def close(self) -> None:
        """Stop everything and keep what has come; what ran goes on with the next `resume_all`."""
        self._crew.close()

    def _find(self, id: str) -> Order:
        order = self._crew.orders.get(id)
        if order is None:
            raise StudioError("There is no such download any more.", "Look at the list again.")
        return order
