"""How one item looks in the grid: its picture, waveform or first lines, and a caption."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import pairwise

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPen,
    QTextOption,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from studio.library import Item, Library
from studio.ui import icons, theme
from studio.ui.widgets.chequer import draw_chequer
from studio.ui.widgets.itemwords import caption, length, title
from studio.ui.widgets.thumbnails import Source, Thumbnails

Index = QModelIndex | QPersistentModelIndex

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
MARGIN = 8
RADIUS = 10
CAPTION = 46
BADGE = 26
STORED = 512
"""Pixels of the small copies that the library keeps; enough for cards at 2x."""
STAR = "#ffc94d"
"""Given stars, on the dark badge that lies on pictures of any colour in both themes."""


def cell_size(side: int) -> QSize:
    """The cell of a card whose preview is `side` pixels wide."""
    return QSize(side + 2 * MARGIN, side + CAPTION + 2 * MARGIN)


class CardDelegate(QStyledItemDelegate):
    """Paints the cards of the grid."""

    def __init__(self, thumbnails: Thumbnails, library: Library, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._library = library
        self.cell = cell_size(168)
        self.by_keyboard = False
        """Whether the frame of the keyboard is drawn; a click does not need it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell, state = option.rect, option.state
        frame = cell.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        preview = QRect(frame.topLeft(), QSize(frame.width(), frame.height() - CAPTION))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selected" if selected else "raised"))
            painter.drawRoundedRect(cell.adjusted(2, 2, -2, -2), RADIUS + 4, RADIUS + 4)
        item = index.data(ITEM_ROLE)
        self._ground(painter, preview)
        if isinstance(item, Item):
            self._preview(painter, preview, item)
            self._caption(painter, frame, item)
            if item.starred or hovered:
                self._star(painter, preview, item)
        if selected:
            pen = QPen(theme.color("accent"), 2)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(preview, RADIUS, RADIUS)
        if state & QStyle.StateFlag.State_HasFocus and self.by_keyboard:
            pen = QPen(theme.color("focus"), 2)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(cell).adjusted(2, 2, -2, -2), RADIUS + 4, RADIUS + 4)
        painter.restore()

    def _ground(self, painter: QPainter, preview: QRect) -> None:
        painter.setPen(QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("surface"))
        painter.drawRoundedRect(QRectF(preview).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)

    def _preview(self, painter: QPainter, preview: QRect, item: Item) -> None:
        if item.kind == "image":
            self._picture(painter, preview, item)
        elif item.kind == "audio":
            self._sound(painter, preview, item)
        else:
            self._text(painter, preview, item)

    def _picture(self, painter: QPainter, preview: QRect, item: Item) -> None:
        device = painter.device()
        ratio = device.devicePixelRatio() if device is not None else 1.0
        side = round(max(preview.width(), preview.height()) * ratio)
        pixmap = self._thumbnails.get(item.id, self._source(item), side)
        if pixmap is not None:
            path = QPainterPath()
            path.addRoundedRect(QRectF(preview), RADIUS, RADIUS)
            painter.save()
            painter.setClipPath(path)
            if pixmap.hasAlphaChannel():
                draw_chequer(painter, QRectF(preview))
            painter.drawPixmap(preview, pixmap)
            painter.restore()
        elif self._thumbnails.broken(item.id, side):
            _glyph(painter, preview, "triangle-alert")

    def _source(self, item: Item) -> Source:
        # Read from the library's own small copy: a large original is decoded once only.
        return partial(self._library.thumbnail, item, STORED)

    def _sound(self, painter: QPainter, preview: QRect, item: Item) -> None:
        peaks = bytes(item.summary.get("peaks") or b"")
        inner = QRectF(preview).adjusted(16, 28, -16, -36)
        draw_peaks(painter, inner, peaks, theme.color("accent"))
        _chip(painter, preview, length(item))

    def _text(self, painter: QPainter, preview: QRect, item: Item) -> None:
        words = str(item.summary.get("excerpt") or "").strip()
        inner = QRectF(preview).adjusted(14, 12, -14, -12)
        font = QFont(painter.font())
        font.setPixelSize(12)
        painter.save()
        painter.setFont(font)
        # The last lines fade out: there is more.
        colour = theme.color("text")
        clear = theme.color("text", 0)
        fade = QLinearGradient(inner.topLeft(), inner.bottomLeft())
        fade.setColorAt(0.0, colour)
        fade.setColorAt(0.62, colour)
        fade.setColorAt(1.0, clear)
        painter.setPen(QPen(fade, 1))
        wrap = QTextOption(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        painter.setClipRect(inner)
        painter.drawText(inner, words[:600], wrap)
        painter.restore()

    def _caption(self, painter: QPainter, frame: QRect, item: Item) -> None:
        top = frame.bottom() - CAPTION + 8
        font = QFont(painter.font())
        font.setPixelSize(13)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        line = QRect(frame.left() + 2, top, frame.width() - 4, 19)
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(title(item), Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), shown)
        font.setPixelSize(12)
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        line.translate(0, 19)
        shown = QFontMetrics(font).elidedText(
            caption(item), Qt.TextElideMode.ElideRight, line.width()
        )
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), shown)

    def _star(self, painter: QPainter, preview: QRect, item: Item) -> None:
        badge = QRect(preview.right() - BADGE - 5, preview.top() + 6, BADGE, BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 130))
        painter.drawEllipse(badge)
        # White on the dark badge in both themes: it lies on a picture of any colour.
        draw_star(painter, QRectF(badge).adjusted(6, 6, -6, -6), filled=item.starred)


