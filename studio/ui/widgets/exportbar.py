"""Saving items outside the library: as what, with the recipe or without, where to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.family import KINDS, Kind
from studio.library import Item
from studio.library.exporters import Exporter, export, for_item
from studio.ui import theme
from studio.ui.widgets.background import Background
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.itemwords import title
from studio.ui.widgets.saving import file_name


class ExportBar(QFrame):
    """The strip in which a person says how the chosen items are to be exported.

    `exported` brings the folder and how many; `failed` what could not be done.
    """

    exported = Signal(Path, int)
    failed = Signal(StudioError)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export-bar")
        self.setProperty("card", True)
        self._work = Background(self)
        self._items: tuple[Item, ...] = ()
        self._folder: Path | None = None
        self._row = FlowLayout(self, spacing=theme.INSET, tail=2)
        self._row.setContentsMargins(theme.PAD, theme.INSET, theme.INSET, theme.INSET)
        self._what = QLabel()
        self._what.setProperty("role", "heading")
        self._row.addWidget(self._what)
        self.formats: dict[Kind, QComboBox] = {}
        names = {
            "text": self.tr("Text as"),
            "image": self.tr("Pictures as"),
            "audio": self.tr("Sound as"),
        }
        self._pairs: dict[Kind, QWidget] = {}
        for kind in KINDS:
            label, combo = QLabel(names[kind]), QComboBox()
            label.setBuddy(combo)
            label.setProperty("role", "muted")
            combo.setObjectName(f"format-{kind}")
            combo.setAccessibleName(names[kind])
            self.formats[kind] = combo
            pair = QWidget()
            together = QHBoxLayout(pair)
            together.setContentsMargins(0, 0, 0, 0)
            together.setSpacing(theme.GAP)
            together.addWidget(label)
            together.addWidget(combo)
            self._pairs[kind] = pair
            self._row.addWidget(pair)
        self.with_recipe = QCheckBox(self.tr("With the recipe inside"))
        self.with_recipe.setObjectName("with-recipe")
        self.with_recipe.setChecked(True)
        self.with_recipe.setToolTip(
            self.tr(
                "Whoever has the file can see how it was made, and make it again. "
                "That it was made by a model stays in the file either way."
            )
        )
        self._row.addWidget(self.with_recipe)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setObjectName("export-cancel")
        self.cancel.setProperty("kind", "quiet")
        self.cancel.clicked.connect(self.close_bar)
        self.go = QPushButton(self.tr("Save as …"))
        self.go.setObjectName("export-go")
        self.go.setProperty("kind", "primary")
        self.go.clicked.connect(self._ask)
        self._row.addWidget(self.cancel)
        self._row.addWidget(self.go)
        self.hide()

    def offer(self, items: Sequence[Item]) -> None:
        """Begin to export these items."""
        if not items:
            return
        self._items = tuple(items)
        one = len(items) == 1
        self._what.setText(
            self.tr("Export “{title}”").format(title=_short(title(items[0])))
            if one
            else self.tr("Export {count} items").format(count=len(items))
        )
        self.go.setText(self.tr("Save as …") if one else self.tr("Choose folder …"))
        for kind in KINDS:
            combo = self.formats[kind]
            chosen = combo.currentData()
            combo.clear()
            for exporter in _common([item for item in items if item.kind == kind]):
                combo.addItem(f"{exporter.title} ({exporter.suffix})", exporter.suffix)
            combo.setCurrentIndex(max(0, combo.findData(chosen)))
            self._pairs[kind].setVisible(combo.count() > 0)
        self.show()
        self.go.setFocus()

    def close_bar(self) -> None:
        """Do not export after all."""
        self._items = ()
        self.hide()
        self.closed.emit()

    def _ask(self) -> None:
        kind = self._items[0].kind
        folder = self._folder or Path(QStandardPaths.writableLocation(_place(kind)) or Path.home())
        if len(self._items) > 1:
            dialog = QFileDialog(self, self.tr("Export to a folder"), str(folder))
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
            dialog.fileSelected.connect(lambda chosen: self._export(Path(chosen), None))
        else:
            suffix = str(self.formats[kind].currentData())
            dialog = QFileDialog(self, self.tr("Export"), str(folder), f"*{suffix}")
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix(suffix.removeprefix("."))
            dialog.selectFile(file_name(title(self._items[0])) + suffix)
            dialog.fileSelected.connect(
                lambda chosen: self._export(Path(chosen).parent, Path(chosen))
            )
        dialog.setObjectName("export-dialog")
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _export(self, folder: Path, file: Path | None) -> None:
        items, with_recipe = self._items, self.with_recipe.isChecked()
        suffixes = {kind: str(combo.currentData()) for kind, combo in self.formats.items()}
        self._folder = folder
        self.close_bar()

        def work() -> int:
            if file is not None:
                suffix = None if file.suffix else suffixes[items[0].kind]
                export(items[0], file, with_recipe=with_recipe, suffix=suffix)
                return 1
            return export_many(items, folder, suffixes, with_recipe=with_recipe)

        self._work.run(work, lambda count: self.exported.emit(folder, count), self.failed.emit)


def export_many(
    items: Sequence[Item], folder: Path, suffixes: Mapping[Kind, str], *, with_recipe: bool
) -> int:
    """Export into a folder under names that are free there; gives how many.

    Raises StudioError at the first that fails; what was exported before it stays.
    """
    taken: set[str] = set()
    for done, item in enumerate(items):
        suffix = suffixes[item.kind]
        wanted = file_name(title(item))
        name, number = wanted, 1
        while name.casefold() in taken or (folder / f"{name}{suffix}").exists():
            number += 1
            name = f"{wanted} {number}"
        taken.add(name.casefold())
        try:
            export(item, folder / f"{name}{suffix}", with_recipe=with_recipe)
        except StudioError as error:
            if not done:
                raise
            raise StudioError(
                f"{error.message} {done} of {len(items)} were exported before that.", error.hint
            ) from error
    return len(items)


def _common(items: Sequence[Item]) -> list[Exporter]:
    """What every one of the items can be saved as, in the order of the first."""
    offers = [for_item(item) for item in items]
    if not offers:
        return []
    shared = set.intersection(*({e.suffix for e in offer} for offer in offers))
    return [exporter for exporter in offers[0] if exporter.suffix in shared]


def _short(words: str) -> str:
    return words if len(words) <= 40 else words[:39].rstrip() + "…"


def _place(kind: Kind) -> QStandardPaths.StandardLocation:
    places = QStandardPaths.StandardLocation
    return {
        "text": places.DocumentsLocation,
        "image": places.PicturesLocation,
        "audio": places.MusicLocation,
    }[kind]
