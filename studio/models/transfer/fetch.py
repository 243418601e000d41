"""One file brought in, through everything that networks and servers do."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.models.net import Net
from studio.models.transfer.flow import Flow
from studio.models.transfer.part import Part, digest_of, plain_etag
from studio.models.transfer.rules import Rules
from studio.models.trouble import RefusedError, chain

if TYPE_CHECKING:
    import urllib3

_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16}|\*)")
_BUSY = (408, 425, 429)
"""Refusals that may pass, besides all of 500 and above."""
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)
_SPOILT = 2
"""Answers to a Range request that make no sense, before the whole is asked for."""


class StoppedError(Exception):
    """Somebody has asked to stop; nothing went wrong."""


class UnfitError(Exception):
    """An answer that cannot be used, with what a person is told if no better one comes."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.told = StudioError(message, hint)


class Fetch:
    """Brings the bytes of one file into its part, from wherever that stands."""

    def __init__(self, net: Net, url: str, part: Part, flow: Flow, rules: Rules) -> None:
        self._net = net
        self._url = url
        self.part = part
        self._flow = flow
        self._rules = rules
        self.stop = threading.Event()
        self.received = 0
        """Bytes that came over the network."""
        self.reading = False
        """What is here already is read, which may take a while."""
        self.trouble: StudioError | None = None
        """Why it waits, while it does."""
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._spoilt = 0
        self._changes = 0
        self._lost_since = 0.0

    def interrupt(self) -> None:
        """Stop soon, from another thread."""
        self.stop.set()
        answer = self._answer
        if answer is not None:
            # Wakes a thread that waits for bytes; what has ended meanwhile cannot be shut down.
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                answer.shutdown()

    def check(self) -> None:
        """Raises StoppedError once somebody has asked to stop."""
        if self.stop.is_set():
            raise StoppedError

    def run(self) -> None:
        """Returns when the part is whole and right.

        Raises StudioError where it cannot be had, and StoppedError when asked to stop.
        """
        from urllib3.exceptions import HTTPError

        failures = wrong = 0
        while True:
            if self.part.whole:
                if self.part.right:
                    return
                wrong += 1
                self._restart()
                if wrong > 1:
                    raise self._damaged()
            best, changes = self.part.offset, self._changes
            try:
                self._flow.await_turn(self.stop)
                self.check()
                self._attempt(fresh=wrong > 0)
                self.check()
                error: Exception | None = None
            except (OSError, HTTPError, UnfitError) as raised:
                self.check()  # to be interrupted looks like a connection that broke
                error = raised
            except ValueError:
                self.check()  # or like a stream that somebody has closed
                raise
            if self.part.whole:
                continue
            if self._changes > changes:
                best = 0  # what was there is worth nothing any more
            failures = 0 if self.part.offset > best else failures + 1
            if self._changes > self._rules.tries:
                raise self._changed().told
            self._pause(error, failures)

    def _pause(self, error: Exception | None, failures: int) -> None:
        """Wait before the next attempt. Raises StudioError where there is no sense in one."""
        told = self._told(error)
        wait = self._rules.wait(failures)
        if isinstance(error, RefusedError):
            if error.status < 500 and error.status not in (*_BUSY, 416):
                raise told
            if error.retry_after is not None:
                wait = max(wait, error.retry_after)
                if wait > self._rules.longest:
                    raise told
                self._flow.hold(error.retry_after)
        if _is_lost(error):
            now = time.monotonic()
            self._lost_since = self._lost_since or now
            patience = now - self._lost_since < self._rules.lost
        else:
            self._lost_since, patience = 0.0, False
        if (failures >= self._rules.tries and not patience) or _is_untrusted(error):
            raise told
        self.trouble = told
        self.stop.wait(wait)

    def _told(self, error: Exception | None) -> StudioError:
        if isinstance(error, UnfitError):
            return error.told
        return self._net.trouble(error or ConnectionResetError())

    def _attempt(self, fresh: bool) -> None:
        """Ask once, and take what comes until it ends."""
        offset = self.part.offset
        headers = {"Cache-Control": "no-cache"} if fresh else {}
        ranged = offset > 0 and self._spoilt < _SPOILT
        if ranged:
            headers["Range"] = f"bytes={offset}-"
            if self.part.etag.startswith('"'):  # a weak one is not allowed here
                headers["If-Range"] = self.part.etag
        try:
            with self._net.get(self._url, headers, self._rules.stall) as answer:
                self._answer = answer
                self.check()  # an interruption that came before there was anything to shut down
                skip = self._begin(answer, ranged)
                self._take(answer, skip)
        except RefusedError as error:
            if error.status == 416 and ranged:
                self._spoilt += 1
            raise
        finally:
            self._answer = None

    def _begin(self, answer: urllib3.BaseHTTPResponse, ranged: bool) -> int:
        """Bytes at the head of the answer that are here already. Raises UnfitError."""
        part, headers = self.part, answer.headers
        etag = plain_etag(headers.get("ETag", ""))
        packed = headers.get("Content-Encoding", "identity").lower() not in ("identity", "")
        if answer.status == 206:
            found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
            start = int(found[1]) if found else -1
            total = int(found[3]) if found and found[3] != "*" else part.file.size
            if not ranged or start != part.offset or packed:
                self._spoilt += 1
                raise self._senseless()
            if _differ(etag, part.etag) or total != part.file.size:
                self._restart()  # it has changed: never two halves of different files
                raise self._changed()
            return 0
        page = headers.get("Content-Type", "").lower().startswith("text/html")
        if page and not part.file.path.lower().endswith((".html", ".htm")):
            raise self._page()
        if part.offset and _differ(etag, part.etag):
            self._restart()
        if not part.offset:
            part.etag = etag
        return part.offset

    def _take(self, answer: urllib3.BaseHTTPResponse, skip: int) -> None:
        """Read to the end. What is here already is compared, and kept where it is the same."""
        part, flow, size = self.part, self._flow, self.part.file.size
        packed = "Content-Encoding" in answer.headers
        compared = digest_of(part.file)
        while part.offset < size:
            data = answer.read1(flow.piece(), decode_content=packed)
            if not data:
                break
            self.received += len(data)
            view = memoryview(data)
            if skip:
                compared.update(view[:skip])
                skip, view = skip - len(view[:skip]), view[skip:]
                if not skip and not part.begins(compared):
                    self._restart()
                    raise self._changed()
            if view:
                part.write(view[: size - part.offset])
                self.trouble = None
            flow.take(len(data), self.stop)
            self.check()

    def _restart(self) -> None:
        self.part.restart()
        self._changes += 1

    def _senseless(self) -> UnfitError:
        told = self._net.trouble(RefusedError(206, {}))
        return UnfitError(told.message, told.hint)

    def _changed(self) -> UnfitError:
        return UnfitError(
            f"“{self.part.file.path}” keeps changing on the server.",
            "Look at the model again: there may be a newer revision.",
        )

    @staticmethod
    def _page() -> UnfitError:
        return UnfitError(
            "The network answered with a web page in place of the file.",
            "It may want you to sign in: open a browser, then resume the download.",
        )

    def _damaged(self) -> StudioError:
        return StudioError(
            f"“{self.part.file.path}” is not what the hub says it is: its hash is wrong.",
            "Nothing of it was kept. Look at the model again, or try another server.",
        )


def _differ(etag: str, other: str) -> bool:
    """Whether two ETags tell that the bytes differ; who tells none, tells nothing."""
    return bool(etag and other and etag != other)


def _is_lost(error: Exception | None) -> bool:
    """Whether nobody was reached at all: no name, no way, no answer to the knock."""
    for one in chain(error) if error is not None else ():
        if isinstance(one, (socket.gaierror, ConnectionRefusedError)):
            return True
        if isinstance(one, OSError) and one.errno in _NO_WAY:
            return True
        if type(one).__name__ in ("ConnectTimeoutError", "NameResolutionError"):
            return True
    return False


def _is_untrusted(error: Exception | None) -> bool:
    """Whether a certificate was refused: that does not mend itself."""
    found = (error, *getattr(error, "args", ()), getattr(error, "__cause__", None))
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in found)
