"""A row of widgets that goes on in the next line where there is no room."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Lays widgets out like words. The last `tail` of them keep to the right edge."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 8, tail: int = 0) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._heights: dict[int, int] = {}
        self._tail = tail
        self.setSpacing(spacing)
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        # Layouts around this one ask for the same thing hundreds of times.
        if width not in self._heights:
            self._heights[width] = self._place(QRect(0, 0, width, 0), move=False)
        return self._heights[width]

    def invalidate(self) -> None:
        self._heights.clear()
        super().invalidate()

    def sizeHint(self) -> QSize:
        margins = self.contentsMargins()
        shown = self._shown()
        wide = sum(i.sizeHint().width() for i in shown) + self.spacing() * max(0, len(shown) - 1)
        high = max((i.sizeHint().height() for i in shown), default=0)
        return QSize(
            wide + margins.left() + margins.right(), high + margins.top() + margins.bottom()
        )

    def minimumSize(self) -> QSize:
        margins = self.contentsMargins()
        size = QSize(0, 0)
        for item in self._shown():
            size = size.expandedTo(item.minimumSize())
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _place(self, rect: QRect, *, move: bool) -> int:
        """Put every widget in its place; gives the height that this takes."""
        margins = self.contentsMargins()
        inner = rect.marginsRemoved(margins)
        gap, shown = self.spacing(), self._shown()
        lines: list[list[QLayoutItem]] = [[]]
        used = 0
        for item in shown:
            width = item.sizeHint().width()
            if lines[-1] and used + gap + width > inner.width():
                lines.append([])
                used = 0
            used += width + (gap if lines[-1] else 0)
            lines[-1].append(item)
        tail = shown[len(shown) - self._tail :] if self._tail else []
        y = inner.top()
        for line in lines:
            height = max((item.sizeHint().height() for item in line), default=0)
            if move:
                self._place_line(line, QRect(inner.left(), y, inner.width(), height), tail)
            y += height + gap
        return y - gap - rect.top() + margins.bottom()

    def _place_line(self, line: list[QLayoutItem], room: QRect, tail: list[QLayoutItem]) -> None:
        gap = self.spacing()
        wide = sum(item.sizeHint().width() for item in line) + gap * (len(line) - 1)
        x, pushed = room.left(), False
        for item in line:
            if item in tail and not pushed:
                x += max(0, room.width() - wide)
                pushed = True
            size = item.sizeHint()
            width = min(size.width(), room.width())
            y = room.top() + (room.height() - size.height()) // 2
            item.setGeometry(QRect(x, y, width, size.height()))
            x += width + gap
