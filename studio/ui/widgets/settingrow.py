"""The building blocks of the settings: a card with a heading, and a line for one choice."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.widgets.elided import ElidedLabel


class Section(QFrame):
    """A card with a heading and lines, parted by hairlines."""

    def __init__(self, heading: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.INSET)
        self._column.setSpacing(theme.INSET)
        label = QLabel(heading)
        label.setProperty("role", "lead")
        self._column.addWidget(label)
        self._empty = True

    def add(self, widget: QWidget) -> None:
        """Put another line below."""
        if not self._empty:
            line = QFrame()
            line.setProperty("line", "h")
            self._column.addWidget(line)
        self._empty = False
        self._column.addWidget(widget)


class SettingRow(QWidget):
    """What a setting is called and what it does, and the control for it at the right."""

    def __init__(
        self, words: str, help_words: str, control: QWidget, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        said = QVBoxLayout()
        said.setSpacing(2)
        label = QLabel(words)
        label.setBuddy(control)
        self.help = QLabel(help_words)
        self.help.setProperty("role", "small")
        self.help.setWordWrap(True)
        self.help.setTextFormat(Qt.TextFormat.PlainText)
        if not help_words:
            self.help.hide()
        said.addWidget(label)
        said.addWidget(self.help)
        row.addLayout(said, 1)
        row.addWidget(control, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        control.setAccessibleName(words)
        control.setAccessibleDescription(help_words)

    def set_help(self, words: str) -> None:
        """Say something else about the setting."""
        self.help.setText(words)
        self.help.setVisible(bool(words))


class PathLabel(ElidedLabel):
    """A path; where there is no room, its middle gives way."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        rect = self.contentsRect()
        text = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideMiddle, rect.width()
        )
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


class FolderRow(QWidget):
    """A folder: where it is, a button that opens it and one that chooses another.

    `chosen` brings the other one, or None for the place that the program chooses.
    """

    chosen = Signal(object)
    """Path | None."""

    def __init__(
        self,
        name: str,
        words: str,
        help_words: str,
        *,
        fixed: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._words = words
        self._path = Path()
        label = QLabel(words)
        self.where = PathLabel()
        self.where.setObjectName(f"{name}-where")
        self.note = QLabel(help_words)
        self.note.setObjectName(f"{name}-note")
        self.note.setProperty("role", "small")
        self.note.setWordWrap(True)
        self._help = help_words
        self.open = QPushButton(self.tr("Open"))
        self.open.setObjectName(f"{name}-open")
        self.open.setAccessibleName(self.tr("Open: {what}").format(what=words))
        self.open.clicked.connect(self._open)
        self.change = QPushButton(self.tr("Change …"))
        self.change.setObjectName(f"{name}-change")
        self.change.setAccessibleName(self.tr("Change: {what}").format(what=words))
        self.change.clicked.connect(self._ask)
        if fixed:
            self.change.hide()
        self.back = QPushButton(self.tr("Reset"))
        self.back.setObjectName(f"{name}-reset")
        self.back.setProperty("kind", "quiet")
        self.back.setToolTip(self.tr("Back to the place that Triptych chooses"))
        self.back.setAccessibleName(self.tr("Reset: {what}").format(what=words))
        self.back.clicked.connect(lambda: self.chosen.emit(None))
        said = QVBoxLayout()
        said.setSpacing(2)
        said.addWidget(label)
        self.where.setProperty("role", "muted")
        said.addWidget(self.where)
        said.addWidget(self.note)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        row.addLayout(said, 1)
        for button in (self.back, self.open, self.change):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_folder(self, path: Path, *, own: bool, later: Path | None = None) -> None:
        """The folder in use; `own` that a person chose it, `later` what the next start uses."""
        self._path = path
        self.where.setText(str(path))
        self.where.setToolTip(str(path))
        self.back.setVisible(own)
        words = self._help
        if later is not None:
            words = self.tr("From the next start on: {folder}").format(folder=later)
        self.note.setText(words)
        self.note.setProperty("role", "small" if later is None else "warning")
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)
        self.note.setVisible(bool(words))

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path)))

    def _ask(self) -> None:
        dialog = QFileDialog(self, self._words, str(self._path))
        dialog.setObjectName("folder-dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda chosen: self.chosen.emit(Path(chosen)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
