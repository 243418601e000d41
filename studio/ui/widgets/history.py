"""The strip below a result: what was made last in this pane, to go back to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    QUrl,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPalette, QPen, QTextOption
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.library import Item
from studio.ui import theme
from studio.ui.widgets.chequer import draw_chequer
from studio.ui.widgets.itemcard import draw_peaks
from studio.ui.widgets.itemwords import title, when
from studio.ui.widgets.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
LIVE_ROLE = ITEM_ROLE + 1
SIDE = 60
SPACE = 3
RADIUS = 8.0


class HistoryModel(QAbstractListModel):
    """The last items, newest first; before them what is being made now, if anything."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: tuple[Item, ...] = ()
        self._live: float | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        return self._items

    def set_items(self, items: Sequence[Item]) -> None:
        if tuple(items) == self._items:
            return
        self.beginResetModel()
        self._items = tuple(items)
        self.endResetModel()

    def set_live(self, fraction: float | None) -> None:
        """How far the present job is; None where there is none."""
        if (fraction is None) == (self._live is None):
            self._live = fraction
            if fraction is not None:
                self.dataChanged.emit(self.index(0), self.index(0), [LIVE_ROLE])
        elif fraction is not None:
            self.beginInsertRows(QModelIndex(), 0, 0)
            self._live = fraction
            self.endInsertRows()
        else:
            self.beginRemoveRows(QModelIndex(), 0, 0)
            self._live = None
            self.endRemoveRows()

    def row_of(self, item_id: str) -> int | None:
        before = 0 if self._live is None else 1
        for row, item in enumerate(self._items):
            if item.id == item_id:
                return row + before
        return None

    def rowCount(self, parent: Index | None = None) -> int:
        if parent is not None and parent.isValid():
            return 0
        return len(self._items) + (self._live is not None)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row = index.row() - (self._live is not None)
        if row < 0:
            words = self.tr("What is being made now")
            if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
                return words
            return self._live if role == LIVE_ROLE else None
        item = self._items[row]
        match role:
            case _ if role == ITEM_ROLE:
                return item
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return f"{_short(title(item))}\n{when(item.created)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.data(ITEM_ROLE) else flags

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        items = [index.data(ITEM_ROLE) for index in indexes]
        data.setUrls([QUrl.fromLocalFile(str(i.main)) for i in items if isinstance(i, Item)])
        return data


