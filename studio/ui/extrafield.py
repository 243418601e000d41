"""The field for models that are laid over the chosen one: which ones, and how strongly."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import MAX_EXTRAS, Extra, ExtraRef, Number, Value, extras_text
from studio.core.controls import parse_extras as parse
from studio.ui import theme
from studio.ui.fields import Field, NumberField
from studio.ui.icons import icon
from studio.ui.stock import Further
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.elided import ElidedLabel

STEP = 0.05


class ExtraRow(QWidget):
    """One model: its name, its strength, and a button that takes it out."""

    def __init__(self, control: Extra, ref: ExtraRef, title: str, missing: bool) -> None:
        super().__init__()
        self.model, self.title = ref.model, title
        self.name = ElidedLabel()
        self.name.setText(title)
        self.name.setToolTip(title)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if missing:
            self.name.setProperty("role", "warning")
            self.name.setToolTip(self.tr("“{name}” is not installed").format(name=title))
        self.strength = NumberField(
            Number(
                name=f"{control.name}-strength",
                label=control.label,
                default=1.0,
                minimum=control.minimum,
                maximum=control.maximum,
                step=STEP,
            )
        )
        self.strength.set_value(ref.strength)
        words = self.tr("How strong: {name}").format(name=title)
        self.strength.widget.setAccessibleName(words)
        self.strength.widget.setToolTip(self.tr("How strongly it is laid over the model"))
        self.out = tool("extra-out", "x", self.tr("Take out: {name}").format(name=title))
        self.out.setIconSize(QSize(16, 16))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self.name, 3)
        row.addWidget(self.strength.row, 4)
        row.addWidget(self.out)


class ExtraField(Field):
    """Rows of models with their strengths; "Add…" offers those that are installed."""

    def __init__(self, control: Extra) -> None:
        super().__init__()
        self.control = control
        self.rows: list[ExtraRow] = []
        self._installed: tuple[Further, ...] = ()
        label = QCoreApplication.translate("families", control.label)
        self.row = QWidget()
        self._lines = QVBoxLayout(self.row)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(theme.HAIR)
        self.none = QLabel()
        self.none.setObjectName(f"{control.name}-none")
        self.none.setProperty("role", "small")
        self.none.setWordWrap(True)
        self.none.setText(self.tr("None installed. Drop its file on the window to add one."))
        self.add = QPushButton(self.tr("Add…") if control.several else self.tr("Choose…"))
        self.add.setProperty("kind", "chip")
        self.add.setIcon(icon("plus", "muted"))
        self.add.setIconSize(QSize(16, 16))
        self.menu = QMenu(self.add)
        self.add.clicked.connect(self._offer)
        self._label = label
        self._lines.addWidget(self.none)
        self._lines.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self.widget = self.add
        self.reset()
        self._show()

    def set_installed(self, installed: Sequence[Further]) -> None:
        """What there is to be added."""
        self._installed = tuple(installed)
        self._put(self._refs())

    def value(self) -> Value:
        return extras_text(self._refs())

    def set_value(self, value: Value) -> None:
        refs = parse(str(value))
        if refs != self._refs():
            self._put(refs)
            self.changed.emit()

    def reset(self) -> None:
        self.set_value(self.control.default)

    def told(self) -> str:
        """What is laid over, for a line that says what was changed."""
        return ", ".join(f"{r.title} {r.strength.value():g}" for r in self.rows)

    def _refs(self) -> tuple[ExtraRef, ...]:
        return tuple(ExtraRef(r.model, float(r.strength.value())) for r in self.rows)

    def _put(self, refs: Sequence[ExtraRef]) -> None:
        for old in self.rows:
            self._lines.removeWidget(old)
            old.hide()
            old.deleteLater()
        titles = {f.model: f.title for f in self._installed}
        self.rows = []
        for ref in refs:
            missing = ref.model not in titles
            row = ExtraRow(self.control, ref, titles.get(ref.model, ref.model), missing)
            row.strength.changed.connect(self.changed)
            row.out.clicked.connect(lambda _checked=False, m=ref.model: self._take_out(m))
            self._lines.insertWidget(len(self.rows), row)
            self.rows.append(row)
        self._show()

    def _take_out(self, model: str) -> None:
        self._put([r for r in self._refs() if r.model != model])
        self.add.setFocus()
        self.changed.emit()

    def _choose(self, model: str) -> None:
        kept = self._refs() if self.control.several else ()
        self._put([*kept, ExtraRef(model, min(1.0, self.control.maximum))])
        self.rows[-1].strength.widget.setFocus()
        self.changed.emit()

    def _offer(self) -> None:
        self.menu.clear()
        for further in self._left():
            action = self.menu.addAction(further.title.replace("&", "&&"))
            action.setObjectName(further.model)
            action.triggered.connect(lambda _checked=False, m=further.model: self._choose(m))
        self.menu.popup(self.add.mapToGlobal(self.add.rect().bottomLeft()))

    def _left(self) -> list[Further]:
        there = {r.model for r in self.rows}
        return [f for f in self._installed if f.model not in there]

    def _show(self) -> None:
        self.none.setVisible(not self._installed and not self.rows)
        full = len(self.rows) >= MAX_EXTRAS
        self.add.setVisible(bool(self._installed))
        self.add.setEnabled(bool(self._left()) and not full)
