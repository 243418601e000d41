"""Those who work on downloads: they choose what is next, do it, keep it safe, and tell of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from studio.core.errors import StudioError
from studio.models.net import Net
from studio.models.remote import Download, RemoteFile
from studio.models.transfer import stages
from studio.models.transfer.fetch import Fetch, StoppedError
from studio.models.transfer.flow import Flow
from studio.models.transfer.journal import Entry, Journal
from studio.models.transfer.layout import TakenError, room
from studio.models.transfer.order import Order
from studio.models.transfer.part import Part
from studio.models.transfer.rules import Rules

log = logging.getLogger(__name__)

TELL_SECONDS = 0.1
_IDLE_SECONDS = 2.0
_ELSEWHERE_SECONDS = 0.5
_ENDING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Task:
    """Something for a worker: a step of a download, or one of its files."""

    order: Order
    file: RemoteFile | None = None


class Crew:
    """The threads of all downloads of a program, and the list that they share.

    Up to `connections` of them bring files or see to a step of a download. One more tells how
    things stand, and one keeps safe what has come. There are none until there is something to do.
    """

    def __init__(
        self,
        journal: Journal,
        net: Net,
        told: Callable[[Download], None],
        connections: Callable[[], int],
        flow: Flow,
        rules: Rules,
    ) -> None:
        self.journal = journal
        self._net = net
        self._told = told
        self._connections = connections
        self._flow = flow
        self._rules = rules
        self.lock = threading.RLock()
        """Guards the orders and all that is in them."""
        self.wake = threading.Condition(self.lock)
        self.closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._idle = self._working = 0
        self._last: dict[str, Download] = {}
        self.orders: dict[str, Order] = {e.plan.id: _order(e) for e in journal.load()}
        for order in self.orders.values():
            # What rests is shown as far as it has come; a disk that is away is told of later.
            with suppress(OSError):
                order.looked(*stages.seen(order, journal))

    def close(self) -> None:
        """Stop everything, and keep what has come."""
        with self.lock:
            self.closed.set()
            for order in self.orders.values():
                for fetch in order.active.values():
                    fetch.interrupt()
            self.wake.notify_all()
            threads = list(self._threads)
        until = time.monotonic() + _ENDING_SECONDS
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        with self.lock:
            for order in self.orders.values():
                if order.lock is not None and not order.active and not order.busy:
                    order.lock.free()

    # What follows is called with the lock held, but where it says otherwise.

    @staticmethod
    def is_ours(order: Order) -> bool:
        return order.lock is not None

    def take(self, order: Order) -> None:
        """Make it ours alone. Raises StudioError where another program has it."""
        before = self.orders.get(order.plan.id)
        if before is not None and before.lock is not None:
            # It has only just been stopped: whoever works on it still lets go of the files.
            order.lock, before.lock = before.lock, None
            return
        lock = self.journal.lock(order.plan.id)
        try:
            self.journal.folder.mkdir(parents=True, exist_ok=True)
            taken = lock.take()
        except OSError as error:
            raise StudioError(
                f"Downloads cannot be remembered in {self.journal.folder}.",
                "Check that the disk is connected and not full.",
            ) from error
        if not taken:
            raise StudioError(
                "Another Triptych is downloading this model.", "Wait for it, or pause it there."
            )
        order.lock = lock

    def start(self, order: Order) -> None:
        """Have it done. Raises StudioError, and changes nothing, where that is impossible."""
        if self.closed.is_set():
            raise StudioError("Triptych is closing.", "Start it again to download.")
        order.state, order.stage = "waiting", "look"
        self.take(order)
        try:
            self.journal.write(order.entry())
        except StudioError:
            if order.lock is not None:
                order.lock.free()
            raise
        self.orders[order.plan.id] = order
        self.stir()

    def again(self, order: Order) -> None:
        """Go on with one that rests, unless another program has ended it meanwhile."""
        entry = self.journal.read(order.plan.id)
        if entry is not None and entry.state == "done":
            self.orders[order.plan.id] = _order(entry)
            self.wake.notify_all()
        else:
            self.start(Order(order.plan, began=order.began, rank=order.rank))

    def halt(self, order: Order) -> None:
        """Its state has changed so that nothing more is to be done for it."""
        for fetch in order.active.values():
            fetch.interrupt()
        self._remember(order)
        self.settle(order)
        self.stir()

    def put_first(self, order: Order) -> None:
        """Have it go before all others: their connections are free for it at once."""
        others = [o for o in self.orders.values() if o is not order]
        order.rank = min((o.rank for o in others), default=0) - 1
        self._remember(order)
        if order.live and self.is_ours(order):
            for other in others:
                for fetch in other.active.values():
                    fetch.interrupt()
        self.stir()

    def _fail(self, order: Order, error: StudioError) -> None:
        if order.live:
            order.fail(error)
            self.halt(order)

    def _remember(self, order: Order) -> None:
        if self.orders.get(order.plan.id) is order:
            try:
                self.journal.write(order.entry())
            except StudioError as error:
                log.warning("A download could not be noted: %s", error.message)

    def settle(self, order: Order) -> None:
        """Let go of it once nobody works on it any more."""
        if order.live or order.active or order.busy or order.stage == "clean":
            return
        if order.forgotten and self.orders.get(order.plan.id) is order:
            self.journal.remove(order.plan.id)
            del self.orders[order.plan.id]
        if order.lock is not None:
            order.lock.free()
            order.lock = None

    def wanted(self, without: Order | None) -> set[str]:
        """The blobs of all downloads that may still go on."""
        orders = (o for o in self.orders.values() if o is not without)
        return {b for o in orders if o.state not in ("done", "cancelled") for b in o.blobs}

    def stir(self) -> None:
        """Something may be to do: wake those who can, and hire where there are too few."""
        self.wake.notify_all()
        if not self._threads and not self.closed.is_set():
            self._hire(self._clerk, "clerk")
            self._hire(self._keeper, "keeper")
        if not self._idle and self._working < self._most() and not self.closed.is_set():
            self._idle += 1
            self._hire(self._worker, "worker")

    def _hire(self, work: Callable[[], None], name: str) -> None:
        self._threads = [t for t in self._threads if t.is_alive() or t.ident is None]
        # Everything on the disk is right at any moment: the program need not wait for them.
        thread = threading.Thread(target=work, name=f"download {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _most(self) -> int:
        return max(1, self._connections())

    def _next(self) -> _Task | None:
        """What to do next: what a person wants first, then the download with the fewest
        connections, then the oldest."""
        if self._working >= self._most():
            return None
        now = time.monotonic()
        for order in sorted(self.orders.values(), key=lambda o: (o.rank, len(o.active), o.began)):
            if order.busy or not self.is_ours(order):
                continue
            if order.stage in ("look", "clean", "install") and not order.active:
                order.busy = True
                if order.stage == "look":
                    order.state = "starting"
                return _Task(order)
            for file in order.waiting if order.stage == "bring" else ():
                if order.later.get(file.blob, 0.0) <= now:
                    order.waiting.remove(file)
                    part = Part(order.layout.blob(file), file)
                    url = self._net.url(order.plan.repo, order.plan.revision, file.path)
                    order.active[file.blob] = Fetch(self._net, url, part, self._flow, self._rules)
                    return _Task(order, file)
        return None

    # On threads of their own, without the lock.

    def _worker(self) -> None:
        while True:
            with self.lock:
                task = None if self.closed.is_set() else self._next()
                if task is None:
                    if self.closed.is_set() or not self.wake.wait(_IDLE_SECONDS):
                        self._idle -= 1
                        return
                    continue
                self._idle -= 1
                self._working += 1
                self.stir()
            try:
                self._perform(task)
            finally:
                with self.lock:
                    self._working -= 1
                    self._idle += 1
                    self.settle(task.order)
                    self.stir()

    def _perform(self, task: _Task) -> None:
        order = task.order
        try:
            if task.file is not None:
                self._bring(order, task.file)
            else:
                self._step(order)
        except StudioError as error:
            with self.lock:
                self._fail(order, error)
        except Exception:
            log.exception("A download stopped by a fault of ours")
            with self.lock:
                self._fail(
                    order,
                    StudioError(
                        "The download stopped by a fault of Triptych.",
                        "Resume it; what was fetched is kept.",
                    ),
                )

    def _bring(self, order: Order, file: RemoteFile) -> None:
        fetch = order.active[file.blob]
        try:

            def opened() -> None:
                with self.lock:
                    order.parts.pop(file.blob, None)

            checked = stages.bring(order, file, fetch, opened)
            self.journal.add_checked(order.plan.id, file.blob, checked)
            with self.lock:
                order.arrived(file, checked)
        except (StoppedError, TakenError) as stopped:
            with self.lock:
                order.waiting.appendleft(file)
                if isinstance(stopped, TakenError):
                    order.later[file.blob] = time.monotonic() + _ELSEWHERE_SECONDS
        finally:
            with self.lock:
                del order.active[file.blob]
                order.received += fetch.received
                if file.blob not in order.checked and fetch.part.offset:
                    order.parts[file.blob] = fetch.part.offset
                if file.blob in order.checked:
                    order.later.pop(file.blob, None)
                if order.stage == "bring" and not order.waiting and not order.active:
                    order.stage, order.state = "install", "verifying"

    def _step(self, order: Order) -> None:
        stage = order.stage
        try:
            if stage == "look":
                checked, parts = stages.look(order, self.journal)
                with self.lock:
                    order.rounds += 1
                    order.looked(checked, parts)
                    others = list(self.orders.values())
                stages.check_room(order, others, self._rules.reserve)
                with self.lock:
                    if order.live:
                        order.stage = "bring" if order.waiting else "install"
                        order.state = "running" if order.waiting else "verifying"
            elif stage == "install":
                whole = stages.install(order)
                with self.lock:
                    self._installed(order, whole)
            elif stage == "clean":
                stages.clean(order.plan, self.journal, self.wanted(order))
                with self.lock:
                    order.stage = "rest"
                    order.looked({}, {})
        finally:
            with self.lock:
                order.busy = False

    def _installed(self, order: Order, whole: bool) -> None:
        if whole:
            order.state, order.stage, order.message, order.hint = "done", "rest", "", ""
            self._remember(order)
            self.journal.forget_checked(order.plan.id)
        elif order.rounds >= stages.MAX_ROUNDS:
            raise StudioError(
                "Files of this model disappear while it is downloaded.",
                "Close other programs that tidy up the model folder, then resume.",
            )
        elif order.live:
            order.stage, order.state = "look", "starting"

    def _clerk(self) -> None:
        """Tells how things stand."""
        while not self.closed.is_set():
            with self.lock:
                for order in self.orders.values():
                    if order.live:
                        order.sample()
                now = {id: order.told() for id, order in self.orders.items()}
                changed = [d for id, d in now.items() if self._last.get(id) != d]
                self._last = now
                if any(order.later for order in self.orders.values()):
                    self.stir()
                idle = not changed and not self.closed.is_set()
                if idle and not any(self.is_ours(o) for o in self.orders.values()):
                    self.wake.wait()
            for download in changed:
                try:
                    self._told(download)
                except Exception:
                    log.exception("Whoever hears of downloads failed")
            self.closed.wait(TELL_SECONDS)

    def _keeper(self) -> None:
        """Puts on the disk for certain what has come, and looks after disks, limits and offline."""
        while not self.closed.wait(self._rules.keep):
            with self.lock:
                live = [o for o in self.orders.values() if o.live and self.is_ours(o)]
                fetches = [f for o in live for f in o.active.values()]
                for fetch in fetches[self._most() :]:
                    fetch.interrupt()
                if self._most() > self._working:
                    self.stir()
                if not live and not self.closed.is_set():
                    self.wake.wait()
            for order in live:
                try:
                    self._net.check()
                    for fetch in list(order.active.values()):
                        fetch.part.keep()
                    self._check_reserve(order)
                except StudioError as error:
                    with self.lock:
                        self._fail(order, error)

    def _check_reserve(self, order: Order) -> None:
        if order.active and room(order.plan.cache) < self._rules.reserve:
            raise StudioError(
                f"The disk of {order.plan.cache} is almost full, so the download was stopped.",
                "Make room there, then resume it; what was fetched is kept.",
            )


def _order(entry: Entry) -> Order:
    order = Order(entry.plan, began=entry.began, rank=entry.rank, state=entry.state)
    order.message, order.hint = entry.message, entry.hint
    return order
