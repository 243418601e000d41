"""What the test hub was asked for, kept so that tests can count bytes and look for tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request, and what was sent for it."""

    server: str
    """`hub` or `cdn`."""
    method: str
    host: str
    target: str
    """Path and query, as they came."""
    headers: Mapping[str, str]
    """Names in small letters; `authorization` and `range` among them."""
    at: float = field(default_factory=time.monotonic)
    stage: str = ""
    """`api`, `resolve` or `bytes`."""
    repo: str = ""
    path: str = ""
    """The file's path in its repository; empty where it is about no file."""
    status: int = 0
    start: int = 0
    """The offset in the file of the first byte of the body."""
    sent: int = 0
    """Bytes of the body that were given to the socket, live while it runs."""
    done: bool = False
    """Nothing more comes, because all was sent or because it broke."""
    faults: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        """The bearer token that came along."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Log:
    """All requests since it was last emptied; of all threads."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._seen: list[Seen] = []

    def add(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)

    def finish(self, seen: Seen) -> None:
        with self._lock:
            seen.done = True
            self._lock.notify_all()

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()

    def all(self) -> tuple[Seen, ...]:
        with self._lock:
            return tuple(self._seen)

    def bytes_of(self, repo: str = "", path: str = "") -> tuple[Seen, ...]:
        """Requests that brought bytes of a file, of a repository, or any.

        As `sent` and `twice`, it gives the hub a moment to count what a client already has.
        """
        self.idle(0.2)
        return tuple(
            s
            for s in self.all()
            if s.stage == "bytes" and s.status in (200, 206) and "html" not in s.faults
            if s.sent and repo in ("", s.repo) and path in ("", s.path)
        )

    def sent(self, repo: str = "", path: str = "") -> int:
        """Bytes of files that were sent, those sent twice counted twice."""
        return sum(s.sent for s in self.bytes_of(repo, path))

    def twice(self, repo: str = "", path: str = "") -> int:
        """Bytes that were sent though they had been sent before."""
        spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for seen in self.bytes_of(repo, path):
            spans.setdefault((seen.repo, seen.path), []).append(
                (seen.start, seen.start + seen.sent)
            )
        return self.sent(repo, path) - sum(_covered(s) for s in spans.values())

    def leaks(self, token: str) -> tuple[Seen, ...]:
        """Requests that carry a token anywhere, other than as the hub's own authorization."""
        return tuple(
            s
            for s in self.all()
            if token in s.target
            or any(
                token in value
                for name, value in s.headers.items()
                if s.server != "hub" or name != "authorization"
            )
        )

    def idle(self, timeout: float = 10.0) -> bool:
        """Waits until no request is being answered."""
        with self._lock:
            return self._lock.wait_for(lambda: all(s.done for s in self._seen), timeout)


def _covered(spans: list[tuple[int, int]]) -> int:
    total = reached = 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
