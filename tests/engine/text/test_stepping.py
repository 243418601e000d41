"""Calls that take long: told about while they last, and broken off when nobody wants them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from studio.engine.text.stepping import patiently

if TYPE_CHECKING:
    import onnxruntime as ort


def test_a_call_is_waited_for() -> None:
    done: list[str] = []

    def call(options: ort.RunOptions) -> None:
        time.sleep(0.35)
        done.append("done")

    assert len(list(patiently(call))) >= 2
    assert done == ["done"]


def test_a_closed_call_is_broken_off() -> None:
    threads = set(threading.enumerate())
    ended = threading.Event()

    def call(options: ort.RunOptions) -> None:
        while not options.terminate:
            time.sleep(0.01)
        ended.set()
        raise RuntimeError("terminated")

    steps = patiently(call)
    next(steps)
    start = time.monotonic()
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    assert time.monotonic() - start < 0.5
    assert ended.is_set()
    assert set(threading.enumerate()) <= threads


def test_what_a_call_raises_is_raised() -> None:
    def call(options: ort.RunOptions) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(patiently(call))
