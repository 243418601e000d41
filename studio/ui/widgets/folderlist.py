"""Further folders to look for models in: a line each, and a button that adds one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from studio.core.settings import MAX_FOLDERS
from studio.ui import theme
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.settingrow import PathLabel


class FolderList(QWidget):
    """The folders as they are; `changed` brings them as they are to be."""

    changed = Signal(object)
    """tuple[str, ...]."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-folders")
        self._folders: tuple[str, ...] = ()
        label = QLabel(self.tr("Further folders with models"))
        help_words = QLabel(
            self.tr("Of other programs or on other disks; caches of Hugging Face as well. Nothing "
                    "is copied.")
        )  # fmt: skip
        help_words.setProperty("role", "small")
        help_words.setWordWrap(True)
        self.add = QPushButton(self.tr("Add …"))
        self.add.setObjectName("add-model-folder")
        self.add.setAccessibleName(self.tr("Add a folder with models"))
        self.add.clicked.connect(self._ask)
        said = QVBoxLayout()
        said.setSpacing(2)
        said.addWidget(label)
        said.addWidget(help_words)
        head = QHBoxLayout()
        head.setSpacing(theme.GAP)
        head.addLayout(said, 1)
        head.addWidget(self.add, 0, Qt.AlignmentFlag.AlignVCenter)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.HAIR)
        self._column.addLayout(head)
        self._rows: list[QWidget] = []

    def show_folders(self, folders: Sequence[str]) -> None:
        """Show these."""
        if tuple(folders) == self._folders:
            return
        self._folders = tuple(folders)
        for old in self._rows:
            self._column.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._rows = [self._row(folder) for folder in folders]
        for row in self._rows:
            self._column.addWidget(row)
        self.add.setEnabled(len(folders) < MAX_FOLDERS)

    def _row(self, folder: str) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        path = PathLabel(folder)
        path.setProperty("role", "muted")
        path.setToolTip(folder)
        words = self.tr("Look there no more: {folder}").format(folder=folder)
        line.addWidget(path, 1)
        line.addWidget(tool("remove-model-folder", "x", words, lambda: self._remove(folder)))
        return row

    def _remove(self, folder: str) -> None:
        self.add.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that was pressed goes
        self.changed.emit(tuple(f for f in self._folders if f != folder))

    def _ask(self) -> None:
        dialog = QFileDialog(self, self.tr("A folder with models"), str(Path.home()))
        dialog.setObjectName("folder-dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self._take)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take(self, chosen: str) -> None:
        folder = str(Path(chosen))
        if folder not in self._folders:
            self.changed.emit((*self._folders, folder))
