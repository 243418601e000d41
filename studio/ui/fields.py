"""One widget for each type of setting: a value goes in and the same value comes out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)

from studio.core.controls import Choice, Named, Number, Text, Toggle, Value
from studio.ui import theme

SLIDER_STEPS = 400
"""Beyond so many steps a slider is of no use."""
INT_MAX = 2**31 - 1


class _Still(QObject):
    """Keeps the wheel from changing a setting that is only scrolled past."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        passing = isinstance(watched, QWidget) and not watched.hasFocus()
        if event.type() == QEvent.Type.Wheel and passing:
            event.ignore()
            return True
        return False


def quiet_wheel(widget: QWidget) -> None:
    """The wheel changes `widget` only while it has the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Still(widget))


def inset(spin: QAbstractSpinBox) -> None:
    """Give the number in a spin box the distance from the border that a style sheet cannot."""
    line = spin.findChild(QLineEdit)
    if line is not None:
        line.setTextMargins(7, 0, 0, 0)


class Field(QObject):
    """A setting on screen: `row` goes into the form, `widget` takes the focus."""

    changed = Signal()
    row: QWidget
    widget: QWidget

    def value(self) -> Value:
        raise NotImplementedError

    def set_value(self, value: Value) -> None:
        """Show a value that was checked against the control."""
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError


class NumberField(Field):
    """A number: a spin box, and a slider where the range is one that a hand can set."""

    def __init__(self, control: Number) -> None:
        super().__init__()
        self._control = control
        self._exact: tuple[float, Value] | None = None
        """What is shown, and what was given: a spin box rounds, a recipe must not."""
        self.spin: QSpinBox | QDoubleSpinBox
        if control.whole and abs(control.minimum) <= INT_MAX and control.maximum <= INT_MAX:
            self.spin = QSpinBox()
            self.spin.setRange(int(control.minimum), int(control.maximum))
            self.spin.setSingleStep(max(1, int(control.step)))
        else:
            self.spin = QDoubleSpinBox()
            self.spin.setDecimals(0 if control.whole else _decimals(control))
            self.spin.setRange(control.minimum, control.maximum)
            self.spin.setSingleStep(control.step)
        self.spin.setStepType(QAbstractSpinBox.StepType.DefaultStepType)
        if control.unit:
            self.spin.setSuffix(f" {QCoreApplication.translate('families', control.unit)}")
        if control.least:
            self.spin.setSpecialValueText(QCoreApplication.translate("families", control.least))
        self.spin.setMinimumWidth(84)
        quiet_wheel(self.spin)
        inset(self.spin)
        self.widget = self.spin
        self.row = QWidget()
        line = QHBoxLayout(self.row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(theme.INSET)
        self.slider: QSlider | None = None
        steps = (control.maximum - control.minimum) / control.step if control.step > 0 else 0
        if 2 < steps <= SLIDER_STEPS:
            self.slider = QSlider(Qt.Orientation.Horizontal)
            self.slider.setRange(0, round(steps))
            self.slider.setPageStep(max(1, round(steps / 10)))
            self.slider.setMinimumWidth(48)
            self.slider.setAccessibleName(QCoreApplication.translate("families", control.label))
            # The spin box says the same to the keyboard; one stop is enough.
            quiet_wheel(self.slider)
            self.slider.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self.slider.valueChanged.connect(self._slid)
            line.addWidget(self.slider, 1)
        else:
            self.spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        line.addWidget(self.spin)
        self.spin.valueChanged.connect(self._spun)
        self.reset()

    def value(self) -> Value:
        shown = self.spin.value()
        if self._exact is not None and self._exact[0] == shown:
            return self._exact[1]
        return int(shown) if self._control.whole else float(shown)

    def set_value(self, value: Value) -> None:
        number = float(value)
        if isinstance(self.spin, QSpinBox):
            self.spin.setValue(int(number))
        else:
            self.spin.setValue(number)
        self._exact = (self.spin.value(), value)

    def reset(self) -> None:
        default = self._control.default
        self.set_value(int(default) if self._control.whole else default)

    def _slid(self, position: int) -> None:
        value = self._control.minimum + position * self._control.step
        if isinstance(self.spin, QSpinBox):
            self.spin.setValue(round(value))
        else:
            self.spin.setValue(value)

    def _spun(self) -> None:
        if self.slider is not None:
            with QSignalBlocker(self.slider):
                self.slider.setValue(
                    round((self.spin.value() - self._control.minimum) / self._control.step)
                )
        self.changed.emit()


class TextField(Field):
    """Words, on one line or several."""

    def __init__(self, control: Text) -> None:
        super().__init__()
        self._control = control
        self._line: QLineEdit | None = None
        self._page: QPlainTextEdit | None = None
        self._exact: tuple[str, str] | None = None
        """What is shown, and what was given: Qt makes a no-break space a plain one."""
        placeholder = QCoreApplication.translate("families", control.placeholder)
        if control.lines > 1:
            self._page = page = QPlainTextEdit()
            page.setTabChangesFocus(True)
            page.setPlaceholderText(placeholder)
            page.setFixedHeight(page.fontMetrics().lineSpacing() * min(control.lines, 8) + 24)
            page.textChanged.connect(self.changed)
            self.row = self.widget = page
        else:
            self._line = line = QLineEdit()
            # Not the control's limit: what is too long is said, not cut off in silence.
            line.setMaxLength(1_000_000)
            line.setPlaceholderText(placeholder)
            line.setClearButtonEnabled(False)
            line.textChanged.connect(self.changed)
            self.row = self.widget = line
        self.reset()

    def value(self) -> Value:
        shown = self._shown()
        if self._exact is not None and self._exact[0] == shown:
            return self._exact[1]
        return shown

    def set_value(self, value: Value) -> None:
        if self._page is not None:
            self._page.setPlainText(str(value))
        elif self._line is not None:
            self._line.setText(str(value))
            self._line.setCursorPosition(0)
        self._exact = (self._shown(), str(value))

    def _shown(self) -> str:
        if self._page is not None:
            return self._page.toPlainText()
        return self._line.text() if self._line is not None else ""

    def reset(self) -> None:
        self.set_value(self._control.default)


class ChoiceField(Field):
    """One of several values."""

    def __init__(self, control: Choice) -> None:
        super().__init__()
        self._control = control
        self.widget = self.row = self.combo = QComboBox()
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(6)
        for option in control.options:
            self.combo.addItem(QCoreApplication.translate("families", option.label), option.value)
        quiet_wheel(self.combo)
        self.reset()
        self.combo.currentIndexChanged.connect(self.changed)

    def value(self) -> Value:
        return str(self.combo.currentData())

    def set_value(self, value: Value) -> None:
        self.combo.setCurrentIndex(self.combo.findData(value))

    def reset(self) -> None:
        self.set_value(self._control.default)


class ToggleField(Field):
    """Yes or no."""

    def __init__(self, control: Toggle) -> None:
        super().__init__()
        self._control = control
        self.widget = self.row = self.box = QCheckBox()
        self.reset()
        self.box.toggled.connect(self.changed)

    def value(self) -> Value:
        return self.box.isChecked()

    def set_value(self, value: Value) -> None:
        self.box.setChecked(bool(value))

    def reset(self) -> None:
        self.set_value(self._control.default)


class NamedField(Field):
    """One of the names that the chosen model has of itself; the first is its own default."""

    def __init__(self, control: Named) -> None:
        super().__init__()
        self.control = control
        self._names: tuple[str, ...] = ()
        self._wanted = control.default
        """What was asked for; another model may have it again."""
        self.widget = self.row = self.combo = QComboBox()
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(6)
        quiet_wheel(self.combo)
        self.set_names(())
        self.combo.activated.connect(self._chosen)

    @property
    def usual(self) -> bool:
        """Whether it is the model's own default."""
        return self.combo.currentIndex() <= 0

    def set_names(self, names: Sequence[str]) -> None:
        """The names of the chosen model; one that it does not have becomes its first."""
        self._names = tuple(names)
        self.combo.clear()
        for name in self._names:
            self.combo.addItem(name, name)
        if not self._names:
            self.combo.addItem(self.tr("The model’s own"), "")
        self.combo.setEnabled(len(self._names) > 1)
        self.combo.setCurrentIndex(max(0, self.combo.findData(self._wanted)))

    def value(self) -> Value:
        return str(self.combo.currentData() or "")

    def set_value(self, value: Value) -> None:
        before = self.value()
        self._wanted = str(value)
        self.combo.setCurrentIndex(max(0, self.combo.findData(self._wanted)))
        if self.value() != before:
            self.changed.emit()

    def reset(self) -> None:
        self.set_value(self.control.default)

    def _chosen(self) -> None:
        self._wanted = str(self.value())
        self.changed.emit()


def _decimals(control: Number) -> int:
    """As many as the step, the bounds and the default need, at most 6."""
    from decimal import Decimal

    exponents = (
        Decimal(str(v)).normalize().as_tuple().exponent
        for v in (control.step, control.minimum, control.default)
    )
    return min(6, max(0, *(-e for e in exponents if isinstance(e, int))))
