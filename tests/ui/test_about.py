"""The end of the settings: who is asked for a newer version, and that nobody is before a click."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from studio.models.updates import VARIABLE
from studio.ui.widgets.about import About
from studio.ui.window import Window
from tests.ui.panes import find


@pytest.fixture
def about(window: Window, qtbot: QtBot) -> About:
    made = About(window.studio)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server that knows of version 99; gives the paths that it was asked for."""
    paths: list[str] = []
    answer = b'{"version": "99.0", "page": "https://example.org/"}'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test's output is for failures."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{server.server_port}/newest.json")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield paths
        server.shutdown()
        thread.join()


def press(about: About, name: str) -> None:
    QTest.mouseClick(find(about, QPushButton, name), Qt.MouseButton.LeftButton)


def test_without_an_address_it_says_so(about: About, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    press(about, "check-for-updates")
    assert "nothing was sent" in find(about, QLabel, "updates").text()
    assert not find(about, QPushButton, "ask-for-updates").isVisible()


def test_it_says_whom_it_would_ask_and_asks_once_when_told_to(
    about: About, qtbot: QtBot, asked: list[str]
) -> None:
    press(about, "check-for-updates")
    assert "127.0.0.1" in find(about, QLabel, "updates").text()
    assert not asked
    press(about, "ask-for-updates")
    qtbot.waitUntil(find(about, QPushButton, "check-for-updates").isEnabled, timeout=30_000)
    assert "99.0" in find(about, QLabel, "updates").text()
    assert find(about, QPushButton, "open-update").isVisible()
    assert asked == ["/newest.json"]


def test_the_list_of_a_packed_program_names_every_part(
    about: About, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "licences"
    folder.mkdir()
    (folder / "index.json").write_text(
        '[{"name": "zlib1g", "version": "1:1.2", "licence": "see its copyright file"}]', "utf-8"
    )
    monkeypatch.setattr("studio.ui.widgets.credits.resources", lambda: tmp_path)
    press(about, "licences")
    assert "zlib1g 1:1.2, see its copyright file" in about.credits.toPlainText()
