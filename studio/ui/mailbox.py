"""From any thread to the main thread: things are heard in order, late ones of a kind as one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

SPELL = 0.008
"""Seconds the main thread hears in one go; then paint and input have their turn."""


class _Letter:
    """One thing on its way; `thing` may be replaced by a newer one until it is heard."""

    __slots__ = ("key", "thing")

    def __init__(self, key: Hashable, thing: object) -> None:
        self.key = key
        self.thing = thing


class Mailbox(QObject):
    """Hands what any thread posts to `hear`, on the main thread.

    A thing with a key is merged into the one of the same key that was not heard yet, so that a
    flood (a preview each step) costs no more than the window can show.
    """

    _arrived = Signal()  # the only signal that other threads emit

    def __init__(self, hear: Callable[[Any], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hear = hear
        self._lock = threading.Lock()
        self._letters: deque[_Letter] = deque()
        self._keyed: dict[Hashable, _Letter] = {}
        self._called = False
        self._open = True
        self._arrived.connect(self._drain, Qt.ConnectionType.QueuedConnection)

    def post(
        self,
        thing: object,
        key: Hashable = None,
        merge: Callable[[Any, Any], object] | None = None,
    ) -> None:
        """Any thread. With a key, `merge(old, new)` says what is heard; without it the newer."""
        with self._lock:
            if not self._open:
                return
            letter = self._keyed.get(key) if key is not None else None
            if letter is not None:
                letter.thing = merge(letter.thing, thing) if merge is not None else thing
            else:
                letter = _Letter(key, thing)
                self._letters.append(letter)
                if key is not None:
                    self._keyed[key] = letter
            if self._called:
                return
            self._called = True
        self._arrived.emit()

    def flush(self) -> None:
        """Main thread: hear everything that was posted so far."""
        while self._next():
            pass

    def close(self) -> None:
        """From now on nothing is heard."""
        with self._lock:
            self._open = False
            self._letters.clear()
            self._keyed.clear()

    def _drain(self) -> None:
        until = time.monotonic() + SPELL
        with self._lock:
            self._called = False
        while self._next():
            if time.monotonic() >= until:
                with self._lock:
                    again = bool(self._letters) and not self._called
                    self._called = self._called or again
                if again:
                    self._arrived.emit()
                return

    def _next(self) -> bool:
        with self._lock:
            if not self._letters:
                return False
            letter = self._letters.popleft()
            if letter.key is not None:
                del self._keyed[letter.key]
        self._hear(letter.thing)
        return True
