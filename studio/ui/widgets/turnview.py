"""One turn of a conversation: who said it, what was said, and what can be done with it."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.conversation import Turn
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.markdownview import MarkdownView

STREAM_MS = 40
"""How often a turn that is being said is laid out anew; longer for a long one."""


class TurnView(QFrame):
    """A turn: the person's as it was typed, the model's as Markdown, also while it is said."""

    copy_wanted = Signal()
    edit_wanted = Signal()
    again_wanted = Signal()

    def __init__(self, turn: Turn, author: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = turn.content
        self._mine = turn.role == "user"
        self.setObjectName("turn-mine" if self._mine else "turn-theirs")
        self.setProperty("turn", turn.role)
        self._author = QLabel(author)
        self._author.setProperty("role", "small")
        self._author.setTextFormat(Qt.TextFormat.PlainText)
        self._author.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.copy = tool("turn-copy", "copy", self.tr("Copy"), self.copy_wanted.emit)
        self.edit = tool("turn-edit", "pencil", self.tr("Edit, and go on from here"))
        self.edit.clicked.connect(self.edit_wanted)
        self.again = tool("turn-again", "refresh-cw", self.tr("Answer this again"))
        self.again.clicked.connect(self.again_wanted)
        self.edit.setVisible(self._mine)
        self.again.setVisible(not self._mine)
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(self._author, 1)
        for button in (self.edit, self.again, self.copy):
            button.setIconSize(button.iconSize() * 0.8)
            head.addWidget(button)
        # Also for what is no Markdown: it breaks words that are wider than the window.
        self.said = MarkdownView()
        self.said.document().setDocumentMargin(0)
        self.said.setAccessibleName(author)
        self._attached = QLabel()
        self._attached.setProperty("role", "small")
        self._attached.setTextFormat(Qt.TextFormat.PlainText)
        self._attached.setWordWrap(True)
        self._attached.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.INSET, theme.HAIR, theme.HAIR, theme.GAP)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.said)
        column.addWidget(self._attached)
        self._late = QTimer(self, singleShot=True, interval=STREAM_MS)
        self._late.timeout.connect(self._show)
        self._show()

    def text(self) -> str:
        return self._text

    def append_text(self, text: str) -> None:
        """More of what is being said."""
        self._text += text
        if not self._late.isActive():
            self._late.start()

    def attach(self, name: str) -> None:
        """Name the document that was given with it."""
        self._attached.setText(self.tr("With: {name}").format(name=name) if name else "")
        self._attached.setVisible(bool(name))
        self.said.setVisible(bool(self._text) or not name)

    def finish(self, text: str | None = None) -> None:
        """All of it is there; `text` where that differs from what was streamed."""
        if text is not None:
            self._text = text
        self._late.stop()
        self._show()

    def set_usable(self, usable: bool) -> None:
        """Whether it can be edited or answered again now."""
        self.edit.setEnabled(usable)
        self.again.setEnabled(usable)

    def _show(self) -> None:
        begun = time.monotonic()
        if self._mine:
            self.said.setPlainText(self._text)
        else:
            self.said.show_markdown(self._text)
        # However long it gets, most of the time is for the person.
        self._late.setInterval(max(STREAM_MS, round((time.monotonic() - begun) * 5000)))
