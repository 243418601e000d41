"""The page with the three panes, like an altarpiece: side by side, or one that has it all."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.pages import PaneEntry


class CreatePage(QWidget):
    """Panes in a splitter. Too narrow for all, it shows one, with a row of tabs above."""

    shown_changed = Signal()

    def __init__(
        self,
        entries: Sequence[PaneEntry],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("create")
        self.panes: dict[str, QWidget] = {e.id: _Skeleton(e) for e in entries}
        """What stands in each place: the pane, or until it is built, its outline."""
        self._current = next(iter(self.panes))
        self._expanded = False
        self._narrow = False
        self._tabs = QWidget()
        self._tabs.setObjectName("paneTabs")
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self._tabs)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HAIR)
        for entry in entries:
            row.addWidget(self._tab(entry))
        row.addStretch(1)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(theme.GAP)
        self._splitter.setChildrenCollapsible(False)
        for pane in self.panes.values():
            self._splitter.addWidget(pane)
        for place in range(self._splitter.count()):
            self._splitter.setStretchFactor(place, 1)
        self._widths = [1000] * self._splitter.count()
        self._splitter.setSizes(self._widths)
        self._splitter.splitterMoved.connect(lambda _at, _index: self._moved())
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.INSET, theme.INSET, theme.INSET, theme.INSET)
        column.setSpacing(theme.GAP)
        column.addWidget(self._tabs)
        column.addWidget(self._splitter, 1)
        self._arrange()

    def put(self, kind: str, pane: QWidget) -> None:
        """Put a pane into its place."""
        outline = self.panes[kind]
        self.panes[kind] = pane
        self._splitter.replaceWidget(self._splitter.indexOf(outline), pane)
        outline.deleteLater()
        self._splitter.setSizes(self._widths)
        wanted, expand = getattr(pane, "wanted", None), getattr(pane, "expand_wanted", None)
        if wanted is not None:
            wanted.connect(lambda: self.bring(kind))
        if expand is not None:
            expand.connect(lambda: self.toggle(kind))
        self._arrange()
        self._fit()

    @property
    def current(self) -> str:
        """The pane that keys go to."""
        return self._current

    @property
    def expanded(self) -> str | None:
        """The pane that has the page to itself by wish, not for want of room."""
        return self._current if self._expanded else None

    @property
    def narrow(self) -> bool:
        return self._narrow

    def current_pane(self) -> QWidget:
        return self.panes[self._current]

    def note_focus(self, widget: QWidget | None) -> None:
        """The focus has moved; where it is in a pane, that is the current one."""
        for kind, pane in self.panes.items():
            if widget is not None and (widget is pane or pane.isAncestorOf(widget)):
                self._current = kind
                self._buttons[kind].setChecked(True)

    def bring(self, kind: str) -> None:
        """Have a pane seen, whatever else is."""
        self._current = kind
        self._arrange()

    def toggle(self, kind: str) -> None:
        """Give a pane the whole page, or, where it has it, show all again."""
        self._expanded = not (self._expanded and self._current == kind)
        self._current = kind
        self._arrange()

    def show_all(self) -> None:
        """All panes side by side, where there is room."""
        self._expanded = False
        self._arrange()

    def sizes(self) -> list[int]:
        """The panes' widths side by side, to be kept; also while only one is shown."""
        return list(self._widths)

    def set_sizes(self, sizes: list[int]) -> None:
        if len(sizes) == self._splitter.count() and all(s > 0 for s in sizes):
            self._widths = list(sizes)
            self._splitter.setSizes(sizes)

    def _moved(self) -> None:
        # Only what a hand has set is kept, not what a small window has pressed together.
        self._widths = self._splitter.sizes()

    def minimumSizeHint(self) -> QSize:
        # Of the one pane that a narrow page shows, not of all that it could.
        least = [_least(p) for p in self.panes.values()]
        width = max(s.width() for s in least) + 2 * theme.INSET
        return QSize(width, max(s.height() for s in least) + 2 * theme.INSET + 44)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        narrow = self.width() < self._needed()
        if narrow != self._narrow:
            self._narrow = narrow
            self._arrange()

    def _needed(self) -> int:
        least = sum(_least(p).width() for p in self.panes.values())
        return least + theme.GAP * (len(self.panes) - 1) + 2 * theme.INSET

    def _arrange(self) -> None:
        single = self._narrow or self._expanded
        for kind, pane in self.panes.items():
            pane.setVisible(not single or kind == self._current)
            button = pane.findChild(QToolButton, "expand")
            if button is not None:
                full = self._expanded and kind == self._current
                button.setVisible(not self._narrow)
                button.setIcon(icon("minimize-2" if full else "maximize-2"))
                words = self.tr("All panes") if full else self.tr("Whole window")
                button.setToolTip(words)
                button.setAccessibleName(words)
        if not single:
            self._splitter.setSizes(self._widths)
        self._tabs.setVisible(self._narrow)
        self._buttons[self._current].setChecked(True)
        self.shown_changed.emit()

    def _tab(self, entry: PaneEntry) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"tab-{entry.id}")
        button.setProperty("kind", "tab")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIcon(QIcon(icon(entry.icon)))
        button.setIconSize(QSize(16, 16))
        button.setText(f" {entry.said}")  # a breath between icon and word
        button.setAccessibleName(entry.said)
        button.setToolTip(f"{entry.said} ({entry.shortcut})")
        button.setCheckable(True)
        button.clicked.connect(lambda _checked=False: self.bring(entry.id))
        self._group.addButton(button)
        self._buttons[entry.id] = button
        return button


def _least(pane: QWidget) -> QSize:
    # What it declares, before what its layout of the moment wants: a pane that has the whole
    # page lays itself out wider than it needs to be.
    declared, hint = pane.minimumSize(), pane.minimumSizeHint()
    return QSize(declared.width() or hint.width(), declared.height() or hint.height())


class _Skeleton(QFrame):
    """The outline of a pane, with its title where the pane will have it."""

    def __init__(self, entry: PaneEntry) -> None:
        super().__init__()
        self.setProperty("card", True)
        self.setMinimumSize(320, 420)
        mark = QLabel()
        drawn = icon(entry.icon, "accent_text")
        mark.setPixmap(drawn.pixmap(QSize(18, 18), self.devicePixelRatioF()))
        title = QLabel(entry.said)
        title.setProperty("role", "lead")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(mark)
        row.addWidget(title)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.PAD + theme.HAIR, theme.PAD, theme.PAD)
        column.addLayout(row)
        column.addStretch(1)
