"""Presets in the text pane: tasks that fill the form, those that ship and the person's own."""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from studio.core.errors import StudioError
from studio.core.paths import resources
from studio.core.presets import Preset, load
from studio.ui.panes.create import CreatePane
from studio.ui.widgets.presetbutton import PresetButton

FOLDER = "presets"


class Tasks(QObject):
    """The preset button of a pane: reads the presets, fills the form, and undoes that."""

    loaded = Signal(tuple)
    """The presets of this kind."""

    described = Signal(str)
    """What the chosen preset does; empty where there is none any more."""

    def __init__(self, pane: CreatePane) -> None:
        super().__init__(pane)
        self._pane = pane
        self._own = pane.studio.paths.config / FOLDER
        self._told: tuple[str, ...] = ()
        """What was wrong with the person's own, so that it is said once."""
        self.button = PresetButton()
        self.button.chosen.connect(self._use)
        self.button.removed.connect(self._undo)
        self.button.folder_wanted.connect(self._open_folder)
        self.button.menu.aboutToHide.connect(self._read)
        pane.composer.put_beside(self.button)
        pane.chooser.chosen.connect(self._fit)
        self.button.hide()
        self._read()

    def _read(self) -> None:
        """Read them anew, off the main thread: the person may have added one."""
        folders = (resources() / FOLDER, self._own)
        self._pane.work.run(lambda: load(folders), self._take, self._pane.complain)

    def _take(self, read: tuple[tuple[Preset, ...], tuple[str, ...]]) -> None:
        presets, faults = read
        ours = tuple(p for p in presets if p.kind == self._pane.kind)
        self.button.set_presets(ours)
        self.loaded.emit(ours)
        for fault in (f for f in faults if f not in self._told):
            self._pane.studio.notices.show(fault, self.tr("Mend it, or take it away."), kind="info")
        self._told = faults

    def _fit(self) -> None:
        """Offer what the chosen family can be told to do."""
        offer = self._pane.chooser.offer
        spec = offer.spec if offer is not None else None
        names = {c.name for c in spec.controls} if spec is not None else set()
        starter = offer is not None and offer.starter
        note = self.tr("For chat models; the starter model only tells stories")
        self.button.set_usable(names, note if starter else "")
        self.button.setVisible("instruction" in names)

    def _use(self, preset: Preset) -> None:
        self._pane.composer.set_values(preset.values)
        self.described.emit(preset.description)
        self._pane.focus_prompt()

    def _undo(self, preset: Preset) -> None:
        """What it has filled in is as the family has it; the wish and the conversation stay."""
        self._pane.composer.reset([n for n in preset.values if n not in ("prompt", "kind")])
        self.described.emit("")

    def _open_folder(self) -> None:
        own = self._own

        def make() -> None:
            try:
                own.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StudioError(
                    f"The folder {own} cannot be made ({error.strerror or type(error).__name__}).",
                    "Check that you may write there.",
                ) from error

        def show(_done: None) -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(own)))

        self._pane.work.run(make, show, self._pane.complain)
