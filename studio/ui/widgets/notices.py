"""The strip that shows notices: what happened, what to do, one click. Never in the way."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.notices import Notice, Notices

LINGER_MS = 12_000
"""Good news goes by itself; what failed stays until it was read."""
NARROW = 520
"""Below, the buttons stand under the words."""


class NoticeStrip(QWidget):
    """All notices that stand, newest below. Takes no room when there are none."""

    def __init__(self, notices: Notices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notices")
        self._notices = notices
        self._cards: dict[int, NoticeCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.INSET, theme.INSET, theme.INSET, 0)
        self._column.setSpacing(theme.GAP)
        notices.changed.connect(self._sync)
        self._sync()

    def _sync(self) -> None:
        shown = {n.id: n for n in self._notices.shown}
        for gone in [i for i in self._cards if i not in shown]:
            card = self._cards.pop(gone)
            card.hide()
            card.deleteLater()
        for notice in shown.values():
            if notice.id not in self._cards:
                card = NoticeCard(notice, self._notices)
                self._cards[notice.id] = card
                self._column.addWidget(card)
        self.setVisible(bool(shown))


class NoticeCard(QFrame):
    """One notice."""

    def __init__(self, notice: Notice, notices: Notices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = notice
        self._notices = notices
        self.setObjectName("notice")
        self.setProperty("notice", notice.kind)
        bad = notice.kind == "error"
        mark = QLabel()
        picture = icon("triangle-alert", "danger") if bad else icon("info", "accent_text")
        mark.setPixmap(picture.pixmap(QSize(18, 18), self.devicePixelRatioF()))
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        mark.setContentsMargins(0, 1, 0, 0)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._label(notice.message, "heading", "noticeMessage"))
        if notice.hint:
            words.addWidget(self._label(notice.hint, "muted", "noticeHint"))
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(theme.GAP)
        self._middle.addLayout(words, 1)
        for title, act in notice.actions:
            button = QPushButton(title)
            button.setObjectName("noticeAction")
            button.clicked.connect(lambda _checked=False, act=act: self._act(act))
            self._middle.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.INSET, theme.GAP, theme.GAP, theme.GAP)
        row.setSpacing(theme.INSET)
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(self._middle, 1)
        close = QToolButton()
        close.setObjectName("noticeClose")
        close.setProperty("kind", "icon")
        close.setIcon(icon("x", "muted"))
        close.setIconSize(QSize(16, 16))
        close.setToolTip(self.tr("Dismiss"))
        close.setAccessibleName(self.tr("Dismiss"))
        close.clicked.connect(self._dismiss)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(f"{notice.message} {notice.hint}".strip())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go)
        if not bad:
            self._timer.start(LINGER_MS)
        event = QAccessibleAnnouncementEvent(self, self.accessibleName())
        event.setPoliteness(
            QAccessible.AnnouncementPoliteness.Assertive
            if bad
            else QAccessible.AnnouncementPoliteness.Polite
        )
        QAccessible.updateAccessibility(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        self._middle.setDirection(
            QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        )

    def _label(self, text: str, role: str, name: str) -> QLabel:
        label = QLabel(text)
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        return label

    def _go(self) -> None:
        focus = self.window().focusWidget()
        if self.underMouse() or (focus is not None and self.isAncestorOf(focus)):
            self._timer.start(LINGER_MS)  # somebody is at it
        else:
            self._notices.dismiss(self._notice.id)

    def _act(self, act: object) -> None:
        self._notices.dismiss(self._notice.id)
        if callable(act):
            act()

    def _dismiss(self) -> None:
        self._notices.dismiss(self._notice.id, by_hand=True)
