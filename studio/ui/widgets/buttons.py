"""The small buttons below a result and the well that a result lies in."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QMenu, QPushButton, QToolButton, QWidget

from studio.ui import theme
from studio.ui.icons import icon

ICON = QSize(18, 18)


def tool(name: str, picture: str, words: str, act: Callable[[], None] | None = None) -> QToolButton:
    """A button that is only an icon; `words` are what is read out and shown as its tip."""
    button = QToolButton()
    button.setObjectName(name)
    button.setProperty("kind", "icon")
    button.setIcon(icon(picture))
    button.setIconSize(ICON)
    button.setToolTip(words)
    button.setAccessibleName(words.split("  ")[0])
    # Tab reaches it, a click does not take the focus away from what is worked on.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if act is not None:
        button.clicked.connect(lambda _checked=False: act())
    return button


def menu_tool(name: str, picture: str, words: str) -> tuple[QToolButton, QMenu]:
    """Such a button with a menu below it."""
    button = tool(name, picture, words)
    menu = QMenu(button)
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button, menu


def quiet(name: str, picture: str, words: str, act: Callable[[], None]) -> QPushButton:
    """A button with icon and words that does not shout."""
    button = QPushButton(" " + words)  # the style leaves too little room behind the icon
    button.setObjectName(name)
    button.setProperty("kind", "quiet")
    button.setIcon(icon(picture))
    button.setIconSize(QSize(16, 16))
    button.setAccessibleName(words)
    button.clicked.connect(lambda _checked=False: act())
    return button


def polish(widget: QWidget) -> None:
    """Have the style sheet look at all of a hidden part of the window now, and not in the moment
    in which it is shown."""
    for child in widget.findChildren(QWidget):
        child.ensurePolished()


class Well(QFrame):
    """The ground on which a result lies, in the colour of a token of the theme."""

    def __init__(self, token: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._token = token

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.color("line"))
        painter.setBrush(theme.color(self._token))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
        painter.end()