def star_rect(cell: QRect) -> QRect:
    """Where the star of a card is, in a cell."""
    frame = cell.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
    return QRect(frame.right() - BADGE - 5, frame.top() + 6, BADGE, BADGE)


def draw_star(painter: QPainter, box: QRectF, *, filled: bool) -> None:
    """A five-pointed star: gold where filled, a white outline where not."""
    points = (
        (0.5, 0.0), (0.646, 0.298), (0.976, 0.345), (0.738, 0.577), (0.794, 0.905),
        (0.5, 0.75), (0.206, 0.905), (0.262, 0.577), (0.024, 0.345), (0.354, 0.298),
    )  # fmt: skip
    path = QPainterPath()
    for n, (x, y) in enumerate(points):
        point = QPointF(box.left() + x * box.width(), box.top() + (y + 0.04) * box.height())
        path.lineTo(point) if n else path.moveTo(point)
    path.closeSubpath()
    pen = QPen(QColor(STAR if filled else "#ffffff"), 1.4)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(QColor(STAR) if filled else Qt.BrushStyle.NoBrush)
    painter.drawPath(path)


def draw_peaks(painter: QPainter, box: QRectF, peaks: bytes, colour: QColor) -> None:
    """Peaks (0-255, absolute) as rounded bars around the middle of `box`."""
    bars = max(1, int(box.width() // 4))
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    middle = box.center().y()
    for n, peak in enumerate(resampled(peaks, bars)):
        half = max(1.0, peak / 255 * box.height() / 2)
        painter.drawRoundedRect(
            QRectF(box.left() + n * 4 + 0.5, middle - half, 2.5, 2 * half), 1.2, 1.2
        )
    painter.restore()


@lru_cache(maxsize=512)
def resampled(peaks: bytes, count: int) -> Sequence[int]:
    """`count` values out of `peaks`, each the largest of its stretch."""
    if not peaks:
        return (0,) * count
    edges = [n * len(peaks) // count for n in range(count + 1)]
    return tuple(max(peaks[a : max(b, a + 1)]) for a, b in pairwise(edges))


def _chip(painter: QPainter, preview: QRect, text: str) -> None:
    """A small label in the lower left corner of the preview."""
    if not text:
        return
    font = QFont(painter.font())
    font.setPixelSize(12)
    painter.save()
    painter.setFont(font)
    width = QFontMetrics(font).horizontalAdvance(text) + 14
    box = QRectF(preview.left() + 8, preview.bottom() - 28, width, 21)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(box, 6, 6)
    painter.setPen(theme.color("text"))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.restore()


def _glyph(painter: QPainter, preview: QRect, name: str) -> None:
    box = QRect(0, 0, 28, 28)
    box.moveCenter(preview.center())
    icons.icon(name).paint(painter, box)
