"""What a family works with: models kept loaded within a memory budget, and the device."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar, cast

from studio.core.errors import StudioError
from studio.core.sizes import size_words
from studio.engine.gpus import free_memory

T = TypeVar("T")

HEADROOM = 1.15
"""Memory that loading takes for each byte of weights: beside them lie graphs and buffers."""
SPARED = 256 << 20
"""Bytes that are left to the window and the system."""


@dataclass(slots=True)
class _Held:
    value: Any
    size: int


class Workbench:
    """Keeps what was loaded last, least recently used out first, within `budget` bytes."""

    def __init__(self, budget: int = 4 << 30, free: Callable[[], int] = free_memory) -> None:
        self.budget = budget
        self.provider = "CPUExecutionProvider"
        """The execution provider really in use by the last model taken; families set it."""
        self.note = ""
        """A sentence for the person on how the job runs; the engine tells it at the end."""
        self.given_up: list[Thread] = []
        """Loading that was stopped and still ends by itself: nothing large begins before it has."""
        self._free = free
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()

    def take(self, key: Hashable, load: Callable[[], T], size: int) -> T:
        """What `key` stands for, loaded now if it is not held. `size` in bytes, estimated.

        The key has to name everything that the loaded thing depends on: path, its time of
        change, provider, threads. Raises StudioError where there is not memory enough for it.
        """
        held = self._held.pop(key, None)
        if held is None:
            # Room first: two large models at once are what runs a machine out of memory.
            self._shrink(self.budget - size)
            self.make_room(int(size * HEADROOM))
            held = _Held(load(), size)
        self._held[key] = held
        return cast(T, held.value)

    def make_room(self, needed: int) -> None:
        """Let go of what is held until `needed` bytes are free.

        Raises StudioError where they are not even then: a machine that swaps stands still.
        """
        while self._held and needed > self._free() - SPARED:
            self._drop_oldest()
            gc.collect()
        free = max(0, self._free() - SPARED)
        if needed > free:
            raise StudioError(
                f"This model needs about {gigabytes(needed)} of memory, and {gigabytes(free)}"
                " are free.",
                "Close other programs, or choose a smaller model or one in int4 or fp16.",
            )

    def holds(self, key: Hashable) -> bool:
        return key in self._held

    def forget(self, key: Hashable) -> None:
        """Let go of one thing, for instance after it failed."""
        self._held.pop(key, None)

    def clear(self) -> None:
        """Let go of everything."""
        self._shrink(-1)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(k[1] if isinstance(k, tuple) and len(k) > 1 else k) for k in self._held)

    def _shrink(self, limit: int) -> None:
        dropped = False
        while self._held and sum(h.size for h in self._held.values()) > limit:
            self._drop_oldest()
            dropped = True
        if dropped:
            gc.collect()

    def _drop_oldest(self) -> None:
        self._held.popitem(last=False)


def gigabytes(size: int) -> str:
    """Bytes as a person reads them."""
    return size_words(size)


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of a model's files: what a cache key needs to notice a change."""
    return tuple(
        (p.relative_to(folder).as_posix(), (s := p.stat()).st_size, s.st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    )


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(size for _, size, _ in folder_stamp(folder))
