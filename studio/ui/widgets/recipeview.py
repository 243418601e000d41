"""A recipe as a person reads it: a table of what was asked for, and its JSON to copy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Choice, Number, Toggle, Value
from studio.core.family import FamilySpec
from studio.core.recipe import Recipe
from studio.ui import theme

LABEL_WIDTH = 112
translate = QCoreApplication.translate

NEVER_THE_SAME = ("made", "files")
"""Lines that tell two things apart anyway; to point at them would say nothing."""
SHOWN = 3_000
"""Characters of one value that are drawn; the JSON has all of them."""

_LONG_WORD = re.compile(r"\S{25,}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the setting's name in the recipe, its label and its value."""

    name: str
    label: str
    text: str


def recipe_rows(recipe: Recipe, spec: FamilySpec | None, model: str = "") -> list[Row]:
    """The recipe line by line, in the order of the family's form where the family is known.

    `model` is the model's title where one is known.
    """
    values = dict(recipe.values)
    rows: list[Row] = []
    for control in spec.controls if spec is not None else ():
        if control.name in values:
            text = _shown(values.pop(control.name), control)
            rows.append(Row(control.name, control.label, text))
        elif control.name in recipe.inputs:
            rows.append(Row(control.name, control.label, recipe.inputs[control.name].name))
    rows += [Row(n, _words(n), _shown(v, None)) for n, v in values.items()]
    told = {r.name for r in rows}
    rows += [Row(n, _words(n), r.name) for n, r in recipe.inputs.items() if n not in told]
    # What was asked for first; what nobody filled in says nothing.
    rows.sort(key=lambda r: r.name != "prompt")
    rows = [r for r in rows if r.text.strip()]
    rows.append(Row("seed", translate("RecipeView", "Seed"), str(recipe.seed)))
    rows.append(Row("model", translate("RecipeView", "Model"), model or recipe.model))
    rows.append(
        Row(
            "family",
            translate("RecipeView", "Family"),
            spec.title if spec is not None else recipe.family,
        )
    )
    return rows


class WrapLabel(QLabel):
    """Text that wraps at any width, words longer than a line included."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.raw = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self.set_raw(text)

    def set_raw(self, text: str) -> None:
        """Show `text`, cut where it is endless."""
        self.raw = text
        shown = text if len(text) <= SHOWN else text[:SHOWN].rstrip() + " …"
        # A zero-width space lets a word break that is longer than a line.
        self.setText(
            _LONG_WORD.sub(lambda m: "\u200b".join(re.findall(".{1,4}", m.group(), re.S)), shown)
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height())

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Copy")).triggered.connect(self._copy)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(at))

    def _copy(self) -> None:
        chosen = self.selectedText().replace("\u200b", "").replace("\u2029", "\n")
        QApplication.clipboard().setText(chosen or self.raw)


class RowView(QFrame):
    """One line of a table: a label and one value for each recipe, marked where they differ."""

    def __init__(self, row: Row, others: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"row-{row.name}")
        texts = (row.text, *others)
        self.differs = len(set(texts)) > 1 and row.name not in NEVER_THE_SAME
        line = QHBoxLayout(self)
        line.setContentsMargins(10, 5, 8, 5)
        line.setSpacing(theme.INSET)
        label = QLabel(row.label)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "muted")
        label.setFixedWidth(LABEL_WIDTH)
        label.setWordWrap(True)
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        line.addWidget(label)
        self.values = [WrapLabel(text or "–") for text in texts]
        for value in self.values:
            value.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            line.addWidget(value, 1)
        said = self.tr("{label}: {value}").format(
            label=row.label, value=" | ".join(text[:200] for text in texts)
        )
        if self.differs:
            said = self.tr("{row} (differs)").format(row=said)
            self.setToolTip(self.tr("Not the same in both"))
        self.setAccessibleName(said)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.differs:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("selected"))
        painter.drawRoundedRect(self.rect().adjusted(0, 1, 0, -1), 6, 6)
        # Not by colour alone: a bar at the edge says it as well.
        painter.setBrush(theme.color("accent"))
        painter.drawRoundedRect(QRectF(0, 5, 3, self.height() - 10), 1.5, 1.5)
        painter.end()


class RecipeView(QWidget):
    """The lines of one recipe, or of two beside each other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = QVBoxLayout(self)
        self._table.setContentsMargins(0, 0, 0, 0)
        self._table.setSpacing(0)
        self._rows: list[RowView] = []
        self._only_differing = False

    @property
    def rows(self) -> tuple[RowView, ...]:
        return tuple(self._rows)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show one recipe's lines."""
        self._fill([RowView(row) for row in rows])

    def show_pair(self, left: Sequence[Row], right: Sequence[Row]) -> None:
        """Show two recipes, line by line beside each other; the differences stand out."""
        ours, theirs = ({row.name: row for row in rows} for rows in (left, right))
        ordered = [*left, *(row for row in right if row.name not in ours)]
        views = []
        for row in ordered:
            mine, other = (side.get(row.name) for side in (ours, theirs))
            shown = Row(row.name, row.label, mine.text if mine is not None else "")
            views.append(RowView(shown, [other.text if other is not None else ""]))
        # What differs is what one is looking for.
        self._fill(sorted(views, key=lambda view: not view.differs))

    def show_only_differing(self, on: bool) -> None:
        """Hide the lines that are the same in both."""
        self._only_differing = on
        for view in self._rows:
            view.setVisible(view.differs or not on)

    def _fill(self, views: list[RowView]) -> None:
        for old in self._rows:
            self._table.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._rows = views
        for view in views:
            self._table.addWidget(view)
        self.show_only_differing(self._only_differing)


def _shown(value: Value, control: object) -> str:
    if isinstance(control, Choice):
        return next((o.label for o in control.options if o.value == value), str(value))
    if isinstance(value, bool) or isinstance(control, Toggle):
        return translate("RecipeView", "Yes") if value else translate("RecipeView", "No")
    if isinstance(value, float | int):
        unit = f" {control.unit}" if isinstance(control, Number) and control.unit else ""
        return f"{value:.6g}{unit}" if isinstance(value, float) else f"{value}{unit}"
    return value


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
