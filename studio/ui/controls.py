"""Forms made from the settings that a family declares."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import FILE_CONTROLS, MAX_SEED, AnyControl, Text, Value, check
from studio.core.errors import StudioError
from studio.ui import theme
from studio.ui.fields import Field, FileField, field_for, inset, quiet_wheel
from studio.ui.icons import icon

LABEL_WIDTH = 108
"""Of the labels' column, so that the forms of the panes stand alike."""


def said(text: str) -> str:
    """A label, help or option that a family declared, in the person's language."""
    return QCoreApplication.translate("families", text)


class Form(QWidget):
    """Labelled widgets for a family's controls; folded ones wait under "More settings"."""

    changed = Signal()

    def __init__(
        self,
        controls: Sequence[AnyControl],
        *,
        skip: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controls = {c.name: c for c in controls if c.name not in skip}
        self._fields: dict[str, Field | FileField] = {}
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(theme.GAP)
        shown = [c for c in self._controls.values() if not c.folded]
        folded = [c for c in self._controls.values() if c.folded]
        if shown:
            rows.addWidget(self._block(shown))
        self._more = QPushButton(self.tr("More settings"))
        self._rest = self._block(folded)
        rows.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self._rest)
        self._more.setObjectName("moreSettings")
        self._more.setProperty("kind", "disclosure")
        self._more.setCheckable(True)
        self._more.setIconSize(QSize(16, 16))
        self._more.setVisible(bool(folded))
        self._more.toggled.connect(self._fold)
        self._fold(False)

    def values(self) -> dict[str, Value]:
        """What stands in the form, by name; files are given by `files`."""
        return {n: f.value() for n, f in self._fields.items() if isinstance(f, Field)}

    def set_values(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Put values in; gives the names of those that this form has but that do not fit."""
        refused = []
        for name, value in values.items():
            control, field = self._controls.get(name), self._fields.get(name)
            if control is None or not isinstance(field, Field):
                continue
            try:
                field.set_value(check(control, value))
            except StudioError:
                refused.append(name)
        return tuple(refused)

    def files(self) -> dict[str, Path]:
        """The files that were chosen, by the name of their input."""
        chosen = {n: f.path() for n, f in self._fields.items() if isinstance(f, FileField)}
        return {name: path for name, path in chosen.items() if path is not None}

    def set_files(self, files: Mapping[str, Path]) -> None:
        """Put files in; inputs that are not named are emptied."""
        for name, field in self._fields.items():
            if isinstance(field, FileField):
                field.set_path(files.get(name))

    def reset(self) -> None:
        """Everything as the family has it."""
        for field in self._fields.values():
            if isinstance(field, FileField):
                field.set_path(None)
            else:
                field.reset()

    def widget_for(self, name: str) -> QWidget:
        """The widget of a setting that takes the focus. Raises KeyError for an unknown name."""
        field = self._fields[name]
        return field if isinstance(field, FileField) else field.widget

    def show_more(self, yes: bool = True) -> None:
        """Unfold or fold the folded settings."""
        self._more.setChecked(yes)

    def _block(self, controls: Sequence[AnyControl]) -> QWidget:
        block = QWidget(self)
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.INSET)
        grid.setVerticalSpacing(theme.GAP)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, LABEL_WIDTH)
        for control in controls:
            self._add(grid, control)
        return block

    def _add(self, grid: QGridLayout, control: AnyControl) -> None:
        field = FileField(control) if isinstance(control, FILE_CONTROLS) else field_for(control)
        shown: QWidget = field if isinstance(field, FileField) else field.row
        focused: QWidget = field.button if isinstance(field, FileField) else field.widget
        words = said(control.label)
        label = QLabel(words.replace("&", "&&"))
        label.setProperty("role", "muted")
        label.setWordWrap(True)
        label.setBuddy(focused)
        focused.setAccessibleName(words)
        focused.setObjectName(control.name)
        if control.help:
            focused.setAccessibleDescription(said(control.help))
            focused.setToolTip(said(control.help))
            label.setToolTip(said(control.help))
        self._fields[control.name] = field
        field.changed.connect(self.changed)
        row = grid.rowCount()
        if isinstance(control, Text) and control.lines > 1:
            grid.addWidget(label, row, 0, 1, 2)
            grid.addWidget(shown, row + 1, 0, 1, 2)
        else:
            label.setMaximumWidth(LABEL_WIDTH)
            grid.addWidget(label, row, 0)
            grid.addWidget(shown, row, 1)

    def _fold(self, unfolded: bool) -> None:
        self._rest.setVisible(unfolded and bool(self._rest.children()))
        self._more.setIcon(icon("chevron-down" if unfolded else "chevron-right", "muted"))


class SeedRow(QWidget):
    """The seed: a number, dice for another one, and a lock that keeps it from run to run."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # A QSpinBox ends at 2**31.
        self.spin = QDoubleSpinBox()
        self.spin.setObjectName("seed")
        self.spin.setDecimals(0)
        self.spin.setRange(0, MAX_SEED)
        self.spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.spin.setMinimumWidth(96)
        self.spin.setAccessibleName(self.tr("Seed"))
        self.spin.setToolTip(self.tr("The same seed with the same settings gives the same result"))
        quiet_wheel(self.spin)
        inset(self.spin)
        self.dice = self._button("dice", self.tr("New seed"))
        self.dice.setIcon(icon("dices"))
        self.lock = self._button("lock", self.tr("Keep this seed"))
        self.lock.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HAIR)
        row.addWidget(self.spin, 1)
        row.addWidget(self.dice)
        row.addWidget(self.lock)
        self._setting = False
        self.set_value(_random_seed())
        self.spin.valueChanged.connect(self._edited)
        self.dice.clicked.connect(self._throw)
        self.lock.toggled.connect(self._locked)
        self._locked(False)
        self.setFocusProxy(self.spin)

    def value(self) -> int:
        return int(self.spin.value())

    def set_value(self, seed: int) -> None:
        """Show a seed without locking it."""
        self._setting = True
        self.spin.setValue(seed)
        self._setting = False

    @property
    def locked(self) -> bool:
        return self.lock.isChecked()

    def set_locked(self, yes: bool) -> None:
        self.lock.setChecked(yes)

    def roll(self) -> int:
        """Before each run: another seed, unless this one is kept. Gives the seed to use."""
        if not self.locked:
            self.set_value(_random_seed())
        return self.value()

    def _throw(self) -> None:
        self.set_value(_random_seed())

    def _edited(self) -> None:
        # Whoever types a seed means that one.
        if not self._setting:
            self.lock.setChecked(True)
        self.changed.emit()

    def _locked(self, yes: bool) -> None:
        self.lock.setIcon(icon("lock", "accent_text") if yes else icon("lock-open", "muted"))
        self.lock.setToolTip(
            self.tr("This seed is kept; click for a new one each time")
            if yes
            else self.tr("Keep this seed")
        )

    def _button(self, name: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setProperty("kind", "icon")
        button.setIcon(QIcon())
        button.setIconSize(QSize(18, 18))
        button.setAccessibleName(words)
        button.setToolTip(words)
        return button


def _random_seed() -> int:
    return random.SystemRandom().randint(0, MAX_SEED)
