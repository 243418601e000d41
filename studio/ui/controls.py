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

from studio.core.controls import (
    MAX_SEED,
    AnyControl,
    Choice,
    Document,
    Extra,
    Mask,
    Named,
    Number,
    Picture,
    Sound,
    Text,
    Toggle,
    Value,
    check,
)
from studio.core.errors import StudioError
from studio.ui import theme
from studio.ui.extrafield import ExtraField
from studio.ui.fields import (
    ChoiceField,
    Field,
    NamedField,
    NumberField,
    TextField,
    ToggleField,
    inset,
    quiet_wheel,
)
from studio.ui.filefields import FileField, MaskField
from studio.ui.icons import icon
from studio.ui.stock import Further

LABEL_WIDTH = 108
"""Of the labels' column, so that the forms of the panes stand alike."""


def said(text: str) -> str:
    """A label, help or option that a family declared, in the person's language."""
    return QCoreApplication.translate("families", text)


class Form(QWidget):
    """Labelled widgets for a family's controls; folded ones wait under "More settings"."""

    changed = Signal()
    mask_wanted = Signal(str)
    """The name of a mask that the person wants to paint; see `over`."""

    def __init__(
        self,
        controls: Sequence[AnyControl],
        *,
        skip: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controls = {c.name: c for c in controls if c.name not in skip and not c.hidden}
        self._fields: dict[str, Field | FileField] = {}
        self._rows: dict[str, tuple[QWidget, ...]] = {}
        """Of the settings that not every model has a part for."""
        self._lacking: frozenset[str] = frozenset()
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
        for mask in self._masks():
            mask.paint_wanted.connect(lambda n=mask.control.name: self.mask_wanted.emit(n))
        self.changed.connect(self._follow_pictures)

    def set_stock(
        self,
        names: Mapping[str, Sequence[str]],
        further: Mapping[str, Sequence[Further]],
        lacking: Collection[str] = (),
    ) -> None:
        """What the chosen model calls its own, what there is to be laid over it, by role, and
        which settings it has no part for: those are not shown, and have no value."""
        self._lacking = frozenset(lacking)
        for name, row in self._rows.items():
            for widget in row:
                widget.setVisible(name not in self._lacking)
        for field in self._fields.values():
            if isinstance(field, NamedField):
                field.set_names(names.get(field.control.of, ()))
            elif isinstance(field, ExtraField):
                field.set_installed(further.get(field.control.role, ()))

    def names(self) -> tuple[str, ...]:
        """The settings that stand in the form."""
        return tuple(self._fields)

    def values(self) -> dict[str, Value]:
        """What stands in the form, by name; files are given by `files`."""
        fields = {n: f for n, f in self._fields.items() if n not in self._lacking}
        return {n: f.value() for n, f in fields.items() if isinstance(f, Field)}

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
        chosen = {n: f for n, f in self._fields.items() if isinstance(f, FileField)}
        # A mask is of a picture, which goes in before it.
        for name in sorted(chosen, key=lambda n: isinstance(chosen[n], MaskField)):
            chosen[name].set_path(files.get(name))

    def put_file(self, name: str, path: Path) -> None:
        """Put one file in; the others stay. Does nothing for an input that is not here."""
        field = self._fields.get(name)
        if isinstance(field, FileField):
            field.set_path(path)

    def over(self, name: str) -> Path | None:
        """The picture that the mask of that name is painted over; None while there is none."""
        field = self._fields.get(name)
        return field.over if isinstance(field, MaskField) else None

    def reset(self, names: Collection[str] | None = None) -> None:
        """Everything as the family has it; with `names` only these."""
        for name, field in self._fields.items():
            if names is not None and name not in names:
                continue
            if isinstance(field, FileField):
                field.set_path(None)
            else:
                field.reset()

    def told(self, name: str) -> str:
        """A name or models that were chosen, in words; empty for the family's own choice."""
        field = self._fields.get(name)
        if isinstance(field, NamedField):
            return "" if field.usual else str(field.value())
        return field.told() if isinstance(field, ExtraField) else ""

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
        field = field_for(control)
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
        if control.part:
            self._rows[control.name] = (label, shown)
        field.changed.connect(self.changed)
        row = grid.rowCount()
        if isinstance(control, Extra) or (isinstance(control, Text) and control.lines > 1):
            grid.addWidget(label, row, 0, 1, 2)
            grid.addWidget(shown, row + 1, 0, 1, 2)
        else:
            label.setMaximumWidth(LABEL_WIDTH)
            grid.addWidget(label, row, 0)
            grid.addWidget(shown, row, 1)

    def _masks(self) -> list[MaskField]:
        return [f for f in self._fields.values() if isinstance(f, MaskField)]

    def _follow_pictures(self) -> None:
        """Let each mask know the picture that it belongs to."""
        for mask in self._masks():
            control = mask.control
            source = self._fields.get(control.over) if isinstance(control, Mask) else None
            if isinstance(source, FileField):
                mask.set_over(source.path())

    def _fold(self, unfolded: bool) -> None:
        self._rest.setVisible(unfolded and bool(self._rest.children()))
        self._more.setIcon(icon("chevron-down" if unfolded else "chevron-right", "muted"))


def field_for(control: AnyControl) -> Field | FileField:
    """The field of a control."""
    if isinstance(control, Mask):
        return MaskField(control)
    if isinstance(control, Picture | Sound | Document):
        return FileField(control)
    if isinstance(control, Number):
        return NumberField(control)
    if isinstance(control, Choice):
        return ChoiceField(control)
    if isinstance(control, Toggle):
        return ToggleField(control)
    if isinstance(control, Named):
        return NamedField(control)
    return ExtraField(control) if isinstance(control, Extra) else TextField(control)


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
