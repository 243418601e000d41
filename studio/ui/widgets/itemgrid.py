"""The grid of everything made: cards that fill the width, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QDrag,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QWidget

from studio.library import Item, Library, Query
from studio.ui import theme
from studio.ui.widgets.itemcard import CAPTION, MARGIN, CardDelegate, Index, cell_size, star_rect
from studio.ui.widgets.itemmodel import ItemModel
from studio.ui.widgets.keys import claims_escape
from studio.ui.widgets.thumbnails import Thumbnails

SIDES = (112, 148, 184, 240, 320)
"""Least widths of a preview, in pixels; Ctrl with + and - goes through them."""
SCROLL_BAR = 12
"""Pixels kept free for the scroll bar."""
MAX_DRAGGED = 500
"""Files given to another program at once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is taken over a refresh: what was selected, where the keyboard was, the scrolling."""

    selected: tuple[str, ...] = ()
    current: str = ""
    row: int = -1
    offset: int = 0


class ItemGrid(QListView):
    """Shows an ItemModel; opens, stars and gives away its items.

    `opened` comes for a double click and for Return, `starred` for a click on a card's star,
    `selection_changed` with the number of selected cards.
    """

    opened = Signal(Item)
    starred = Signal(Item)
    selection_changed = Signal(int)

    def __init__(self, library: Library, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grid")
        self.setAccessibleName(self.tr("Library"))
        self.items = ItemModel(library, self)
        self.thumbnails = Thumbnails(self)
        self._delegate = CardDelegate(self.thumbnails, library, self)
        self._side = 2
        self._stale = True
        self._star_pressed = False
        self._kept = Kept()
        self._look()
        self.setModel(self.items)
        self.setItemDelegate(self._delegate)
        self.items.modelAboutToBeReset.connect(self._remember)
        self.items.refreshed.connect(self._restore)
        self.thumbnails.ready.connect(self._thumbnail_ready)
        self.doubleClicked.connect(self._open)
        # The library may change many times at once: it is read again once that is over.
        self._later = QTimer(self, singleShot=True, interval=40)
        self._later.timeout.connect(self._refresh)

    # What the pane does

    def show_query(self, query: Query) -> None:
        """Show the answer to another query from its beginning."""
        self._stale = False
        self._later.stop()
        self.clearSelection()
        self.verticalScrollBar().setValue(0)
        self.setCurrentIndex(QModelIndex())
        self.items.set_query(query)

    def refresh(self) -> None:
        """The library has changed: read again soon, or when the grid is seen again."""
        self._stale = True
        if self.isVisible():
            self._later.start()

    def selected_count(self) -> int:
        return sum(len(part) for part in self._selected_rows())

    def with_selected(self, then: Callable[[list[Item]], None]) -> None:
        """Give the selected items, in the order of the grid, to `then`; at once where they are
        at hand."""
        self.items.fetch(self._selected_rows(), then)

    def current(self) -> Item | None:
        """The item that the keyboard is at."""
        return self.items.item(self.currentIndex().row())

    def step(self, from_id: str, by: int) -> Item | None:
        """The item `by` rows further than another one, which becomes the current one."""
        row = self.items.row_of(from_id)
        item = self.items.item(row + by) if row is not None and row + by >= 0 else None
        if item is not None and row is not None:
            self.select_row(row + by)
        return item

    def select_row(self, row: int) -> None:
        """Make one row the only selected and the current one."""
        index = self.items.index(row)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def resize_cards(self, by: int) -> None:
        """Larger or smaller cards, one step at a time."""
        side = min(max(self._side + by, 0), len(SIDES) - 1)
        if side != self._side:
            self._side = side
            anchor = self.indexAt(QPoint(MARGIN * 2, MARGIN * 2))
            self._lay_out()
            if anchor.isValid():
                self.scrollTo(anchor, QAbstractItemView.ScrollHint.PositionAtTop)

    # What Qt asks

    def event(self, event: QEvent) -> bool:
        return claims_escape(event, lambda: self.selected_count() > 0) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                if (item := self.current()) is not None:
                    self.opened.emit(item)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal if control:
                self.resize_cards(1)
            case Qt.Key.Key_Minus if control:
                self.resize_cards(-1)
            case Qt.Key.Key_Escape if self.selected_count():
                self.clearSelection()
            case _:
                self._by_keyboard(True)
                super().keyPressEvent(event)

    def dataChanged(self, first: Index, last: Index, roles: Iterable[int] = ()) -> None:
        """Paint again. QListView would lay out every row anew, and all are of one size."""
        self.viewport().update()

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """All that is seen: QListView would walk every selected row, seen or not."""
        return QRegion(self.viewport().rect())

    def keyboardSearch(self, search: str) -> None:
        """Letters are for the actions and the search field; walking all rows would take long."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if delta := event.angleDelta().y():
                self.resize_cards(1 if delta > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_keyboard(False)
        if event.button() == Qt.MouseButton.LeftButton and self._star_below(event) is not None:
            self._star_pressed = True  # a click on the star leaves the selection alone
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._star_pressed:
            self._star_pressed = False
            if (item := self._star_below(event)) is not None:
                self.starred.emit(item)
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._star_below(event) is None:
            super().mouseDoubleClickEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._refresh()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._by_keyboard(event.reason() != Qt.FocusReason.MouseFocusReason)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.selection_changed.emit(self.selected_count())

    def startDrag(self, actions: Qt.DropAction) -> None:
        rows = [row for part in self._selected_rows() for row in part[:MAX_DRAGGED]]
        data = self.items.mimeData([self.items.index(row) for row in rows[:MAX_DRAGGED]])
        if data.urls():
            drag = QDrag(self)
            drag.setMimeData(data)
            picture = self._drag_picture(rows)
            drag.setPixmap(picture)
            drag.setHotSpot(QPoint(12, 12))
            # Out of the library only copies go.
            drag.exec(Qt.DropAction.CopyAction)

    # Inside

    def _look(self) -> None:
        # A wrapping list is laid out twice as fast as the icon mode, with the same cards.
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setMovement(QListView.Movement.Static)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _columns(self) -> int:
        return max(1, self._room() // (SIDES[self._side] + 2 * MARGIN))

    def _room(self) -> int:
        # Always less the scroll bar, so that its coming and going moves nothing.
        return max(120, self.width() - SCROLL_BAR)

    def _lay_out(self) -> None:
        cell = cell_size(self._room() // self._columns() - 2 * MARGIN)
        if cell != self.gridSize():
            self._delegate.cell = cell
            self.setGridSize(cell)
            self.verticalScrollBar().setSingleStep(cell.height() // 3)

    def _visible_rows(self) -> range:
        columns, height = self._columns(), max(1, self.gridSize().height())
        top = self.verticalScrollBar().value() // height
        lines = self.viewport().height() // height + 2
        count = self.items.rowCount()
        first = min(top * columns, max(0, count - 1))
        return range(first, first + lines * columns)

    def _selected_rows(self) -> list[range]:
        parts = [(p.top(), p.bottom() + 1) for p in self.selectionModel().selection().toList()]
        return [range(first, last) for first, last in sorted(parts)]

    def _refresh(self) -> None:
        self._stale = False
        self.items.refresh(self._visible_rows())

    def _remember(self) -> None:
        current = self.current()
        rows = (row for part in self._selected_rows() for row in part[:MAX_DRAGGED])
        self._kept = Kept(
            selected=tuple(i.id for row in rows if (i := self.items.item(row)) is not None),
            current=current.id if current is not None else "",
            row=self.currentIndex().row(),
            offset=self.verticalScrollBar().value() % max(1, self.gridSize().height()),
        )

    def _restore(self, top: int) -> None:
        kept, model, selection = self._kept, self.items, self.selectionModel()
        self.executeDelayedItemsLayout()
        chosen = QItemSelection()
        for item_id in kept.selected:
            if (row := model.row_of(item_id)) is not None:
                chosen.select(model.index(row), model.index(row))
        if not chosen.isEmpty():
            selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if model.rowCount():
            row = model.row_of(kept.current) if kept.current else None
            # Where what the keyboard was at is gone, the next one takes its place.
            here = row if row is not None else min(max(kept.row, 0), model.rowCount() - 1)
            selection.setCurrentIndex(model.index(here), QItemSelectionModel.SelectionFlag.NoUpdate)
        # Last, as a new current index is scrolled to.
        line = top // self._columns()
        self.verticalScrollBar().setValue(line * self.gridSize().height() + kept.offset)
        self.selection_changed.emit(self.selected_count())

    def _thumbnail_ready(self, item_id: str) -> None:
        row = self.items.row_of(item_id)
        if row is not None:
            self.update(self.items.index(row))

    def _open(self, index: QModelIndex) -> None:
        if (item := self.items.item(index.row())) is not None:
            self.opened.emit(item)

    def _by_keyboard(self, on: bool) -> None:
        if self._delegate.by_keyboard != on:
            self._delegate.by_keyboard = on
            self.update(self.currentIndex())

    def _star_below(self, event: QMouseEvent) -> Item | None:
        point = event.position().toPoint()
        index = self.indexAt(point)
        if index.isValid() and star_rect(self.visualRect(index)).contains(point):
            return self.items.item(index.row())
        return None

    def _drag_picture(self, rows: list[int]) -> QPixmap:
        """The first card that is in view, small, with the number of all."""
        cards = [self.visualRect(self.items.index(row)) for row in rows[:50]]
        seen = [card for card in cards if card.intersects(self.viewport().rect())]
        if not seen:
            return QPixmap()
        card = seen[0].adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN - CAPTION)
        picture = (
            self.viewport()
            .grab(card)
            .scaledToWidth(
                round(112 * self.devicePixelRatioF()), Qt.TransformationMode.SmoothTransformation
            )
        )
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        if len(rows) > 1:
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            badge = QRect(4, 4, 34, 22)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawRoundedRect(badge, 11, 11)
            painter.setPen(theme.color("on_accent"))
            painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), str(len(rows)))
            painter.end()
        return picture
