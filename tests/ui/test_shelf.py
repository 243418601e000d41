"""Any row of any query, found by counting: the same as reading everything from the beginning."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from studio.library import Library, Query
from studio.ui.widgets import shelf
from studio.ui.widgets.shelf import Shelf
from tests.ui.things import DAY, START, add_text

COUNT = 150


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Bursts of items with long pauses between them, as people work, and a few at one moment."""
    library = Library.open(tmp_path_factory.mktemp("library"))
    dice, when = random.Random(3), START
    for n in range(COUNT):
        when += dice.choice((0.0, 0.0, 0.001, 3.0, 60.0, 40 * DAY if n % 30 == 0 else 1.0))
        add_text(library, f"{'mouse' if n % 3 else 'moon'} {n}", "Words.", when, seed=n)
    library.star([item.id for item in library.items(limit=COUNT)[10:60:5]], True)
    yield library
    library.close()


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(words="mouse"),
        Query(words="moo", kind="text"),
        Query(starred=True),
        Query(since=START + 40 * DAY),
        Query(until=START + 80 * DAY),
        Query(words="nothing of the kind"),
    ],
)
def test_every_row_is_the_same_however_it_is_reached(
    library: Library, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "STRIDE", 7)
    everything = [item.id for item in library.items(query, limit=COUNT)]
    dice = random.Random(1)
    looked = Shelf(library, query)
    assert looked.count() == len(everything)
    for _ in range(60):
        first = dice.randrange(len(everything) + 10)
        found = looked.read(first, 9)
        assert [item.id for item in found] == everything[first : first + 9]
        if found:
            assert looked.row_of(found[0]) == first


def test_a_far_row_is_not_walked_to(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "STRIDE", 7)
    read = 0
    items = Library.items

    def counted(self: Library, *args: object, **more: object) -> object:
        nonlocal read
        found = items(self, *args, **more)  # type: ignore[arg-type]
        read += len(found)
        return found

    monkeypatch.setattr(Library, "items", counted)
    assert len(Shelf(library, Query()).read(140, 5)) == 5
    assert read <= 1 + 2 * 7 + 5


def test_the_row_of_what_is_gone_is_where_it_was(library: Library) -> None:
    item = library.items(limit=COUNT)[40]
    ticket = library.trash([item.id])
    assert Shelf(library, Query()).row_of(item) == 40
    library.restore(ticket)
