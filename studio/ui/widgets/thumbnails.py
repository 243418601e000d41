"""Small pictures of big ones, read off the main thread and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
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
        self._queue = _Queue()
        self._read: deque[tuple[Key, QImage | None]] = deque()
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.destroyed.connect(self._queue.close)
        for _ in range(threads):
            threading.Thread(
                target=_work, args=(self._queue, self._deliver), name="thumbnails", daemon=True
            ).start()

    def get(self, item_id: str, source: Source, side: int) -> QPixmap | None:
        """The thumbnail, `side` device pixels square, or None while it is read (or unreadable)."""
        key = (item_id, side)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._queue.put(key, source)
        return None

    def broken(self, item_id: str, side: int) -> bool:
        """Whether the picture was found unreadable."""
        key = (item_id, side)
        return key in self._kept and self._kept[key] is None

    def close(self) -> None:
        """Stop reading."""
        self._queue.close()

    def _deliver(self, key: Key, image: QImage | None) -> None:  # on a reading thread
        self._read.append((key, image))
        try:
            self._arrived.emit()
        except RuntimeError:  # the window was closed meanwhile
            pass

    def _take(self) -> None:
        while self._read:
            key, image = self._read.popleft()
            self._bytes += key[1] * key[1] * 4
            self._kept[key] = QPixmap.fromImage(image) if image is not None else None
            while self._bytes > MAX_BYTES and len(self._kept) > 1:
                (_, side), _pixmap = self._kept.popitem(last=False)
                self._bytes -= side * side * 4
            self.ready.emit(key[0])


class _Queue:
    """What is still to be read: last in, first out, without doubles, bounded."""

    def __init__(self) -> None:
        self._wanted: OrderedDict[Key, Source] = OrderedDict()
        self._changed = threading.Condition()
        self._open = True

    def put(self, key: Key, source: Source) -> None:
        with self._changed:
            self._wanted[key] = source
            self._wanted.move_to_end(key)
            while len(self._wanted) > MAX_WAITING:
                self._wanted.popitem(last=False)
            self._changed.notify()

    def get(self) -> tuple[Key, Source] | None:
        """The newest request; waits for one. None once the queue is closed."""
        with self._changed:
            while self._open and not self._wanted:
                self._changed.wait()
            return self._wanted.popitem() if self._open else None

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()


def _work(queue: _Queue, deliver: Callable[[Key, QImage | None], None]) -> None:
    while (wanted := queue.get()) is not None:
        key, source = wanted
        try:
            path = source if isinstance(source, Path) else source()
            image = read_square(path, key[1])
        except StudioError:  # gone, or no picture: the card shows that it is broken
            image = None
        deliver(key, image)


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
