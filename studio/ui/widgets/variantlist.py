"""The ways in which a model can be had: precision, size, and whether it suits this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.models.remote import Variant
from studio.ui import icons, theme
from studio.ui.widgets.chips import Chip, chip_font, chip_width, paint_chips
from studio.ui.widgets.hubwords import fit_icon, fit_role, fit_words
from studio.ui.widgets.itemwords import file_size
from studio.ui.widgets.lettering import draw_line, face

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()

VARIANT_ROLE = int(Qt.ItemDataRole.UserRole)
ROW = 58
MOST = 6
"""Rows that are seen at once; of more, one scrolls."""


class VariantModel(QAbstractListModel):
    """The variants of one repository."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[Variant, ...] = ()
        self._best = ""
        self._here: frozenset[str] = frozenset()
        self._sizes: dict[str, int] = {}

    def show(self, variants: Sequence[Variant], best: str, here: frozenset[str]) -> None:
        """Show these; `best` is the one for this machine, `here` are installed."""
        self.beginResetModel()
        self._all, self._best, self._here = tuple(variants), best, here
        self._sizes = {v.id: v.size for v in variants}  # of thousands of files, added up once
        self.endResetModel()

    def size(self, variant: Variant) -> int:
        """Bytes of a variant."""
        return self._sizes.get(variant.id, 0)

    def variant(self, row: int) -> Variant | None:
        """The variant of a row."""
        return self._all[row] if 0 <= row < len(self._all) else None

    def row_of(self, variant_id: str) -> int:
        """The row of a variant; -1 where it is not there."""
        return next((n for n, v in enumerate(self._all) if v.id == variant_id), -1)

    def chip(self, variant: Variant) -> Chip | None:
        """The one thing that is to be said of it."""
        if variant.id in self._here:
            return Chip(self.tr("Installed"), "good", "check")
        if variant.problem:
            return None  # the reason stands below its title
        if variant.id == self._best and self._runs(variant):
            return Chip(self.tr("Best here"), "good", "check")
        if variant.fit is not None:
            return Chip(fit_words(variant.fit), fit_role(variant.fit), fit_icon(variant.fit))
        return None

    def title(self, variant: Variant) -> str:
        """What it is called."""
        return variant.title or variant.id or self.tr("The whole model")

    def second(self, variant: Variant) -> str:
        """What is said below its title."""
        if variant.problem:
            return variant.problem
        size = file_size(self.size(variant)) if self.size(variant) else ""
        precision = variant.precision if variant.precision not in self.title(variant) else ""
        return " · ".join(part for part in (size, precision) if part)

    def _runs(self, variant: Variant) -> bool:
        return variant.fit is None or variant.fit.level != "no"

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._all)

    def flags(self, index: Index) -> Qt.ItemFlag:
        variant = self.variant(index.row())
        if variant is None or variant.problem:
            return Qt.ItemFlag.ItemNeverHasChildren
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        variant = self.variant(index.row())
        if variant is None:
            return None
        if role == VARIANT_ROLE:
            return variant
        if role == Qt.ItemDataRole.DisplayRole:
            return self.title(variant)
        if role == Qt.ItemDataRole.ToolTipRole:
            fit = variant.fit.sentence if variant.fit is not None else ""
            return " ".join(p for p in (variant.problem, variant.hint, fit) if p)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            chip = self.chip(variant)
            words = (self.title(variant), self.second(variant), chip.words if chip else "")
            return ", ".join(part for part in words if part)
        return None


class VariantList(QListView):
    """One of them is chosen, as with radio buttons."""

    chosen = Signal(Variant)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("variants")
        self.setAccessibleName(self.tr("Variants"))
        self.rows = VariantModel(self)
        self._delegate = _RowDelegate(self.rows, self)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.selectionModel().currentChanged.connect(self._current)

    def variant(self) -> Variant | None:
        """The chosen one."""
        return self.rows.variant(self.currentIndex().row())

    def show_variants(
        self, variants: Sequence[Variant], best: str, here: frozenset[str] = frozenset()
    ) -> None:
        """Show these with the best one chosen, or the one that was chosen before."""
        before = self.variant()
        self.rows.show(variants, best, here)
        wanted = before.id if before is not None else best
        row = max(self.rows.row_of(wanted), -1)
        if row < 0:
            row = max(self.rows.row_of(best), -1)
        if row < 0 or variants[row].problem:
            row = next((n for n, v in enumerate(variants) if not v.problem), -1)
        self.setFixedHeight(max(1, min(len(variants), MOST)) * ROW + 2)
        if row >= 0:
            self.setCurrentIndex(self.rows.index(row))
            self.scrollTo(self.rows.index(row))

    def forget(self) -> None:
        """Show none, and forget which was chosen."""
        self.rows.show((), "", frozenset())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._by_keyboard(True)
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._by_keyboard(event.reason() != Qt.FocusReason.MouseFocusReason)

    def _by_keyboard(self, on: bool) -> None:
        if self._delegate.by_keyboard != on:
            self._delegate.by_keyboard = on
            self.update(self.currentIndex())

    def _current(self, index: QModelIndex) -> None:
        variant = self.rows.variant(index.row())
        if variant is not None:
            self.chosen.emit(variant)


class _RowDelegate(QStyledItemDelegate):
    """Paints a radio button, the variant's name and size, and what is to be said of it."""

    def __init__(self, rows: VariantModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = rows
        self.by_keyboard = False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        variant = index.data(VARIANT_ROLE)
        if not isinstance(variant, Variant):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect, state = option.rect, option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        box = QRectF(rect).adjusted(1, 2, -1, -2)
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or (state & QStyle.StateFlag.State_MouseOver and not variant.problem):
            painter.setBrush(theme.color("selected" if chosen else "raised"))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        if state & QStyle.StateFlag.State_HasFocus and self.by_keyboard:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1.5))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        self._radio(painter, QPointF(rect.left() + 20, rect.center().y() + 0.5), chosen, variant)
        left, right = rect.left() + 40, rect.right() - 12
        chip = self._rows.chip(variant)
        if chip is not None:
            painter.save()
            width = chip_width(chip, chip_font(option.font))
            at = right - width
            paint_chips(painter, at, rect.center().y() - 10, [chip], width + 1, option.font)
            painter.restore()
            right = at - 8
        line = QRect(left, rect.top() + 9, right - left, 20)
        title = face(option.font, theme.BODY, QFont.Weight.Medium)
        painter.setPen(theme.color("muted" if variant.problem else "text"))
        draw_line(painter, title, line, self._rows.title(variant))
        painter.setPen(theme.color("muted"))
        small = face(option.font, theme.SMALL)
        draw_line(painter, small, line.translated(0, 20), self._rows.second(variant))
        painter.restore()

    def _radio(self, painter: QPainter, middle: QPointF, on: bool, variant: Variant) -> None:
        if variant.problem:
            place = QRect(int(middle.x()) - 8, int(middle.y()) - 8, 16, 16)
            icons.draw(painter, place, "circle-x", "muted")
            return
        painter.setBrush(theme.color("field"))
        painter.setPen(QPen(theme.color("accent" if on else "control"), 2 if on else 1.2))
        painter.drawEllipse(middle, 7.5, 7.5)
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawEllipse(middle, 4, 4)
