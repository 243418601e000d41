"""The settings: how the window looks, where things are kept, on what and how models run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QLocale, QSignalBlocker, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from studio.core.paths import resources
from studio.core.settings import MAX_THREADS
from studio.models.shelves import downloads_folder
from studio.ui import theme
from studio.ui.fields import quiet_wheel
from studio.ui.studio import Studio
from studio.ui.widgets.about import About
from studio.ui.widgets.folderlist import FolderList
from studio.ui.widgets.networksection import NetworkSection
from studio.ui.widgets.settingrow import FolderRow, Section, SettingRow

CUDA = "CUDAExecutionProvider"
WIDEST = 760
LEAST_GB = 0.5
MB_IN_GB = 1024


class SettingsPane(QWidget):
    """Every choice for the whole studio; each is kept at once and, where it can, holds at once."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settings-pane")
        self._studio = studio
        self._total_gb = psutil.virtual_memory().total / 2**30
        self._running_language = studio.settings.language
        self._build()
        self._fill()
        studio.settings_changed.connect(self._fill)
        studio.engine.hello.connect(lambda _lane: self._say_device())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()

    # Building

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.SPACE, theme.PAD, 0, 0)
        outer.setSpacing(theme.INSET)
        title = QLabel(self.tr("Settings"))
        title.setProperty("role", "title")
        outer.addWidget(title)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(self.tr("Settings"))
        holder = QWidget()
        inner = QHBoxLayout(holder)
        inner.setContentsMargins(0, 0, theme.SPACE, theme.SPACE)
        column = QVBoxLayout()
        column.setSpacing(theme.PAD)
        for section in (
            self._appearance(),
            self._computing(),
            self._network(),
            self._folders(),
            self._making(),
            self._about(),
        ):
            section.setMaximumWidth(WIDEST)
            column.addWidget(section)
        column.addStretch(1)
        inner.addLayout(column, WIDEST)
        inner.addStretch(1)
        area.setWidget(holder)
        outer.addWidget(area, 1)

    def _appearance(self) -> QWidget:
        section = Section(self.tr("Appearance"))
        self.theme = self._combo(
            "theme",
            "theme",
            [
                ("system", self.tr("Same as the system")),
                ("dark", self.tr("Dark")),
                ("light", self.tr("Light")),
            ],
        )
        section.add(SettingRow(self.tr("Colours"), "", self.theme))
        self.language = self._combo(
            "language", "language", languages(self.tr("Same as the system"))
        )
        self._language_row = SettingRow(self.tr("Language"), "", self.language)
        section.add(self._language_row)
        return section

    def _computing(self) -> QWidget:
        section = Section(self.tr("Computing"))
        self.device = self._combo(
            "device",
            "provider",
            self._devices(),
        )
        self._device_row = SettingRow(self.tr("Device"), "", self.device)
        section.add(self._device_row)
        self.cuda_graphs = self._check("cuda-graphs")
        self.cuda_graphs.toggled.connect(lambda on: self._change(cuda_graphs=on))
        self._cuda_graphs_row = SettingRow(
            self.tr("Record CUDA graphs"),
            self.tr("Many steps of one size go faster; each size takes memory on the card."),
            self.cuda_graphs,
        )
        section.add(self._cuda_graphs_row)
        cores = os.cpu_count() or 1
        self.threads = QSpinBox()
        self.threads.setRange(0, min(MAX_THREADS, cores))
        _prepare(self.threads, "threads")
        self.threads.setSpecialValueText(self.tr("Automatic"))
        self.threads.valueChanged.connect(lambda value: self._change(threads=value))
        section.add(
            SettingRow(
                self.tr("Processor threads"),
                self.tr(
                    "This computer has {n}. Automatic leaves one of them to the window."
                ).format(n=cores),
                self.threads,
            )
        )
        self.memory = QDoubleSpinBox()
        self.memory.setDecimals(1)
        self.memory.setRange(LEAST_GB, max(LEAST_GB, round(self._total_gb)))
        self.memory.setSingleStep(0.5)
        self.memory.setSuffix(self.tr(" GB"))
        _prepare(self.memory, "memory")
        self.memory.valueChanged.connect(
            lambda value: self._change(memory_mb=round(value * MB_IN_GB))
        )
        section.add(
            SettingRow(
                self.tr("Memory for models"),
                self.tr(
                    "How much text, pictures and sound may each keep loaded between jobs. "
                    "This computer has {total} GB. A model that is in use may need more."
                ).format(total=f"{self._total_gb:.0f}"),
                self.memory,
            )
        )
        return section

    def _devices(self) -> list[tuple[str, str]]:
        """What this system could have; what is really there stands below."""
        found = [
            ("auto", self.tr("The fastest there is")),
            ("cpu", self.tr("Processor only")),
        ]
        if sys.platform != "darwin":
            found.append(("cuda", self.tr("Graphics card (CUDA)")))
            found.append(("tensorrt", self.tr("Graphics card (TensorRT)")))
        if sys.platform == "win32":
            found.append(("directml", self.tr("Graphics card (DirectML)")))
        if sys.platform == "darwin":
            found.append(("coreml", self.tr("Core ML")))
        return found

    def _network(self) -> QWidget:
        self.network = NetworkSection(self._studio)
        return self.network

    def _folders(self) -> QWidget:
        section = Section(self.tr("Folders"))
        self.library_folder = FolderRow(
            "library-folder",
            self.tr("Library"),
            self.tr("Everything you make, as ordinary files with their recipes inside."),
        )
        self.library_folder.chosen.connect(
            lambda path: self._change(library_folder=str(path) if path is not None else "")
        )
        self.models_folder = FolderRow(
            "models-folder", self.tr("Models"), self.tr("The models that you have added.")
        )
        self.models_folder.chosen.connect(
            lambda path: self._change(models_folder=str(path) if path is not None else "")
        )
        self.downloads_folder = FolderRow(
            "downloads-folder",
            self.tr("Downloads"),
            self.tr(
                "Where models from the hub go, in the layout that other programs share. What is "
                "there already stays where it is."
            ),
        )
        self.downloads_folder.chosen.connect(
            lambda path: self._change(downloads_folder=str(path) if path is not None else "")
        )
        self.model_folders = FolderList()
        self.model_folders.changed.connect(lambda folders: self._change(model_folders=folders))
        self.log_folder = FolderRow(
            "log-folder",
            self.tr("Log"),
            self.tr("What went wrong, for whoever helps you. It never leaves this computer."),
            fixed=True,
        )
        for row in (
            self.library_folder,
            self.models_folder,
            self.downloads_folder,
            self.model_folders,
            self.log_folder,
        ):
            section.add(row)
        return section

    def _making(self) -> QWidget:
        section = Section(self.tr("What you make"))
        self.mark_ai = self._check("mark-ai")
        self.mark_ai.toggled.connect(lambda on: self._change(mark_ai=on))
        section.add(
            SettingRow(
                self.tr("Mark files as made by AI"),
                self.tr(
                    "A note in the file that search engines and other programs can read "
                    "(IPTC digital source type). Nothing is seen or heard of it."
                ),
                self.mark_ai,
            )
        )
        self.notices = self._check("desktop-notices")
        self.notices.toggled.connect(lambda on: self._change(desktop_notices=on))
        section.add(
            SettingRow(
                self.tr("Tell me on the desktop"),
                self.tr("When something is finished while another window is in front."),
                self.notices,
            )
        )
        return section

    def _about(self) -> QWidget:
        section = Section(self.tr("About"))
        section.add(About(self._studio))
        return section

    def _combo(self, name: str, field: str, options: list[tuple[str, str]]) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(name)
        combo.setMinimumWidth(200)
        for value, words in options:
            combo.addItem(words, value)
        combo.currentIndexChanged.connect(
            lambda _index: self._change(**{field: combo.currentData()})
        )
        quiet_wheel(combo)
        return combo

    def _check(self, name: str) -> QCheckBox:
        box = QCheckBox()
        box.setObjectName(name)
        box.setFixedWidth(20)  # no words beside it, no room for them
        return box

    # What is shown

    def _fill(self) -> None:
        settings, studio = self._studio.settings, self._studio
        for combo, value in (
            (self.theme, settings.theme),
            (self.language, settings.language),
            (self.device, settings.provider),
        ):
            with QSignalBlocker(combo):
                combo.setCurrentIndex(max(0, combo.findData(value)))
        with QSignalBlocker(self.threads), QSignalBlocker(self.memory):
            self.threads.setValue(settings.threads)
            self.memory.setValue(settings.memory_mb / MB_IN_GB)
        for box, on in (
            (self.cuda_graphs, settings.cuda_graphs),
            (self.mark_ai, settings.mark_ai),
            (self.notices, settings.desktop_notices),
        ):
            with QSignalBlocker(box):
                box.setChecked(on)
        self._fill_folder(
            self.library_folder,
            studio.library.root,
            settings.library_folder,
            studio.paths.library,
        )
        self._fill_folder(
            self.models_folder,
            studio.store.folders[-1],
            settings.models_folder,
            studio.paths.models,
        )
        self.downloads_folder.show_folder(
            downloads_folder(studio.paths, settings), own=bool(settings.downloads_folder)
        )
        self.model_folders.show_folders(settings.model_folders)
        self.network.fill()
        self.log_folder.show_folder(studio.paths.logs, own=False)
        changed = settings.language != self._running_language
        self._language_row.set_help(self.tr("Holds from the next start on.") if changed else "")
        self._say_device()

    def _fill_folder(self, row: FolderRow, used: Path, chosen: str, standard: Path) -> None:
        wanted = Path(chosen) if chosen else standard
        row.show_folder(used, own=bool(chosen), later=wanted if wanted != used else None)

    def _say_device(self) -> None:
        report = self._studio.engine.device()
        wanted = self._studio.settings.provider
        if report is None:
            words = self.tr("What there is will be known as soon as an engine has started.")
        elif CUDA in report.providers:
            words = self.tr("There is {name} ({detail}).").format(
                name=report.name, detail=report.detail
            )
            if wanted == "cpu":
                words += " " + self.tr("It is not used.")
        else:
            words = self.tr("There is no graphics card to run on: {why} Models run on {name}.")
            words = words.format(why=report.detail, name=report.name)
            if wanted not in ("auto", "cpu"):
                words += " " + self.tr("Nothing can be made until you choose another device.")
        self._cuda_graphs_row.setVisible(report is not None and CUDA in report.providers)
        if report is not None:
            words += " " + self.tr("A change holds from the next job on.")
        self._device_row.set_help(words)

    def _change(self, **fields: Any) -> None:
        self._studio.change(**fields)


def _prepare(spin: QSpinBox | QDoubleSpinBox, name: str) -> None:
    spin.setObjectName(name)
    spin.setMinimumWidth(200)
    # Each digit that is typed would be a setting of its own.
    spin.setKeyboardTracking(False)
    quiet_wheel(spin)


def languages(system: str) -> list[tuple[str, str]]:
    """The languages there are, by code, each in its own words; English is always there."""
    found = {"en": "English"}
    for file in sorted((resources() / "translations").glob("triptych_*.qm")):
        code = file.stem.removeprefix("triptych_")
        found[code] = QLocale(code).nativeLanguageName().capitalize() or code
    return [("system", system), *sorted(found.items(), key=lambda pair: pair[1].casefold())]
