"""The small window that says why the real one cannot open."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio.core.errors import StudioError
from studio.ui import icons, theme


class Trouble(QWidget):
    """What failed, what to do, and a button that closes it."""

    def __init__(self, error: StudioError) -> None:
        super().__init__()
        self.setWindowTitle("Triptych")
        self.setMinimumWidth(460)
        mark = QLabel()
        picture = icons.icon("triangle-alert", "danger")
        mark.setPixmap(picture.pixmap(QSize(24, 24), self.devicePixelRatioF()))
        column = QVBoxLayout()
        column.setSpacing(theme.GAP)
        for name, text, role in (
            ("message", error.message, "lead"),
            ("hint", error.hint, "muted"),
        ):
            label = QLabel(text)
            label.setObjectName(name)
            label.setProperty("role", role)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
            column.addWidget(label)
        close = QPushButton(self.tr("Close"))
        close.setObjectName("close")
        close.setProperty("kind", "primary")
        close.clicked.connect(self.close)
        column.addStretch(1)
        column.addSpacing(theme.PAD)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE, theme.SPACE, theme.SPACE, theme.SPACE)
        row.setSpacing(theme.PAD)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
