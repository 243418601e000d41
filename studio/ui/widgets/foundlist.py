"""Models that can be had, as cards: the catalogue's and those that a search found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.models.remote import Found
from studio.ui import icons, theme
from studio.ui.widgets.chips import HEIGHT as CHIP
from studio.ui.widgets.chips import Chip, paint_chips
from studio.ui.widgets.hubwords import (
    count_words,
    date_words,
    fit_icon,
    fit_role,
    fit_words,
    licence_chip,
    task_words,
)
from studio.ui.widgets.itemwords import file_size
from studio.ui.widgets.lettering import draw_line, draw_lines, face

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()

FOUND_ROLE = int(Qt.ItemDataRole.UserRole)
LEAST = 320
"""Pixels below which a card says too little."""
GUTTER, INSET = 12, 14
TALL, LOW = 164, 118
"""Heights of a card with words of our own, and without."""
SCROLL_BAR = 12
ICONS = {"text": "type", "image": "image", "audio": "audio-lines"}


class FoundModel(QAbstractListModel):
    """The models in their order, and what of them is here already."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[Found] = []
        self._here: frozenset[str] = frozenset()
        self._coming: Mapping[str, float] = {}

    def found(self, row: int) -> Found | None:
        """The model of a row."""
        return self._all[row] if 0 <= row < len(self._all) else None

    @property
    def tall(self) -> bool:
        """Whether one of them has words of our own."""
        return any(f.words for f in self._all[:60])

    def show(self, found: Iterable[Found]) -> None:
        """Show these and no others."""
        self.beginResetModel()
        self._all = list(found)
        self.endResetModel()

    def add(self, found: Sequence[Found]) -> None:
        """Show these too, below; those that are there already are left out."""
        known = {f.repo for f in self._all}
        fresh = [f for f in found if f.repo not in known]
        if fresh:
            first = len(self._all)
            self.beginInsertRows(NO_PARENT, first, first + len(fresh) - 1)
            self._all += fresh
            self.endInsertRows()

    def mark(self, here: Iterable[str], coming: Mapping[str, float]) -> bool:
        """Say which repositories are installed and how far others are (0 to 1); gives whether
        that is news."""
        before = (self._here, self._coming)
        self._here, self._coming = frozenset(here), dict(coming)
        return before != (self._here, self._coming)

    def chips(self, found: Found) -> list[Chip]:
        """What a card says in short, the most important first."""
        chips = []
        if found.repo in self._coming:
            percent = round(100 * self._coming[found.repo])
            chips.append(Chip(self.tr("{n} %").format(n=percent), "accent_text", "download"))
        elif found.repo in self._here:
            chips.append(Chip(self.tr("Installed"), "good", "check"))
        if found.fit is not None:
            chips.append(Chip(fit_words(found.fit), fit_role(found.fit), fit_icon(found.fit)))
        if found.gated:
            chips.append(Chip(self.tr("Ask first"), "warning", "lock"))
        elif found.private:
            chips.append(Chip(self.tr("Private"), "muted", "lock"))
        chips.append(licence_chip(found.licence))
        return chips

    def figures(self, found: Found) -> str:
        """Numbers that help to choose."""
        parts = []
        if found.size:
            parts.append(file_size(found.size))
        if found.downloads is not None:
            parts.append(self.tr("{n} downloads").format(n=count_words(found.downloads)))
        if day := date_words(found.updated):
            parts.append(day)
        return " · ".join(parts)

    def _best(self, found: Found) -> str:
        return (
            self.tr("Our first choice of its kind for this computer") if found.recommended else ""
        )

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._all)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        found = self.found(index.row())
        if found is None:
            return None
        if role == FOUND_ROLE:
            return found
        if role == Qt.ItemDataRole.DisplayRole:
            return found.title
        if role == Qt.ItemDataRole.ToolTipRole:
            fit = found.fit.sentence if found.fit is not None else ""
            best = self._best(found)
            return "\n".join(part for part in (found.repo, found.words, fit, best) if part)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = [found.title, self._best(found), task_words(found), found.author]
            parts += [chip.words for chip in self.chips(found)]
            parts += [self.figures(found), found.words]
            return ", ".join(part for part in parts if part)
        return None


