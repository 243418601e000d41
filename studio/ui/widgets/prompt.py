"""The large field in which a wish is written."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget


class PromptEdit(QPlainTextEdit):
    """Plain text that grows with what is written, within `least` and `most` lines."""

    submitted = Signal()
    """Ctrl+Return was pressed, or in a conversation Return: make it."""

    def __init__(self, parent: QWidget | None = None, *, least: int = 2, most: int = 7) -> None:
        super().__init__(parent)
        self._least, self._most = least, most
        self._enter = False
        self.setObjectName("prompt")
        self.setAccessibleName(self.tr("Prompt"))
        # Tab is for getting on with it, not for writing tabs.
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def text(self) -> str:
        return self.toPlainText()

    def set_least(self, lines: int) -> None:
        """Be at least this high."""
        self._least = lines
        self._fit()

    def set_enter(self, sends: bool) -> None:
        """Whether Return alone sends it, and Shift+Return makes a new line."""
        self._enter = sends

    def set_text(self, text: str) -> None:
        """Replace everything, in a way that Ctrl+Z can undo."""
        if text == self.toPlainText():
            return
        cursor = self.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.movePosition(cursor.MoveOperation.End)
        self.setTextCursor(cursor)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Not a file: dropped here, it is for the window, which takes the recipe out of it."""
        return not source.hasUrls() and super().canInsertFromMimeData(source)

    def sizeHint(self) -> QSize:
        return QSize(320, self.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain = self._enter and held == Qt.KeyboardModifier.NoModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and (
            plain or held & Qt.KeyboardModifier.ControlModifier
        ):
            self.submitted.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        # The document of a QPlainTextEdit measures its height in lines.
        lines = int(self.document().size().height())
        shown = min(max(lines, self._least), self._most)
        margins = self.contentsMargins()
        inner = shown * self.fontMetrics().lineSpacing() + 2 * self.document().documentMargin()
        height = int(inner) + margins.top() + margins.bottom() + 2
        if height != self.height() or height != self.minimumHeight():
            self.setFixedHeight(height)
        # A scroll bar for half a line only distracts.
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded
            if lines > self._most
            else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
