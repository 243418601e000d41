"""The one door to the network: which server, through which proxy, with which trust, and when not.

Certificates are checked by the system's own means; there is no way to turn that off. Proxies are
the system's or the environment's (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`), read anew
for each request, as networks change while a download runs. The token goes to the chosen endpoint's
own origin only, and never over an unprotected line to another machine.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from studio import __version__
from studio.core.errors import StudioError
from studio.core.settings import is_address
from studio.models.trouble import OFFLINE, OFFLINE_BY_ENVIRONMENT, RefusedError, explain

if TYPE_CHECKING:
    import httpx2
    import urllib3
    from huggingface_hub import HfApi

HUB = "https://huggingface.co"
AGENT = f"triptych/{__version__}"
CONNECT_SECONDS = 15.0
READ_SECONDS = 30.0
"""Without a byte for so long a connection counts as lost."""
PATIENCE_SECONDS = 20.0
"""A server that asks to be left alone for longer is not waited for: the person is told."""
REDIRECTS = 6
CONNECTIONS = 32
_SMALL = 64 << 10
"""Bytes that are sooner read than a connection is made."""
_KEPT = ("X-Repo-Commit", "X-Linked-ETag", "X-Linked-Size")
"""What the hub tells of a file before it sends one on to where the bytes are."""
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?")


def no_token() -> str | None:
    return None


def never() -> bool:
    return False


class Net:
    """The way to one hub; safe from any thread, one for a process.

    `token` and `offline` are asked for each request: a person may sign in or leave the network
    while it is used.
    """

    def __init__(
        self,
        endpoint: str = "",
        token: Callable[[], str | None] = no_token,
        offline: Callable[[], bool] = never,
    ) -> None:
        """Raises StudioError where the endpoint is no address of a server."""
        self.endpoint = checked_endpoint(endpoint or os.environ.get("HF_ENDPOINT", "") or HUB)
        self._origin = origin(self.endpoint)
        self._token = token
        self._offline = offline
        self._lock = threading.RLock()
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._context: ssl.SSLContext | None = None

    @property
    def server(self) -> str:
        """Whom the token is for: scheme, host and port, as `https://huggingface.co:443`."""
        scheme, host, port = self._origin
        return f"{scheme}://{host}:{port}"

    def check(self) -> None:
        """Raises StudioError when the network is not to be used."""
        if self._offline():
            raise StudioError(*OFFLINE)
        if is_true(os.environ.get("HF_HUB_OFFLINE")):
            raise StudioError(*OFFLINE_BY_ENVIRONMENT)

    def token_for(self, url: str) -> str | None:
        """The token, where `url` is the endpoint's own and nobody can listen on the way."""
        if origin(url) != self._origin:
            return None
        return self._token() if self.protected else None

    @property
    def protected(self) -> bool:
        """Whether nobody can listen on the way to the endpoint."""
        scheme, host, _ = self._origin
        return scheme == "https" or _loopback(host)

    def url(self, repo: str, revision: str, path: str) -> str:
        """The address of one file of a repository, as huggingface_hub writes it.

        Raises StudioError where `repo` is no name of a repository.
        """
        if not is_repo(repo):
            raise StudioError(
                f"“{repo[:200]}” is no name of a model on the hub.",
                "It is written as owner/name, as in HuggingFaceTB/SmolLM2-135M-Instruct.",
            )
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def proxy(self, url: str) -> str:
        """The proxy for `url`, empty for none. Raises StudioError for one of an unknown kind."""
        parts = urlsplit(url)
        # With its port, as no_proxy may name one.
        if proxy_bypass(parts.netloc.rpartition("@")[2]):
            return ""
        proxies = getproxies()
        found = proxies.get(parts.scheme) or proxies.get("all") or ""
        if found and "://" not in found:
            found = f"http://{found}"
        if found and urlsplit(found).scheme not in ("http", "https"):
            raise StudioError(
                "The proxy of this system is of a kind that Triptych cannot use.",
                "Set an HTTP proxy in the system's settings, or as https_proxy.",
            )
        return found

    def tls(self) -> ssl.SSLContext:
        """What certificates are checked with: the system's own store, with a company's file.

        Raises StudioError where a file that the environment names cannot be used.
        """
        import truststore

        with self._lock:
            if self._context is None:
                context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                for name in _CERTIFICATES:
                    if os.environ.get(name):
                        _trust(context, name, os.environ[name])
                self._context = context
            return self._context

    def api(self) -> HfApi:
        """The hub's own client over this door. Raises StudioError when it is closed.

        Nothing is told of this machine beyond the names and versions of the program, and
        huggingface's own token file is neither read nor written.
        """
        self.check()
        # Read once when the library is imported; without it, each start asks the hub for a list
        # of programs to look for on this machine.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from huggingface_hub import HfApi, constants, set_client_factory
        from huggingface_hub.utils import logging

        constants.HF_HUB_DISABLE_TELEMETRY = True
        # What it warns of is told to the person by our own errors.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        set_client_factory(self._client)
        return HfApi(
            endpoint=self.endpoint,
            token=self.token_for(self.endpoint) or False,
            library_name="triptych",
            library_version=__version__,
        )

    @contextlib.contextmanager
    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = READ_SECONDS,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """A stream of the bytes at `url`, as they lie there, after any redirects.

        The answer is one of success (200, 206); headers that the hub gave on the way are kept in
        it. Raises RefusedError for any other status, StudioError when the network is not to be
        used, and else OSError or urllib3's errors; `trouble` words them all.
        """
        response = self._answer(url, dict(headers or {}), timeout)
        try:
            yield response
        finally:
            # What was not read to its end cannot carry the next answer.
            if response.length_remaining != 0:
                response.close()
            response.release_conn()

    def trouble(self, error: BaseException) -> StudioError:
        """What a person is told of an error of the network: never an address, never a token."""
        return explain(error, urlsplit(self.endpoint).hostname or self.endpoint)

    @contextlib.contextmanager
    def worded(self) -> Iterator[None]:
        """Whatever the network raises within comes out as StudioError; faults of ours stay."""
        self.check()  # before anything is imported: urllib3 opens a socket when it is
        import httpx2
        import urllib3
        from huggingface_hub.errors import HfUriError, HFValidationError

        network = (OSError, httpx2.HTTPError, urllib3.exceptions.HTTPError)
        answers = (HFValidationError, HfUriError, json.JSONDecodeError, UnicodeDecodeError)
        try:
            yield
        except (*network, *answers, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise self.trouble(error) from error

    def close(self) -> None:
        """Let go of the connections that are kept open."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.clear()

    def _answer(
        self, url: str, headers: dict[str, str], timeout: float
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        kept: dict[str, str] = {}
        for _ in range(REDIRECTS):
            self.check()
            sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
            token = self.token_for(url)
            if token:
                sent["Authorization"] = f"Bearer {token}"
            response = self._pool(self.proxy(url)).request(
                "GET",
                url,
                headers=sent,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout),
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
            )
            for name in _KEPT:
                if name in response.headers:
                    kept.setdefault(name, response.headers[name])
            place = response.headers.get("Location")
            if response.status in (301, 302, 303, 307, 308) and place:
                _drain(response)
                url = self._next(url, place)
                continue
            if response.status not in (200, 206):
                _drain(response)
                raise RefusedError(response.status, response.headers)
            for name, value in kept.items():
                response.headers[name] = value
            return response
        raise StudioError(
            "The server sends every request on to another address, without an end.",
            "Try again later, or choose another server in Settings.",
        )

    @staticmethod
    def _next(url: str, place: str) -> str:
        found = urljoin(url, place)
        scheme = urlsplit(found).scheme
        if scheme == "https" or (scheme == "http" and urlsplit(url).scheme == "http"):
            return found
        raise StudioError(
            "The server sends on to an address without protection; nothing was fetched from it.",
            "Try again later, or ask whoever runs the server.",
        )

    def _pool(self, proxy: str) -> urllib3.PoolManager:
        import urllib3

        with self._lock:
            if proxy not in self._pools:
                shared: dict[str, Any] = {
                    "ssl_context": self.tls(),
                    "num_pools": CONNECTIONS,
                    "maxsize": CONNECTIONS,
                }
                if proxy:
                    self._pools[proxy] = urllib3.ProxyManager(
                        proxy,
                        proxy_headers=_proxy_login(proxy),
                        proxy_ssl_context=self.tls(),
                        **shared,
                    )
                else:
                    self._pools[proxy] = urllib3.PoolManager(**shared)
            return self._pools[proxy]

    def _client(self) -> httpx2.Client:
        """What huggingface_hub speaks through, for as long as it keeps it."""
        import httpx2

        from studio.models.doorway import Doorway

        return httpx2.Client(
            transport=Doorway(self.proxy, self.tls()),
            event_hooks={"request": [self._leave], "response": [self._arrive]},
            follow_redirects=True,
            max_redirects=REDIRECTS,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    def _leave(self, request: httpx2.Request) -> None:
        self.check()
        request.headers["Accept-Encoding"] = "identity"
        if "Authorization" in request.headers and not self.token_for(str(request.url)):
            del request.headers["Authorization"]

    @staticmethod
    def _arrive(response: httpx2.Response) -> None:
        """huggingface_hub would sleep for as long as the server says, deaf to any cancel."""
        if response.status_code in (429, 503):
            refused = RefusedError(response.status_code, response.headers)
            if (refused.retry_after or 0.0) > PATIENCE_SECONDS:
                raise refused


def _drain(response: urllib3.BaseHTTPResponse) -> None:
    """Be done with an answer, so that its connection carries the next: thousands of files do."""
    left = response.length_remaining
    if left is not None and left <= _SMALL:
        response.drain_conn()
        response.release_conn()
    else:
        response.close()


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address: who answers there (RFC 6454)."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname or "", port or (443 if parts.scheme == "https" else 80)


def checked_endpoint(text: str) -> str:
    """An address of a hub without its closing slash. Raises StudioError where it is none."""
    found = text.strip().rstrip("/")
    if is_address(found):
        return found
    raise StudioError(
        "The address of the model server cannot be used.",
        f"Write it as {HUB}, without a name or a password, or leave it empty for that one.",
    )


def is_repo(name: str) -> bool:
    """Whether a repository can be called so; no such name leads out of a folder."""
    return _REPO.fullmatch(name) is not None and ".." not in name and "--" not in name


def is_true(value: str | None) -> bool:
    """A variable of the environment as huggingface_hub reads it."""
    return (value or "").upper() in ("1", "ON", "YES", "TRUE")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _proxy_login(proxy: str) -> dict[str, str]:
    from urllib.parse import unquote

    import urllib3

    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return dict(urllib3.make_headers(proxy_basic_auth=login))


def _trust(context: ssl.SSLContext, name: str, place: str) -> None:
    folder = os.path.isdir(place)  # noqa: PTH112 - a name of the environment, as OpenSSL takes it
    try:
        context.load_verify_locations(None if folder else place, place if folder else None)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise StudioError(
            "A file of certificates that the environment names cannot be used.",
            f"Check {name}, or remove it: the system's own certificates are used then.",
        ) from error
