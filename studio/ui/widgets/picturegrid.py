"""A batch of pictures side by side, from which one is opened."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QWidget

from studio.ui import theme
from studio.ui.widgets.background import Background
from studio.ui.widgets.chequer import draw_chequer
from studio.ui.widgets.resample import Resampled

SPACE = 8
RADIUS = 8.0


class PictureCell(QAbstractButton):
    """One picture of a batch, as a button that opens it."""

    def __init__(self, number: int, work: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"cell-{number}")
        self.setAccessibleName(self.tr("Picture {n}").format(n=number))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._image = QImage()
        self._live = False
        self._resampled = Resampled(self, work)

    @property
    def image(self) -> QImage:
        return self._image

    def set_image(self, image: QImage, *, live: bool = False) -> None:
        self._image, self._live = image, live
        self.setEnabled(not image.isNull())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 120)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        if self._image.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(frame, RADIUS, RADIUS)
            return
        clip = QPainterPath()
        clip.addRoundedRect(frame, RADIUS, RADIUS)
        painter.setClipPath(clip)
        if self._image.hasAlphaChannel():
            draw_chequer(painter, frame)
        ratio = self.devicePixelRatioF()
        pixels = QSize(round(frame.width() * ratio), round(frame.height() * ratio))
        fine = self._resampled.at(self._image, pixels) if not self._live else None
        if fine is not None:
            painter.drawPixmap(frame, fine, QRectF(fine.rect()))
        else:
            painter.drawImage(frame, self._image)
        painter.setClipping(False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.hasFocus() or self.underMouse():
            pen = painter.pen()
            pen.setColor(theme.color("focus" if self.hasFocus() else "accent"))
            pen.setWidthF(2)
            painter.setPen(pen)
            painter.drawRoundedRect(frame, RADIUS, RADIUS)


class PictureGrid(QWidget):
    """Cells in as many columns as show the pictures largest."""

    opened = Signal(int)
    """The index of the picture that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grid")
        self.cells: list[PictureCell] = []
        self._ratio = 1.0
        self._work = Background(self)

    @property
    def ratio(self) -> float:
        """Width by height of its pictures."""
        return self._ratio

    def begin(self, count: int, ratio: float = 1.0) -> None:
        """Have `count` empty cells for pictures `ratio` times as wide as they are high."""
        for cell in self.cells:
            cell.hide()
            cell.deleteLater()
        self._ratio = ratio
        self.cells = [PictureCell(n + 1, self._work, self) for n in range(count)]
        for index, cell in enumerate(self.cells):
            cell.setEnabled(False)
            cell.clicked.connect(lambda _checked=False, i=index: self.opened.emit(i))
            cell.show()
        self._place()

    def set_images(self, images: Sequence[QImage]) -> None:
        """Show a finished batch."""
        first = next((i for i in images if not i.isNull()), None)
        if len(images) != len(self.cells):
            self.begin(len(images), first.width() / first.height() if first else 1.0)
        for cell, image in zip(self.cells, images, strict=True):
            cell.set_image(image)

    def set_image(self, index: int, image: QImage) -> None:
        """One picture as it is now; an index beyond the batch makes it larger."""
        if index >= len(self.cells):
            images = [c.image for c in self.cells]
            self.begin(index + 1, self._ratio)
            for cell, old in zip(self.cells, images, strict=False):
                cell.set_image(old, live=True)
        self.cells[index].set_image(image, live=True)
        ratio = image.width() / max(1, image.height())
        if ratio != self._ratio:
            self._ratio = ratio
            self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        count = len(self.cells)
        if not count:
            return
        best, columns = 0.0, 1
        for n in range(1, count + 1):
            rows = math.ceil(count / n)
            width = (self.width() - (n + 1) * SPACE) / n
            height = (self.height() - (rows + 1) * SPACE) / rows
            size = min(width, height * self._ratio)
            if size > best:
                best, columns = size, n
        rows = math.ceil(count / columns)
        wide, high = int(best), int(best / self._ratio)
        left = (self.width() - columns * (wide + SPACE) + SPACE) // 2
        top = (self.height() - rows * (high + SPACE) + SPACE) // 2
        for n, cell in enumerate(self.cells):
            row, column = divmod(n, columns)
            cell.setGeometry(
                QRect(left + column * (wide + SPACE), top + row * (high + SPACE), wide, high)
            )
