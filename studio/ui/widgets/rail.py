"""The rail at the left: the pages of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QToolButton, QVBoxLayout, QWidget

from studio.ui import icons, theme

WIDTH = 76


@dataclass(frozen=True, slots=True)
class Stop:
    """A page as the rail shows it; `low` ones stand at the bottom."""

    id: str
    title: str
    icon: str
    shortcut: str
    low: bool = False


class Rail(QWidget):
    """One button a page; the chosen one is lit."""

    chosen = Signal(str)

    def __init__(self, stops: Sequence[Stop], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        self._mark = QLabel()
        self._mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GAP, theme.PAD, theme.GAP, theme.INSET)
        column.setSpacing(theme.HAIR)
        column.addWidget(self._mark)
        column.addSpacing(theme.INSET)
        for stop in (s for s in stops if not s.low):
            column.addWidget(self._button(stop))
        column.addStretch(1)
        for stop in (s for s in stops if s.low):
            column.addWidget(self._button(stop))
        self._paint_mark()

    def choose(self, page: str) -> None:
        """Light the button of a page, without telling anybody."""
        button = self._buttons.get(page)
        if button is not None:
            button.setChecked(True)

    def button(self, page: str) -> QToolButton:
        """The button of a page. Raises KeyError."""
        return self._buttons[page]

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_mark()

    def _paint_mark(self) -> None:
        pixmap = icons.program().pixmap(QSize(28, 28), self.devicePixelRatioF())
        self._mark.setPixmap(pixmap)

    def _button(self, stop: Stop) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"rail-{stop.id}")
        button.setProperty("kind", "rail")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIcon(icons.icon(stop.icon))
        button.setIconSize(QSize(22, 22))
        button.setText(stop.title)
        button.setAccessibleName(stop.title)
        button.setToolTip(f"{stop.title} ({stop.shortcut})" if stop.shortcut else stop.title)
        button.setCheckable(True)
        button.setFixedSize(WIDTH - 2 * theme.GAP, 54)
        button.clicked.connect(lambda _checked=False, page=stop.id: self.chosen.emit(page))
        self._group.addButton(button)
        self._buttons[stop.id] = button
        return button
