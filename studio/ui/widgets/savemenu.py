"""Saving a copy of an item outside the library, in any of the formats that there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from studio.core.errors import StudioError
from studio.library import Item
from studio.library.exporters import Exporter, export, for_item
from studio.ui.widgets.background import Background
from studio.ui.widgets.itemwords import title
from studio.ui.widgets.saving import ask_where


class SaveMenu(QMenu):
    """One entry for each exporter of the item that is shown."""

    saved = Signal(Path)
    """Where the copy is."""
    failed = Signal(StudioError)

    def __init__(
        self,
        current: Callable[[], Item | None],
        work: Background,
        parent: QWidget,
        before: Callable[[], None] | None = None,
    ) -> None:
        """`before` is called first, for what has to be kept before it can be saved elsewhere."""
        super().__init__(parent)
        self.setObjectName("save-menu")
        self._current = current
        self._work = work
        self._before = before
        self.aboutToShow.connect(self._fill)

    def _fill(self) -> None:
        self.clear()
        item = self._current()
        if item is None:
            return
        for exporter in for_item(item):
            words = self.tr("Save as {format}…").format(format=exporter.title)
            action = self.addAction(words)
            action.setObjectName("save-" + exporter.suffix.removeprefix("."))
            action.triggered.connect(lambda _checked=False, e=exporter: self._ask(e))

    def _ask(self, exporter: Exporter) -> None:
        if self._before is None:
            self._ask_where(exporter)
            return
        self._before()
        # What that keeps is kept by the same worker, which does one thing after the other.
        self._work.run(lambda: exporter, self._ask_where)

    def _ask_where(self, exporter: Exporter) -> None:
        item, parent = self._current(), self.parentWidget()
        if item is None or parent is None:
            return

        def save(path: Path) -> None:
            self._work.run(
                lambda: export(item, path, suffix=exporter.suffix), self.saved.emit, self._refused
            )

        ask_where(
            parent,
            self.tr("Save as {format}").format(format=exporter.title),
            item.kind,
            title(item),
            exporter.suffix,
            exporter.title,
            save,
        )

    def _refused(self, error: StudioError) -> None:
        self.failed.emit(error)
