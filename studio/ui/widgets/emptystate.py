"""What a pane shows before anything was made: what it is for, and three wishes to click."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import Example
from studio.ui.icons import icon

WIDEST = 440


class ExampleButton(QPushButton):
    """One wish: its title, wrapped as needed, and an icon that says it will be made at once."""

    def __init__(self, example: Example, picture: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.example = example
        self.setObjectName("example")
        self.setAccessibleName(self.tr("Make: {title}").format(title=example.title))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setMaximumWidth(WIDEST)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 12, 10)
        row.setSpacing(12)
        self._picture = picture
        self._mark = mark = QLabel()
        self._words = QLabel(example.title)
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        for label in (mark, self._words):
            # The button below hears the clicks.
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        self.draw()

    def draw(self) -> None:
        """Draw the icon in the colours of the theme."""
        drawn = icon(self._picture, "accent_text")
        self._mark.setPixmap(drawn.pixmap(QSize(16, 16), self.devicePixelRatioF()))

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        width = min(WIDEST, max(self.width(), 200))
        return QSize(width, max(40, layout.totalHeightForWidth(width)))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class EmptyState(QScrollArea):
    """An icon, a sentence and the examples, in the middle of the room there is."""

    picked = Signal(Example)

    def __init__(self, picture: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self._picture = picture
        ground = QWidget()
        ground.setAutoFillBackground(False)
        ground.setObjectName("empty-ground")
        self.setWidget(ground)
        self.setStyleSheet("#empty, #empty-ground { background: transparent; }")
        column = QVBoxLayout(ground)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addStretch(2)
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._icon)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setProperty("role", "muted")
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.sentence)
        column.addSpacing(8)
        self._examples = QVBoxLayout()
        self._examples.setSpacing(8)
        column.addLayout(self._examples)
        column.addStretch(3)
        self._draw()

    def set_examples(self, examples: Sequence[Example]) -> None:
        """Offer these."""
        while (taken := self._examples.takeAt(0)) is not None:
            if (old := taken.widget()) is not None:
                old.hide()
                old.deleteLater()
        for example in examples:
            button = ExampleButton(example, "wand-sparkles")
            button.clicked.connect(lambda _checked=False, e=example: self.picked.emit(e))
            row = QHBoxLayout()
            row.addWidget(button)
            holder = QWidget()
            holder.setLayout(row)
            row.setContentsMargins(0, 0, 0, 0)
            self._examples.addWidget(holder)

    def buttons(self) -> list[ExampleButton]:
        return self.findChildren(ExampleButton)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_icon"):
            self._draw()
            for button in self.buttons():
                button.draw()

    def _draw(self) -> None:
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(icon(self._picture, "muted").pixmap(QSize(32, 32), ratio))
