"""How a benchmark speaks: a row a figure, with the ratio to its peer."""

from __future__ import annotations

import time
from collections.abc import Callable


def rate(what: str, unit: str, ours: float, peers: dict[str, float]) -> None:
    """More is better: ours, then each peer and how many times faster ours is."""
    for peer, value in peers.items():
        print(f"{what:<44} {ours:10.2f} {unit:<9} {peer:<26} {value:10.2f}  x{ours / value:.2f}")


def duration(what: str, ours: float, peers: dict[str, float]) -> None:
    """Seconds, less is better: ours, then each peer and how many times faster ours is."""
    for peer, value in peers.items():
        print(f"{what:<44} {ours:10.4f} s         {peer:<26} {value:10.4f}  x{value / ours:.2f}")


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
