"""A function that works in a thread and hands over what it makes, as a generator."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

BEAT = 0.25
"""Seconds of silence after which the generator yields all the same, so that it can be closed."""


class Stopped(Exception):  # noqa: N818  # like StopIteration, no error
    """Raised inside the work to leave it, once nobody wants what it makes."""


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Ended:
    error: BaseException | None


def steps(
    work: Callable[[Callable[[T], None]], None],
    halt: Callable[[], None],
    beat: Callable[[], T | None],
) -> Generator[T, None, None]:
    """What `work` emits, one by one; `work` stands still while a step is looked at.

    `work(emit)` runs in a thread; what it raises is raised here. When the generator is closed,
    `halt` is called, the next `emit` raises Stopped, and the thread has ended before `close`
    returns. In silence, `beat` says what to yield in the meantime, or None for nothing.
    """
    made: queue.SimpleQueue[_Made[T] | _Ended] = queue.SimpleQueue()
    wanted = threading.Semaphore(0)
    closing = threading.Event()

    def emit(step: T) -> None:
        if closing.is_set():
            raise Stopped
        made.put(_Made(step))
        wanted.acquire()
        if closing.is_set():
            raise Stopped

    def body() -> None:
        try:
            work(emit)
        except BaseException as error:  # carried to the generator, which raises it
            made.put(_Ended(error))
        else:
            made.put(_Ended(None))

    thread = threading.Thread(target=body, name="drawing", daemon=True)
    thread.start()
    try:
        while True:
            try:
                news = made.get(timeout=BEAT)
            except queue.Empty:
                sign = beat()
                if sign is not None:
                    yield sign
                continue
            if isinstance(news, _Ended):
                if news.error is not None:
                    raise news.error
                return
            yield news.value
            wanted.release()
    finally:
        closing.set()
        halt()
        wanted.release()
        thread.join()
