"""Small pictures of big ones, read off the main thread and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

from studio.core.errors import StudioError

MAX_BYTES = 96 * 2**20
"""Of thumbnails kept; at 2x that is about two screens full."""
MAX_WAITING = 160
"""Requests beyond it are forgotten, oldest first: they were scrolled past long ago."""

Key = tuple[str, int]
Source = Path | Callable[[], Path]
"""A picture file, or what finds or makes it; called on the reading thread."""


class Thumbnails(QObject):
    """Square thumbnails by item id; what was asked for last is read first.

    `ready(id)` says that `get` will now give the thumbnail.
    """

    ready = Signal(str)
    _arrived = Signal()  # the only signal a reading thread may emit

    def __init__(self, parent: QObject | None = None, threads: int = 2) -> None:
        super().__init__(parent)
        self._kept: OrderedDict[Key, QPixmap | None] = OrderedDict()
        self._bytes = 0
        self._wanted = _Wanted()
        self._read: deque[tuple[Key, QImage | None]] = deque()
        # Not daemon threads: one that is ended within Qt's code would take the program with it.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="thumbnails")
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.destroyed.connect(self._wanted.clear)
        self.destroyed.connect(partial(self._pool.shutdown, wait=False, cancel_futures=True))

    def get(self, item_id: str, source: Source, side: int) -> QPixmap | None:
        """The thumbnail, `side` device pixels square, or None while it is read (or unreadable)."""
        key = (item_id, side)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._wanted.put(key, source):
            self._pool.submit(self._work)
        return None

    def broken(self, item_id: str, side: int) -> bool:
        """Whether the picture was found unreadable."""
        key = (item_id, side)
        return key in self._kept and self._kept[key] is None

    def _work(self) -> None:  # on a reading thread
        wanted = self._wanted.take()
        if wanted is None:
            return  # forgotten meanwhile
        key, source = wanted
        try:
            path = source if isinstance(source, Path) else source()
            image = read_square(path, key[1])
        except StudioError:  # gone, or no picture: the card shows that it is broken
            image = None
        self._read.append((key, image))
        self._wanted.done(key)
        try:
            self._arrived.emit()
        except RuntimeError:  # the window was closed meanwhile
            pass

    def _take(self) -> None:
        while self._read:
            key, image = self._read.popleft()
            if key not in self._kept:
                self._bytes += key[1] * key[1] * 4
            self._kept[key] = QPixmap.fromImage(image) if image is not None else None
            while self._bytes > MAX_BYTES and len(self._kept) > 1:
                (_, side), _pixmap = self._kept.popitem(last=False)
                self._bytes -= side * side * 4
            self.ready.emit(key[0])


class _Wanted:
    """What is still to be read: last in, first out, without doubles, bounded. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Key, Source] = OrderedDict()
        self._reading: set[Key] = set()
        self._lock = threading.Lock()

    def put(self, key: Key, source: Source) -> bool:
        """Whether it is new here; what waits already comes to the front."""
        with self._lock:
            if key in self._reading:
                return False
            new = key not in self._waiting
            self._waiting[key] = source
            self._waiting.move_to_end(key)
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)
            return new

    def take(self) -> tuple[Key, Source] | None:
        """The newest one, which counts as being read until `done`."""
        with self._lock:
            if not self._waiting:
                return None
            key, source = self._waiting.popitem()
            self._reading.add(key)
            return key, source

    def done(self, key: Key) -> None:
        with self._lock:
            self._reading.discard(key)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()


def read_square(path: Path, side: int) -> QImage | None:
    """The middle of the picture, `side` pixels square; None where it cannot be read."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        # Decoded no larger than is needed to fill the square.
        reader.setScaledSize(
            size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        )
    image = reader.read()
    if image.isNull():
        return None
    image = image.scaled(
        side,
        side,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    middle = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
    return image.copy(middle)
