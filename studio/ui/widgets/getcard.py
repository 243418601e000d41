"""How to have a model: its variants, whether they suit this machine, and the Download button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from studio.models.remote import Download, ModelPage, Variant
from studio.ui import theme
from studio.ui.icons import Role, icon
from studio.ui.widgets.filetable import FileTable
from studio.ui.widgets.hubwords import fit_icon, fit_role, state_words
from studio.ui.widgets.itemwords import file_size
from studio.ui.widgets.recipeview import WrapLabel
from studio.ui.widgets.variantlist import VariantList

MANY = 8
"""Variants from which on there is a field to filter them by words."""
Rows = Callable[[], Sequence[tuple[str, str | int]]]
"""Files, with what is said of each: words, or its bytes."""


class MarkedWords(QWidget):
    """A sentence with an icon before it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mark = QLabel()
        self.words = WrapLabel()
        self.words.setObjectName(name)
        self._drawn: tuple[str, Role] = ("info", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def say(self, picture: str, role: Role, words: str) -> None:
        """Show this; nothing at all where there are no words. It has its place by then: what is
        shown without one would be a window of its own."""
        self._drawn = (picture, role)
        self.words.set_raw(words)
        self.setVisible(bool(words))
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        name, role = self._drawn
        self._mark.setPixmap(icon(name, role).pixmap(QSize(16, 16), self.devicePixelRatioF()))


class GetCard(QFrame):
    """What is chosen, what it needs, what runs it; then the one button, or how far it is.

    `wanted` brings the variant to download; what is done with a download that runs is told by
    `deed` ("pause", "resume", "cancel", "show"), and `used` comes for one that is installed.
    """

    wanted = Signal(Variant)
    deed = Signal(str)
    used = Signal()
    chosen = Signal()
    """Another variant."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("get-card")
        self.setProperty("card", True)
        self._page: ModelPage | None = None
        self._download: Download | None = None
        self._installed: frozenset[str] = frozenset()
        self._others: frozenset[str] = frozenset()
        self._free: tuple[Path, int] | None = None
        self._families: dict[str, str] = {}
        self._filling = False
        self.heading = QLabel(self.tr("Get this model"))
        self.heading.setProperty("role", "lead")
        self.asking = WrapLabel()
        self.asking.setObjectName("asking")
        self.asking.setProperty("role", "muted")
        self.waiting = QProgressBar()
        self.waiting.setProperty("thin", True)
        self.waiting.setTextVisible(False)
        self.waiting.setRange(0, 0)
        self.waiting.setAccessibleName(self.tr("Asking the hub"))
        self.filter = QLineEdit()
        self.filter.setObjectName("variant-filter")
        self.filter.setPlaceholderText(self.tr("Filter, as by language"))
        self.filter.setAccessibleName(self.tr("Filter the variants"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaxLength(100)
        self.filter.textChanged.connect(lambda _text: self._fill())
        self.variants = VariantList()
        self.variants.chosen.connect(self._follow)
        self.fit = MarkedWords("fit")
        self.runs = MarkedWords("runs-with")
        self.room = MarkedWords("room")
        self.other = MarkedWords("other-version")
        self.button = QPushButton()
        self.button.setObjectName("download")
        self.button.setProperty("kind", "primary")
        self.button.setIconSize(QSize(16, 16))
        self.button.clicked.connect(self._pressed)
        self._build()
        self.show_asking("")

    def variant(self) -> Variant | None:
        """The variant that is chosen."""
        return self.variants.variant()

    def show_asking(self, words: str) -> None:
        """Nothing is known yet; `words` say what is waited for."""
        self._page, self._download = None, None
        self.filter.clear()
        self.filter.hide()
        self.variants.forget()
        self.asking.set_raw(words)
        self.asking.setVisible(bool(words))
        self.waiting.setVisible(bool(words))
        for widget in (self.variants, self.fit, self.runs, self.other, self.room,
                       self.button, self._progress, self._files, self._refused):  # fmt: skip
            widget.hide()

    def show_page(self, page: ModelPage, families: dict[str, str]) -> None:
        """Offer what a page has; `families` are the titles of those that are here, by id."""
        self.asking.hide()
        self.waiting.hide()
        self._page, self._families = page, families
        self._fill()
        refused = page.refused
        self._refused.offer(
            self.tr("Left out for safety ({n})"), len(refused), lambda: tuple(refused.items())
        )

    def show_installed(self, variants: frozenset[str], others: frozenset[str]) -> None:
        """These variants are on this computer; of `others` another version is."""
        if (variants, others) != (self._installed, self._others):
            self._installed, self._others = variants, others
            if self._page is not None:
                self._fill()

    def show_download(self, download: Download | None) -> None:
        """How the download of the chosen variant stands; None where there is none."""
        self._download = download
        if self._page is not None:
            self._show_state()

    def show_room(self, folder: Path, free: int) -> None:
        """Where it goes, and how many bytes are free there."""
        self._free = (folder, free)
        if self._page is not None:
            self._show_room()

    def first_stop(self) -> QWidget:
        """What takes the focus."""
        return self.variants if self.variants.isVisible() else self.button

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "button"):
            self._draw_button()

    # Building

    def _build(self) -> None:
        self._progress = QWidget()
        inside = QVBoxLayout(self._progress)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(theme.GAP)
        self.bar = QProgressBar()
        self.bar.setObjectName("get-progress")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.state = WrapLabel()
        self.state.setObjectName("get-state")
        self.state.setProperty("role", "small")
        self.pause = self._deed_button("get-pause", "pause")
        self.cancel = self._deed_button("get-cancel", "cancel")
        self.cancel.setText(self.tr("Cancel"))
        self.cancel.setProperty("kind", "quiet")
        self.all = self._deed_button("get-show", "show")
        self.all.setText(self.tr("All downloads"))
        self.all.setProperty("kind", "quiet")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self.pause)
        row.addWidget(self.cancel)
        row.addStretch(1)
        row.addWidget(self.all)
        inside.addWidget(self.bar)
        inside.addWidget(self.state)
        inside.addLayout(row)
        self._files = _Folded("files", self.tr("Files"))
        self._refused = _Folded("refused", self.tr("Left out"), sentences=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.PAD)
        column.setSpacing(theme.INSET)
        for widget in (
            self.heading,
            self.asking,
            self.waiting,
            self.filter,
            self.variants,
            self.fit,
            self.runs,
            self.other,
            self.room,
            self.button,
            self._progress,
            self._files,
            self._refused,
        ):
            column.addWidget(widget)

    def _deed_button(self, name: str, deed: str) -> QPushButton:
        button = QPushButton()
        button.setObjectName(name)
        button.clicked.connect(
            lambda: self.deed.emit(self._pause_deed() if deed == "pause" else deed)
        )
        return button

    # What is shown

    def _fill(self) -> None:
        if self._page is None:
            return
        every, words = self._page.variants, self.filter.text().casefold().split()
        fitting = [v for v in every if all(w in f"{v.title} {v.id}".casefold() for w in words)]
        self.filter.setVisible(len(every) > MANY)
        self._filling = True
        self.variants.show_variants(fitting, self._page.best, self._installed)
        self._filling = False
        self.variants.setVisible(bool(fitting))
        self._follow()

    def _follow(self) -> None:
        if self._filling:
            return
        variant = self.variant()
        self.chosen.emit()
        if self._page is None:
            return
        if variant is None:
            self._say_impossible()
            return
        fit = variant.fit
        if fit is not None:
            self.fit.say(fit_icon(fit), fit_role(fit), fit.sentence)
        else:
            self.fit.say("info", "muted", "")
        named = [self._families.get(family, family) for family in variant.families]
        words = self.tr("Runs with: {families}.").format(families=", ".join(named))
        if variant.add:
            words += " " + self.tr("Once it is here, it is made ready for that.")
        self.runs.say("cpu", "muted", words if named else "")
        files = variant.files
        self._files.offer(
            self.tr("Files ({n})"), len(files), lambda: [(f.path, f.size) for f in files]
        )
        other = variant.id in self._others
        words = self.tr("Another version of it is installed. It stays until you remove it.")
        self.other.say("layers", "muted", words if other else "")
        self._show_room()
        self._show_state()

    def _say_impossible(self) -> None:
        assert self._page is not None
        problems = [v for v in self._page.variants if v.problem]
        words = self.tr("There is nothing in it that Triptych can run.")
        if self.filter.text().strip():
            words = self.tr("No variant is called so. Try other words.")
            problems = []
        if problems:
            words = f"{problems[0].problem} {problems[0].hint}".strip()
        self.fit.say("circle-x", "warning", words)
        for widget in (
            self.runs, self.other, self.room, self.button, self._progress, self._files
        ):  # fmt: skip
            widget.hide()

    def _show_room(self) -> None:
        variant = self.variant()
        if self._free is None or variant is None or variant.id in self._installed:
            self.room.say("hard-drive", "muted", "")
            return
        folder, free = self._free
        missing = self.variants.rows.size(variant) - free
        if self._download is None and missing > 0:
            words = self.tr("It needs {missing} more than is free in {folder}. Make room there, or "
                            "choose another folder in Settings.")  # fmt: skip
            self.room.say(
                "hard-drive", "warning", words.format(missing=file_size(missing), folder=folder)
            )
        else:
            words = self.tr("Goes to {folder}, where {free} are free.")
            self.room.say("hard-drive", "muted", words.format(folder=folder, free=file_size(free)))

    def _show_state(self) -> None:
        variant, download = self.variant(), self._download
        if variant is None:
            return
        if download is not None and download.variant != variant.id:
            download = None
        here = variant.id in self._installed and download is None
        self._progress.setVisible(download is not None)
        self.button.setVisible(download is None)
        if download is not None:
            part = download.done / download.total if download.total else 0.0
            self.bar.setValue(round(1000 * min(1.0, part)))
            hint = download.hint if download.state == "failed" else ""
            self.state.set_raw(" ".join(p for p in (state_words(download), hint) if p))
            deed = self._pause_deed()
            words = {"pause": self.tr("Pause"), "resume": self.tr("Resume")}[deed]
            self.pause.setText(self.tr("Try again") if download.state == "failed" else words)
            self.pause.setEnabled(download.state != "verifying")
            return
        if here:
            words = self.tr("Make something")
        elif size := self.variants.rows.size(variant):
            words = self.tr("Download · {size}").format(size=file_size(size))
        else:
            words = self.tr("Download")
        self.button.setText(" " + words)
        self.button.setAccessibleName(words)
        self._draw_button()

    def _pause_deed(self) -> str:
        stopped = self._download is not None and self._download.state in ("paused", "failed")
        return "resume" if stopped else "pause"

    def _draw_button(self) -> None:
        variant = self.variant()
        here = variant is not None and variant.id in self._installed
        self.button.setIcon(icon("wand-sparkles" if here else "download", "on_accent"))

    def _pressed(self) -> None:
        variant = self.variant()
        if variant is None:
            return
        if variant.id in self._installed:
            self.used.emit()
        else:
            self.wanted.emit(variant)


class _Folded(QWidget):
    """A line that unfolds a list of files."""

    def __init__(self, name: str, words: str, *, sentences: bool = False) -> None:
        super().__init__()
        self.line = QPushButton(words)
        self.line.setObjectName(f"{name}-fold")
        self.line.setProperty("kind", "disclosure")
        self.line.setCheckable(True)
        self.line.setIconSize(QSize(16, 16))
        self.table = FileTable(name, sentences=sentences)
        self.table.setAccessibleName(words)
        self.table.hide()
        self._rows: Rows = tuple
        self.line.toggled.connect(self._unfold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.HAIR)
        column.addWidget(self.line, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.table)
        self._unfold(False)

    def offer(self, words: str, count: int, rows: Rows) -> None:
        """Offer so many, asked for when somebody looks; nothing at all where there are none."""
        self._rows = rows
        self.line.setText(words.format(n=self.locale().toString(count)))
        self.setVisible(count > 0)
        if self.line.isChecked():
            self.table.show_rows(rows())

    def _unfold(self, on: bool) -> None:
        self.line.setIcon(icon("chevron-down" if on else "chevron-right", "muted"))
        if on:
            self.table.show_rows(self._rows())
        self.table.setVisible(on)
