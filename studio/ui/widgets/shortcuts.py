"""The list of keys, over the window until it is closed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.icons import icon


class ShortcutList(QFrame):
    """Key by key what the window does."""

    def __init__(self, keys: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("queue")  # dressed as the other list that floats
        self.setAccessibleName(self.tr("Keys"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        title = QLabel(self.tr("Keys"))
        title.setProperty("role", "lead")
        close = QToolButton()
        close.setObjectName("keysClose")
        close.setProperty("kind", "icon")
        close.setIcon(icon("x", "muted"))
        close.setIconSize(QSize(16, 16))
        close.setAccessibleName(self.tr("Close"))
        close.clicked.connect(self.hide)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.SPACE)
        grid.setVerticalSpacing(theme.GAP)
        for row, (key, words) in enumerate(keys):
            native = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) or key
            mark = QLabel(native)
            mark.setProperty("role", "heading")
            grid.addWidget(mark, row, 0)
            grid.addWidget(QLabel(words), row, 1)
        grid.setColumnStretch(1, 1)
        head = QGridLayout()
        head.addWidget(title, 0, 0)
        head.addWidget(close, 0, 1)
        head.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE, theme.PAD, theme.PAD, theme.SPACE)
        column.setSpacing(theme.INSET)
        column.addLayout(head)
        column.addLayout(grid)
        self.hide()

    def toggle(self) -> None:
        """Show it in the middle of the window, or put it away."""
        if self.isVisible():
            self.hide()
            return
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            self.move(
                max(0, (parent.width() - self.width()) // 2),
                max(0, (parent.height() - self.height()) // 2),
            )
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() == Qt.FocusReason.MouseFocusReason:
            self.hide()
