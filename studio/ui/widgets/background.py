"""Slow work off the main thread, with its result back on it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal

from studio.core.errors import StudioError

T = TypeVar("T")
log = logging.getLogger(__name__)


class Background(QObject):
    """Runs calls on worker threads, in order, and hands what they gave to the main thread.

    When the owner goes, calls that have not begun are dropped and results are thrown away.
    """

    _arrived = Signal()  # the only signal a worker thread may emit

    def __init__(self, parent: QObject, threads: int = 1) -> None:
        super().__init__(parent)
        self._results: deque[Callable[[], object]] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="window-work")
        self._arrived.connect(self._drain, Qt.ConnectionType.QueuedConnection)
        # Not a bound method: by then there is no self any more.
        self.destroyed.connect(partial(self._pool.shutdown, wait=False, cancel_futures=True))

    def run(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None = None,
        failed: Callable[[StudioError], object] | None = None,
    ) -> None:
        """Do `work` on a worker thread, then call `then` or `failed` on the main thread."""
        future = self._pool.submit(work)
        future.add_done_callback(partial(self._finished, then, failed))

    def close(self) -> None:
        """Wait for the call that runs, drop the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._results.clear()

    def _finished(
        self,
        then: Callable[[Any], object] | None,
        failed: Callable[[StudioError], object] | None,
        future: Future[Any],
    ) -> None:  # on a worker thread
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            if then is not None:
                self._results.append(partial(then, future.result()))
        else:
            if not isinstance(error, StudioError):
                log.error("work of the window failed", exc_info=error)
                error = StudioError(
                    QCoreApplication.translate("Background", "This could not be done."),
                    QCoreApplication.translate(
                        "Background", "Try again. The log, found in Settings, says more."
                    ),
                )
            if failed is not None:
                self._results.append(partial(failed, error))
        try:
            self._arrived.emit()
        except RuntimeError:  # the window was closed meanwhile
            pass

    def _drain(self) -> None:
        while self._results:
            self._results.popleft()()
