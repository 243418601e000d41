"""The computer is measured with real graphs, when nothing else is to be done, and once."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core.messages import Probe, Unload
from studio.core.speed import Speed, load
from studio.engine import host, speed
from studio.engine.device import CPU

FOUND = Speed({"int4": 1e10}, 1e11)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of a size that a test can wait for, and a computer that is never busy."""
    monkeypatch.setattr(speed, "WIDTH", 256)
    monkeypatch.setattr(speed, "WEIGHTS", 1 << 20)
    monkeypatch.setattr(speed, "SIDE", 8)
    monkeypatch.setattr("psutil.cpu_percent", lambda *_: 0.0)


@pytest.mark.usefixtures("small")
def test_every_precision_is_measured() -> None:
    found = speed.measure(lambda: False)
    assert found is not None
    assert set(found.reading) == {"int4", "int8", "fp32"}
    assert min(found.computing, *found.reading.values()) > 0


@pytest.mark.usefixtures("small")
def test_the_graphs_are_what_they_are_counted_for() -> None:
    session, size = speed._matrices(4)
    # Half a byte for a weight, and four for the scale of 32.
    assert size == (1 << 20) + (1 << 20) // 16 * 4
    assert session.get_providers() == [CPU]
    _, operations = speed._layers()
    assert operations == 2 * 64 * (320 * 320 * 9 + 320 * 2560)


@pytest.mark.usefixtures("small")
def test_it_gives_way() -> None:
    assert speed.measure(lambda: True) is None


def test_a_busy_computer_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_percent", lambda *_: 90.0)
    assert speed.measure(lambda: False) is None


def _served(
    monkeypatch: pytest.MonkeyPatch, folder: Path | None, measure: Callable[..., object]
) -> host.Host:
    monkeypatch.setattr(host, "IDLE", 0.01)
    monkeypatch.setattr(host, "measure", measure)
    _, theirs = multiprocessing.Pipe()
    return host.Host(theirs, {}, folder)


def _later(made: host.Host, measured: threading.Event) -> None:
    """Something is to be done once it was measured."""

    def wish() -> None:
        measured.wait(30)
        made._todo.put(Probe())

    threading.Thread(target=wish, daemon=True).start()


def test_it_is_done_once_while_nobody_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = iter([None, FOUND])  # busy at first
    measured = threading.Event()

    def measure(stopped: Callable[[], bool]) -> Speed | None:
        found = next(answers)
        if found is not None:
            measured.set()
        return found

    made = _served(monkeypatch, tmp_path, measure)
    made._todo.put(Unload())
    assert made._next() == Unload()
    assert load(tmp_path, CPU) is None  # whoever waits comes first
    _later(made, measured)
    assert made._next() == Probe()
    assert load(tmp_path, CPU) == FOUND
    made._todo.put(None)
    assert made._next() is None


def test_what_cannot_be_measured_is_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = threading.Event()

    def measure(stopped: Callable[[], bool]) -> Speed:
        assert not tried.is_set()
        tried.set()
        raise RuntimeError("no such operator")

    made = _served(monkeypatch, tmp_path, measure)
    _later(made, tried)
    assert made._next() == Probe()
    assert load(tmp_path, CPU) is None
