"""The text as it is written: streamed by the engine, then the person's to edit."""

from __future__ import annotations

import re

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QMenu, QTextEdit, QWidget

from studio.ui import theme

COLUMN = 680
"""Width in pixels beyond which lines become tiring to read."""
LINE_HEIGHT = 150.0
"""In per cent of the font's own."""

# Chinese and Japanese are written without spaces: there a character is counted as a word.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")


def count_words(text: str) -> int:
    """How many words a text has, as word processors count them."""
    return sum(1 for _ in _WORD.finditer(text))


class TextView(QTextEdit):
    """Plain text in a comfortable column; says when the person has changed it.

    While `writing` the end is followed as long as the person has not scrolled away from it.
    """

    edited = Signal(bool)
    """Whether there are changes that were not saved yet."""
    counted = Signal(int)
    """How many words there are now."""
    menu_opened = Signal(QMenu)
    """The context menu is about to be shown; more may be put into it."""
    words_wanted = Signal()
    """Ctrl+Space: other words for what is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("result-text")
        self.setAccessibleName(self.tr("Text"))
        self.setAcceptRichText(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("bare", True)
        self.setStyleSheet(f"font-size: {theme.LEAD}px;")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._writing = False
        self._dirty = False
        self._quiet = False
        self._touched = False
        self._settled, self._tail = 0, ""
        """Words that are counted, and what may still grow, while text streams in."""
        self.textChanged.connect(self._changed)
        self.cursorPositionChanged.connect(self._moved)

    @property
    def dirty(self) -> bool:
        """Whether the person changed it since it was set or last marked as saved."""
        return self._dirty

    @property
    def writing(self) -> bool:
        return self._writing

    def text(self) -> str:
        return self.toPlainText()

    def count(self) -> int:
        """How many words it has now."""
        return count_words(self.toPlainText())

    def set_text(self, text: str) -> None:
        """Show another text, from its beginning, unchanged as yet."""
        self._quiet = True
        self.setPlainText(text)
        self._style()
        self._quiet = False
        self._touched = False
        self._set_dirty(False)
        self.verticalScrollBar().setValue(0)
        self._settled, self._tail = 0, text
        self.counted.emit(count_words(text))

    def begin(self, start: str = "") -> None:
        """Be ready for text to stream in after `start`; the person cannot type meanwhile."""
        self.set_text(start)
        self._writing = True
        self.setReadOnly(True)
        self._to_end()

    def append_text(self, text: str) -> None:
        """Put more behind the end."""
        bar = self.verticalScrollBar()
        following = bar.value() >= bar.maximum() - 4
        self._quiet = True
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        self._quiet = False
        # Only the last word can still change; counting all of a long text takes too long.
        self._tail += text
        cut = max(self._tail.rfind(" "), self._tail.rfind("\n")) + 1
        self._settled += count_words(self._tail[:cut])
        self._tail = self._tail[cut:]
        self.counted.emit(self._settled + count_words(self._tail))
        if following:
            self._to_end()

    def end(self) -> None:
        """Nothing more comes: it is the person's now."""
        self._writing = False
        self.setReadOnly(False)

    def mark_saved(self) -> None:
        self._set_dirty(False)

    def mark_dirty(self) -> None:
        self._set_dirty(True)

    def until_cursor(self) -> str:
        """The text up to the cursor (the end of a selection), or all where it was never moved."""
        if not self._touched:
            return self.toPlainText()
        here = self.textCursor()
        # By a cursor, as positions of Qt count UTF-16 units and those of Python characters.
        cursor = QTextCursor(self.document())
        cursor.setPosition(here.selectionEnd(), QTextCursor.MoveMode.KeepAnchor)
        return cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n")

    def around(self, before: int, after: int) -> tuple[str, str, str]:
        """What is selected, or the word at the cursor, with as many characters around it.

        Selects it; all empty where there is no word.
        """
        cursor = self.textCursor()
        if not cursor.hasSelection():
            cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        chosen = cursor.selection().toPlainText()
        if not chosen.strip():
            return "", "", ""
        # Spaces at the ends of a selection stay where they are.
        start = cursor.selectionStart() + _units(chosen) - _units(chosen.lstrip())
        end = cursor.selectionEnd() - _units(chosen) + _units(chosen.rstrip())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        left, right = QTextCursor(self.document()), QTextCursor(self.document())
        left.setPosition(max(0, start - before))
        left.setPosition(start, QTextCursor.MoveMode.KeepAnchor)
        right.setPosition(end)
        last = self.document().characterCount() - 1
        right.setPosition(min(last, end + after), QTextCursor.MoveMode.KeepAnchor)
        return (
            left.selection().toPlainText(),
            cursor.selection().toPlainText(),
            right.selection().toPlainText(),
        )

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        clicked = event.reason() == QContextMenuEvent.Reason.Mouse
        if clicked and not self.textCursor().hasSelection():
            self.setTextCursor(self.cursorForPosition(event.pos()))  # the word that is meant
        menu = self.createStandardContextMenu()
        menu.setObjectName("text-menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.menu_opened.emit(menu)
        menu.popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_Space and control and not self.isReadOnly():
            self.words_wanted.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Not a file: dropped here, it is for the window, which takes the recipe out of it."""
        return not source.hasUrls() and super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        self.insertPlainText(source.text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        spare = max(16, (self.width() - COLUMN) // 2)
        self.setViewportMargins(spare, 12, spare - 4, 12)
        super().resizeEvent(event)

    def _to_end(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _style(self) -> None:
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        block = QTextBlockFormat()
        block.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.mergeBlockFormat(block)

    def _changed(self) -> None:
        if not self._quiet:
            self._touched = True
            self._set_dirty(True)
            self.counted.emit(self.count())

    def _moved(self) -> None:
        if not self._quiet and self.hasFocus():
            self._touched = True

    def _set_dirty(self, dirty: bool) -> None:
        if dirty != self._dirty:
            self._dirty = dirty
            self.edited.emit(dirty)


def _units(text: str) -> int:
    """How long a text is to Qt, which counts UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
