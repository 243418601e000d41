"""One item, large, with the recipe it was made from and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.library import Item
from studio.ui import theme
from studio.ui.studio import Studio
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.elided import ElidedLabel
from studio.ui.widgets.itemactions import ActionButton, ItemActions, action_tool
from studio.ui.widgets.itemstage import ItemStage
from studio.ui.widgets.itemwords import caption, full_date, kind_name, provider_name, title
from studio.ui.widgets.keys import claims_escape
from studio.ui.widgets.recipeview import RecipeView, Row, recipe_rows

SIDE = 348
"""Width of the column with the recipe."""


class ItemView(QWidget):
    """A page for one item. `left` asks for the grid, `stepped` for the item before or after."""

    left = Signal()
    stepped = Signal(int)

    def __init__(self, studio: Studio, actions: ItemActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("item-view")
        self._studio = studio
        self._models: dict[str, str] = {}
        self.stage = ItemStage(studio.library)
        self.recipe = RecipeView()
        self._title = ElidedLabel()
        self._title.setProperty("role", "lead")
        self._caption = ElidedLabel()
        self._caption.setProperty("role", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GAP, 0, theme.GAP, 0)
        column.setSpacing(theme.INSET)
        column.addLayout(self._header(actions))
        self._body = body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        body.setSpacing(theme.PAD)
        body.addWidget(self.stage, 1)
        self._side = self._recipe_card(actions)
        body.addWidget(self._side)
        column.addLayout(body, 1)

    @property
    def item(self) -> Item | None:
        return self.stage.item

    def show_item(self, item: Item, models: dict[str, str]) -> None:
        """Show another item; `models` are titles by model id."""
        self._models = models
        self.stage.show_item(item)
        self._title.setText(title(item))
        self._caption.setText(f"{kind_name(item.kind)} · {caption(item)}")
        spec = self._studio.engine.family(item.recipe.family)
        rows = recipe_rows(item.recipe, spec, models.get(item.recipe.model, ""))
        rows.append(Row("made", self.tr("Made"), full_date(item.created)))
        if item.provider:
            rows.append(Row("provider", self.tr("Made on"), provider_name(item.provider)))
        if item.edited:
            rows.append(Row("edited", self.tr("Edited"), self.tr("Yes, by hand afterwards")))
        names = "\n".join(path.name for path in item.files)
        rows.append(Row("files", self.tr("Files"), names))
        self.recipe.show_rows(rows)
        self.setAccessibleName(title(item)[:120])

    def clear(self) -> None:
        self.stage.clear()

    def event(self, event: QEvent) -> bool:
        return claims_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Escape | Qt.Key.Key_Backspace:
                self.left.emit()
            case Qt.Key.Key_PageDown:
                self.stepped.emit(1)
            case Qt.Key.Key_PageUp:
                self.stepped.emit(-1)
            case Qt.Key.Key_Space if self.item is not None and self.item.kind == "audio":
                self.stage.sound.toggle()
            case _:
                super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < 2 * SIDE
        ways = QBoxLayout.Direction
        self._body.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)
        self._side.setMinimumWidth(0 if narrow else SIDE)
        self._side.setMaximumWidth(16_777_215 if narrow else SIDE)
        self._side.setMaximumHeight(max(180, self.height() * 2 // 5) if narrow else 16_777_215)

    def _header(self, actions: ItemActions) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.HAIR)
        back = tool("back", "arrow-left", self.tr("Back to the library  (Esc)"), self.left.emit)
        row.addWidget(back)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._caption)
        row.addSpacing(theme.GAP)
        row.addLayout(words, 1)
        row.addSpacing(theme.GAP)
        for name in ("star", "copy", "export", "folder", "restore", "trash"):
            row.addWidget(action_tool(actions, name))
        row.addSpacing(theme.INSET)
        newer = tool("newer", "chevron-left", self.tr("Newer  (Page up)"))
        older = tool("older", "chevron-right", self.tr("Older  (Page down)"))
        newer.clicked.connect(lambda: self.stepped.emit(-1))
        older.clicked.connect(lambda: self.stepped.emit(1))
        row.addWidget(newer)
        row.addWidget(older)
        return row

    def _recipe_card(self, actions: ItemActions) -> QWidget:
        card = QFrame()
        card.setProperty("card", True)
        column = QVBoxLayout(card)
        column.setContentsMargins(theme.GAP, theme.PAD, theme.GAP, theme.INSET)
        column.setSpacing(theme.GAP)
        heading = QLabel(self.tr("Recipe"))
        heading.setProperty("role", "heading")
        heading.setContentsMargins(10, 0, 0, 0)
        column.addWidget(heading)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        area.setAccessibleName(self.tr("Recipe"))
        holder = QWidget()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.recipe)
        inner.addStretch(1)
        area.setWidget(holder)
        column.addWidget(area, 1)
        row = QHBoxLayout()
        row.setContentsMargins(theme.GAP, 0, theme.GAP, 0)
        row.setSpacing(theme.GAP)
        column.addLayout(row)
        use = ActionButton(actions["use"], "primary")
        use.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row.addWidget(use, 1)
        row.addWidget(ActionButton(actions["again"], ""))
        column.addWidget(ActionButton(actions["copy-recipe"], "quiet"))
        return card
