"""Is there a newer version: orders of versions, answers of servers, one question of one process."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import Pipe
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import __version__
from studio.core.errors import StudioError
from studio.models import updates
from studio.models.updates import Release


@pytest.mark.parametrize(
    ("older", "later"),
    [
        ("0.1.0", "0.1.1"),
        ("0.9", "0.10"),
        ("1.0rc1", "1.0"),
        ("1.0a2", "1.0b1"),
        ("1.0.dev9", "1.0a1"),
        ("1.0rc2", "1.0rc10"),
        ("1.0", "1.0.0.1"),
    ],
)
def test_versions_are_ordered_as_people_number_them(older: str, later: str) -> None:
    assert updates.newer(later, older)
    assert not updates.newer(older, later)


def test_trailing_zeros_make_no_difference() -> None:
    assert not updates.newer("1.0.0", "1.0")
    assert not updates.newer("1.0", "1.0.0")


def test_our_own_version_can_be_ordered() -> None:
    assert updates.newer("99999.0")
    assert not updates.newer("0.0.0")


@given(st.binary(max_size=300))
def test_any_answer_is_a_release_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(StudioError):
        assert updates.read(data).version[0].isdigit()


@given(st.dictionaries(st.sampled_from(["version", "page", "x"]), st.text() | st.integers()))
def test_any_object_is_a_release_or_a_sentence(said: dict[str, object]) -> None:
    try:
        found = updates.read(json.dumps(said).encode())
    except StudioError:
        return
    assert found.page == "" or found.page.startswith("https://")


@pytest.mark.parametrize("page", ["http://example.org/", "javascript:alert(1)", 3, None])
def test_a_page_that_is_not_safe_is_not_opened(page: object) -> None:
    assert updates.read(json.dumps({"version": "2.0", "page": page}).encode()) == Release("2.0")


class _Server(HTTPServer):
    answer = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["User-Agent"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's output is for failures."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def asked(where: str, offline: bool = False) -> object:
    ours, theirs = Pipe()
    with ours, theirs:
        updates.ask(theirs, where, offline)
        return ours.recv()


def test_the_server_learns_the_program_and_its_version_alone(server: _Server) -> None:
    server.answer = b'{"version": "7.1", "page": "https://example.org/triptych"}'
    where = f"http://127.0.0.1:{server.server_port}/newest.json"
    assert asked(where) == Release("7.1", "https://example.org/triptych")
    assert server.asked == [("/newest.json", f"triptych/{__version__}")]


def test_nobody_is_asked_while_one_stays_offline(server: _Server) -> None:
    answer = asked(f"http://127.0.0.1:{server.server_port}/newest.json", offline=True)
    assert isinstance(answer, StudioError)
    assert not server.asked


def test_a_server_that_is_not_there_is_told_in_two_sentences(server: _Server) -> None:
    port = server.server_port
    server.shutdown()
    server.server_close()
    answer = asked(f"http://127.0.0.1:{port}/newest.json")
    assert isinstance(answer, StudioError)
    assert answer.message
    assert answer.hint
