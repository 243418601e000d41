"""The thread on which the window's engine touches the disk, one thing after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject

from studio.core.errors import StudioError
from studio.core.messages import Failed
from studio.ui.mailbox import Mailbox

T = TypeVar("T")
log = logging.getLogger(__name__)


class Keeper(QObject):
    """Does what waits for the disk, in order, and brings the answers to the main thread.

    In order, because a job is stored before it is begun and forgotten after what it made is kept.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="keeper")
        self._mail = Mailbox(lambda act: act(), self)
        self._closed = False

    def do(
        self,
        work: Callable[[], T],
        then: Callable[[T], None] | None = None,
        failed: Callable[[Failed], None] | None = None,
    ) -> None:
        """Do `work` on the keeper's thread, then `then` or `failed` on the main thread."""

        def keep() -> None:
            try:
                result = work()
            except Exception as error:
                if isinstance(error, StudioError):
                    why = Failed(error.message, error.hint)
                else:
                    why = Failed(
                        self.tr("This could not be kept in the library."),
                        self.tr("Try again. The log, found in Settings, says more."),
                        ours=True,
                    )
                log.warning("the keeper failed: %s", why.message, exc_info=error)
                if failed is not None:
                    self._mail.post(partial(failed, why))
            else:
                if then is not None:
                    self._mail.post(partial(then, result))

        if not self._closed:
            self._hand.submit(keep)

    def settle(self) -> None:
        """Wait for what was asked so far, and hear the answers."""
        self._hand.submit(int).result()
        self._mail.flush()

    def close(self) -> None:
        """Finish what was asked; answers to it are not heard any more."""
        self._closed = True
        self._hand.shutdown(wait=True)
        self._mail.close()
