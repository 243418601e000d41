"""How a create pane is laid out: narrow, one thing below the other; wide, settings at the side."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import Kind
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.widgets.background import Background
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.composer import Composer
from studio.ui.widgets.emptystate import EmptyState
from studio.ui.widgets.history import HistoryStrip
from studio.ui.widgets.modelchooser import ModelChooser

SIZE = QSize(430, 800)
WIDE = 860
"""From this width on the settings stand beside the result."""
ROOMY = 410
"""Below this width the rarer buttons below a result give way."""
LOW = 560
"""Below this height there is no room for the history."""


class PaneFrame(QFrame):
    """Header, composer, result and history of a create pane, in their places."""

    kind: Kind
    picture: str
    """The icon of the kind."""

    expand_wanted = Signal()
    """The button for having the whole window was pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{self.kind}-pane")
        self.setProperty("card", True)
        self.setMinimumWidth(340)
        self.setAcceptDrops(True)
        self.work = Background(self)
        self.chooser = ModelChooser()
        self.composer = Composer(self.make_words())
        self.empty = EmptyState(self.picture)
        self.stage = QStackedWidget()
        self.stage.addWidget(self.empty)
        self.foot = QWidget()
        """Below the result, whatever is shown there; empty and hidden but for a conversation."""
        self.foot.hide()
        self.result = self.build_result()
        self.stage.addWidget(self.result)
        self.history = HistoryStrip()
        self.history.hide()
        self.anew = tool("new", "plus", self.tr("Start anew"))
        self.expand = tool("expand", "maximize-2", self.tr("Whole window"), self.expand_wanted.emit)
        self._mark = QLabel()
        self._history_wanted = False
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._body.setSpacing(theme.PAD)
        self._body.addWidget(self.composer)
        self._body.addWidget(self._result(), 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.INSET, theme.PAD, theme.INSET)
        column.setSpacing(theme.INSET)
        column.addLayout(self._header())
        column.addLayout(self._body, 1)
        for stop, following in pairwise(
            (self.chooser, self.anew, self.expand, self.composer.prompt)
        ):
            self.setTabOrder(stop, following)
        self.composer.set_wide(False)
        self._draw_mark()

    @property
    def title(self) -> str:
        raise NotImplementedError

    def make_words(self) -> str:
        """What stands on the primary button."""
        raise NotImplementedError

    def build_result(self) -> QWidget:
        """The widgets that show a result, live or kept."""
        raise NotImplementedError

    def show_history(self, busy: bool) -> None:
        """Show the strip where there is something in it, and room for it."""
        self._history_wanted = busy or bool(self.history.items)
        self.history.setVisible(self._history_wanted and self.height() >= LOW)

    @property
    def roomy(self) -> bool:
        """Whether there is room for everything below a result."""
        return self.width() >= ROOMY

    def sizeHint(self) -> QSize:
        # The same for each, so that panes side by side are equally wide.
        return SIZE

    def wants(self, path: Path) -> bool:
        """Whether a file that is dropped here goes into the form; else it is for the window."""
        return False

    def take_file(self, path: Path) -> None:
        """A file that `wants` has said yes to was dropped here."""

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        path = _dropped(event)
        if path is not None and self.wants(path):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped(event)
        if path is not None and self.wants(path):
            event.acceptProposedAction()
            self.take_file(path)
        else:
            event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= WIDE
        way = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._body.direction() != way:
            self._body.setDirection(way)
            self._body.setSpacing(theme.SPACE if wide else theme.PAD)
            self.composer.set_wide(wide)
        self.history.setVisible(self._history_wanted and self.height() >= LOW)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_mark"):
            self._draw_mark()

    def _header(self) -> QHBoxLayout:
        title = QLabel(self.title)
        title.setProperty("role", "lead")
        header = QHBoxLayout()
        header.setSpacing(theme.GAP)
        header.addWidget(self._mark)
        header.addWidget(title)
        header.addStretch(1)
        header.addWidget(self.chooser)
        header.addWidget(self.anew)
        header.addWidget(self.expand)
        return header

    def _result(self) -> QWidget:
        right = QWidget()
        right.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(self.stage, 1)
        column.addWidget(self.foot)
        column.addWidget(self.history)
        return right

    def _draw_mark(self) -> None:
        drawn = icon(self.picture, "accent_text")
        self._mark.setPixmap(drawn.pixmap(QSize(18, 18), self.devicePixelRatioF()))


def _dropped(event: QDropEvent) -> Path | None:
    """The one file that is dropped; None for several, which are no input."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
