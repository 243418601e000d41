"""The queue keeps its order, and outlives the program."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.library import Library
from tests.library.makers import recipe


def ids(library: Library) -> list[str]:
    return [job.id for job in library.jobs.list()]


def test_jobs_wait_in_order_each_in_its_lane(library: Library) -> None:
    jobs = library.jobs
    first = jobs.add("one", recipe("image"), {"count": 4, "note": "🦊"})
    jobs.add("two", recipe("text"))
    jobs.add("three", recipe("image"))
    assert [j.id for j in jobs.list("image")] == ["one", "three"]
    assert [j.id for j in jobs.list("text")] == ["two"]
    assert jobs.list("audio") == []
    assert jobs.list("image")[0] == first
    with pytest.raises(StudioError):
        jobs.add("one", recipe("audio"))
    jobs.start("one")
    assert [j.state for j in jobs.list("image")] == ["running", "waiting"]
    jobs.remove("one")
    jobs.remove("one")
    assert ids(library) == ["three", "two"]


def test_moving_is_like_moving_in_a_list(library: Library) -> None:
    rng = random.Random(3)
    names = [str(n) for n in range(6)]
    for name in names:
        library.jobs.add(name, recipe("image"))
    library.jobs.add("other", recipe("text"))
    for _ in range(60):
        one, before = rng.choice(names), rng.choice([*names, None])
        library.jobs.move(one, before)
        if one != before:
            names.remove(one)
            names.insert(len(names) if before is None else names.index(before), one)
        assert [j.id for j in library.jobs.list("image")] == names
    library.jobs.move("nobody", None)
    library.jobs.move(names[0], "other")  # of another lane: to the end
    assert [j.id for j in library.jobs.list("image")] == [*names[1:], names[0]]
    library.jobs.add("last", recipe("image"))
    assert [j.id for j in library.jobs.list("image")][-1] == "last"


def test_clearing_spares_what_runs(library: Library) -> None:
    for name in ("a", "b"):
        library.jobs.add(name, recipe("image"))
    library.jobs.add("c", recipe("text"))
    library.jobs.start("a")
    library.jobs.clear("image")
    assert ids(library) == ["a", "c"]
    library.jobs.clear()
    assert ids(library) == ["a"]


def test_what_ran_when_the_program_died_is_interrupted(root: Path) -> None:
    with Library.open(root) as library:
        for name in ("a", "b", "c"):
            library.jobs.add(name, recipe("audio"), {"n": name})
        library.jobs.start("a")
        with Library.open(root) as other:
            other.recover()
            assert ids(other) == [], "the queue of a running program is its own"
            assert other.jobs.interrupted() == []
    with Library.open(root) as library:
        library.recover()
        assert ids(library) == ["b", "c"]
        (lost,) = library.jobs.interrupted()
        assert (lost.id, lost.state, lost.details) == ("a", "interrupted", {"n": "a"})
    with Library.open(root) as library:  # nobody has decided about it yet
        library.recover()
        again = library.jobs.again("a")
        assert again.state == "waiting"
        assert again.recipe == recipe("audio")
        assert ids(library) == ["a", "b", "c"]
        assert library.jobs.interrupted() == []
        with pytest.raises(StudioError):
            library.jobs.again("nobody")
