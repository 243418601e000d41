"""A list of files with something to say of each, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTreeView, QWidget

from studio.ui.widgets.itemwords import file_size

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
ROW, SHOWN = 26, 9
"""Height of a line in pixels, and lines that are seen at once."""


class FileModel(QAbstractTableModel):
    """Names and what is said of them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[tuple[str, str | int]] = ()

    def show(self, rows: Sequence[tuple[str, str | int]]) -> None:
        """Show these; a number is a size in bytes."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else 2

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row, column = index.row(), index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._words(row, column)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(0, ROW)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(self._words(row, n) for n in range(2))
        return None

    def _words(self, row: int, column: int) -> str:
        said = self._rows[row][column]
        return said if isinstance(said, str) else file_size(said)


class FileTable(QTreeView):
    """Two columns without a heading; the names have the room that is left, unless the words are
    sentences."""

    def __init__(
        self, name: str, *, sentences: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.rows = FileModel(self)
        self.setModel(self.rows)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setStretchLastSection(False)
        modes = QHeaderView.ResizeMode
        header.setSectionResizeMode(0, modes.Stretch)
        header.setSectionResizeMode(1, modes.Stretch if sentences else modes.Fixed)
        header.resizeSection(1, 84)

    def show_rows(self, rows: Sequence[tuple[str, str | int]]) -> None:
        """Show these names with what is said of each, words or a size in bytes."""
        self.rows.show(rows)
        self.setFixedHeight(max(1, min(len(rows), SHOWN)) * ROW + 4)
