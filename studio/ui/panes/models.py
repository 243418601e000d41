"""The models on this computer: what they make, where they are from, what one may do with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec, Kind
from studio.models import InstalledModel, Store, families
from studio.models.inspect import WEIGHTS
from studio.models.store import NOT_STATED
from studio.ui import theme
from studio.ui.controls import said
from studio.ui.studio import Handover, Studio
from studio.ui.widgets.additions import Additions
from studio.ui.widgets.background import Background
from studio.ui.widgets.buttons import quiet
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.itembars import Message
from studio.ui.widgets.itemwords import file_size, kind_name
from studio.ui.widgets.licences import licence_name, licence_words
from studio.ui.widgets.markdownview import MarkdownView
from studio.ui.widgets.modellist import Entry, ModelList
from studio.ui.widgets.modelwords import layout_words, precision_words, role_words, voice_words
from studio.ui.widgets.recipeview import RecipeView, Row, WrapLabel

CUDA = "CUDAExecutionProvider"
LIST_WIDTH = 340
NARROW = 800
"""Below this width the list stands above what is said of a model."""


class ModelsPane(QWidget):
    """The list of installed models, and all that is known of the one that is picked.

    The folders are read by a worker, when the pane is shown and when the person asks.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("models-pane")
        self._studio = studio
        self._work = Background(self)
        self.list = ModelList()
        self.facts = RecipeView()
        self.card = MarkdownView()
        self.card.setObjectName("model-card")
        self.card.setAccessibleName(self.tr("Model card"))
        self._wanted = ""
        """A model that has just been added: it is picked when the folders are read."""
        self._build()
        studio.adder.added.connect(self._added)
        studio.adder.changed.connect(self._make_room)
        self.list.picked.connect(self._show)
        studio.engine.hello.connect(lambda _lane: self.refresh())
        studio.settings_changed.connect(self._show_again)

    def refresh(self) -> None:
        """Read the folders again."""
        specs = [spec for kind in KINDS for spec in self._studio.engine.families(kind)]
        self.again.setEnabled(False)
        self._work.run(
            partial(read_models, self._studio.store, specs), self._read, self._could_not_read
        )

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
        self._shelf.setMaximumHeight(max(120, self.height() // 4) if narrow else 16_777_215)
        self._make_room()
        self._how.setVisible(not narrow)
        self._where.setVisible(not narrow)

    # Building

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.SPACE, theme.PAD, theme.SPACE, theme.PAD)
        outer.setSpacing(theme.INSET)
        head = QHBoxLayout()
        head.setSpacing(theme.INSET)
        title = QLabel(self.tr("Models"))
        title.setProperty("role", "title")
        self._count = QLabel()
        self._count.setObjectName("count")
        self._count.setProperty("role", "muted")
        self.again = quiet("refresh", "refresh-cw", self.tr("Look again"), self.refresh)
        head.addWidget(title)
        self._count.setContentsMargins(0, 0, 0, 5)  # on the title's baseline
        head.addWidget(self._count, 0, Qt.AlignmentFlag.AlignBottom)
        head.addStretch(1)
        head.addWidget(self.again)
        outer.addLayout(head)
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
        self._about = self._details()
        self._stack = QStackedWidget()
        self._stack.addWidget(QWidget())
        self._stack.addWidget(self._about)
        self._stack.addWidget(self._none)
        body.addWidget(self._stack, 1)
        outer.addLayout(body, 1)

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

    def _details(self) -> QWidget:
        card = QFrame()
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.HAIR, theme.HAIR)
        column.setSpacing(theme.INSET)
        top = QHBoxLayout()
        top.setContentsMargins(10, 0, theme.INSET, 0)
        self._title = WrapLabel()
        self._title.setObjectName("model-title")
        self._title.setProperty("role", "lead")
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.open_folder = quiet(
            "open-model", "folder-open", self.tr("Open folder"), self._open_model_folder
        )
        self.use = quiet("use-model", "wand-sparkles", self.tr("Make something"), self._use)
        self.use.setToolTip(self.tr("Choose this model in its pane"))
        top.addWidget(self._title, 1)
        top.addWidget(self.use, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.open_folder, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(top)
        self._problem = WrapLabel()
        self._problem.setObjectName("problem")
        self._problem.setProperty("role", "warning")
        self._problem.setContentsMargins(10, 0, 0, 0)
        column.addWidget(self._problem)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(self.tr("About this model"))
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, theme.INSET, theme.INSET)
        inner.setSpacing(theme.PAD)
        inner.addWidget(self.facts)
        line = QFrame()
        line.setProperty("line", "h")
        inner.addWidget(line)
        inner.addWidget(self.card)
        inner.addStretch(1)
        area.setWidget(holder)
        column.addWidget(area, 1)
        return card

    # What is shown

    def _read(self, entries: list[Entry]) -> None:
        self.again.setEnabled(True)
        self._where.set_raw(str(self._models_folder()))
        count = len(entries)
        self._count.setText(
            self.tr("1 installed") if count == 1 else self.tr("{n} installed").format(n=count)
        )
        missing = [u for kind in KINDS for u in self._studio.engine.unavailable(kind)]
        self._unavailable.setVisible(bool(missing))
        self._unavailable.set_raw("\n".join(f"{u.id}: {u.reason}" for u in missing))
        self.list.show_entries(entries)
        if self._wanted:
            self.list.choose(self._wanted)
            self._wanted = ""
            if self.isVisible():
                self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_again()

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
        model = entry.model
        self._title.set_raw(model.title)
        self.use.setVisible(bool(entry.families) and not entry.problem)
        self._problem.setVisible(entry.problem)
        self._problem.set_raw(f"{model.problem} {model.hint}".strip())
        rows = [
            Row("makes", self.tr("Makes"), self._makes(entry)),
            Row("first", self.tr("Default of"), ", ".join(map(self._pane, entry.first_in))),
            Row("role", self.tr("Used as"), role_words(model)),
            Row("voices", self.tr("Voices"), voice_words(model)),
            Row("layout", self.tr("Kept as"), layout_words(model)),
            Row("precision", self.tr("Precision"), precision_words(model)),
            Row("device", self.tr("Runs on"), self._device() if entry.families else ""),
            Row(
                "licence",
                self.tr("Licence"),
                f"{licence_name(model.licence)}\n{licence_words(model.licence)}",
            ),
            Row(
                "source",
                self.tr("From"),
                self.tr("Not stated") if model.source == NOT_STATED else model.source,
            ),
            Row("size", self.tr("Size"), file_size(model.size)),
            Row("name", self.tr("Name in recipes"), model.id),
            Row("path", self.tr("Folder"), str(model.path)),
        ]
        if model.starter:
            rows.insert(
                9, Row("starter", self.tr("Came with"), self.tr("Triptych, as a starter model"))
            )
        self.facts.show_rows([row for row in rows if row.text])
        none = self.tr("This model came without a card.")
        self.card.show_markdown(model.card or none, skip_title=model.title)
        self._stack.setCurrentWidget(self._about)

    def _makes(self, entry: Entry) -> str:
        if entry.families:
            return ", ".join(said(family.title) for family in entry.families)
        kind = kind_name(entry.model.kind) if entry.model.kind is not None else ""
        if entry.problem:
            return kind
        if not any(self._studio.engine.families(k) for k in KINDS):
            return kind  # the engines have not said yet what they can run
        if entry.model.role:
            return kind
        nothing = self.tr("Nothing here can run it yet")
        return f"{kind}. {nothing}." if kind else f"{nothing}."

    def _device(self) -> str:
        report, wanted = self._studio.engine.device(), self._studio.settings.provider
        if report is None:
            return self.tr("Known as soon as an engine has started")
        if CUDA in report.providers and wanted != "cpu":
            return report.name
        if CUDA in report.providers:
            return self.tr("The processor, as chosen in Settings")
        return self.tr("The processor ({name})").format(name=report.name)

    def _pane(self, kind: Kind) -> str:
        return {
            "text": self.tr("the text pane"),
            "image": self.tr("the picture pane"),
            "audio": self.tr("the sound pane"),
        }[kind]

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
        wanted = self.additions.wanted_height(self.width() - 2 * theme.SPACE)
        self._incoming.setFixedHeight(min(wanted, max(120, self.height() * 2 // 5)))
        narrow = self.width() < NARROW
        self._add.setVisible(not (narrow and cards))
        # One thing at a time is the thing to do.
        kind = "" if cards else "primary"
        if self.add_file.property("kind") != kind:
            self.add_file.setProperty("kind", kind)
            self.add_file.style().unpolish(self.add_file)
            self.add_file.style().polish(self.add_file)

    def _use(self) -> None:
        """Choose the shown model in its pane, which comes to front."""
        entry = self.list.entry()
        if entry is not None and entry.families:
            family = entry.families[0]
            self._studio.hand(Handover(family.kind, family=family.id, model=entry.model.id))

    def _added(self, model: InstalledModel) -> None:
        self._wanted = model.id
        self.refresh()

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

    def _open_model_folder(self) -> None:
        if (entry := self.list.entry()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.model.path)))


def read_models(store: Store, specs: list[FamilySpec]) -> list[Entry]:
    """Every installed model with the families that run it, and which pane begins with it.

    Reads the disk: for a worker. `specs` in the order of the panes' choosers.
    """
    first: dict[str, list[Kind]] = {}
    for kind in KINDS:
        found = (store.default_for(spec) for spec in specs if spec.kind == kind)
        default = next((model for model in found if model is not None), None)
        if default is not None:
            first.setdefault(default.id, []).append(kind)
    return [
        Entry(
            model,
            tuple(families(model, specs)),
            tuple(first.get(model.id, ())) if not model.problem else (),
        )
        for model in store.installed()
    ]
