"""The models on this computer: what they make, where they are from, what one may do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec, Kind
from studio.library import Library
from studio.models import InstalledModel, Store, families, fits
from studio.models.inspect import WEIGHTS
from studio.ui import theme
from studio.ui.modeldeeds import ModelDeeds
from studio.ui.studio import Studio
from studio.ui.widgets.additions import Additions
from studio.ui.widgets.background import Background
from studio.ui.widgets.buttons import menu_tool, quiet, tool
from studio.ui.widgets.elided import ElidedLabel
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.itembars import Message
from studio.ui.widgets.itemwords import file_size
from studio.ui.widgets.modeldetails import ModelDetails
from studio.ui.widgets.modellist import Entry, ModelList
from studio.ui.widgets.recipeview import WrapLabel

if TYPE_CHECKING:
    from studio.models.keep import Undo

LIST_WIDTH = 340
NARROW = 800
"""Below this width the list stands above what is said of a model."""
MOST_ASIDE = 12
"""Removed models that are offered by name."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """What was read of the disk: the models, and how many items each has made."""

    entries: list[Entry]
    used: dict[str, int]


class InstalledView(QWidget):
    """The list of installed models, and all that is known of the one that is picked.

    The folders are read by a worker, when the view is shown and when the person asks.
    `page_wanted` brings a repository whose page is to be shown.
    """

    page_wanted = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("installed-view")
        self._studio = studio
        self._work = Background(self)
        self._deeds = ModelDeeds(studio, self)
        self._used: dict[str, int] = {}
        self._newer: frozenset[str] = frozenset()
        self.list = ModelList()
        self.details = ModelDetails(studio, self._deeds)
        self._wanted = ""
        """A model that has just been added: it is picked when the folders are read."""
        self._build()
        studio.adder.added.connect(self._added)
        studio.adder.changed.connect(self._make_room)
        self.list.picked.connect(self._show)
        self.details.page_wanted.connect(self.page_wanted)
        self._deeds.changed.connect(studio.models_changed)
        studio.models_changed.connect(self.refresh)
        self._deeds.updates_found.connect(lambda updates: self._take_updates(updates))
        self._deeds.worked.connect(lambda: self.updates.setEnabled(self._deeds.work is None))
        studio.engine.hello.connect(lambda _lane: self.refresh())
        studio.settings_changed.connect(self._show_again)

    def refresh(self) -> None:
        """Read the folders again."""
        specs = [spec for kind in KINDS for spec in self._studio.engine.families(kind)]
        self.again.setEnabled(False)
        self._work.run(
            partial(read_shelf, self._studio.store, self._studio.library, specs),
            self._read,
            self._could_not_read,
        )

    def pick(self, model_id: str) -> None:
        """Pick a model as soon as it is seen."""
        self._wanted = model_id
        self.refresh()

    def focus_first(self) -> None:
        """Take the focus."""
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        ways = QBoxLayout.Direction
        self._body.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)
        for card in (self._shelf, self._add):
            card.setMinimumWidth(0 if narrow else LIST_WIDTH)
            card.setMaximumWidth(16_777_215 if narrow else LIST_WIDTH)
        self._shelf.setMaximumHeight(max(140, self.height() // 4) if narrow else 16_777_215)
        self._make_room()
        self._how.setVisible(not narrow)
        self._where.setVisible(not narrow)

    # Building

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.INSET)
        self.additions = Additions(self._studio.adder, self._studio.notices)
        # Many at once may not push the page out of the window.
        self._incoming = QScrollArea()
        self._incoming.setObjectName("incoming")
        self._incoming.setWidgetResizable(True)
        self._incoming.setFrameShape(QFrame.Shape.NoFrame)
        self._incoming.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._incoming.setWidget(self.additions)
        self._incoming.setAccessibleName(self.tr("Models on their way in"))
        outer.addWidget(self._incoming)
        self._body = body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        body.setSpacing(theme.PAD)
        left = QVBoxLayout()
        left.setSpacing(theme.INSET)
        self._shelf = shelf = QFrame()
        shelf.setProperty("card", True)
        inside = QVBoxLayout(shelf)
        inside.setContentsMargins(4, 4, 4, 8)
        inside.setSpacing(0)
        inside.addLayout(self._shelf_head())
        inside.addWidget(self.list)
        left.addWidget(shelf, 1)
        self._add = self._adding()
        left.addWidget(self._add)
        body.addLayout(left)
        self._none = Message()
        self._none.say(
            "boxes",
            self.tr("No model is installed"),
            self.tr("Drop a model's file or folder here, or choose one with “Add a model”."),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(QWidget())
        self._stack.addWidget(self.details)
        self._stack.addWidget(self._none)
        body.addWidget(self._stack, 1)
        outer.addLayout(body, 1)

    def _shelf_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(theme.INSET, theme.HAIR, theme.HAIR, 0)
        row.setSpacing(theme.HAIR)
        self._count = ElidedLabel()
        self._count.setObjectName("count")
        self._count.setProperty("role", "small")
        self.updates = tool(
            "look-for-updates",
            "circle-arrow-up",
            self.tr("Look for newer versions (asks the hub)"),
            self._look_for_updates,
        )
        self.again = tool("refresh", "refresh-cw", self.tr("Look again"), self.refresh)
        self.aside, self._aside_menu = menu_tool(
            "removed-models", "archive-restore", self.tr("Removed models")
        )
        self.aside.hide()
        row.addWidget(self._count, 1)
        row.addWidget(self.aside)
        row.addWidget(self.updates)
        row.addWidget(self.again)
        return row

    def _adding(self) -> QWidget:
        card = QFrame()
        card.setObjectName("add-model")
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.PAD, theme.INSET, theme.PAD, theme.INSET)
        column.setSpacing(theme.HAIR)
        heading = QLabel(self.tr("Add a model"))
        heading.setProperty("role", "heading")
        self._how = words = QLabel(
            self.tr(
                "Drop a file or folder anywhere on the window: a checkpoint, a LoRA, a voice, or a "
                "folder from Hugging Face. Files on the same disk are not copied."
            )
        )
        words.setProperty("role", "small")
        words.setWordWrap(True)
        self._where = WrapLabel()
        self._where.setObjectName("models-folder")
        self._where.setProperty("role", "small")
        self._unavailable = WrapLabel()
        self._unavailable.setObjectName("unavailable")
        self._unavailable.setProperty("role", "warning")
        self._unavailable.hide()
        self.add_file = QPushButton(self.tr("Choose a file…"))
        self.add_file.setObjectName("add-file")
        self.add_file.setProperty("kind", "primary")
        self.add_file.clicked.connect(lambda: self._choose(folder=False))
        self.add_folder = QPushButton(self.tr("Choose a folder…"))
        self.add_folder.setObjectName("add-folder")
        self.add_folder.clicked.connect(lambda: self._choose(folder=True))
        folder = quiet(
            "open-models-folder",
            "folder-open",
            self.tr("Open models folder"),
            self._open_models_folder,
        )
        buttons = FlowLayout(spacing=theme.GAP)
        buttons.addWidget(self.add_file)
        buttons.addWidget(self.add_folder)
        buttons.addWidget(folder)
        column.addWidget(heading)
        column.addWidget(words)
        column.addSpacing(theme.GAP)
        column.addLayout(buttons)
        column.addSpacing(theme.HAIR)
        column.addWidget(self._where)
        column.addWidget(self._unavailable)
        return card

    # What is shown

    def _read(self, shelved: Shelved) -> None:
        self.again.setEnabled(True)
        self._used = shelved.used
        self._where.set_raw(str(self._models_folder()))
        entries = shelved.entries
        count, size = len(entries), sum(e.model.size - e.model.shared for e in entries)
        words = self.tr("1 installed") if count == 1 else self.tr("{n} installed").format(n=count)
        self._count.setText(f"{words} · {file_size(size)}" if count else words)
        missing = [u for kind in KINDS for u in self._studio.engine.unavailable(kind)]
        self._unavailable.setVisible(bool(missing))
        self._unavailable.set_raw("\n".join(f"{u.id}: {u.reason}" for u in missing))
        self.list.show_entries(entries, self._newer)
        self._deeds.look_aside(self._fill_aside)
        if self._wanted:
            self.list.choose(self._wanted)
            self._wanted = ""
            if self.isVisible():
                self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_again()

    def _fill_aside(self, removed: Sequence[Undo]) -> None:
        """Offer to have back what was removed, or to delete it for good."""
        menu = self._aside_menu
        menu.clear()
        for undo in removed[:MOST_ASIDE]:
            words = self.tr("Have back “{title}” ({size})")
            action = menu.addAction(words.format(title=undo.title, size=file_size(undo.size)))
            action.triggered.connect(lambda _on=False, undo=undo: self._deeds.undo(undo))
        menu.addSeparator()
        size = file_size(sum(undo.size for undo in removed))
        sure = menu.addMenu(self.tr("Delete all of them for good ({size})").format(size=size))
        action = sure.addAction(self.tr("Yes, this cannot be undone"))
        action.setObjectName("empty-aside")
        action.triggered.connect(lambda _on=False: self._deeds.empty())
        self.aside.setVisible(bool(removed))

    def _could_not_read(self, error: StudioError) -> None:
        self.again.setEnabled(True)
        self._studio.notices.error(error)

    def _show_again(self) -> None:
        entry = self.list.entry()
        if entry is not None:
            self._show(entry)
        else:
            self._stack.setCurrentWidget(self._none)

    def _show(self, entry: Entry) -> None:
        self.details.show_entry(entry, self._places(), self._used, self._newer)
        self._stack.setCurrentWidget(self.details)

    def _places(self) -> list[Path]:
        """Where a model could be moved to."""
        settings, paths = self._studio.settings, self._studio.paths
        chosen = Path(settings.downloads_folder) if settings.downloads_folder else paths.hub
        places = [self._models_folder(), chosen, *map(Path, settings.model_folders)]
        return list(dict.fromkeys(places))

    def _take_updates(self, updates: Sequence[object]) -> None:
        self._newer = frozenset(str(getattr(update, "model", "")) for update in updates)
        self.refresh()

    def _look_for_updates(self) -> None:
        self._deeds.look_for_updates()

    # What is done

    def _choose(self, *, folder: bool) -> None:
        """Let the person pick a file or a folder; what it is comes up above the list."""
        title = self.tr("Add a model's folder") if folder else self.tr("Add a model's file")
        # Where browsers put what was fetched, if there is such a folder.
        start = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
        dialog = QFileDialog(self, title, start if Path(start).is_dir() else str(Path.home()))
        if folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            models = " ".join(f"*{suffix}" for suffix in sorted(WEIGHTS | {".json"}))
            dialog.setNameFilters(
                [self.tr("Models ({suffixes})").format(suffixes=models), self.tr("All files (*)")]
            )
        dialog.setObjectName("add-dialog")
        dialog.fileSelected.connect(lambda chosen: self._studio.adder.look(Path(chosen)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _make_room(self) -> None:
        """As much room for what is on its way in as it needs, but not more than there is."""
        cards = self.additions.cards()
        self._incoming.setVisible(bool(cards))
        wanted = self.additions.wanted_height(self.width())
        self._incoming.setFixedHeight(min(wanted, max(120, self.height() * 2 // 5)))
        narrow = self.width() < NARROW
        self._add.setVisible(not (narrow and cards))
        # One thing at a time is the thing to do.
        kind = "" if cards else "primary"
        if self.add_file.property("kind") != kind:
            self.add_file.setProperty("kind", kind)
            self.add_file.style().unpolish(self.add_file)
            self.add_file.style().polish(self.add_file)

    def _added(self, model: InstalledModel) -> None:
        self.pick(model.id)

    def _models_folder(self) -> Path:
        return self._studio.store.folders[-1]

    def _open_models_folder(self) -> None:
        folder = self._models_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._studio.notices.show(
                self.tr("The models folder could not be made ({why}).").format(
                    why=error.strerror or type(error).__name__
                ),
                self.tr("Choose another one in Settings."),
            )
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def read_shelf(store: Store, library: Library, specs: list[FamilySpec]) -> Shelved:
    """What is installed, and what it was used for. Reads the disk: for a worker."""
    used: dict[str, int] = {}
    for use in library.models_used():
        used[use.model] = used.get(use.model, 0) + use.count
    return Shelved(read_models(store, specs), used)


def read_models(store: Store, specs: list[FamilySpec]) -> list[Entry]:
    """Every installed model with the families that run it, and which pane begins with it.

    Reads the disk: for a worker. `specs` in the order of the panes' choosers.
    """
    models = store.installed()
    first: dict[str, list[Kind]] = {}
    for kind in KINDS:
        found = (m for spec in specs if spec.kind == kind for m in models if fits(spec, m))
        default = next(found, None)
        if default is not None:
            first.setdefault(default.id, []).append(kind)
    return [
        Entry(
            model,
            tuple(families(model, specs)),
            tuple(first.get(model.id, ())) if not model.problem else (),
        )
        for model in models
    ]
