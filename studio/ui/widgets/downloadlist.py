"""The downloads as a list: what each is, how far it is, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from studio.models.remote import Download
from studio.ui import icons, theme
from studio.ui.widgets.hubwords import state_words, title_words
from studio.ui.widgets.lettering import draw_line, face

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()

DOWNLOAD_ROLE = int(Qt.ItemDataRole.UserRole)
ROW = 78
MARGIN, BUTTON = 4, 32
ICONS = {"text": "type", "image": "image", "audio": "audio-lines"}

Deed = Literal["pause", "resume", "put_first", "cancel", "forget", "use"]


def deeds(download: Download) -> tuple[Deed, ...]:
    """What can be done with a download."""
    match download.state:
        case "waiting" | "starting" | "running":
            return ("put_first", "pause", "cancel") if download.behind else ("pause", "cancel")
        case "verifying":
            return ("cancel",)
        case "paused" | "failed":
            return ("resume", "cancel")
        case "done":
            return ("use", "forget")
        case "cancelled":
            return ("forget",)


class DownloadModel(QAbstractListModel):
    """The downloads in their order. Progress repaints rows and moves nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[Download] = []

    def download(self, row: int) -> Download | None:
        """The download of a row."""
        return self._all[row] if 0 <= row < len(self._all) else None

    def row_of(self, download_id: str) -> int:
        """The row of a download; -1 where it is not there."""
        return next((n for n, d in enumerate(self._all) if d.id == download_id), -1)

    def show(self, downloads: Sequence[Download]) -> None:
        """Show these. Rows that stay keep their place in the view, the current one too."""
        wanted = [d.id for d in downloads]
        known = set(wanted)
        for row in reversed(range(len(self._all))):
            if self._all[row].id not in known:
                self.beginRemoveRows(NO_PARENT, row, row)
                del self._all[row]
                self.endRemoveRows()
        for row, download in enumerate(downloads):
            at = self.row_of(download.id)
            if at < 0:
                self.beginInsertRows(NO_PARENT, row, row)
                self._all.insert(row, download)
                self.endInsertRows()
            elif at != row:
                # All before this row are in their places, so it can only come up from below.
                self.beginMoveRows(NO_PARENT, at, at, NO_PARENT, row)
                self._all.insert(row, self._all.pop(at))
                self.endMoveRows()
            if self._all[row] != download:
                self._all[row] = download
                index = self.index(row)
                self.dataChanged.emit(index, index, [])

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._all)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        download = self.download(index.row())
        if download is None:
            return None
        if role == DOWNLOAD_ROLE:
            return download
        if role == Qt.ItemDataRole.DisplayRole:
            return download.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = (title_words(download), state_words(download), download.hint)
            return ", ".join(part for part in words if part)
        return None


class DownloadList(QListView):
    """The list. `wanted` comes with what is to be done with which download."""

    wanted = Signal(str, Download)
    """One of Deed."""
    current_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("download-list")
        self.setAccessibleName(self.tr("Downloads"))
        self.rows = DownloadModel(self)
        self._delegate = _RowDelegate(self)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.selectionModel().currentChanged.connect(lambda *_: self.current_changed.emit())
        self.rows.dataChanged.connect(lambda *_: self.current_changed.emit())

    def download(self) -> Download | None:
        """The one that the keyboard is at."""
        return self.rows.download(self.currentIndex().row())

    def show_downloads(self, downloads: Sequence[Download]) -> None:
        """Show these, in this order."""
        self.rows.show(downloads)
        if not self.currentIndex().isValid() and downloads:
            self.setCurrentIndex(self.rows.index(0))
        self.current_changed.emit()

    def words_of(self, deed: str, download: Download) -> str:
        """What a deed is called."""
        return {
            "pause": self.tr("Pause"),
            "resume": self.tr("Try again") if download.state == "failed" else self.tr("Resume"),
            "put_first": self.tr("Download this first"),
            "cancel": self.tr("Cancel"),
            "forget": self.tr("Remove from this list"),
            "use": self.tr("Make something"),
        }[deed]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        download = self.download()
        able = deeds(download) if download is not None else ()
        deed: str | None = None
        up = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        match event.key():
            case Qt.Key.Key_Up if up:
                deed = next((d for d in able if d == "put_first"), None)
            case Qt.Key.Key_Space | Qt.Key.Key_Return | Qt.Key.Key_Enter:
                deed = next((d for d in able if d in ("pause", "resume", "use")), None)
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                deed = next((d for d in able if d in ("cancel", "forget")), None)
            case _:
                self._by_keyboard(True)
                super().keyPressEvent(event)
        if deed is not None and download is not None:
            self.wanted.emit(deed, download)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_keyboard(False)
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        hit = self._hit(event.position().toPoint())
        if hit is not None and event.button() == Qt.MouseButton.LeftButton:
            self.wanted.emit(*hit)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._delegate.pointer = event.position().toPoint()
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._delegate.pointer = QPoint(-1, -1)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            hit = self._hit(event.pos())
            words = self.words_of(*hit) if hit is not None else ""
            if not words:
                download = self.rows.download(self.indexAt(event.pos()).row())
                words = f"{download.message} {download.hint}".strip() if download else ""
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().viewportEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._by_keyboard(event.reason() != Qt.FocusReason.MouseFocusReason)

    def dataChanged(self, first: Index, last: Index, roles: Any = ()) -> None:
        """Paint the rows again; their size never changes."""
        for row in range(first.row(), last.row() + 1):
            self.update(self.rows.index(row))

    def button_at(self, download_id: str, deed: Deed) -> QPoint:
        """The middle of a row's button, in the viewport; for whoever points at it."""
        index = self.rows.index(self.rows.row_of(download_id))
        download = self.rows.download(index.row())
        assert download is not None
        return button_places(self.visualRect(index), download)[deed].center()

    def _hit(self, point: QPoint) -> tuple[str, Download] | None:
        index = self.indexAt(point)
        download = self.rows.download(index.row())
        if download is None:
            return None
        places = button_places(self.visualRect(index), download)
        return next(((d, download) for d, place in places.items() if place.contains(point)), None)

    def _by_keyboard(self, on: bool) -> None:
        if self._delegate.by_keyboard != on:
            self._delegate.by_keyboard = on
            self.update(self.currentIndex())


