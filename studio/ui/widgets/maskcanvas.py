"""Painting a mask over a picture: brush and eraser, undo and redo, by mouse and by keys."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.ui import theme
from studio.ui.widgets.canvas import Canvas

MOST_UNDONE = 40
LEAST_BRUSH, MOST_BRUSH = 2, 400
"""Pixels of the picture across."""
VEIL = 150
"""How much of the picture the mask hides, of 255."""
NUDGE = 4
"""So many presses of an arrow key move the brush by its own width."""


class MaskCanvas(Canvas):
    """A picture with a mask over it, white (shown tinted) where something new is to be drawn.

    The mouse paints; so does the space bar, held while the arrow keys move the brush. The wheel,
    + and - zoom, F fits, the middle button moves the picture.
    """

    changed = Signal()
    """The mask, what can be undone, or the brush."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mask-canvas")
        self.setMouseTracking(True)
        self.brush = 40
        """Pixels of the picture across."""
        self.erasing = False
        self._mask = QImage()
        self._shade = QImage()
        """The mask in the accent's colour, as it is laid over the picture."""
        self._done: list[QImage] = []
        self._undone: list[QImage] = []
        self._at: QPointF | None = None
        """The brush, in the picture."""
        self._stroke: QPointF | None = None
        """Where the stroke that is being painted has come to."""

    # The mask

    def open(self, picture: QImage, mask: QImage | None = None) -> None:
        """Paint over this picture, beginning with a mask of its size or with none."""
        self.set_image(picture)
        self._mask = QImage(picture.size(), QImage.Format.Format_Grayscale8)
        self._mask.fill(0)
        if mask is not None and mask.size() == picture.size():
            self._mask = mask.convertToFormat(QImage.Format.Format_Grayscale8)
        self._done, self._undone = [], []
        self.brush = max(8, min(MOST_BRUSH, min(picture.width(), picture.height()) // 10))
        self._at = QPointF(picture.width() / 2, picture.height() / 2)
        self._tint_all()

    def painted(self) -> QImage:
        """The mask: 8 bits of grey, of the picture's size."""
        return self._mask.copy()

    @property
    def empty(self) -> bool:
        """Whether nothing is painted."""
        blank = QImage(self._mask.size(), QImage.Format.Format_Grayscale8)
        blank.fill(0)
        return self._mask == blank

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def clear_mask(self) -> None:
        """Nothing is painted any more."""
        self._keep()
        self._mask.fill(0)
        self._tint_all()

    def invert(self) -> None:
        """What was painted is free, and the other way round."""
        self._keep()
        self._mask.invertPixels()
        self._tint_all()

    def undo(self) -> None:
        if self._done:
            self._undone.append(self._mask)
            self._mask = self._done.pop()
            self._tint_all()

    def redo(self) -> None:
        if self._undone:
            self._done.append(self._mask)
            self._mask = self._undone.pop()
            self._tint_all()

    def set_brush(self, pixels: int) -> None:
        """How wide the brush is, in pixels of the picture."""
        wide = max(LEAST_BRUSH, min(MOST_BRUSH, pixels))
        if wide != self.brush:
            self.brush = wide
            self.changed.emit()
            self.update()

    def set_erasing(self, yes: bool) -> None:
        if yes != self.erasing:
            self.erasing = yes
            self.changed.emit()
            self.update()

    # What the person does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._mask.isNull():
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._begin(self._to_image(event.position()))
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._at = self._to_image(event.position())
        if self._stroke is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._paint_to(self._at)
        else:
            super().mouseMoveEvent(event)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._stroke = None
            self.changed.emit()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)  # two dabs, not a zoom

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        step = max(1.0, self.brush / NUDGE)
        moves = {
            Qt.Key.Key_Left: QPointF(-step, 0),
            Qt.Key.Key_Right: QPointF(step, 0),
            Qt.Key.Key_Up: QPointF(0, -step),
            Qt.Key.Key_Down: QPointF(0, step),
        }
        key = Qt.Key(event.key())
        if key in moves and held == Qt.KeyboardModifier.NoModifier:
            self._move(moves[key])
        elif key == Qt.Key.Key_Space:
            if self._stroke is None and not event.isAutoRepeat() and self._at is not None:
                self._begin(self._at)
        elif key == Qt.Key.Key_BracketLeft:
            self.set_brush(round(self.brush / 1.25))
        elif key == Qt.Key.Key_BracketRight:
            self.set_brush(round(self.brush * 1.25) + 1)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._stroke = None
            self.changed.emit()
        else:
            super().keyReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._mask.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._target(), self._shade)
        if self._at is not None:
            target, scale = self._target(), self._scale()
            centre = target.topLeft() + self._at * scale
            radius = max(1.5, self.brush * scale / 2)
            # Dark and light, so that it is seen on any picture; dashed while it erases.
            for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor("white"), 1.4)):
                pen = QPen(colour, width)
                if self.erasing:
                    pen.setStyle(Qt.PenStyle.DashLine)
                painter.setPen(pen)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(centre, radius, radius)
        painter.end()

    # How it is painted

    def _move(self, by: QPointF) -> None:
        old = self._at or QPointF(0, 0)
        self._at = QPointF(
            min(max(0.0, old.x() + by.x()), float(self._mask.width())),
            min(max(0.0, old.y() + by.y()), float(self._mask.height())),
        )
        if self._stroke is not None:
            self._paint_to(self._at)
        self.update()

    def _begin(self, point: QPointF) -> None:
        self._keep()
        self._stroke = self._at = point
        self._paint_to(point)

    def _keep(self) -> None:
        """Let what is about to be done be undone."""
        self._done.append(self._mask.copy())
        del self._done[:-MOST_UNDONE]
        self._undone.clear()

    def _paint_to(self, point: QPointF) -> None:
        start = self._stroke or point
        self._stroke = point
        colour = QColor("black" if self.erasing else "white")
        painter = QPainter(self._mask)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, self.brush, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        if start == point:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(point, self.brush / 2, self.brush / 2)
        else:
            painter.drawLine(start, point)
        painter.end()
        reach = self.brush / 2 + 2
        area = QRectF(start, point).normalized().adjusted(-reach, -reach, reach, reach)
        self._tint(area.toAlignedRect())
        self.changed.emit()
        self.update()

    def _tint_all(self) -> None:
        self._shade = QImage(self._mask.size(), QImage.Format.Format_ARGB32_Premultiplied)
        self._tint(self._mask.rect())
        self.changed.emit()
        self.update()

    def _tint(self, area: QRect) -> None:
        """Lay the mask's part over the picture in the accent's colour."""
        area = area.intersected(self._mask.rect())
        if area.isEmpty():
            return
        part = self._mask.copy(area)
        part.reinterpretAsFormat(QImage.Format.Format_Alpha8)
        painter = QPainter(self._shade)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.fillRect(area, theme.color("accent", VEIL))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(area.topLeft(), part)
        painter.end()

    def sizeHint(self) -> QSize:
        return QSize(720, 560)
