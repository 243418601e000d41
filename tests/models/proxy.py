"""A small HTTP proxy that notes what goes through it, and a server that speaks TLS."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

CERTIFICATE = Path(__file__).parent / "data" / "localhost.pem"
"""A certificate for localhost with its key, signed by itself: no system trusts it."""


class Proxy(ThreadingHTTPServer):
    """Forwards requests and tunnels; `asked` has their addresses, `logins` who asked."""

    daemon_threads = True

    def __init__(self, login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.login = login
        """`Basic …` that has to come along; empty for none."""
        self.asked: list[str] = []
        self.logins: list[str] = []
        self.lies: dict[str, str] = {}
        """Names that lead somewhere else: `host:port` -> `host:port`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        if not self._known():
            return
        parts = urlsplit(self.path)
        if not parts.hostname:
            self.send_error(400, "no proxy request")
            return
        there = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=20)
        skip = ("proxy-authorization", "proxy-connection", "connection")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skip}
        query = f"?{parts.query}" if parts.query else ""
        there.request(self.command, parts.path + query, headers=headers)
        answer = there.getresponse()
        body = b"" if self.command == "HEAD" else answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        there.close()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        if not self._known():
            return
        host, _, port = self.server.lies.get(self.path, self.path).partition(":")
        with socket.create_connection((host, int(port)), 20) as there:
            self.send_response_only(200)
            self.end_headers()
            ends = {self.connection: there, there: self.connection}
            while ready := select.select(list(ends), [], [], 20)[0]:
                for end in ready:
                    data = end.recv(1 << 16)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)

    def _known(self) -> bool:
        self.server.asked.append(self.path)
        said = self.headers.get("Proxy-Authorization", "")
        self.server.logins.append(said)
        if said == self.server.login:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", "Basic")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"[]" if self.path.startswith("/api/") else b"hello over TLS"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Secure(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # who does not trust it hangs up in the middle of the handshake


@contextlib.contextmanager
def proxy(login: str = "") -> Iterator[Proxy]:
    """A proxy that runs as long as the block."""
    with Proxy(login) as server, _running(server):
        yield server


@contextlib.contextmanager
def secure() -> Iterator[str]:
    """The address of a server with TLS whose certificate nobody trusts unasked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with _Secure(("127.0.0.1", 0), _Hello) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        with _running(server):
            yield f"https://localhost:{server.server_port}"


@contextlib.contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
