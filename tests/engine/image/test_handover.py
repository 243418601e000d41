"""A worker thread turned into a generator that leaves no thread behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from studio.engine.image.handover import Stopped, steps


def nothing() -> None:
    return None


def test_steps_come_in_order() -> None:
    def work(emit: Callable[[int], None]) -> None:
        for i in range(5):
            emit(i)

    assert list(steps(work, nothing, nothing)) == [0, 1, 2, 3, 4]


def test_the_work_stands_still_while_a_step_is_looked_at() -> None:
    done: list[int] = []

    def work(emit: Callable[[int], None]) -> None:
        for i in range(3):
            emit(i)
            done.append(i)

    made = steps(work, nothing, nothing)
    assert next(made) == 0
    assert done == []
    assert next(made) == 1
    assert done == [0]
    made.close()
    assert done == [0]


def test_an_error_is_raised_where_the_steps_are_taken() -> None:
    def work(emit: Callable[[int], None]) -> None:
        emit(1)
        raise ZeroDivisionError("inside")

    made = steps(work, nothing, nothing)
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError, match="inside"):
        next(made)


def test_closing_leaves_no_thread_and_halts_first() -> None:
    before = set(threading.enumerate())
    left: list[str] = []
    halted = threading.Event()

    def work(emit: Callable[[int], None]) -> None:
        try:
            emit(1)
        except Stopped:
            left.append("stopped, " + ("halted" if halted.is_set() else "not halted"))
            raise

    made = steps(work, halted.set, nothing)
    assert next(made) == 1
    made.close()
    assert left == ["stopped, halted"]
    assert set(threading.enumerate()) <= before


def test_silence_has_a_beat_and_can_be_closed() -> None:
    halted = threading.Event()

    def work(emit: Callable[[str], None]) -> None:
        emit("begun")
        assert halted.wait(30)
        emit("not wanted any more")

    made = steps(work, halted.set, lambda: "still here")
    assert [next(made) for _ in range(3)] == ["begun", "still here", "still here"]
    made.close()
    with pytest.raises(StopIteration):
        next(made)
