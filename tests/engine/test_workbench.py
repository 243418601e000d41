"""Models kept loaded within a budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.engine.workbench import Workbench, folder_size, folder_stamp


def test_the_least_recently_used_goes_first() -> None:
    bench, loaded = Workbench(budget=10), list[str]()

    def take(name: str, size: int) -> str:
        def load() -> str:
            loaded.append(name)
            return name

        return bench.take(name, load, size)

    take("a", 4)
    take("b", 4)
    take("a", 4)
    take("c", 4)  # b has to go
    assert bench.names == ("a", "c")
    take("b", 4)
    assert loaded == ["a", "b", "c", "b"]


def test_one_that_is_larger_than_the_budget_is_still_loaded_alone() -> None:
    bench = Workbench(budget=10)
    bench.take("small", lambda: 1, 5)
    assert bench.take("large", lambda: 2, 50) == 2
    assert bench.names == ("large",)
    bench.clear()
    assert not bench.names


def test_a_load_that_fails_is_tried_again() -> None:
    bench = Workbench()

    def fails() -> int:
        raise ValueError

    for _ in range(2):
        try:
            bench.take("x", fails, 1)
        except ValueError:
            continue
        raise AssertionError
    assert bench.take("x", lambda: 3, 1) == 3
    assert bench.holds("x")
    bench.forget("x")
    assert not bench.holds("x")


def test_a_stamp_notices_a_change(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"one")
    before = folder_stamp(tmp_path)
    assert folder_size(tmp_path) == 3
    file.write_bytes(b"other")
    assert folder_stamp(tmp_path) != before


def test_what_does_not_fit_is_refused_after_room_was_made() -> None:
    free = [1 << 30]
    bench = Workbench(budget=8 << 30, free=lambda: free[0])
    bench.take("small", lambda: 1, 100 << 20)

    with pytest.raises(StudioError, match=r"needs about 2\.3 GB of memory, and 768 MB are free"):
        bench.take("large", lambda: 2, 2 << 30)
    assert not bench.names, "what could be let go was"
    free[0] = 4 << 30
    assert bench.take("large", lambda: 2, 2 << 30) == 2
