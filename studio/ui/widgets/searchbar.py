"""What is looked for on the hub: words, kind, licence and order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import KINDS, Kind
from studio.ui import icons, theme
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.keys import claims_escape

TYPING_MS = 450
"""Pause in typing after which the hub is asked; Return asks at once."""
Sort = Literal["trending", "downloads", "likes", "updated", "new"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a person looks for; without words and `browse` it is the catalogue."""

    words: str = ""
    kind: Kind | None = None
    sell: bool = False
    """Only models with which one may sell what one makes."""
    sort: Sort = "trending"
    browse: bool = False
    """All that the hub has, also without words."""

    @property
    def on_hub(self) -> bool:
        """Whether the hub is to be asked."""
        return bool(self.words) or self.browse


class SearchBar(QWidget):
    """The search field and the filters. `changed` comes once typing pauses, or with Return."""

    changed = Signal(Sought)
    entered = Signal()
    """A person goes from the field to the list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browse = False
        self._choosing = False
        self._told = Sought()
        self._pause = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._pause.timeout.connect(self._tell)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.INSET)
        column.addLayout(self._field())
        column.addLayout(self._filters())

    def sought(self) -> Sought:
        """What is looked for now."""
        return Sought(
            words=self.search.text().strip(),
            kind=self._kind(),
            sell=self.sell.isChecked(),
            sort=next((s for s in SORTS if s == self.sort.currentData()), "trending"),
            browse=self._browse,
        )

    def choose(self, sought: Sought) -> None:
        """Look for this."""
        self._choosing = True  # signals still come, so that the field's own buttons follow
        self.search.setText(sought.words)
        self.sort.setCurrentIndex(max(0, self.sort.findData(sought.sort)))
        self._choosing = False
        for button in self._kinds.buttons():
            button.setChecked(button.property("kind-of-item") == (sought.kind or ""))
        self.sell.setChecked(sought.sell)
        self._browse = sought.browse
        self._tell()

    def clear(self) -> None:
        """Back to the catalogue, of every kind."""
        self.choose(Sought(sort=self.sought().sort))

    def set_offline(self, offline: bool, host: str) -> None:
        """Without the network there is nothing to search."""
        self.search.setEnabled(not offline)
        words = self.tr("Search {host}").format(host=host)
        self.search.setPlaceholderText(self.tr("The network is switched off") if offline else words)
        self.search.setAccessibleName(words)

    def event(self, event: QEvent) -> bool:
        return claims_escape(event, lambda: bool(self.search.text())) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.search.hasFocus() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell()
        elif self.search.hasFocus() and event.key() == Qt.Key.Key_Down:
            self._tell()
            self.entered.emit()
        elif self.search.hasFocus() and event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            self._tell()
        else:
            super().keyPressEvent(event)

    def _field(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.search = QLineEdit()
        self.search.setObjectName("hub-search")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(160)
        self.search.setMaximumWidth(560)
        self.search.setMaxLength(200)
        magnifier = QAction(icons.icon("search", "muted"), self.tr("Search"), self.search)
        self.search.addAction(magnifier, QLineEdit.ActionPosition.LeadingPosition)
        for button in self.search.findChildren(QToolButton):  # Qt gives them no names
            leading = button.defaultAction() is magnifier
            button.setAccessibleName(self.tr("Search") if leading else self.tr("Clear"))
        self.search.textChanged.connect(self._typed)
        row.addWidget(self.search, 1)
        row.addStretch(0)
        return row

    def _filters(self) -> FlowLayout:
        row = FlowLayout(spacing=theme.GAP)
        self._kinds = QButtonGroup(self)
        for kind, text, picture in (
            ("", self.tr("All"), ""),
            ("text", self.tr("Text"), "type"),
            ("image", self.tr("Pictures"), "image"),
            ("audio", self.tr("Sound"), "audio-lines"),
        ):
            button = QPushButton(text)
            if picture:
                button.setIcon(icons.icon(picture))
                button.setIconSize(QSize(15, 15))
            button.setObjectName(f"find-{kind or 'all'}")
            button.setProperty("kind", "chip")
            button.setProperty("kind-of-item", kind)
            button.setCheckable(True)
            button.setChecked(not kind)
            button.setAccessibleName(self.tr("Show: {kind}").format(kind=text))
            self._kinds.addButton(button)
            row.addWidget(button)
        self._kinds.buttonClicked.connect(self._tell)
        self.sell = QPushButton(self.tr("Results may be sold"))
        self.sell.setObjectName("find-sell")
        self.sell.setProperty("kind", "chip")
        self.sell.setCheckable(True)
        self.sell.setIcon(icons.icon("scale"))
        self.sell.setIconSize(QSize(15, 15))
        self.sell.setToolTip(
            self.tr("Only models whose licence lets you sell what you make with them")
        )
        self.sell.clicked.connect(self._tell)
        row.addWidget(self.sell)
        self.sort = QComboBox()
        self.sort.setObjectName("find-sort")
        self.sort.setAccessibleName(self.tr("Order"))
        words: dict[Sort, str] = {
            "trending": self.tr("Talked about now"),
            "downloads": self.tr("Most downloaded"),
            "likes": self.tr("Most liked"),
            "updated": self.tr("Changed lately"),
            "new": self.tr("Newest"),
        }
        for sort in SORTS:
            self.sort.addItem(words[sort], sort)
        self.sort.currentIndexChanged.connect(self._tell)
        self.sort.hide()  # the catalogue has an order of its own
        row.addWidget(self.sort)
        return row

    def _kind(self) -> Kind | None:
        button = self._kinds.checkedButton()
        wanted = button.property("kind-of-item") if button is not None else ""
        return next((kind for kind in KINDS if kind == wanted), None)

    def _typed(self, words: str) -> None:
        if self._choosing:
            return
        if not words.strip():
            self._browse = False
            self._tell()
        else:
            self._pause.start()

    def _tell(self) -> None:
        if self._choosing:
            return
        self._pause.stop()
        sought = self.sought()
        self.sort.setVisible(sought.on_hub)
        if replace(sought, sort="new") != replace(self._told, sort="new") or (
            sought.on_hub and sought != self._told
        ):
            self._told = sought
            self.changed.emit(sought)
