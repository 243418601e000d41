"""All that is known of an installed model, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import KINDS, Kind
from studio.models.store import NOT_STATED
from studio.ui import theme
from studio.ui.controls import said
from studio.ui.modeldeeds import ModelDeeds
from studio.ui.studio import Handover, Studio
from studio.ui.widgets.buttons import quiet
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.getcard import MarkedWords
from studio.ui.widgets.hubwords import date_words
from studio.ui.widgets.itemwords import file_size, kind_name
from studio.ui.widgets.licences import licence_name, licence_words
from studio.ui.widgets.markdownview import MarkdownView
from studio.ui.widgets.modellist import Entry
from studio.ui.widgets.modelwords import layout_words, precision_words, role_words, voice_words
from studio.ui.widgets.recipeview import RecipeView, Row, WrapLabel

CUDA = "CUDAExecutionProvider"


class ModelDetails(QFrame):
    """One installed model. `page_wanted` brings the repository of a newer version."""

    page_wanted = Signal(str)

    def __init__(self, studio: Studio, deeds: ModelDeeds, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model-details")
        self.setProperty("card", True)
        self._studio, self._deeds = studio, deeds
        self._entry: Entry | None = None
        self._places: tuple[Path, ...] = ()
        self._used: Mapping[str, int] = {}
        self.facts = RecipeView()
        self.card = MarkdownView()
        self.card.setObjectName("model-card")
        self.card.setAccessibleName(self.tr("Model card"))
        self._build()
        deeds.worked.connect(self._show_work)

    def show_entry(
        self,
        entry: Entry,
        places: Sequence[Path],
        used: Mapping[str, int],
        newer: frozenset[str],
    ) -> None:
        """Show a model. `places` are where it could be moved to, `used` how many items of the
        library each model has made, `newer` those that have a newer version on the hub."""
        self._entry, self._places, self._used = entry, tuple(places), used
        model = entry.model
        self._title.set_raw(model.title)
        self.use.setVisible(bool(entry.families) and not entry.problem)
        self._problem.setVisible(entry.problem)
        self._problem.set_raw(f"{model.problem} {model.hint}".strip())
        for button in (self.remove, self.relocate):
            button.setVisible(not model.starter and not model.away)
        self.check.setVisible(not model.away)
        self.versions.setVisible(bool(model.older or model.kept) and not model.away)
        self._newer.setVisible(model.id in newer)
        self.facts.show_rows(self._rows(entry))
        none = self.tr("This model came without a card.")
        self.card.show_markdown(model.card or none, skip_title=model.title)
        self._show_work()

    # Building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.HAIR, theme.HAIR)
        column.setSpacing(theme.INSET)
        self._title = WrapLabel()
        self._title.setObjectName("model-title")
        self._title.setProperty("role", "lead")
        self._title.setContentsMargins(10, 0, 0, 0)
        column.addWidget(self._title)
        actions = FlowLayout(spacing=theme.HAIR)
        self.use = quiet("use-model", "wand-sparkles", self.tr("Make something"), self._use)
        self.use.setToolTip(self.tr("Choose this model in its pane"))
        self.open_folder = quiet(
            "open-model", "folder-open", self.tr("Open folder"), self._open_folder
        )
        self.check = quiet("verify-model", "shield-check", self.tr("Check"), self._verify)
        self.check.setToolTip(self.tr("Read every byte again and compare it"))
        self.relocate = quiet("move-model", "move", self.tr("Move…"), self._offer_places)
        self.remove = quiet("remove-model", "trash-2", self.tr("Remove"), self._remove)
        self.versions = quiet(
            "versions-model", "history", self.tr("Versions…"), self._offer_versions
        )
        self.versions.setToolTip(self.tr("Which of the versions here is used"))
        for button in (
            self.use, self.open_folder, self.check, self.relocate, self.versions, self.remove,
        ):  # fmt: skip
            actions.addWidget(button)
        column.addLayout(actions)
        column.addWidget(self._working())
        self._newer = self._newer_bar()
        column.addWidget(self._newer)
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

    def _working(self) -> QWidget:
        self._work = QWidget()
        row = QHBoxLayout(self._work)
        row.setContentsMargins(10, 0, theme.INSET, 0)
        row.setSpacing(theme.INSET)
        self._doing = QLabel()
        self._doing.setObjectName("working")
        self._doing.setProperty("role", "small")
        self._doing.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setObjectName("working-progress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress"))
        self.stop = QPushButton(self.tr("Cancel"))
        self.stop.setObjectName("working-cancel")
        self.stop.setProperty("kind", "quiet")
        self.stop.clicked.connect(self._deeds.cancel)
        row.addWidget(self._doing)
        row.addWidget(self._bar, 1)
        row.addWidget(self.stop)
        self._work.hide()
        return self._work

    def _newer_bar(self) -> QWidget:
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 0, theme.INSET, 0)
        words = MarkedWords("newer-words")
        self.newer = QPushButton(self.tr("See it"))
        self.newer.setObjectName("see-newer")
        self.newer.clicked.connect(self._see_newer)
        row.addWidget(words, 1)
        row.addWidget(self.newer)
        words.say(
            "circle-arrow-up",
            "accent_text",
            self.tr("There is a newer version on the hub. Yours stays until you get the other."),
        )
        bar.hide()
        return bar

    # What is shown

    def _rows(self, entry: Entry) -> list[Row]:
        model, starter = entry.model, self.tr("Triptych, as a starter model")
        source = self.tr("Not stated") if model.source == NOT_STATED else model.source
        licence = f"{licence_name(model.licence)}\n{licence_words(model.licence)}"
        rows = [
            Row("makes", self.tr("Makes"), self._makes(entry)),
            Row("first", self.tr("Default of"), ", ".join(map(self._pane, entry.first_in))),
            Row("role", self.tr("Used as"), role_words(model)),
            Row("used", self.tr("Used by"), self._used_words(entry)),
            Row("last", self.tr("Last used"), date_words(model.last_used)),
            Row("voices", self.tr("Voices"), voice_words(model)),
            Row("layout", self.tr("Kept as"), layout_words(model)),
            Row("precision", self.tr("Precision"), precision_words(model)),
            Row("variant", self.tr("Variant"), model.variant),
            Row("device", self.tr("Runs on"), self._device() if entry.families else ""),
            Row("licence", self.tr("Licence"), licence),
            Row("source", self.tr("From"), source),
            Row("starter", self.tr("Came with"), starter if model.starter else ""),
            Row("revision", self.tr("Revision"), self._revision_words(entry)),
            Row("size", self.tr("Size"), self._size_words(entry)),
            Row("name", self.tr("Name in recipes"), model.id),
            Row("path", self.tr("Folder"), str(model.path)),
        ]
        return [row for row in rows if row.text]

    def _size_words(self, entry: Entry) -> str:
        size, shared = file_size(entry.model.size), entry.model.shared
        if not shared:
            return size
        words = self.tr("{size}, of which {shared} are shared with other models")
        return words.format(size=size, shared=file_size(shared))

    def _revision_words(self, entry: Entry) -> str:
        revision = entry.model.revision[:12]
        return (
            self.tr("{revision}, kept").format(revision=revision) if entry.model.kept else revision
        )

    def _used_words(self, entry: Entry) -> str:
        count = self._used.get(entry.model.id, 0)
        if not count:
            return ""
        number = self.locale().toString(count)
        one, many = self.tr("1 item in your library"), self.tr("{n} items in your library")
        return one if count == 1 else many.format(n=number)

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

    def _show_work(self) -> None:
        work = self._deeds.work
        self._work.setVisible(work is not None)
        for button in (self.check, self.relocate, self.remove):
            button.setEnabled(work is None)
        if work is None:
            return
        words = {
            "verify": self.tr("Checking “{title}”"),
            "repair": self.tr("Looking what is wrong with “{title}”"),
            "move": self.tr("Moving “{title}”"),
            "updates": self.tr("Asking the hub for newer versions"),
        }[work.doing]
        self._doing.setText(words.format(title=work.title))
        self._bar.setRange(0, 1000 if work.total else 0)
        self._bar.setValue(round(1000 * work.fraction))

    # What is done

    def _use(self) -> None:
        """Choose the shown model in its pane, which comes to front."""
        entry = self._entry
        if entry is not None and entry.families:
            family = entry.families[0]
            self._studio.hand(Handover(family.kind, family=family.id, model=entry.model.id))

    def _open_folder(self) -> None:
        if self._entry is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._entry.model.path)))

    def _verify(self) -> None:
        if self._entry is not None:
            self._deeds.verify(self._entry.model)

    def _remove(self) -> None:
        if self._entry is not None:
            self._deeds.remove(self._entry.model)

    def _see_newer(self) -> None:
        if self._entry is not None:
            self.page_wanted.emit(self._entry.model.repo)

    def _offer_places(self) -> None:
        entry = self._entry
        if entry is None:
            return
        menu = QMenu(self)
        menu.setObjectName("places")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place in self._places:
            if place != entry.model.place:
                action = menu.addAction(str(place))
                action.triggered.connect(
                    lambda _on=False, place=place: self._deeds.move(entry.model, place)
                )
        if menu.actions():
            menu.addSeparator()
        other = menu.addAction(self.tr("Another folder…"))
        other.setObjectName("another-place")
        other.triggered.connect(lambda _on=False: self._choose_place(entry))
        menu.popup(self.relocate.mapToGlobal(self.relocate.rect().bottomLeft()))

    def _offer_versions(self) -> None:
        entry = self._entry
        if entry is None:
            return
        model, menu = entry.model, QMenu(self)
        menu.setObjectName("versions")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        offers = [
            (revision, self.tr("Use version {revision}, and keep it")) for revision in model.older
        ]
        if model.kept:
            offers.append(("", self.tr("Use the newest again")))
        else:
            offers.insert(0, (model.revision, self.tr("Keep this version ({revision})")))
        for revision, words in offers:
            action = menu.addAction(words.format(revision=revision[:7]))
            action.triggered.connect(
                lambda _on=False, revision=revision: self._deeds.keep_revision(model, revision)
            )
        menu.popup(self.versions.mapToGlobal(self.versions.rect().bottomLeft()))

    def _choose_place(self, entry: Entry) -> None:
        dialog = QFileDialog(self, self.tr("Move the model to"), str(Path.home()))
        dialog.setObjectName("move-dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda chosen: self._deeds.move(entry.model, Path(chosen)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
