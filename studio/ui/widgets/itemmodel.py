"""The library as a list model: as long as the answer is, but holding only what is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QUrl,
    Signal,
)

from studio.core.errors import StudioError
from studio.library import Item, Library, Query
from studio.ui.widgets.background import Background
from studio.ui.widgets.itemcard import ITEM_ROLE
from studio.ui.widgets.itemwords import caption, kind_name, title
from studio.ui.widgets.shelf import Shelf

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()

PAGE = 120
"""Items read at once: somewhat more than a large window shows."""
KEPT = 24
"""Pages held; what was looked at longest ago is let go."""
QUEUED = 6
"""Pages waiting to be read while somebody scrolls fast; older wishes are forgotten."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker found for a query: how many, and the pages that are looked at."""

    shelf: Shelf
    count: int
    top: int
    pages: dict[int, list[Item]]


class ItemModel(QAbstractListModel):
    """Items of the library by query, newest first. Rows that are not read yet have no item.

    All reading is done by a worker. `refreshed` comes after every answer to a new query or a
    refresh, when the rows are there; `failed` brings what a person should know.
    """

    refreshed = Signal(int)
    """The row that what was at the top has now."""
    failed = Signal(StudioError)

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._work = Background(self)
        self._shelf = Shelf(library, Query())
        self._count = 0
        self._pages: OrderedDict[int, list[Item]] = OrderedDict()
        self._queued: OrderedDict[int, None] = OrderedDict()
        self._reading: int | None = None
        self._turn = 0
        """Counts queries and refreshes, so that late answers to old ones are thrown away."""
        self.loaded = False

    @property
    def query(self) -> Query:
        return self._shelf.query

    def set_query(self, query: Query) -> None:
        """Show the answer to another query, from its beginning."""
        self._begin(Shelf(self._library, query), range(PAGE))

    def refresh(self, rows: range) -> None:
        """Read again what the query gives now; `rows` are those that are looked at."""
        self._begin(Shelf(self._library, self.query), rows)

    def item(self, row: int) -> Item | None:
        """The item of a row, if it is at hand."""
        page = self._pages.get(row // PAGE)
        offset = row % PAGE
        return page[offset] if page is not None and offset < len(page) else None

    def row_of(self, item_id: str) -> int | None:
        """The row of an item that is at hand."""
        for number, page in self._pages.items():
            for offset, item in enumerate(page):
                if item.id == item_id:
                    return number * PAGE + offset
        return None

    def show_starred(self, ids: Collection[str], on: bool) -> None:
        """Show the star of some items as it will be, before the library is asked again."""
        for number, page in self._pages.items():
            for offset, item in enumerate(page):
                if item.id in ids and item.starred != on:
                    page[offset] = replace(item, starred=on)
                    index = self.index(number * PAGE + offset)
                    self.dataChanged.emit(index, index, [])

    def fetch(self, rows: Iterable[range], then: Callable[[list[Item]], None]) -> None:
        """Give the items of these rows, those that were not at hand too, to `then`."""
        ranges = list(rows)
        at_hand = [self.item(row) for part in ranges for row in part[: PAGE * KEPT]]
        if sum(map(len, ranges)) == len(at_hand) and None not in at_hand:
            then([item for item in at_hand if item is not None])
            return
        shelf = self._shelf

        def read() -> list[Item]:
            return [item for part in ranges for item in shelf.read(part.start, len(part))]

        self._work.run(read, then, lambda error: self.failed.emit(error))

    # What the view asks

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else self._count

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row = index.row()
        item = self.item(row)
        if item is None:
            if role == ITEM_ROLE:
                self._want(row // PAGE)
            elif role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
                return self.tr("Loading …")
            return None
        if role == ITEM_ROLE:
            self._pages.move_to_end(row // PAGE)
            return item
        if role == Qt.ItemDataRole.DisplayRole:
            return title(item)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = [title(item)[:120], kind_name(item.kind), caption(item)]
            if item.starred:
                parts.append(self.tr("starred"))
            return ", ".join(parts)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{title(item)[:200]}\n{caption(item)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def mimeTypes(self) -> list[str]:
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        items = (self.item(index.row()) for index in indexes)
        data.setUrls([QUrl.fromLocalFile(str(i.main)) for i in items if i is not None])
        return data

    # Reading

    def _begin(self, shelf: Shelf, rows: range) -> None:
        self._turn += 1
        self._queued.clear()
        top = self.item(rows.start) if rows.start > 0 else None

        def read() -> Answer:
            count = shelf.count()
            # What is looked at stays in view, however much was added or taken away above it.
            first = shelf.row_of(top) if top is not None else rows.start
            first = max(0, min(first, count - 1))
            last = max(first, min(count, first + len(rows)) - 1)
            pages = range(first // PAGE, last // PAGE + 1)
            return Answer(shelf, count, first, {n: shelf.read(n * PAGE, PAGE) for n in pages})

        self._work.run(read, partial(self._answered, self._turn), self._could_not)

    def _answered(self, turn: int, answer: Answer) -> None:
        if turn != self._turn:
            return
        self.beginResetModel()
        self._shelf, self._count = answer.shelf, answer.count
        self._pages = OrderedDict(answer.pages)
        self._queued.clear()
        self.loaded = True
        self.endResetModel()
        self.refreshed.emit(answer.top)

    def _could_not(self, error: StudioError) -> None:
        self._reading = None
        self.failed.emit(error)

    def _want(self, page: int) -> None:
        if page == self._reading:
            return
        self._queued[page] = None
        self._queued.move_to_end(page)
        while len(self._queued) > QUEUED:
            self._queued.popitem(last=False)
        self._next()

    def _next(self) -> None:
        if self._reading is not None or not self._queued:
            return
        page, _ = self._queued.popitem()
        self._reading = page
        turn, shelf = self._turn, self._shelf

        self._work.run(
            lambda: shelf.read(page * PAGE, PAGE),
            partial(self._read, turn, page),
            self._could_not,
        )

    def _read(self, turn: int, page: int, items: list[Item]) -> None:
        self._reading = None
        if turn == self._turn and items:
            self._pages[page] = items
            while len(self._pages) > KEPT:
                self._pages.popitem(last=False)
            first = page * PAGE
            last = min(self._count, first + len(items)) - 1
            self.dataChanged.emit(self.index(first), self.index(last), [])
        self._next()