def button_places(row: QRect, download: Download) -> dict[Deed, QRect]:
    """Where the buttons of a row are."""
    able = deeds(download)
    right = row.right() - 12
    top = row.center().y() - BUTTON // 2
    first = right - len(able) * (BUTTON + 4)
    return {d: QRect(first + n * (BUTTON + 4), top, BUTTON, BUTTON) for n, d in enumerate(able)}


class _RowDelegate(QStyledItemDelegate):
    """Paints one download: its name, a bar, how it stands, and its buttons."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.by_keyboard = False
        self.pointer = QPoint(-1, -1)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        download = index.data(DOWNLOAD_ROLE)
        if not isinstance(download, Download):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect, state = option.rect, option.state
        box = QRectF(rect).adjusted(MARGIN, 2, -MARGIN, -2)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.setPen(Qt.PenStyle.NoPen)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("selected" if selected else "raised"))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        if state & QStyle.StateFlag.State_HasFocus and self.by_keyboard:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1.5))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        places = button_places(rect, download)
        left = rect.left() + 54
        right = min(place.left() for place in places.values()) - 12
        failed = download.state == "failed"
        name = "triangle-alert" if failed else ICONS.get(download.kind or "", "boxes")
        role: icons.Role = "danger" if failed else "muted"
        mark = QRect(rect.left() + 20, rect.center().y() - 11, 22, 22)
        icons.draw(painter, mark, name, role)
        line = QRect(left, rect.top() + 12, right - left, 20)
        painter.setPen(theme.color("text"))
        title = face(option.font, theme.BODY, QFont.Weight.DemiBold)
        draw_line(painter, title, line, title_words(download))
        bar = QRectF(left, rect.top() + 37, right - left, 5)
        if download.state not in ("done", "cancelled"):
            self._bar(painter, bar, download)
        painter.setPen(theme.color("danger" if failed else "muted"))
        small = face(option.font, theme.SMALL)
        gone = download.state in ("done", "cancelled")
        words = " ".join(p for p in (state_words(download), download.hint if failed else "") if p)
        draw_line(
            painter, small, QRect(left, rect.top() + (36 if gone else 47), right - left, 18), words
        )
        for deed, place in places.items():
            self._button(painter, place, deed, download)
        painter.restore()

    def _bar(self, painter: QPainter, bar: QRectF, download: Download) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("control", 80))  # seen on a selected row as well
        painter.drawRoundedRect(bar, 2.5, 2.5)
        part = min(1.0, download.done / download.total) if download.total else 0.0
        if part > 0:
            token = {"paused": "control", "failed": "danger"}.get(download.state, "accent")
            painter.setBrush(theme.color(token))
            width = max(5.0, bar.width() * part)
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), width, bar.height()), 2.5, 2.5)

    def _button(self, painter: QPainter, place: QRect, deed: Deed, download: Download) -> None:
        if place.contains(self.pointer):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(place, theme.RADIUS, theme.RADIUS)
        again = deed == "resume" and download.state == "failed"
        name = {
            "pause": "pause",
            "resume": "rotate-ccw" if again else "play",
            "put_first": "arrow-up",
            "cancel": "x",
            "forget": "x",
            "use": "wand-sparkles",
        }[deed]
        icons.draw(painter, place.adjusted(7, 7, -7, -7), name)
