"""A page and a search in a library of 100,000 items, against OFFSET and LIKE on the same rows."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from bench import report
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.library import Cursor, Library, Query
from studio.library.rows import NewRow

COUNT = 100_000
PAGE = 200
RUNS = 15
_KINDS = ("text", "image", "audio")
_FAMILIES = {"text": "text.chat", "image": "image.diffusion", "audio": "audio.tune"}
_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "tu")
_MADE_UP = [a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES]
WORDS = (*_MADE_UP[:100], "fox", "moon", "whale", "lantern", *_MADE_UP[100:])
_WEIGHTS = [1 / rank for rank in range(1, len(WORDS) + 1)]
"""Zipf's law: few words are in most texts, and most words in few."""


def main() -> None:
    """Fill a library, then print each figure beside its peer's."""
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder)) as library:
        fill(library, COUNT)
        newest = library.items(limit=1)[0]
        deep = Cursor(newest.order - (COUNT // 2) * 1_000_000)
        page(library, "first page", None, 0)
        page(library, "page after half of all", deep, COUNT // 2)
        for words in ("penguin", "fox lantern", "fo"):
            search(library, words)


def fill(library: Library, count: int) -> None:
    """Rows as items leave them; there are no files behind them."""
    rng = random.Random(1)
    with library._database.write() as db:
        for number in range(count):
            kind = _KINDS[number % 3]
            prompt = " ".join(rng.choices(WORDS, _WEIGHTS, k=9))
            if number % 1000 == 7:
                prompt += " penguin"
            recipe = Recipe(
                kind,  # type: ignore[arg-type]
                _FAMILIES[kind],
                f"triptych-{kind}",
                number,
                {"prompt": prompt, "steps": 20, "guidance": 4.0},
            )
            new = NewRow(
                id=f"{number:08d}",
                created=1_700_000_000.0 + number,
                files=(f"2026/11/2026-11-23 {number:08d}.png",),
                sha256=f"{number:064x}",
                record=Record(recipe, "CPUExecutionProvider"),
                summary={
                    "excerpt": " ".join(rng.choices(WORDS, _WEIGHTS, k=40)),
                    "title": prompt[:40],
                },
            )
            library._rows.insert(db, new)


def page(library: Library, what: str, after: Cursor | None, offset: int) -> None:
    """A page of items, made ready for use on both sides."""

    def naive() -> None:
        with library._database.read() as db:
            sql = (
                "SELECT seq, id, main, files, sha256, record, summary, starred, trashed, missing"
                " FROM item WHERE trashed IS NULL ORDER BY seq DESC LIMIT ? OFFSET ?"
            )
            for row in db.execute(sql, (PAGE, offset)).fetchall():
                library._rows.item(row)

    ours = report.median(lambda: library.items(after=after, limit=PAGE), RUNS)
    report.duration(f"library: {what} of {PAGE}", ours, {"OFFSET": report.median(naive, RUNS)})


def search(library: Library, words: str) -> None:
    """The first page of what has these words, each by its beginning."""

    condition = " AND ".join("(record LIKE ? OR summary LIKE ?)" for _ in words.split())
    values = [f"%{word}%" for word in words.split() for _ in range(2)]
    source = f" FROM item WHERE trashed IS NULL AND {condition}"

    def naive() -> None:
        with library._database.read() as db:
            sql = (
                "SELECT seq, id, main, files, sha256, record, summary, starred, trashed, missing"
                f"{source} ORDER BY seq DESC LIMIT ?"
            )
            for row in db.execute(sql, (*values, PAGE)).fetchall():
                library._rows.item(row)

    def naive_count() -> None:
        with library._database.read() as db:
            db.execute(f"SELECT count(*){source}", values).fetchone()

    query = Query(words=words)
    found = library.count(query)
    ours, peer = (
        report.median(lambda: library.items(query, limit=PAGE), RUNS),
        report.median(naive, RUNS),
    )
    report.duration(f"library: “{words}” ({found:,} found), first page", ours, {"LIKE": peer})
    ours, peer = report.median(lambda: library.count(query), RUNS), report.median(naive_count, RUNS)
    report.duration(f"library: “{words}”, count", ours, {"LIKE": peer})


if __name__ == "__main__":
    main()
