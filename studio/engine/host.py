"""The engine's side of the pipe: one job at a time, its generator closed on cancel."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.files import of_disk
from studio.core.messages import (
    Answer,
    Cancel,
    Cancelled,
    Convert,
    Done,
    Ending,
    Failed,
    Hello,
    Memory,
    Order,
    Probe,
    Report,
    Run,
    Step,
    Unload,
)
from studio.core.paths import Paths
from studio.core.recipe import Job
from studio.core.speed import load, save
from studio.engine.convert import registry as converters
from studio.engine.device import CPU
from studio.engine.gpus import free_memory
from studio.engine.registry import Entry, Family, load_all
from studio.engine.speed import measure
from studio.engine.workbench import Workbench, gigabytes

log = logging.getLogger(__name__)

IDLE = 20.0
"""Seconds without anything to do before the computer is measured."""


class Host:
    """Runs the jobs of one lane and tells what happens over one pipe."""

    def __init__(
        self, conn: Connection, families: Mapping[str, Family], measures: Path | None = None
    ) -> None:
        """`measures` is the folder for what is measured of this computer when it has nothing to
        do; None where another lane does that."""
        self._conn = conn
        self._measures = measures
        self._families = families
        self._todo: queue.SimpleQueue[Job | Convert | Unload | Probe | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._bench = Workbench()

    def serve(self) -> None:
        """Work until the other end of the pipe is closed."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        self._warm()
        while (todo := self._next()) is not None:
            if isinstance(todo, Unload):
                self._bench.clear()
            elif isinstance(todo, Probe):
                from studio.engine.device import probe

                self._say(probe())
            else:
                self._say(Report(todo.id, self._run(todo)))
                self._cancelled.discard(todo.id)
            self._say(self._memory())

    def _next(self) -> Job | Convert | Unload | Probe | None:
        """What is to be done now. While nobody wants anything, the computer is measured once."""
        while self._measures is not None and load(self._measures, CPU) is None:
            with contextlib.suppress(queue.Empty):
                return self._todo.get(timeout=IDLE)
            try:
                found = measure(lambda: not self._todo.empty())
                if found is not None:
                    save(self._measures, CPU, found)
            except Exception:
                log.info("the speed of this computer cannot be measured", exc_info=True)
                break
        self._measures = None
        return self._todo.get()

    def _warm(self) -> None:
        for family in self._families.values():
            if not self._todo.empty():
                return  # somebody waits already; the job imports what it needs
            warm = getattr(family, "warm", None)
            if warm is not None:
                with contextlib.suppress(Exception):  # the job will say what is wrong
                    warm()

    def _listen(self) -> None:
        try:
            while True:
                order: Order = self._conn.recv()
                if isinstance(order, Run):
                    self._todo.put(order.job)
                elif isinstance(order, Cancel):
                    self._cancelled.add(order.job)
                else:
                    self._todo.put(order)
        except (EOFError, OSError):
            # The program is gone. Whatever native code runs now must not keep us alive.
            os._exit(0)

    def _say(self, answer: Answer) -> None:
        try:
            self._conn.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _memory(self) -> Memory:
        import psutil

        return Memory(psutil.Process().memory_info().rss, self._bench.names)

    def _steps(self, todo: Job | Convert) -> Iterator[Step]:
        """The generator that does the work. Raises StudioError where nobody here can."""
        self._bench.budget = todo.device.memory_mb << 20
        self._bench.note = ""
        if isinstance(todo, Convert):
            return converters.load(todo.converter).run(todo)
        family = self._families.get(todo.recipe.family)
        if family is None:
            raise StudioError(
                f"This studio cannot run “{todo.recipe.family}”.",
                "Choose another model, or update Triptych.",
            )
        return family.run(todo, self._bench)

    def _run(self, job: Job | Convert) -> Ending:
        started = time.monotonic()
        if job.id in self._cancelled:
            return Cancelled()
        try:
            steps = self._steps(job)
            try:
                for step in steps:
                    if job.id in self._cancelled:
                        return Cancelled()
                    self._say(Report(job.id, step))
            finally:
                close = getattr(steps, "close", None)
                if close is not None:
                    close()
            return Done(self._bench.provider, time.monotonic() - started, self._bench.note)
        except StudioError as error:
            return Failed(error.message, error.hint, traceback.format_exc())
        except Exception as error:
            self._bench.clear()  # nothing that was there during a fault is trusted any more
            return explain(error)


def explain(error: BaseException) -> Failed:
    """What a person is told of a failure that no family foresaw."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError) or "bad_alloc" in detail or "out of memory" in detail.lower():
        return Failed(
            "There was not enough memory to finish this.",
            f"{gigabytes(free_memory())} are free now. Choose a smaller size, length or model, or"
            " close other programs.",
            detail,
        )
    said = of_disk(error)
    if said is not None:
        return Failed(said.message, said.hint, detail)
    return Failed(
        "Something went wrong while making this.",
        "Try again. The details are in the log (Settings, Folders).",
        detail,
        ours=True,
    )


def _offer_to_the_oom_killer() -> None:
    """On Linux, have the system take this process rather than the window or the desktop."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")


def main(conn: Connection, lane: Kind, entries: Sequence[Entry]) -> None:
    """The engine process. `conn` is its only tie to the program."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    # urllib3 opens a socket when it is imported, to try IPv6; an engine opens none, ever.
    socket.has_ipv6 = False
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # PyTorch's compiler makes its folder when it is imported, in the system's temporary one.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Paths.default().cache / "torch"))
    # Ctrl+C in a terminal reaches the whole group; the program decides, and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    _offer_to_the_oom_killer()

    from tqdm import tqdm

    from studio.engine.device import report

    # The libraries' own bars make a semaphore between processes, which a killed engine leaks.
    tqdm.set_lock(threading.RLock())

    families, unavailable = load_all(entries, lane)
    host = Host(conn, families, Paths.default().cache if lane == "text" else None)
    host._say(Hello(lane, tuple(f.SPEC for f in families.values()), unavailable, report()))
    host.serve()
