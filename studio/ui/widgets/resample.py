"""Pictures at the size at which they are looked at, made well and off the main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QWidget

from studio.ui.widgets.background import Background

LARGEST = 1600
"""Pixels of a side; beyond, the painter's own enlarging looks the same and costs nothing."""

Key = tuple[int, int, int]


class Resampled(QObject):
    """One picture at one size. While it is made, the painter's own quick way has to do."""

    def __init__(self, widget: QWidget, work: Background | None = None) -> None:
        """`widget` is painted again when the picture is there; `work` may be shared."""
        super().__init__(widget)
        self._widget = widget
        self._work = work
        self._key: Key | None = None
        self._pixmap: QPixmap | None = None

    def at(self, image: QImage, size: QSize) -> QPixmap | None:
        """`image` at `size` (device pixels), or None while that is being made."""
        key = (image.cacheKey(), size.width(), size.height())
        if key != self._key:
            self._key, self._pixmap = key, None
            if self._work is None:
                self._work = Background(self)
            self._work.run(lambda: resampled(image, size), lambda made: self._take(key, made))
        return self._pixmap

    def _take(self, key: Key, image: QImage) -> None:
        if key == self._key:
            self._pixmap = QPixmap.fromImage(image)
            self._widget.update()


def resampled(image: QImage, size: QSize) -> QImage:
    """`image` at `size`; enlarging is done with Lanczos, which keeps small drawings crisp."""
    if size.width() <= image.width() or size.isEmpty():
        return image.scaled(
            size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
    from PIL import Image  # not needed before the first picture

    rgba = image.convertToFormat(QImage.Format.Format_RGBA8888)
    source = Image.frombuffer(
        "RGBA",
        (rgba.width(), rgba.height()),
        bytes(rgba.constBits()),
        "raw",
        "RGBA",
        rgba.bytesPerLine(),
        1,
    )
    factor = min(1.0, LARGEST / max(size.width(), size.height()))
    width, height = max(1, int(size.width() * factor)), max(1, int(size.height() * factor))
    large = source.resize((width, height), Image.Resampling.LANCZOS)
    result = QImage(large.tobytes(), width, height, width * 4, QImage.Format.Format_RGBA8888).copy()
    return result if factor == 1.0 else result.scaled(size)
