"""HTTP/1.1 as the test hub speaks it: one thread a connection, kept alive, faults included."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedReader

from tests.hub import control
from tests.hub.content import Disk
from tests.hub.faults import Answer
from tests.hub.log import Log, Seen

_LINE = 1 << 16
_BODY = 64 << 20


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    target: str
    host: str
    headers: dict[str, str]
    body: bytes


class Limit:
    """Bytes a second that all connections share; 0 for as fast as it goes."""

    def __init__(self, rate: int = 0) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._free = 0.0

    def wait(self, amount: int, stopped: threading.Event) -> None:
        """Waits until so many bytes may go."""
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now - 0.05) + amount / self.rate
            delay = self._free - now
        if delay > 0:
            stopped.wait(delay)


class CutError(Exception):
    """The connection ends here."""


class Listener:
    """A socket that listens on the loopback, and the threads that answer its connections."""

    def __init__(
        self,
        name: str,
        answer: Callable[[Request, Seen], Answer],
        log: Log,
        limit: Limit,
        *,
        port: int = 0,
        buffer: int = 0,
        latency: Callable[[], float],
    ) -> None:
        self._name = name
        self._answer = answer
        self._log = log
        self._limit = limit
        self._latency = latency
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=256)
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.port: int = self._socket.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name=f"{name} accepts", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Ends all connections, as when the machine goes down."""
        self._stopped.set()
        # A thread in accept() is not woken by closing on every system; a connection does wake it.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._accepting.join()
        self._socket.close()
        with self._lock:
            sockets, threads = list(self._open), list(self._threads)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def drop(self) -> None:
        """Ends the connections that are open now; new ones are welcome."""
        with self._lock:
            sockets = list(self._open)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                continue
            if self._stopped.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open.add(connection)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as stream:
                while not self._stopped.is_set():
                    request = _read(stream)
                    if request is None or not self._one(connection, request):
                        break
        except (OSError, CutError, ValueError):
            pass  # the other side is gone, or is not one that speaks HTTP
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)
                self._threads.discard(threading.current_thread())

    def _one(self, connection: socket.socket, request: Request) -> bool:
        """Answers one request; whether the connection lives on."""
        seen = Seen(self._name, request.method, request.host, request.target, request.headers)
        if not request.target.startswith(control.WHERE):
            self._log.add(seen)
        try:
            if delay := self._latency():
                self._stopped.wait(delay)
            answer = self._answer(request, seen)
            seen.status, seen.start = answer.status, answer.start
            return self._send(connection, request, answer, seen)
        finally:
            self._log.finish(seen)

    def _send(
        self, connection: socket.socket, request: Request, answer: Answer, seen: Seen
    ) -> bool:
        if answer.stall and answer.stall[0] < 0:
            self._stopped.wait(answer.stall[1])
        if answer.cut is not None and answer.cut < 0:
            self._end(connection, answer)
        if answer.garbage:
            connection.sendall(b"\x16\x03\x01 This is no web server. \r\n\r\n")
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        headers = {"Date": "Mon, 02 Mar 2026 10:00:00 GMT", "Server": "hub-for-tests"}
        headers |= answer.headers
        if answer.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif answer.framing == "length" and answer.status not in (204, 304):
            headers.setdefault("Content-Length", str(max(0, answer.length + answer.claim)))
        if answer.framing == "unsized" or answer.claim or not keep:
            keep = False
            headers["Connection"] = "close"
        phrase = HTTPStatus(answer.status).phrase
        head = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if request.method != "HEAD" and answer.body is not None:
            self._body(connection, answer, seen)
        if not keep:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        return keep

    def _body(self, connection: socket.socket, answer: Answer, seen: Seen) -> None:
        body, stop = answer.body, answer.start + answer.length
        assert body is not None
        slow = bool(self._limit.rate or answer.drip or answer.cut is not None or answer.stall)
        if isinstance(body, Disk) and not slow and answer.framing != "chunked" and answer.length:
            with body.path.open("rb") as file:
                while seen.sent < answer.length:
                    at, rest = answer.start + seen.sent, min(8 << 20, answer.length - seen.sent)
                    seen.sent += connection.sendfile(file, at, rest)
            return
        for whole in body.pieces(answer.start, stop):
            piece = whole
            while piece:
                part = piece[: self._portion(answer, seen.sent)]
                self._paced(answer, seen.sent, len(part))
                if answer.framing == "chunked":
                    connection.sendall(b"%x\r\n" % len(part))
                piece = piece[len(part) :]
                while part:  # rather than sendall, so that what went before a break is counted
                    gone = connection.send(part)
                    seen.sent += gone
                    part = part[gone:]
                if answer.framing == "chunked":
                    connection.sendall(b"\r\n")
                if answer.stall and answer.stall[0] == seen.sent:
                    self._stopped.wait(answer.stall[1])
                if answer.cut == seen.sent:
                    self._end(connection, answer)
        if answer.framing == "chunked":
            connection.sendall(b"0\r\n\r\n")

    def _portion(self, answer: Answer, sent: int) -> int:
        """How many bytes may go at once: up to the next place where something happens."""
        most = 1 << 20
        if self._limit.rate:
            most = max(1024, min(most, self._limit.rate // 50))
        if answer.drip and sent >= answer.drip[0]:
            most = max(1, min(most, answer.drip[1] // 20))
        for place in (answer.stall, answer.drip):
            if place and sent < place[0]:
                most = min(most, place[0] - sent)
        if answer.cut is not None and sent < answer.cut:
            most = min(most, answer.cut - sent)
        return most

    def _paced(self, answer: Answer, sent: int, amount: int) -> None:
        self._limit.wait(amount, self._stopped)
        if answer.drip and sent >= answer.drip[0]:
            self._stopped.wait(amount / max(1, answer.drip[1]))
        if answer.stall and answer.stall[0] == sent == 0:
            self._stopped.wait(answer.stall[1])
        if answer.cut == sent == 0:
            raise CutError
        if self._stopped.is_set():
            raise CutError

    @staticmethod
    def _end(connection: socket.socket, answer: Answer) -> None:
        if answer.reset:
            # Two shorts on Windows, two ints elsewhere: on, for no seconds.
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise CutError


def _read(stream: BufferedReader) -> Request | None:
    """The next request of a connection; None at its end."""
    first = stream.readline(_LINE).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline(_LINE).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    if length > _BODY:
        raise ValueError("too much")
    body: bytes = stream.read(length) if length else b""
    method, target, _ = first
    host = headers.get("host", "")
    if "://" in target:  # as a proxy is asked
        host, _, rest = target.split("://", 1)[1].partition("/")
        target = f"/{rest}"
    return Request(method, target, host, headers, body)
