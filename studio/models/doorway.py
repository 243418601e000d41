"""How huggingface_hub's client reaches a server: through the proxy that holds for each address."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

import httpx2


class Doorway(httpx2.BaseTransport):
    """Sends each request through the proxy that `proxy` tells for its address, or directly."""

    def __init__(self, proxy: Callable[[str], str], context: ssl.SSLContext) -> None:
        self._proxy = proxy
        self._context = context
        self._lock = threading.Lock()
        self._ways: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return self._way(self._proxy(str(request.url))).handle_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            # Those the client would try again for half a minute, while a person waits.
            raise ConnectionError from error

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
