"""Markdown from a stranger, shown quietly: as high as it is, and loading nothing."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QEvent, QSizeF, Qt, QUrl
from PySide6.QtGui import (
    QFont,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from studio.ui import theme

WIDEST = 820
"""Pixels beyond which lines become tiring to read."""
MAX_SHOWN = 100_000
"""Characters that are shown."""


class MarkdownView(QTextBrowser):
    """Grows to the height of its text, for use inside something that scrolls."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bare", True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenExternalLinks(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMaximumWidth(WIDEST)
        self.document().setDocumentMargin(10)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)

    def show_markdown(self, text: str, skip_title: str = "") -> None:
        """Show another text; a first heading that says `skip_title` once more is left out."""
        first, _, rest = text.strip().partition("\n")
        if first.startswith("# ") and first[2:].strip() == skip_title:
            text = rest
        self.setMarkdown(text[:MAX_SHOWN])
        self._quiet_blocks()
        self._quiet_tables()

    def loadResource(self, kind: int, name: QUrl | str) -> QByteArray:
        """The text may name any file or address; none is read."""
        return QByteArray()

    def _grow(self, size: QSizeF) -> None:
        bar = self.horizontalScrollBar()
        self.setFixedHeight(int(size.height()) + (bar.height() if bar.maximum() > 0 else 0) + 2)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._quiet_tables()

    def _quiet_tables(self) -> None:
        """Hairlines in the theme's colour instead of raised frames."""
        whole = QTextCursor(self.document())
        whole.beginEditBlock()
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                form = frame.format()
                form.setBorderCollapse(True)
                form.setBorder(1)
                form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                form.setBorderBrush(theme.color("line"))
                form.setCellPadding(6)
                frame.setFormat(form)
        whole.endEditBlock()

    def _quiet_blocks(self) -> None:
        """Headings in the sizes of the window instead of twice the text's, and air between."""
        block = self.document().begin()
        whole = QTextCursor(self.document())
        whole.beginEditBlock()  # laid out once, not once a block
        while block.isValid():
            form, cursor = block.blockFormat(), QTextCursor(block)
            if level := form.headingLevel():
                form.setTopMargin(theme.PAD if block.blockNumber() else 0)
                form.setBottomMargin(theme.HAIR)
                cursor.setBlockFormat(form)
                cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
                cursor.mergeCharFormat(_heading(level))
            elif not (form.nonBreakableLines() or block.textList() or cursor.currentTable()):
                form.setTopMargin(theme.HAIR)
                form.setBottomMargin(theme.HAIR)
                cursor.setBlockFormat(form)
            block = block.next()
        whole.endEditBlock()


def _heading(level: int) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setProperty(QTextFormat.Property.FontSizeAdjustment, 0)
    form.setProperty(QTextFormat.Property.FontPixelSize, theme.LEAD if level == 1 else theme.BODY)
    form.setFontWeight(QFont.Weight.DemiBold)
    return form