class TileDelegate(QStyledItemDelegate):
    """Paints one tile: a picture, a waveform, first words, or a ring for what is being made."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._view = parent
        self.opened: str | None = None
        """The item that the pane shows now."""
        self.live_shown = False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(SIDE + 2 * SPACE, SIDE + 2 * SPACE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        palette = option.palette
        box = QRectF(option.rect.adjusted(SPACE, SPACE, -SPACE, -SPACE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.AlternateBase))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        item = index.data(ITEM_ROLE)
        live = index.data(LIVE_ROLE)
        if isinstance(item, Item):
            self._preview(painter, box, palette, item)
        elif isinstance(live, float):
            self._ring(painter, box, palette, live)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.color("text", 30))  # an edge for pictures as light as the ground
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        state = option.state
        shown = item.id == self.opened if isinstance(item, Item) else self.live_shown
        focus = state & QStyle.StateFlag.State_HasFocus
        if shown or focus or state & QStyle.StateFlag.State_MouseOver:
            # The style sheet has its own meaning for the palette's highlight in lists.
            colour = theme.color("focus" if focus else "accent", 255 if shown or focus else 120)
            painter.setPen(QPen(colour, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), RADIUS + 1, RADIUS + 1)
        painter.restore()

    def _preview(self, painter: QPainter, box: QRectF, palette: QPalette, item: Item) -> None:
        clip = QPainterPath()
        clip.addRoundedRect(box, RADIUS, RADIUS)
        painter.save()
        painter.setClipPath(clip)
        if item.kind == "image":
            side = round(SIDE * self._view.devicePixelRatioF())
            pixmap = self._thumbnails.get(item.id, item.main, side)
            if pixmap is not None:
                if pixmap.hasAlphaChannel():
                    draw_chequer(painter, box)
                painter.drawPixmap(box.toRect(), pixmap)
        elif item.kind == "audio":
            peaks = bytes(item.summary.get("peaks") or b"")
            colour = theme.color("accent")
            draw_peaks(painter, box.adjusted(8, 14, -6, -14), peaks, colour)
        else:
            font = QFont(painter.font())
            font.setPixelSize(9)
            painter.setFont(font)
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            wrap = QTextOption(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            wrap.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
            words = str(item.summary.get("excerpt") or "").strip() or title(item)
            painter.drawText(box.adjusted(6, 5, -5, -3), words[:120], wrap)
        painter.restore()

    def _ring(self, painter: QPainter, box: QRectF, palette: QPalette, fraction: float) -> None:
        ring = QRectF(0, 0, 26, 26)
        ring.moveCenter(box.center())
        faint = QColor(palette.color(QPalette.ColorRole.Text))
        faint.setAlpha(40)
        pen = QPen(faint, 3)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen)
        painter.drawEllipse(ring)
        pen.setColor(theme.color("accent"))
        painter.setPen(pen)
        # Qt counts sixteenths of a degree, anticlockwise, from three o'clock.
        painter.drawArc(ring, 90 * 16, -max(180, round(fraction * 360 * 16)))


class HistoryStrip(QListView):
    """The tiles in one row; click, Return or Space opens one, dragging takes the file out."""

    opened = Signal(Item)
    live_opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("history")
        self.setAccessibleName(self.tr("Made last"))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setDragDropMode(QListView.DragDropMode.DragOnly)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(SIDE + 2 * SPACE + 2)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._thumbnails = Thumbnails(self)
        self._thumbnails.ready.connect(self._ready)
        self._model = HistoryModel(self)
        self._delegate = TileDelegate(self._thumbnails, self)
        self.setModel(self._model)
        self.setItemDelegate(self._delegate)
        self.clicked.connect(self._open)

    @property
    def items(self) -> tuple[Item, ...]:
        return self._model.items

    def set_items(self, items: Sequence[Item]) -> None:
        """Show these, newest first."""
        self._model.set_items(items)

    def set_live(self, fraction: float | None) -> None:
        """Show that something is being made (0 to 1), or nothing (None)."""
        self._model.set_live(fraction)

    def mark(self, item_id: str | None, live: bool = False) -> None:
        """Frame the tile of what the pane shows."""
        self._delegate.opened, self._delegate.live_shown = item_id, live
        row = self._model.row_of(item_id) if item_id else (0 if live else None)
        if row is not None:
            index = self._model.index(row)
            self.scrollTo(index)
            if not self.hasFocus():
                self.setCurrentIndex(index)
        self.viewport().update()

    def keyPressEvent(self, event: Any) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                event.ignore()  # Ctrl+Return makes something, wherever one is
            else:
                self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: Any) -> None:
        # A wheel that only turns one way still has to move a strip that lies the other way.
        delta = event.angleDelta().x() or event.angleDelta().y()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - delta // 2)
        event.accept()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.viewport().update()
        return super().viewportEvent(event)

    def rect_of(self, item_id: str) -> QRect:
        """Where an item's tile is, in the viewport."""
        row = self._model.row_of(item_id)
        return QRect() if row is None else self.visualRect(self._model.index(row))

    def _open(self, index: QModelIndex) -> None:
        item = index.data(ITEM_ROLE)
        if isinstance(item, Item):
            self.opened.emit(item)
        elif index.data(LIVE_ROLE) is not None:
            self.live_opened.emit()

    def _ready(self, _item: str) -> None:
        self.viewport().update()


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
