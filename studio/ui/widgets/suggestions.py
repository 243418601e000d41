"""A small window of suggestions at a place in a text: keys choose one, Escape leaves it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.widgets.keys import claims_escape

NARROW, WIDE = 220, 420
HIGHEST = 320


class Suggestions(QFrame):
    """Waits, then lists what could stand in the place of what is selected.

    It lies over the window instead of being one: so it is where it belongs on every desktop.
    """

    chosen = Signal(str)
    left = Signal()
    """It was closed; without a choice if none was made before."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self.setObjectName("suggestions")
        self.setProperty("card", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = QLabel()
        self.title.setProperty("role", "small")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.waiting = QProgressBar()
        self.waiting.setRange(0, 0)
        self.waiting.setTextVisible(False)
        self.waiting.setProperty("thin", True)
        self.list = QListWidget()
        self.list.setObjectName("suggested")
        self.list.setAccessibleName(self.tr("Suggestions"))
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setSizeAdjustPolicy(QListWidget.SizeAdjustPolicy.AdjustToContents)
        self.list.itemClicked.connect(self._take)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        column.setSpacing(theme.HAIR)
        column.addWidget(self.title)
        column.addWidget(self.waiting)
        column.addWidget(self.list)
        self._over = parent
        self._place = QPoint()
        QApplication.instance().focusChanged.connect(self._focus_moved)

    def wait_at(self, place: QPoint, title: str) -> None:
        """Open at a place of the screen, with nothing to choose from as yet."""
        self.list.clear()
        self.list.hide()
        self.waiting.show()
        self.title.setText(title)
        window = self._over.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        self._place = window.mapFromGlobal(place)
        self._fit(NARROW)
        self.show()
        self.raise_()
        self.setFocus()

    def offer(self, words: Sequence[str], title: str = "") -> None:
        """Let one of these be chosen; without any, only `title` is told."""
        if title:
            self.title.setText(title)
        self.waiting.hide()
        for entry in words:
            self.list.addItem(QListWidgetItem(entry))
        self.list.setVisible(bool(words))
        self._fit(WIDE if any(len(w) > 28 for w in words) else NARROW)
        if words:
            self.list.setCurrentRow(0)
            self.list.setFocus()

    def words(self) -> list[str]:
        """What can be chosen."""
        return [self.list.item(n).text() for n in range(self.list.count())]

    def event(self, event: QEvent) -> bool:
        if claims_escape(event):
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if (item := self.list.currentItem()) is not None:
                self._take(item)
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        elif Qt.Key.Key_1 <= event.key() <= Qt.Key.Key_9:
            number = event.key() - Qt.Key.Key_1
            if number < self.list.count():
                self._take(self.list.item(number))
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.left.emit()

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        """Whoever goes on elsewhere does not want it any more."""
        inside = new is self or (new is not None and self.isAncestorOf(new))
        if self.isVisible() and new is not None and not inside:
            self.close()

    def _take(self, item: QListWidgetItem) -> None:
        text = item.text()
        self.close()
        self.chosen.emit(text)

    def _fit(self, width: int) -> None:
        """As high as what is in it, below its place or, without room there, above."""
        self.setFixedWidth(width)
        inner = width - 2 * theme.GAP - 4
        height = 4
        for row in range(self.list.count()):
            item = self.list.item(row)
            metrics = self.list.fontMetrics()
            flags = int(Qt.TextFlag.TextWordWrap.value)
            box = metrics.boundingRect(0, 0, inner - 12, 4000, flags, item.text())
            item.setSizeHint(QSize(inner - 4, box.height() + 10))
            height += box.height() + 10
        self.list.setFixedHeight(min(HIGHEST, height))
        layout = self.layout()
        if layout is not None:
            layout.activate()
        self.adjustSize()
        window = self._over.window()
        x = max(0, min(self._place.x(), window.width() - self.width() - theme.GAP))
        y = self._place.y()
        if y + self.height() > window.height() - theme.GAP:
            y = max(0, y - self.height() - 2 * self.fontMetrics().height())
        self.move(x, y)