class FoundList(QListView):
    """The cards; a click or Return opens one."""

    opened = Signal(Found)
    near_end = Signal()
    """One has scrolled so far down that more may be wanted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("found-list")
        self.setAccessibleName(self.tr("Models that can be had"))
        self.rows = FoundModel(self)
        self._delegate = _CardDelegate(self.rows, self)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setMovement(QListView.Movement.Static)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.rows.modelReset.connect(self._refilled)
        self.rows.rowsInserted.connect(self._scrolled)

    def found(self) -> Found | None:
        """The one that the keyboard is at."""
        return self.rows.found(self.currentIndex().row())

    def mark(self, here: Iterable[str], coming: Mapping[str, float]) -> None:
        """Say what is installed and what is on its way."""
        if self.rows.mark(here, coming):
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if (found := self.found()) is not None:
                self.opened.emit(found)
            return
        self._by_keyboard(True)
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_keyboard(False)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        found = self.rows.found(index.row())
        left = event.button() == Qt.MouseButton.LeftButton
        if left and found is not None and index == self.currentIndex():
            self.opened.emit(found)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        on_card = self.indexAt(event.position().toPoint()).isValid()
        shape = Qt.CursorShape.PointingHandCursor if on_card else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._by_keyboard(event.reason() != Qt.FocusReason.MouseFocusReason)
        if not self.currentIndex().isValid() and self.rows.rowCount():
            self.setCurrentIndex(self.rows.index(0))

    def _refilled(self) -> None:
        self._lay_out()
        self.scrollToTop()
        self._scrolled()

    def _lay_out(self) -> None:
        room = max(LEAST // 2, self.width() - SCROLL_BAR)
        columns = max(1, room // (LEAST + GUTTER))
        cell = QSize(room // columns, (TALL if self.rows.tall else LOW) + GUTTER)
        self._delegate.columns = columns
        if cell != self.gridSize():
            self._delegate.cell = cell
            self.setGridSize(cell)
            self.verticalScrollBar().setSingleStep(cell.height() // 3)

    def _scrolled(self) -> None:
        bar = self.verticalScrollBar()
        if self.rows.rowCount() and bar.maximum() - bar.value() < self.gridSize().height() * 3:
            self.near_end.emit()

    def _by_keyboard(self, on: bool) -> None:
        if self._delegate.by_keyboard != on:
            self._delegate.by_keyboard = on
            self.update(self.currentIndex())


class _CardDelegate(QStyledItemDelegate):
    """Paints one model: what it is called, who made it, what it makes, and what to mind."""

    def __init__(self, rows: FoundModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = rows
        self.cell = QSize(LEAST, TALL)
        self.columns = 1
        self.by_keyboard = False
        """Whether the frame of the keyboard is drawn; a click does not need it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        found = index.data(FOUND_ROLE)
        if not isinstance(found, Found):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = self._card(option.rect)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus) and self.by_keyboard
        painter.setPen(QPen(theme.color("focus"), 2) if focused else QPen(theme.color("line"), 1))
        painter.setBrush(theme.color("raised" if hovered else "surface"))
        painter.drawRoundedRect(QRectF(card).adjusted(0.5, 0.5, -0.5, -0.5), 12, 12)
        inner = card.adjusted(INSET, INSET, -INSET, -INSET)
        self._head(painter, option, inner, found)
        if self._rows.tall:
            self._words(painter, option, inner, found)
        self._foot(painter, option, inner, found)
        painter.restore()

    def _card(self, cell: QRect) -> QRect:
        """Cards stand in line with what is above them at both sides, with gutters between."""
        columns = self.columns
        column = min(columns - 1, max(0, round(cell.left() / max(1, cell.width()))))
        width = cell.width() - GUTTER * (columns - 1) // columns
        left = cell.left() + GUTTER * column // columns
        return QRect(left, cell.top() + 1, width, cell.height() - GUTTER)

    def _head(
        self, painter: QPainter, option: QStyleOptionViewItem, inner: QRect, found: Found
    ) -> None:
        tile = QRect(inner.left(), inner.top(), 38, 38)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("selected"))
        painter.drawRoundedRect(tile, 9, 9)
        name = ICONS.get(found.kind or "", "boxes")
        icons.draw(painter, tile.adjusted(9, 9, -9, -9), name, "accent_text")
        left = tile.right() + 12
        line = QRect(left, inner.top(), inner.right() - left, 20)
        if found.recommended:
            star = QRect(line.right() - 16, line.top() + 1, 16, 16)
            icons.draw(painter, star, "star", "gold", filled=True)
            line.setRight(star.left() - 6)
        painter.setPen(theme.color("text"))
        draw_line(painter, face(option.font, 14, QFont.Weight.DemiBold), line, found.title)
        second = " · ".join(part for part in (task_words(found), found.author) if part)
        painter.setPen(theme.color("muted"))
        draw_line(painter, face(option.font, theme.SMALL), line.translated(0, 20), second)

    def _words(
        self, painter: QPainter, option: QStyleOptionViewItem, inner: QRect, found: Found
    ) -> None:
        top = inner.top() + 38 + 10
        height = inner.bottom() - CHIP - 8 - top
        words = found.words or self._rows.figures(found)
        box = QRect(inner.left(), top, inner.width(), height)
        painter.setPen(theme.color("text"))
        draw_lines(painter, face(option.font, theme.BODY), box, words)

    def _foot(
        self, painter: QPainter, option: QStyleOptionViewItem, inner: QRect, found: Found
    ) -> None:
        top = inner.bottom() - CHIP + 1
        small = face(option.font, theme.SMALL)
        painter.setPen(theme.color("muted"))
        if not self._rows.tall:
            line = QRect(inner.left(), inner.top() + 43, inner.width(), 18)
            draw_line(painter, small, line, self._rows.figures(found))
        chips = self._rows.chips(found)
        room = inner.width()
        size = file_size(found.size) if found.size and self._rows.tall else ""
        if size:
            width = QFontMetrics(small).horizontalAdvance(size)
            draw_line(painter, small, QRect(inner.right() - width, top, width + 2, CHIP), size)
            room -= width + 10
        paint_chips(painter, inner.left(), top, chips, room, option.font)
