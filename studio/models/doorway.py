"""How huggingface_hub's client reaches a server: through the proxy that holds for each address,
and with bounds to what is taken for an answer."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator

import httpx2

LARGEST = 32 << 20
"""Bytes of one answer; a listing of 5,000 files has about two million."""
LARGEST_PACKED = 1 << 20
"""The same where it comes compressed, as it may be a thousand times as large unpacked."""
LONGEST = 120.0
"""Seconds for one answer: one that drips is no answer."""


class Doorway(httpx2.BaseTransport):
    """Sends each request through the proxy that `proxy` tells for its address, or directly."""

    def __init__(self, proxy: Callable[[str], str], context: ssl.SSLContext) -> None:
        self._proxy = proxy
        self._context = context
        self._lock = threading.Lock()
        self._ways: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = self._way(self._proxy(str(request.url))).handle_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            # Those the client would try again for half a minute, while a person waits.
            raise ConnectionError from error
        packed = "Content-Encoding" in answer.headers
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        answer.stream = _Bounded(answer.stream, LARGEST_PACKED if packed else LARGEST)
        return answer

    def close(self) -> None:
        with self._lock:
            ways, self._ways = self._ways, {}
        for way in ways.values():
            way.close()

    def _way(self, proxy: str) -> httpx2.HTTPTransport:
        with self._lock:
            if proxy not in self._ways:
                through = httpx2.Proxy(proxy, ssl_context=self._context) if proxy else None
                if proxy.startswith("http://"):
                    through = httpx2.Proxy(proxy)
                self._ways[proxy] = httpx2.HTTPTransport(
                    verify=self._context, trust_env=False, proxy=through
                )
            return self._ways[proxy]


class _Bounded(httpx2.SyncByteStream):
    """A body that breaks off where it grows, or lasts, beyond all sense."""

    def __init__(self, body: httpx2.SyncByteStream, largest: int) -> None:
        self._body = body
        self._largest = largest
        self._until = time.monotonic() + LONGEST

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        for piece in self._body:
            count += len(piece)
            if count > self._largest or time.monotonic() > self._until:
                raise httpx2.DecodingError("an answer without an end")
            yield piece

    def close(self) -> None:
        self._body.close()
