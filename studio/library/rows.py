"""The rows of the items: how they are written, found and turned into items."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import search
from studio.library.item import (
    Cursor,
    Item,
    ModelUse,
    Query,
    summary_from_json,
    summary_to_json,
    title_of,
)

ITEMS = "items"
TRASH = ".trash"
_COLUMNS = (
    "i.seq, i.id, i.main, i.files, i.sha256, i.record, i.summary, i.starred, i.trashed, i.missing"
)
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class NewRow:
    """What becomes a row."""

    id: str
    created: float
    files: tuple[str, ...]
    """Below the folder of the items or of the trash, with `/`; the main one first."""
    sha256: str
    record: Record
    summary: dict[str, object]
    starred: bool = False
    trashed: float | None = None


class Rows:
    """SQL over the table of items; every method works on the connection that it is given."""

    def __init__(self, root: Path) -> None:
        self._items, self._trash = root / ITEMS, root / TRASH

    def insert(self, db: sqlite3.Connection, new: NewRow) -> Item:
        """Add a row and the words to find it by; its order is unlike that of any other."""
        recipe = new.record.recipe
        order = micros(new.created)
        while db.execute("SELECT 1 FROM item WHERE seq = ?", (order,)).fetchone():
            order += 1
        db.execute(
            "INSERT INTO item(seq, id, kind, family, model, main, files, sha256, record, summary,"
            " starred, trashed) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                order,
                new.id,
                recipe.kind,
                recipe.family,
                recipe.model,
                new.files[0],
                json.dumps(new.files),
                new.sha256,
                new.record.to_json(),
                summary_to_json(new.summary),
                int(new.starred),
                new.trashed,
            ),
        )
        self._index(db, order, recipe, new.summary)
        (item,) = self.by_ids(db, [new.id])
        return item

    def page(
        self, db: sqlite3.Connection, query: Query, after: Cursor | None, limit: int
    ) -> list[Item]:
        """The newest items first, beginning after the cursor."""
        source, conditions, values = _conditions(query)
        order = "find.rowid" if source.startswith("find") else "i.seq"
        if after is not None:
            conditions.append(f"{order} < ?")
            values.append(after.order)
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM {source} WHERE {' AND '.join(conditions)}"
            f" ORDER BY {order} DESC LIMIT ?",
            [*values, max(0, limit)],
        ).fetchall()
        return [self.item(row) for row in rows]

    def count(self, db: sqlite3.Connection, query: Query) -> int:
        source, conditions, values = _conditions(query)
        (number,) = db.execute(
            f"SELECT count(*) FROM {source} WHERE {' AND '.join(conditions)}", values
        ).fetchone()
        return int(number)

    def by_ids(self, db: sqlite3.Connection, ids: Iterable[str]) -> list[Item]:
        """The items with these ids that there are, newest first."""
        found: list[Item] = []
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {_COLUMNS} FROM item i WHERE i.id IN ({marks})"
            found += [self.item(row) for row in db.execute(sql, chunk).fetchall()]
        return sorted(found, key=lambda item: -item.order)

    def by_column(self, db: sqlite3.Connection, column: str, value: str) -> Item | None:
        """The newest item whose `main` or `sha256` is `value`."""
        row = db.execute(
            f"SELECT {_COLUMNS} FROM item i WHERE i.{column} = ? ORDER BY i.seq DESC LIMIT 1",
            (value,),
        ).fetchone()
        return self.item(row) if row else None

    def set(
        self, db: sqlite3.Connection, ids: Iterable[str], column: str, value: float | None
    ) -> None:
        """Write one column (`starred`, `trashed`, `missing`) of some items."""
        db.executemany(f"UPDATE item SET {column} = ? WHERE id = ?", [(value, i) for i in ids])

    def delete(self, db: sqlite3.Connection, items: Sequence[Item]) -> None:
        for item in items:
            db.execute("DELETE FROM find WHERE rowid = ?", (item.order,))
            db.execute("DELETE FROM item WHERE seq = ?", (item.order,))

    def clear(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM item")
        db.execute("DELETE FROM find")

    def models_used(self, db: sqlite3.Connection) -> list[ModelUse]:
        rows = db.execute(
            "SELECT model, kind, count(*) FROM item WHERE trashed IS NULL"
            " GROUP BY model, kind ORDER BY count(*) DESC, model"
        ).fetchall()
        return [ModelUse(*row) for row in rows]

    def files(self, db: sqlite3.Connection) -> list[tuple[str, list[str], bool, bool]]:
        """Of every item: id, its files (relative), in the trash or not, missing or not."""
        rows = db.execute("SELECT id, files, trashed, missing FROM item").fetchall()
        return [(i, json.loads(f), t is not None, bool(m)) for i, f, t, m in rows]

    def item(self, row: Sequence[object]) -> Item:
        """The item of a row with the columns of `page`."""
        order, item_id, main, files, sha256, record, summary, starred, trashed, missing = row
        made = Record.from_json(str(record))
        base = self._items if trashed is None else self._trash
        names = [str(main)] if files == f'["{main}"]' else json.loads(str(files))
        return Item(
            id=str(item_id),
            kind=made.recipe.kind,
            created=int(str(order)) / 1e6,
            files=tuple(base / name for name in names),
            recipe=made.recipe,
            provider=made.provider,
            edited=made.edited,
            starred=bool(starred),
            summary=summary_from_json(str(summary)),
            sha256=str(sha256),
            order=int(str(order)),
            mark_ai=made.mark_ai,
            trashed=None if trashed is None else float(str(trashed)),
            missing=bool(missing),
        )

    def _index(
        self, db: sqlite3.Connection, order: int, recipe: Recipe, summary: dict[str, object]
    ) -> None:
        # Everything that a person wrote can be found, whatever the family calls the setting.
        wishes = " ".join(v for v in recipe.values.values() if isinstance(v, str))
        title = title_of(recipe.kind, recipe, summary)
        excerpt = str(summary.get("excerpt") or "")
        fields = (wishes, title, excerpt, recipe.model, recipe.family)
        db.execute(
            "INSERT INTO find(rowid, prompt, title, excerpt, model, family) VALUES(?,?,?,?,?,?)",
            (order, *(search.searchable(text) for text in fields)),
        )


def micros(seconds: float) -> int:
    """Seconds since the epoch as whole microseconds, within what SQLite can hold."""
    if not math.isfinite(seconds):
        seconds = math.copysign(1e12, seconds) if seconds == seconds else 0.0
    return round(min(max(seconds, -1e12), 1e12) * 1e6)


def _conditions(query: Query) -> tuple[str, list[str], list[object]]:
    """The tables, the conditions and their values."""
    conditions = [f"i.trashed IS {'NOT ' if query.trashed else ''}NULL"]
    values: list[object] = []
    source, order = "item i", "i.seq"
    if phrase := search.match(query.words):
        # CROSS JOIN keeps the order of the tables: found words come newest first by themselves.
        source, order = "find CROSS JOIN item i ON i.seq = find.rowid", "find.rowid"
        conditions.append("find MATCH ?")
        values.append(phrase)
    if query.kind is not None:
        conditions.append("i.kind = ?")
        values.append(query.kind)
    if query.model is not None:
        conditions.append("i.model = ?")
        values.append(query.model)
    if query.starred is not None:
        conditions.append(f"i.starred = {int(query.starred)}")
    if query.since is not None:
        conditions.append(f"{order} >= ?")
        values.append(micros(query.since))
    if query.until is not None:
        conditions.append(f"{order} < ?")
        values.append(micros(query.until))
    return source, conditions, values
