"""The menu of presets: tasks that fill the form, with the chosen one shown until it is removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from studio.core.presets import Preset
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.widgets.buttons import tool

WIDEST = 190
TONES = "rewrite-"
"""What the ids of the presets begin with that say a text in another tone."""


class PresetButton(QWidget):
    """Offers presets by title; the chosen one stands on the button, beside a way to remove it."""

    chosen = Signal(Preset)
    removed = Signal(Preset)
    """The one that is not wanted any more."""
    folder_wanted = Signal()
    """The person wants to add presets of their own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._presets: tuple[Preset, ...] = ()
        self._current: Preset | None = None
        self._usable: Collection[str] = ()
        self._note = ""
        self.button = QToolButton()
        self.button.setObjectName("presets")
        self.button.setProperty("kind", "tab")
        self.button.setIcon(icon("sparkles", "muted"))
        self.button.setIconSize(QSize(16, 16))
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setMaximumWidth(WIDEST)
        self.button.setFixedHeight(28)
        self.button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self.menu)
        self.out = tool("preset-out", "x", self.tr("Remove the preset"), self.remove)
        self.out.setIconSize(QSize(16, 16))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HAIR)
        row.addWidget(self.button)
        row.addWidget(self.out)
        self._show()

    @property
    def current(self) -> Preset | None:
        return self._current

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Offer these."""
        self._presets = tuple(presets)

    def set_usable(self, names: Collection[str], note: str = "") -> None:
        """The settings that the chosen family has; a preset of others cannot be used.

        `note` stands above them, as that they are of little use to the chosen model.
        """
        self._usable, self._note = frozenset(names), note
        if self._current is not None and not self._fits(self._current):
            self._current = None
            self._show()

    def choose(self, preset: Preset) -> None:
        """Have this one in the place of the one before."""
        if self._current is not None:
            self.remove()
        self._current = preset
        self._show()
        self.chosen.emit(preset)

    def remove(self) -> None:
        """Have none."""
        gone, self._current = self._current, None
        self._show()
        if gone is not None:
            self.removed.emit(gone)

    def forget(self) -> None:
        """Have none, without a word: the form was filled with something else."""
        self._current = None
        self._show()

    def _fits(self, preset: Preset) -> bool:
        return all(name in self._usable for name in preset.values)

    def _fill(self) -> None:
        self.menu.clear()
        if self._note:
            self.menu.addAction(self._note).setEnabled(False)
            self.menu.addSeparator()
        tones = QMenu(self.tr("Rewrite"), self.menu)
        for preset in self._presets:
            # Tones are many and of a kind; they have a menu of their own.
            where = tones if preset.id.startswith(TONES) else self.menu
            action = where.addAction(preset.title.replace("&", "&&"))
            action.setObjectName(preset.id)
            action.setToolTip(preset.description)
            action.setCheckable(True)
            action.setChecked(self._current is not None and preset.id == self._current.id)
            action.setEnabled(self._fits(preset))
            action.triggered.connect(lambda _checked=False, p=preset: self.choose(p))
        if tones.actions():
            tones.setToolTipsVisible(True)
            self.menu.addMenu(tones).setObjectName("tones")
        self.menu.addSeparator()
        own = self.menu.addAction(icon("folder-open", "muted"), self.tr("Add your own…"))
        own.setObjectName("own")
        own.triggered.connect(self.folder_wanted)

    def _show(self) -> None:
        title = self._current.title if self._current is not None else self.tr("Presets")
        room = WIDEST - 56
        shown = self.button.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room)
        self.button.setText(" " + shown.replace("&", "&&"))
        words = self.tr("Presets: tasks that fill the settings")
        if self._current is not None:
            words = self.tr("Preset: {title}").format(title=title)
        self.button.setAccessibleName(words)
        about = self._current.description if self._current is not None else ""
        self.button.setToolTip("\n".join(filter(None, (words, about))))
        self.button.setChecked(False)
        self.out.setVisible(self._current is not None)
