"""The installed models by kind, in a list; those that cannot be used say so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QCoreApplication,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPen,
    QStandardItem,
    QStandardItemModel,
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

from studio.core.family import KINDS, FamilySpec, Kind
from studio.models import InstalledModel
from studio.ui import icons, theme
from studio.ui.widgets.hubwords import date_words
from studio.ui.widgets.itemwords import file_size, kind_name

Index = QModelIndex | QPersistentModelIndex

ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)
ROW, HEADING = 58, 34


@dataclass(frozen=True, slots=True)
class Entry:
    """A model, the families that can run it, and the kinds of pane that use it first."""

    model: InstalledModel
    families: tuple[FamilySpec, ...]
    first_in: tuple[Kind, ...]

    @property
    def problem(self) -> bool:
        return bool(self.model.problem)


class ModelList(QListView):
    """Sections for text, pictures, sound, the rest and what is broken."""

    picked = Signal(Entry)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-list")
        self.setAccessibleName(self.tr("Installed models"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._rows = QStandardItemModel(self)
        self.setModel(self._rows)
        self._delegate = _RowDelegate(self)
        self.setItemDelegate(self._delegate)
        self.selectionModel().currentChanged.connect(self._current)

    def entry(self) -> Entry | None:
        """The one that is picked."""
        found = self.currentIndex().data(ENTRY_ROLE)
        return found if isinstance(found, Entry) else None

    def show_entries(self, entries: Sequence[Entry], newer: Collection[str] = ()) -> None:
        """Show these; what was picked stays picked if it is still there. `newer` are the ids of
        those that the hub has a newer version of."""
        before = self.entry()
        self._delegate.newer = frozenset(newer)
        self._rows.clear()
        for heading, part in self._sections(entries):
            head = QStandardItem(heading)
            head.setFlags(Qt.ItemFlag.NoItemFlags)
            self._rows.appendRow(head)
            for entry in part:
                row = QStandardItem(entry.model.title)
                row.setData(entry, ENTRY_ROLE)
                row.setToolTip(entry.model.title)
                words = [entry.model.title, second_line(entry)]
                if entry.model.id in newer:
                    words.append(self.tr("A newer version is on the hub"))
                row.setData(", ".join(words), int(Qt.ItemDataRole.AccessibleTextRole))
                self._rows.appendRow(row)
        self._pick(before.model.id if before is not None else "")

    def choose(self, model_id: str) -> None:
        """Pick the model of that id, where it is listed."""
        self._pick(model_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Home:  # Qt would stop at the heading above the first
            self._pick("")
        else:
            super().keyPressEvent(event)

    def _sections(self, entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
        sections = [
            (kind_name(kind), [e for e in entries if e.model.kind == kind and not e.problem])
            for kind in KINDS
        ]
        other = [e for e in entries if e.model.kind is None and not e.problem]
        sections.append((self.tr("Others"), other))
        sections.append((self.tr("Cannot be used"), [e for e in entries if e.problem]))
        return [(heading, part) for heading, part in sections if part]

    def _pick(self, model_id: str) -> None:
        first: QModelIndex | None = None
        for row in range(self._rows.rowCount()):
            index = self._rows.index(row, 0)
            entry = index.data(ENTRY_ROLE)
            if not isinstance(entry, Entry):
                continue
            first = index if first is None else first
            if entry.model.id == model_id:
                first = index
                break
        if first is not None:
            self.setCurrentIndex(first)
            self.scrollTo(first)

    def _current(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE)
        if isinstance(entry, Entry):
            self.picked.emit(entry)


def role_name(role: str) -> str:
    """What a model is that is laid over another."""
    translate = QCoreApplication.translate
    return {
        "lora": translate("ModelList", "LoRA"),
        "controlnet": translate("ModelList", "ControlNet"),
        "vocoder": translate("ModelList", "Vocoder"),
        "preview": translate("ModelList", "Preview"),
    }.get(role, role)


def second_line(entry: Entry) -> str:
    """What the list says below a model's title."""
    if entry.problem:
        return entry.model.problem
    parts = [family.title for family in entry.families[:2]]
    if entry.model.role:
        parts.append(role_name(entry.model.role))
    parts.append(file_size(entry.model.size))
    if day := date_words(entry.model.last_used):
        parts.append(QCoreApplication.translate("ModelList", "used {day}").format(day=day))
    return " · ".join(parts)


class _RowDelegate(QStyledItemDelegate):
    """Paints a model in two lines, a section's heading in one."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.newer: frozenset[str] = frozenset()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        heading = not isinstance(index.data(ENTRY_ROLE), Entry)
        return QSize(200, HEADING if heading else ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        entry = index.data(ENTRY_ROLE)
        if isinstance(entry, Entry):
            self._row(painter, option, entry)
        else:
            font = QFont(option.font)
            font.setPixelSize(theme.SMALL)
            font.setWeight(QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(theme.color("muted"))
            line = option.rect.adjusted(12, 10, -12, 0)
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), str(index.data()))
        painter.restore()

    def _row(self, painter: QPainter, option: QStyleOptionViewItem, entry: Entry) -> None:
        rect, state = option.rect, option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        box = QRectF(rect).adjusted(4, 2, -4, -2)
        painter.setPen(Qt.PenStyle.NoPen)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("selected" if selected else "raised"))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        if selected and state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1.5))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        name = {"text": "type", "image": "image", "audio": "audio-lines"}.get(
            entry.model.kind or "", "boxes"
        )
        place = QRect(rect.left() + 14, rect.center().y() - 9, 19, 19)
        if entry.problem:
            icons.draw(painter, place, "triangle-alert", "warning")
        else:
            icons.draw(painter, place, name, "muted")
        left, right = rect.left() + 46, rect.right() - 14
        font = QFont(option.font)
        if entry.model.id in self.newer:
            place = QRect(right - 18, rect.center().y() - 17, 18, 18)
            icons.draw(painter, place, "circle-arrow-up", "accent_text")
            right -= 26
        if entry.first_in:
            text = self.tr("Default")
            font.setPixelSize(11)
            font.setWeight(QFont.Weight.Medium)
            width = QFontMetrics(font).horizontalAdvance(text) + 14
            badge = QRectF(right - width, rect.center().y() - 17, width, 19)
            painter.setPen(QPen(theme.color("line"), 1))
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(badge, 9, 9)
            painter.setPen(theme.color("muted"))
            painter.setFont(font)
            painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), text)
            right -= int(width) + 8
        font = QFont(option.font)
        font.setPixelSize(theme.BODY)
        font.setWeight(QFont.Weight.Medium)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        first = QRect(left, rect.top() + 10, right - left, 20)
        words = QFontMetrics(font).elidedText(
            entry.model.title, Qt.TextElideMode.ElideRight, first.width()
        )
        painter.drawText(first, int(Qt.AlignmentFlag.AlignVCenter), words)
        font.setPixelSize(theme.SMALL)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.color("warning" if entry.problem else "muted"))
        second = QRect(left, rect.top() + 30, rect.right() - 14 - left, 18)
        words = QFontMetrics(font).elidedText(
            second_line(entry), Qt.TextElideMode.ElideRight, second.width()
        )
        painter.drawText(second, int(Qt.AlignmentFlag.AlignVCenter), words)
