"""The window's side of the courier: when it begins, what it is told, on which thread one hears."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.core.settings import Settings
from studio.ui.engine import Engine
from studio.ui.hub import Hub
from tests.ui import hubs
from tests.ui.hubs import GB, Stand, StandIn
from tests.ui.panes import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def hub(qapp: QApplication, engine: Engine, paths: Paths, stand: Stand) -> Iterator[Hub]:
    hub = Hub(engine, paths, Settings(), stand)
    yield hub
    hub.close()


@pytest.fixture
def link(hub: Hub, stand: Stand) -> StandIn:
    assert stand.link is not None
    return stand.link


def test_the_courier_begins_with_the_first_wish(hub: Hub, link: StandIn) -> None:
    seen = [(hub.started, link.started)]
    hub.ask("who")
    hub.begin()
    seen.append((hub.started, link.started))
    assert seen == [(False, 0), (True, 1)]


def test_answers_come_on_the_main_thread(hub: Hub, link: StandIn, qtbot: QtBot) -> None:
    heard: list[tuple[object, threading.Thread]] = []
    hub.ask("search", then=lambda value: heard.append((value, threading.current_thread())))
    hub.ask("page", failed=lambda error: heard.append((error.message, threading.current_thread())))
    hub.ask(
        "verify",
        then=lambda value: heard.append((value, threading.current_thread())),
        told=lambda done, total: heard.append(((done, total), threading.current_thread())),
    )
    link.answer("search", "found")
    link.answer("page", StudioError("Gone.", "Look elsewhere."))
    link.step("verify", 3, 9)
    link.answer("verify", "whole")
    until(qtbot, lambda: len(heard) == 4)
    assert [value for value, _ in heard] == ["found", "Gone.", (3, 9), "whole"]
    assert {thread for _, thread in heard} == {threading.main_thread()}


def test_what_nobody_wants_any_more_is_not_told(hub: Hub, link: StandIn, qtbot: QtBot) -> None:
    heard: list[object] = []
    number = hub.ask("search", then=heard.append, failed=heard.append)
    hub.ask("page", then=heard.append)
    hub.forget(number)
    link.answer("search", "late")
    link.answer("page", "wanted")
    until(qtbot, lambda: bool(heard))
    assert heard == ["wanted"]


def test_a_courier_that_died_answers_with_a_sentence(hub: Hub, link: StandIn, qtbot: QtBot) -> None:
    failures: list[StudioError] = []
    hub.ask("search", failed=failures.append)
    hub.ask("page", failed=failures.append)
    link.die()
    until(qtbot, lambda: len(failures) == 2)
    assert "has stopped" in failures[0].message
    hub.ask("page", failed=failures.append)
    link.answer("page", StudioError("No.", "Yes."))
    until(qtbot, lambda: len(failures) == 3)


def test_downloads_are_summed_up_and_their_ends_told_once(
    hub: Hub, link: StandIn, qtbot: QtBot
) -> None:
    changed, progressed, ends = [], [], []
    hub.changed.connect(lambda: changed.append(1))
    hub.progressed.connect(lambda: progressed.append(1))
    hub.finished.connect(lambda d: ends.append(("done", d.repo)))
    hub.broken.connect(lambda d: ends.append(("failed", d.repo)))
    heron = hubs.download("lake/heron", done=GB, total=2 * GB, speed=10e6)
    egret = hubs.download("lake/egret", done=0, total=2 * GB, speed=0.0, state="waiting")
    link.tell(heron, egret, hubs.download("lake/old", state="done"))
    until(qtbot, lambda: len(changed) == 1)
    assert (hub.fraction, hub.speed) == (0.25, 10e6)
    assert hub.seconds_left == pytest.approx(300)
    assert [d.repo for d in hub.open] == ["lake/heron", "lake/egret"]
    assert hub.of("lake/heron", "int4") == heron
    assert hub.of("lake/heron", "fp16") is None
    assert hub.of("lake/old", "int4") is None
    seen = len(progressed)
    for part in range(50):
        link.change("lake/heron:int4", done=GB + part)
    until(qtbot, lambda: hub.downloads[0].done == GB + 49 and len(progressed) > seen)
    assert len(changed) == 1, "progress alone moves nothing"
    link.change("lake/heron:int4", state="done")
    link.change("lake/egret:int4", state="failed")
    until(qtbot, lambda: len(ends) == 2)
    assert ends == [("done", "lake/heron"), ("failed", "lake/egret")]
    # So small that it is there before anybody has looked.
    link.tell(*link.downloads, hubs.download("lake/wren", state="done"))
    until(qtbot, lambda: len(ends) == 3)
    link.tell(*link.downloads)
    assert ends[2:] == [("done", "lake/wren")]


def test_only_settings_of_the_network_are_told(hub: Hub, link: StandIn) -> None:
    hub.use(replace(Settings(), threads=2, window_layout="1,2,3"))
    assert link.settings == []
    offline = replace(Settings(), threads=2, stay_offline=True)
    hub.use(offline)
    assert link.settings == [offline]
    assert hub.offline
    hub.use(replace(offline, endpoint="https://models.example.org"))
    assert hub.endpoint == "https://models.example.org"
    assert hub.host == "models.example.org"


def test_it_is_equipped_when_an_engine_stands(
    hub: Hub, link: StandIn, engine: Engine, qtbot: QtBot
) -> None:
    engine.warm("text")
    until(qtbot, lambda: bool(link.specs))
    assert {spec.kind for spec in link.specs} >= {"text"}
    assert hub.machine.memory > 0


def test_nothing_is_asked_after_the_end(hub: Hub, link: StandIn) -> None:
    hub.begin()
    hub.close()
    assert link.closed
    hub.ask("search")
    assert link.asked == []


def test_the_window_imports_nothing_of_the_network() -> None:
    """Not at the start, and not with all of the models page either."""
    script = (
        "import sys\n"
        "import studio.ui.app\n"
        "early = set(sys.modules)\n"
        "import studio.ui.panes.models, studio.ui.panes.discover, studio.ui.panes.downloads\n"
        "import studio.ui.arrivals, studio.ui.widgets.networksection, studio.ui.widgets.signin\n"
        "own = {'studio.ui.hub', 'studio.ui.panes.discover', 'studio.models.courier', "
        "'studio.models.net', 'studio.models.hub.query', 'studio.models.catalogue'}\n"
        "foreign = {'huggingface_hub', 'urllib3', 'requests', 'httpx', 'httpx2', 'keyring', "
        "'numpy', 'truststore', 'yaml.cyaml'}\n"
        "print(sorted(early & (own | foreign)))\n"
        "print(sorted(set(sys.modules) & foreign))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines() == ["[]", "[]"]
