"""How a benchmark speaks: a row a figure, with the ratio to its peer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "TRIPTYCH_BENCH_ROWS"
"""The environment variable that names the file in which rows are kept, a JSON object a line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, beside a peer's where there is one; `ratio` above 1 means that ours is better."""

    what: str
    unit: str
    ours: float
    peer: str = ""
    """Empty where there is none."""
    theirs: float | None = None
    ratio: float | None = None
    """None for a quality, which is no speed."""
    bar: float | None = None
    """The ratio that was asked for."""
    wanted: str = ""
    """What was asked for, in words, where it is no ratio."""


def rate(
    what: str, unit: str, ours: float, peers: dict[str, float], bars: dict[str, float] | None = None
) -> None:
    """More is better: ours, then each peer and how many times faster ours is."""
    for peer, value in peers.items():
        _tell(Row(what, unit, ours, peer, value, ours / value, (bars or {}).get(peer)))


def duration(
    what: str, ours: float, peers: dict[str, float], bars: dict[str, float] | None = None
) -> None:
    """Seconds, less is better: ours, then each peer and how many times faster ours is."""
    for peer, value in peers.items():
        _tell(Row(what, "s", ours, peer, value, value / ours, (bars or {}).get(peer)))


def size(
    what: str, ours: float, peers: dict[str, float], bars: dict[str, float] | None = None
) -> None:
    """Megabytes, less is better: ours, then each peer and how many times less ours is."""
    for peer, value in peers.items():
        _tell(Row(what, "MB", ours, peer, value, value / ours, (bars or {}).get(peer)))


def figure(
    what: str, unit: str, ours: float, wanted: str = "", peers: dict[str, float] | None = None
) -> None:
    """A quality rather than a speed: what was measured, what was asked for, and what the same
    comes to elsewhere."""
    if not peers:
        _tell(Row(what, unit, ours, wanted=wanted))
    for peer, value in (peers or {}).items():
        _tell(Row(what, unit, ours, peer, value, wanted=wanted))


def _tell(row: Row) -> None:
    theirs = "" if row.theirs is None else f"{row.theirs:10.3f}"
    ratio = "" if row.ratio is None else f"  x{row.ratio:.2f}"
    bar = f"  ({row.wanted})" if row.wanted else ""
    if row.bar is not None:
        bar = f"  (bar x{row.bar:.2f})"
    print(
        f"{row.what:<46} {row.ours:10.3f} {row.unit:<9} {row.peer:<28} {theirs}{ratio}{bar}",
        flush=True,
    )
    place = os.environ.get(ROWS)
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def best(call: Callable[[], object], times: int = 3) -> float:
    """The shortest of several runs, in seconds: what the machine can do when left alone."""
    found = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        call()
        found = min(found, time.perf_counter() - start)
    return found


def median(call: Callable[[], object], times: int = 5) -> float:
    """The middle of several runs, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[len(taken) // 2]
