"""The strips above and below the grid, and what stands in its place when it is empty."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.itemactions import ActionButton, ItemActions

NARROW = 720


class SelectionBar(QFrame):
    """What can be done with the selected items; there while some are."""

    def __init__(self, actions: ItemActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("selection-bar")
        self.setProperty("card", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PAD, theme.GAP, theme.GAP, theme.GAP)
        row.setSpacing(2)
        self._count = QLabel()
        self._count.setProperty("role", "heading")
        row.addWidget(self._count)
        row.addStretch(1)
        self._buttons: list[ActionButton] = []
        for name in (
            "open", "compare", "use", "again", "star", "export", "restore", "trash",
        ):  # fmt: skip
            # What is not possible for this selection is left out: it would only be in the way.
            button = ActionButton(actions[name], "quiet", only_possible=True)
            self._buttons.append(button)
            row.addWidget(button)
        self.clear = tool("selection-clear", "x", self.tr("Select nothing  (Esc)"))
        row.addSpacing(theme.GAP)
        row.addWidget(self.clear)
        self.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for button in self._buttons:
            button.set_terse(self.width() < NARROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    def show_count(self, count: int) -> None:
        """Appear for some items, go for none."""
        self._count.setText(
            self.tr("1 selected")
            if count == 1
            else self.tr("{count} selected").format(count=self.locale().toString(count))
        )
        self.setVisible(count > 0)


class TrashBar(QFrame):
    """Says what the trash is, and empties it after a second click."""

    emptied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trash-bar")
        self.setProperty("card", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PAD, theme.GAP, theme.GAP, theme.GAP)
        row.setSpacing(theme.GAP)
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.empty = QPushButton(self.tr("Empty trash …"))
        self.empty.setObjectName("empty-trash")
        self.empty.clicked.connect(lambda: self._ask(True))
        self.keep = QPushButton(self.tr("Keep"))
        self.keep.setObjectName("empty-trash-no")
        self.keep.clicked.connect(lambda: self._ask(False))
        self.delete = QPushButton(self.tr("Delete for good"))
        self.delete.setObjectName("empty-trash-yes")
        self.delete.setProperty("kind", "danger")
        self.delete.clicked.connect(self._sure)
        row.addWidget(self._words, 1)
        for button in (self.empty, self.keep, self.delete):
            row.addWidget(button)
        self._count = 0
        self._ask(False)
        self.hide()

    def show_count(self, count: int) -> None:
        """How many are in the trash."""
        self._count = count
        self.empty.setEnabled(count > 0)
        self._ask(False)

    def _ask(self, asking: bool) -> None:
        many = self.locale().toString(self._count)
        if not asking:
            words = self.tr("What is in the trash stays there until you empty it.")
        elif self._count == 1:
            words = self.tr("Delete 1 item for good? This cannot be undone.")
        else:
            words = self.tr("Delete all {count} items for good? This cannot be undone.")
        self._words.setText(words.format(count=many))
        had_focus = self.empty.hasFocus() or self.keep.hasFocus()
        self.empty.setVisible(not asking)
        self.keep.setVisible(asking)
        self.delete.setVisible(asking)
        if had_focus:
            (self.keep if asking else self.empty).setFocus()

    def _sure(self) -> None:
        self._ask(False)
        self.emptied.emit()


class Message(QWidget):
    """An icon, a heading, a sentence and perhaps a button, in the middle of an empty page."""

    acted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._name = ""
        column = QVBoxLayout(self)
        column.setSpacing(theme.GAP)
        column.addStretch(2)
        self._icon = QLabel()
        self._heading = QLabel()
        self._heading.setProperty("role", "lead")
        self._words = QLabel()
        self._words.setProperty("role", "muted")
        for label in (self._icon, self._heading, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(label is not self._icon)
            column.addWidget(label)
        self.button = QPushButton()
        self.button.setObjectName("message-button")
        self.button.setProperty("kind", "primary")
        self.button.clicked.connect(self.acted)
        self.button.hide()
        column.addSpacing(theme.GAP)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch(3)

    def say(self, picture: str, heading: str, words: str, button: str = "") -> None:
        """Show this; no button where it has no words."""
        self._name = picture
        self._heading.setText(heading)
        self._words.setText(words)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._name:
            self._draw()

    def _draw(self) -> None:
        self._icon.setPixmap(
            icon(self._name, "muted").pixmap(QSize(40, 40), self.devicePixelRatioF())
        )
