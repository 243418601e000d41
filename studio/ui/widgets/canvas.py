"""A picture to look at: zoomed, moved about and dragged out to other programs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDrag,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from studio.ui import theme
from studio.ui.widgets.chequer import draw_chequer
from studio.ui.widgets.resample import Resampled

MIN_ZOOM, MAX_ZOOM = 0.05, 32.0
STEP = 1.25
"""One press of + or one notch of the wheel."""
MARGIN = 12
"""Pixels left free around a picture that fits."""
FIT_LIMIT = 8.0
"""A small picture is not blown up further than this to fit."""
RADIUS = 6.0


class Canvas(QWidget):
    """Shows one picture. Zoom 1 is one pixel of the picture on one pixel of the screen.

    The wheel and + and - zoom, dragging, the arrow keys and space with the mouse move what is
    larger than the view; what fits is dragged out as a file.
    """

    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName(self.tr("Picture"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 96)
        self._image = QImage()
        self._live = False
        self._resampled = Resampled(self)
        self._file: Path | None = None
        self._fit = True
        self._zoom = self._told = 1.0
        self._centre = QPointF()
        """The point of the picture that is in the middle of the view."""
        self._grip: QPointF | None = None
        self._pressed: QPointF | None = None
        self._space = False

    @property
    def image(self) -> QImage:
        return self._image

    @property
    def zoom(self) -> float:
        return self._zoom

    @property
    def fits(self) -> bool:
        """Whether the picture is kept fitted to the view."""
        return self._fit

    @property
    def centre(self) -> QPointF:
        return QPointF(self._centre)

    def set_image(self, image: QImage, file: Path | None = None, *, live: bool = False) -> None:
        """Show `image`; `file` is what is dragged out. One of the same size keeps the view.

        `live`: the next one comes soon, so this one is not worth much care.
        """
        same = image.size() == self._image.size()
        self._image, self._file, self._live = image, file, live
        if not same:
            self.fit()
        self._settle()

    def clear(self) -> None:
        self.set_image(QImage())

    def sizeHint(self) -> QSize:
        return QSize(400, 400)

    def fit(self) -> None:
        """Show all of it, as large as there is room."""
        self._fit = True
        self._settle()

    def actual(self) -> None:
        """100 %: one pixel of the picture on one pixel of the screen."""
        self.zoom_to(1.0)

    def zoom_in(self) -> None:
        self.zoom_to(self._zoom * STEP)

    def zoom_out(self) -> None:
        self.zoom_to(self._zoom / STEP)

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom so that the picture's point below `at` (the view's middle) stays where it is."""
        if self._image.isNull():
            return
        at = at or QPointF(self.rect().center())
        before = self._to_image(at)
        self._fit = False
        self._zoom = min(max(zoom, MIN_ZOOM), MAX_ZOOM)
        self._centre += before - self._to_image(at)
        self._settle()

    def drag_out(self) -> None:
        """Give the picture to another program as a file and as pixels."""
        if self._image.isNull():
            return
        data = QMimeData()
        data.setImageData(self._image)
        if self._file is not None:
            data.setUrls([QUrl.fromLocalFile(str(self._file))])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(
            QPixmap.fromImage(self._image).scaled(
                96,
                96,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
        drag.exec(Qt.DropAction.CopyAction)

    # What the person does

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if notches and not self._image.isNull():
            self.zoom_to(self._zoom * STEP**notches, event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 48 / self._scale()
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom_in()
            case Qt.Key.Key_Minus:
                self.zoom_out()
            case Qt.Key.Key_F:
                self.fit()
            case Qt.Key.Key_1 if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.actual()
            case Qt.Key.Key_Left:
                self._pan(QPointF(-step, 0))
            case Qt.Key.Key_Right:
                self._pan(QPointF(step, 0))
            case Qt.Key.Key_Up:
                self._pan(QPointF(0, -step))
            case Qt.Key.Key_Down:
                self._pan(QPointF(0, step))
            case Qt.Key.Key_Space:
                self._space = True
                self._show_cursor()
            case _:
                super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._show_cursor()
        else:
            super().keyReleaseEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        button = event.button()
        if self._image.isNull():
            return
        if button == Qt.MouseButton.MiddleButton or (
            button == Qt.MouseButton.LeftButton
            and (self._space or (self._overflows() and not _control(event)))
        ):
            self._grip = event.position()
        elif button == Qt.MouseButton.LeftButton:
            self._pressed = event.position()
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self._pan((self._grip - event.position()) / self._scale())
            self._grip = event.position()
        elif self._pressed is not None:
            moved = event.position() - self._pressed
            if moved.manhattanLength() >= QApplication.startDragDistance():
                self._pressed = None
                self.drag_out()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = self._pressed = None
        self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._fit:
            self.zoom_to(max(1.0, self._zoom * 2), event.position())
        else:
            self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image.isNull():
            return
        target = self._target()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        clip = QPainterPath()
        clip.addRoundedRect(target, RADIUS, RADIUS)
        painter.setClipPath(clip)
        if self._image.hasAlphaChannel():
            draw_chequer(painter, target)
        ratio = self.devicePixelRatioF()
        if self._fit:
            pixels = QSize(round(target.width() * ratio), round(target.height() * ratio))
            fine = self._resampled.at(self._image, pixels) if not self._live else None
            if fine is not None:
                painter.drawPixmap(target, fine, QRectF(fine.rect()))
            else:
                painter.drawImage(target, self._image)
        else:
            painter.drawImage(target, self._image)
        painter.setClipping(False)
        painter.setPen(theme.color("text", 36))
        painter.drawRoundedRect(target.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        if self.hasFocus():
            painter.setPen(theme.color("focus"))
            painter.drawRoundedRect(target.adjusted(-2.5, -2.5, 2.5, 2.5), RADIUS + 2, RADIUS + 2)

    # Where things are

    def _scale(self) -> float:
        """Pixels of the widget for one of the picture."""
        return self._zoom / self.devicePixelRatioF()

    def _target(self) -> QRectF:
        size = QPointF(self._image.width(), self._image.height()) * self._scale()
        middle = QPointF(self.width() / 2, self.height() / 2)
        corner = middle - self._centre * self._scale()
        return QRectF(corner.x(), corner.y(), size.x(), size.y())

    def _to_image(self, point: QPointF) -> QPointF:
        middle = QPointF(self.width() / 2, self.height() / 2)
        return QPointF(self._centre + (point - middle) / self._scale())

    def _overflows(self) -> bool:
        target = self._target()
        return target.width() > self.width() + 1 or target.height() > self.height() + 1

    def _pan(self, by: QPointF) -> None:
        self._centre += by
        self._settle()

    def _settle(self) -> None:
        """Bring zoom and centre to what is possible and paint."""
        if self._image.isNull():
            self.update()
            return
        width, height = self._image.width(), self._image.height()
        ratio = self.devicePixelRatioF()
        if self._fit:
            room_x, room_y = self.width() - 2 * MARGIN, self.height() - 2 * MARGIN
            scale = min(room_x / width, room_y / height, FIT_LIMIT)
            self._zoom = max(scale, 0.01) * ratio
            self._centre = QPointF(width / 2, height / 2)
        else:
            self._centre = QPointF(
                _held(self._centre.x(), width, self.width() / self._scale()),
                _held(self._centre.y(), height, self.height() / self._scale()),
            )
        self._show_cursor()
        if self._zoom != self._told:
            self._told = self._zoom
            self.zoom_changed.emit(self._zoom)
        self.update()

    def _show_cursor(self) -> None:
        if self._grip is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif not self._image.isNull() and (self._space or self._overflows()):
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.unsetCursor()


def _held(centre: float, size: float, room: float) -> float:
    """A centre that leaves no empty edge, or the middle where there is room for all."""
    if size <= room:
        return size / 2
    return min(max(centre, room / 2), size - room / 2)


def _control(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
