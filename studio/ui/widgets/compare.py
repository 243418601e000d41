"""Two items side by side, and where their recipes differ."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from studio.core.recipe import Recipe
from studio.library import Item
from studio.ui import theme
from studio.ui.studio import Studio
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.elided import ElidedLabel
from studio.ui.widgets.itemstage import ItemStage
from studio.ui.widgets.itemwords import caption, full_date, kind_name, provider_name, title
from studio.ui.widgets.keys import claims_escape
from studio.ui.widgets.recipeview import RecipeView, Row, recipe_rows

NARROW = 760


class CompareView(QWidget):
    """A page for two items. `left` asks for the grid, `recipe_chosen` for one's recipe."""

    left = Signal()
    recipe_chosen = Signal(Recipe)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare-view")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._studio = studio
        self._items: list[Item] = []
        self.stages = (ItemStage(studio.library), ItemStage(studio.library))
        self._titles = (ElidedLabel(), ElidedLabel())
        self._captions = (ElidedLabel(), ElidedLabel())
        self.table = RecipeView()
        # Only one of two sounds is heard at a time.
        for mine, other in (self.stages, self.stages[::-1]):
            mine.sound.player.changed.connect(lambda a=mine, b=other: _hush(a, b))
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GAP, 0, theme.GAP, 0)
        column.setSpacing(theme.INSET)
        column.addLayout(self._header())
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.setHandleWidth(theme.INSET)
        halves.addWidget(self._pair())
        halves.addWidget(self._table_card())
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setSizes([3000, 2000])
        column.addWidget(halves, 1)

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    def show_items(self, left: Item, right: Item, models: dict[str, str]) -> None:
        """Show two items; `models` are titles by model id."""
        self._items = [left, right]
        for item, stage, name, words in zip(
            self._items, self.stages, self._titles, self._captions, strict=True
        ):
            stage.show_item(item)
            name.setText(title(item))
            words.setText(f"{kind_name(item.kind)} · {caption(item)}")
        rows = [self._rows(item, models) for item in self._items]
        self.table.show_pair(*rows)
        differing = sum(row.differs for row in self.table.rows)
        self._differing.setText(
            self.tr("The recipes are the same")
            if not differing
            else self.tr("1 difference")
            if differing == 1
            else self.tr("{count} differences").format(count=differing)
        )

    def clear(self) -> None:
        self._items = []
        for stage in self.stages:
            stage.clear()

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        words = self.tr("Use this recipe") if self.width() > NARROW else self.tr("Use")
        for button in self._uses:
            button.setText(words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _rows(self, item: Item, models: dict[str, str]) -> list[Row]:
        spec = self._studio.engine.family(item.recipe.family)
        rows = recipe_rows(item.recipe, spec, models.get(item.recipe.model, ""))
        if item.provider:
            rows.append(Row("provider", self.tr("Made on"), provider_name(item.provider)))
        if item.edited:
            rows.append(Row("edited", self.tr("Edited"), self.tr("Yes, by hand afterwards")))
        return [*rows, Row("made", self.tr("Made"), full_date(item.created))]

    def _header(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.INSET)
        row.addWidget(
            tool("back", "arrow-left", self.tr("Back to the library  (Esc)"), self.left.emit)
        )
        name = QLabel(self.tr("Compare"))
        name.setProperty("role", "lead")
        row.addWidget(name)
        row.addStretch(1)
        return row

    def _pair(self) -> QWidget:
        pair = QWidget()
        row = QHBoxLayout(pair)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.PAD)
        self._uses: list[QPushButton] = []
        for number, stage in enumerate(self.stages):
            side = QVBoxLayout()
            side.setSpacing(theme.GAP)
            top = QHBoxLayout()
            words = QVBoxLayout()
            words.setSpacing(0)
            self._titles[number].setProperty("role", "heading")
            self._captions[number].setProperty("role", "small")
            words.addWidget(self._titles[number])
            words.addWidget(self._captions[number])
            top.addLayout(words, 1)
            use = QPushButton(self.tr("Use this recipe"))
            use.setObjectName(f"use-{number}")
            use.setAccessibleName(self.tr("Use this recipe"))
            use.clicked.connect(lambda _checked=False, n=number: self._use(n))
            self._uses.append(use)
            top.addWidget(use)
            side.addLayout(top)
            side.addWidget(stage, 1)
            row.addLayout(side, 1)
        return pair

    def _table_card(self) -> QWidget:
        card = QFrame()
        card.setProperty("card", True)
        card.setMinimumHeight(140)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.GAP, theme.INSET, theme.GAP, theme.GAP)
        top = QHBoxLayout()
        top.setContentsMargins(10, 0, theme.GAP, 0)
        self._differing = QLabel()
        self._differing.setObjectName("differing")
        self._differing.setProperty("role", "heading")
        only = QCheckBox(self.tr("Only what differs"))
        only.setObjectName("only-differing")
        only.toggled.connect(self.table.show_only_differing)
        top.addWidget(self._differing)
        top.addStretch(1)
        top.addWidget(only)
        column.addLayout(top)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(self.tr("Both recipes"))
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.table)
        inner.addStretch(1)
        area.setWidget(holder)
        column.addWidget(area, 1)
        return card

    def _use(self, number: int) -> None:
        if number < len(self._items):
            recipe: Recipe = self._items[number].recipe
            self.recipe_chosen.emit(recipe)


def _hush(mine: ItemStage, other: ItemStage) -> None:
    if mine.sound.player.playing:
        other.sound.pause()
