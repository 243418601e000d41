"""The items of a query by row, read in keyset pages: for worker threads, without Qt."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from dataclasses import replace

from studio.library import Cursor, Item, Library, Query

STRIDE = 240
"""A row that is no further from a known place than this is walked to."""
MICRO = 1_000_000


class Shelf:
    """Random access to the answer of one query, as it was when rows were first looked at.

    A keyset page costs the same anywhere, but begins where another ended. A far row is found
    without reading what lies before it: items are ordered by when they were made, and how many
    were made since a moment is quickly counted. The search between known places is interpolation
    search, with every second step a bisection so that clusters cannot slow it down.
    """

    def __init__(self, library: Library, query: Query) -> None:
        self.library = library
        self.query = query
        self._lock = threading.Lock()
        # Row r begins below order o, and o falls as r grows.
        self._rows: list[int] = []
        self._orders: list[int] = []
        self._bounded = False
        """Whether both ends are marked."""

    def count(self) -> int:
        """How many items there are."""
        return self.library.count(self.query)

    def read(self, first: int, count: int) -> list[Item]:
        """`count` items from row `first` on; fewer at the end."""
        with self._lock:
            row, cursor = self._near(first) if first else (0, None)
            while row < first:
                passed = self.library.items(self.query, cursor, min(STRIDE, first - row))
                if not passed:
                    return []
                row, cursor = row + len(passed), passed[-1].cursor
            items = self.library.items(self.query, cursor, count)
            if items:
                self._mark(row + len(items), items[-1].order)
            return items

    def row_of(self, item: Item) -> int:
        """The row that this item has, or would have if it were still there."""
        return self._below(item.order + 1)

    def _below(self, order: int) -> int:
        """How many items come before an order: the row at which those below it begin."""
        since = max(order / MICRO, self.query.since or 0.0)
        return self.library.count(replace(self.query, since=since))

    def _near(self, first: int) -> tuple[int, Cursor | None]:
        """A place at most STRIDE rows before `first`, and what it comes after."""
        if not self._bounded:
            newest = self.library.items(self.query, None, 1)
            if not newest:
                return 0, None
            self._mark(0, newest[0].order + 1)
            self._mark(self.library.count(self.query), 0)
            self._bounded = True
        halve = False
        while True:
            at = max(0, bisect_right(self._rows, first) - 1)
            row, order = self._rows[at], self._orders[at]
            if at + 1 == len(self._rows) or first - row <= STRIDE:
                return row, Cursor(order)
            end, last = self._rows[at + 1], self._orders[at + 1]
            share = 0.5 if halve else (first - row) / (end - row)
            halve = not halve
            probe = order - min(max(1, int((order - last) * share)), order - last - 1)
            if not last < probe < order:
                return row, Cursor(order)
            self._mark(self._below(probe), probe)

    def _mark(self, row: int, order: int) -> None:
        """Remember a place; one row may be marked by several orders, of which any will do."""
        at = bisect_left(self._rows, row)
        if at < len(self._rows) and self._rows[at] == row:
            self._orders[at] = order
        else:
            self._rows.insert(at, row)
            self._orders.insert(at, order)
