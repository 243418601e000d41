"""How much comes at once: bytes a second over all connections, and pauses that servers ask for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PIECE = 256 << 10
"""Bytes read at once; with hashing and writing, 64 KiB and 4 MiB were both slower."""
_LOOK = 0.2


class Flow:
    """Shared by all connections of a program; the limit may change while they run."""

    def __init__(self, bandwidth: Callable[[], int]) -> None:
        self._bandwidth = bandwidth
        self._lock = threading.Lock()
        self._limit = 0
        self._looked = -_LOOK
        self._free = 0.0
        """When all that came is paid for."""
        self._held = 0.0

    def piece(self) -> int:
        """Bytes to read next: little where little is allowed, so that it comes evenly."""
        limit = self._now()
        return PIECE if limit <= 0 else max(1024, min(PIECE, limit // 20))

    def take(self, count: int, stop: threading.Event) -> None:
        """Wait until `count` bytes more are within the limit, or `stop` is set."""
        limit = self._now()
        if limit <= 0:
            return
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now) + count / limit
            wait = self._free - now
        if wait > 0:
            stop.wait(wait)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for anything for so long."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)

    def await_turn(self, stop: threading.Event) -> None:
        """Wait until nothing holds requests back, or `stop` is set."""
        while (wait := self._held - time.monotonic()) > 0 and not stop.is_set():
            stop.wait(wait)

    def _now(self) -> int:
        # Asked thousands of times a second; it comes out of a person's settings.
        now = time.monotonic()
        if now - self._looked > _LOOK:
            self._looked = now
            limit = max(0, self._bandwidth())
            if limit != self._limit:
                self._limit = limit
                with self._lock:
                    self._free = min(self._free, now)
        return self._limit
