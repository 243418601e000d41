"""What of the library is shown: words, kind, model, date, star, trash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from PySide6.QtCore import QEvent, QLocale, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import KINDS, Kind
from studio.ui import icons, theme
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.itemcard import MARGIN
from studio.ui.widgets.keys import claims_escape

TYPING_MS = 160
"""Pause in typing after which the search begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to see of the library; empty fields do not narrow it."""

    words: str = ""
    kind: Kind | None = None
    model: str = ""
    days: int = 0
    """Made in the last so many days, today included."""
    starred: bool = False
    trashed: bool = False

    @property
    def narrows(self) -> bool:
        """Whether anything but the trash is asked for."""
        return bool(self.words or self.kind or self.model or self.days or self.starred)

    def since(self, now: datetime | None = None) -> datetime | None:
        """The first moment of the days asked for, local time; None for all times."""
        if not self.days:
            return None
        now = now or datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=self.days - 1)


class FilterBar(QWidget):
    """The title row with the search field, and the row of filters below it.

    `changed` comes once typing pauses; `entered` when a person goes from the field to the grid.
    """

    changed = Signal(Wanted)
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._pause.timeout.connect(self._tell)
        self._told = Wanted()
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 0, MARGIN, 0)
        column.setSpacing(theme.INSET)
        column.addLayout(self._title_row())
        column.addLayout(self._filter_row())

    def wanted(self) -> Wanted:
        """What is asked for now."""
        return Wanted(
            words=self.search.text().strip(),
            kind=self._kind(),
            model=str(self.model.currentData() or ""),
            days=int(self.days.currentData() or 0),
            starred=self.starred.isChecked(),
            trashed=self.trash.isChecked(),
        )

    def _kind(self) -> Kind | None:
        button = self._kinds.checkedButton()
        wanted = button.property("kind-of-item") if button is not None else ""
        return next((kind for kind in KINDS if kind == wanted), None)

    def clear(self) -> None:
        """Ask for everything, outside the trash."""
        with QSignalBlocker(self.search):
            self.search.clear()
        for button in self._kinds.buttons():
            button.setChecked(not button.property("kind-of-item"))
        self.model.setCurrentIndex(0)
        self.days.setCurrentIndex(0)
        self.starred.setChecked(False)
        self.trash.setChecked(False)
        self._tell()

    def show_count(self, count: int) -> None:
        """Say how many there are."""
        number = QLocale().toString(count)
        text = self.tr("1 item") if count == 1 else self.tr("{count} items").format(count=number)
        self._count.setText(text if count else "")

    def set_models(self, titles: Mapping[str, str]) -> None:
        """The models that something in the library was made with, by id, with their titles."""
        chosen = self.model.currentData()
        with QSignalBlocker(self.model):
            self.model.clear()
            self.model.addItem(self.tr("Any model"), "")
            for model, title in sorted(titles.items(), key=lambda pair: pair[1].casefold()):
                self.model.addItem(title, model)
            self.model.setCurrentIndex(max(0, self.model.findData(chosen)))

    def event(self, event: QEvent) -> bool:
        return claims_escape(event, lambda: bool(self.search.text())) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.search.hasFocus() and event.key() in (
            Qt.Key.Key_Down,
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
        ):
            self._tell()
            self.entered.emit()
        elif self.search.hasFocus() and event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        else:
            super().keyPressEvent(event)

    def _title_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.INSET)
        title = QLabel(self.tr("Library"))
        title.setProperty("role", "title")
        self._count = QLabel()
        self._count.setObjectName("count")
        self._count.setProperty("role", "muted")
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setPlaceholderText(self.tr("Search words, titles, settings"))
        self.search.setAccessibleName(self.tr("Search the library"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(160)
        self.search.setMaximumWidth(380)
        self.search.setMaxLength(500)
        magnifier = QAction(icons.icon("search", "muted"), self.tr("Search"), self.search)
        self.search.addAction(magnifier, QLineEdit.ActionPosition.LeadingPosition)
        for button in self.search.findChildren(QToolButton):  # Qt gives them no names
            leading = button.defaultAction() is magnifier
            button.setAccessibleName(self.tr("Search") if leading else self.tr("Clear"))
        self.search.textChanged.connect(self._pause.start)
        row.addWidget(title)
        self._count.setContentsMargins(0, 0, 0, 5)  # on the title's baseline
        row.addWidget(self._count, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        row.addWidget(self.search, 2)
        return row

    def _filter_row(self) -> FlowLayout:
        row = FlowLayout(spacing=theme.GAP, tail=1)
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
            button.setObjectName(f"kind-{kind or 'all'}")
            button.setProperty("kind", "chip")
            button.setProperty("kind-of-item", kind)
            button.setCheckable(True)
            button.setChecked(not kind)
            button.setAccessibleName(self.tr("Show: {kind}").format(kind=text))
            self._kinds.addButton(button)
            row.addWidget(button)
        self._kinds.buttonClicked.connect(self._tell)
        self.starred = self._toggle("starred", "star", self.tr("Starred"))
        row.addWidget(self.starred)
        self.days = QComboBox()
        self.days.setObjectName("days")
        self.days.setAccessibleName(self.tr("Made when"))
        for days, text in (
            (0, self.tr("Any time")),
            (1, self.tr("Today")),
            (7, self.tr("Last 7 days")),
            (30, self.tr("Last 30 days")),
            (365, self.tr("Last 365 days")),
        ):
            self.days.addItem(text, days)
        self.model = QComboBox()
        self.model.setObjectName("model")
        self.model.setAccessibleName(self.tr("Made with"))
        self.model.addItem(self.tr("Any model"), "")
        self.model.setMinimumContentsLength(10)
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        for combo in (self.days, self.model):
            combo.currentIndexChanged.connect(self._tell)
            row.addWidget(combo)
        self.trash = self._toggle("trash", "trash-2", self.tr("Trash"))
        row.addWidget(self.trash)
        return row

    def _toggle(self, name: str, picture: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setProperty("kind", "chip")
        button.setIcon(icons.icon(picture))
        button.setIconSize(QSize(15, 15))
        button.setCheckable(True)
        button.toggled.connect(self._tell)
        return button

    def _tell(self) -> None:
        self._pause.stop()
        wanted = self.wanted()
        if wanted != self._told:
            self._told = wanted
            self.changed.emit(wanted)
