"""The library: everything made here, to find, look at, compare, use again and give away."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import (
    QKeySequence,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.library import Item, Query
from studio.ui import theme
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background
from studio.ui.widgets.compare import CompareView
from studio.ui.widgets.exportbar import ExportBar
from studio.ui.widgets.filterbar import FilterBar, Wanted
from studio.ui.widgets.itemactions import ItemActions
from studio.ui.widgets.itembars import Message, SelectionBar, TrashBar
from studio.ui.widgets.itemcard import MARGIN
from studio.ui.widgets.itemdeeds import ItemDeeds, copy_text
from studio.ui.widgets.itemgrid import ItemGrid
from studio.ui.widgets.itemview import ItemView


class LibraryPane(QWidget):
    """The grid with its filters, the page of one item and the page of two.

    Whatever may take long (reading, moving files, exporting) is done by workers.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("library-pane")
        self._studio = studio
        self._work = Background(self)
        self._deeds = ItemDeeds(studio, self)
        self._models: dict[str, str] = {}
        self.actions_of_items = ItemActions(self)
        self.filters = FilterBar()
        self.grid = ItemGrid(studio.library)
        self.message = Message()
        self.trash_bar = TrashBar()
        self.selection_bar = SelectionBar(self.actions_of_items)
        self.export_bar = ExportBar()
        self.item_view = ItemView(studio, self.actions_of_items)
        self.compare_view = CompareView(studio)
        for place in (self.grid, self.selection_bar, self.item_view):
            self.actions_of_items.bind(place)
        self._build()
        self._connect()
        self._read_models()

    # Pages

    def open_item(self, item: Item) -> None:
        """Show one item, large."""
        self.item_view.show_item(item, self._models)
        self._pages.setCurrentWidget(self.item_view)
        self._focus_page()
        self._follow_selection()

    def compare(self, left: Item, right: Item) -> None:
        """Show two items side by side."""
        self.compare_view.show_items(left, right, self._models)
        self._pages.setCurrentWidget(self.compare_view)
        self._focus_page()
        self._follow_selection()

    def show_grid(self) -> None:
        """Back to everything."""
        self._pages.setCurrentWidget(self._browse)
        self.item_view.clear()
        self.compare_view.clear()
        self._focus_page()
        self._follow_selection()

    def focus_search(self) -> None:
        """Be ready to search."""
        self.show_grid()
        self.filters.search.setFocus()
        self.filters.search.selectAll()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # The keys of the actions work from here on, not only after a click.
        QTimer.singleShot(0, self, self._focus_page)

    # Building

    def _build(self) -> None:
        self._browse = QWidget()
        column = QVBoxLayout(self._browse)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.INSET)
        self._contents = QStackedWidget()
        self._contents.addWidget(self.grid)
        self._contents.addWidget(self.message)
        column.addWidget(self.filters)
        column.addLayout(_inset(self.trash_bar))
        column.addWidget(self._contents, 1)
        column.addLayout(_inset(self.selection_bar))
        self._pages = QStackedWidget()
        for page in (self._browse, self.item_view, self.compare_view):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        # Cards have a margin of their own, so that what is seen of them stands in line.
        side = theme.SPACE - MARGIN
        outer.setContentsMargins(side, theme.PAD, side, theme.PAD)
        outer.setSpacing(theme.INSET)
        outer.addWidget(self._pages, 1)
        outer.addLayout(_inset(self.export_bar))

    def _connect(self) -> None:
        studio, grid = self._studio, self.grid
        studio.library_changed.connect(self._changed)
        self.filters.changed.connect(self._filter)
        self.filters.entered.connect(grid.setFocus)
        grid.opened.connect(self.open_item)
        grid.starred.connect(lambda item: self._star([item], not item.starred))
        grid.selection_changed.connect(lambda _count: self._follow_selection())
        grid.customContextMenuRequested.connect(self._menu)
        grid.items.refreshed.connect(lambda _top: self._refreshed())
        grid.items.failed.connect(studio.notices.error)
        self.message.acted.connect(self._act_on_message)
        self.trash_bar.emptied.connect(self._deeds.empty_trash)
        self.selection_bar.clear.clicked.connect(grid.clearSelection)
        self.export_bar.exported.connect(self._deeds.tell_exported)
        self.export_bar.failed.connect(studio.notices.error)
        self.export_bar.closed.connect(self._focus_page)
        self.item_view.left.connect(self.show_grid)
        self.item_view.stepped.connect(self._step)
        self.compare_view.left.connect(self.show_grid)
        self.compare_view.recipe_chosen.connect(studio.use_recipe)
        self.actions_of_items.wanted.connect(self._do)
        self._deeds.undoable.connect(self.actions_of_items["undo"].setEnabled)
        self._deeds.compare_wanted.connect(self._come_and_compare)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.focus_search)

    # What is shown

    def _filter(self, wanted: Wanted) -> None:
        since = wanted.since()
        self.trash_bar.setVisible(wanted.trashed)
        self.grid.show_query(
            Query(
                words=wanted.words,
                kind=wanted.kind,
                model=wanted.model or None,
                since=since.timestamp() if since is not None else None,
                starred=True if wanted.starred else None,
                trashed=wanted.trashed,
            )
        )

    def _changed(self) -> None:
        self.grid.refresh()
        self._read_models()

    def _read_models(self) -> None:
        library, store = self._studio.library, self._studio.store

        def read() -> dict[str, str]:
            titles = {model.id: model.title for model in store.installed()}
            return {use.model: titles.get(use.model, use.model) for use in library.models_used()}

        self._work.run(read, self._show_models, self._studio.notices.error)

    def _show_models(self, models: dict[str, str]) -> None:
        self._models = models
        self.filters.set_models(models)

    def _refreshed(self) -> None:
        count = self.grid.items.rowCount()
        wanted = self.filters.wanted()
        self.filters.show_count(count)
        self.trash_bar.show_count(count)
        if not count:
            self._say_empty(wanted)
        self._contents.setCurrentWidget(self.grid if count else self.message)
        shown = self.item_view.item
        if shown is not None and (row := self.grid.items.row_of(shown.id)) is not None:
            item = self.grid.items.item(row)
            if item is not None:
                self.item_view.show_item(item, self._models)
        self._follow_selection()

    def _say_empty(self, wanted: Wanted) -> None:
        if wanted.narrows:
            self.message.say(
                "search",
                self.tr("Nothing fits"),
                self.tr("Try fewer words, or another kind, model or date."),
                self.tr("Show everything"),
            )
        elif wanted.trashed:
            self.message.say("trash-2", self.tr("The trash is empty"), "")
        else:
            self.message.say(
                "library",
                self.tr("Everything you make will be here"),
                self.tr("Stories, pictures and tunes are kept with the recipe they came from."),
                self.tr("Make something"),
            )

    def _act_on_message(self) -> None:
        if self.filters.wanted().narrows:
            self.filters.clear()
            self.filters.search.setFocus()
        else:
            self._studio.show_page.emit("create")

    def _follow_selection(self) -> None:
        """Allow the actions that fit what is selected, or the item that is open."""
        shown = self._shown_item()
        page = self._pages.currentWidget()
        current = shown or self.grid.current()
        count = 1 if shown is not None else self.grid.selected_count()
        if page is self.compare_view:
            count = 0
        self.actions_of_items.update(
            count,
            trashed=shown.trashed is not None if shown else self.filters.wanted().trashed,
            starred=count == 1 and current is not None and current.starred,
        )
        self.selection_bar.show_count(count if page is self._browse else 0)

    def _shown_item(self) -> Item | None:
        return self.item_view.item if self._pages.currentWidget() is self.item_view else None

    def _step(self, by: int) -> None:
        shown = self.item_view.item
        if shown is not None and (item := self.grid.step(shown.id, by)) is not None:
            self.open_item(item)

    def _menu(self, at: QPoint) -> None:
        self.actions_of_items.menu(self).popup(self.grid.viewport().mapToGlobal(at))

    def _focus_page(self) -> None:
        page = self._pages.currentWidget()
        if page is self.item_view:
            self.item_view.stage.focus_target().setFocus()
        elif page is self.compare_view:
            self.compare_view.setFocus()
        elif self._contents.currentWidget() is self.grid:
            self.grid.setFocus()
        else:
            self.filters.search.setFocus()

    # What is done

    def _do(self, name: str) -> None:
        if name == "undo":
            self._deeds.undo()
            return
        do = {
            "open": lambda items: self.open_item(items[0]),
            "use": lambda items: self._studio.use_recipe(items[0].recipe),
            "again": lambda items: self._deeds.make_again(items[0]),
            "star": lambda items: self._star(items, not all(i.starred for i in items)),
            "compare": lambda items: self.compare(items[0], items[1]),
            "copy": lambda items: self._deeds.copy(items[0]),
            "copy-recipe": lambda items: copy_text(items[0].recipe.to_json()),
            "export": self.export_bar.offer,
            "folder": lambda items: self._deeds.show_in_folder(items[0]),
            "trash": self._trash,
            "restore": self._restore,
        }[name]
        shown = self._shown_item()
        if shown is not None:
            do([shown])
        else:
            self.grid.with_selected(lambda items: do(items) if items else None)

    def _star(self, items: list[Item], on: bool) -> None:
        ids = {item.id for item in items}
        # Shown at once: a click that waits for the disk would be clicked again.
        self.grid.items.show_starred(ids, on)
        shown = self._shown_item()
        if shown is not None and shown.id in ids:
            self.item_view.show_item(replace(shown, starred=on), self._models)
        self._follow_selection()
        self._deeds.star(list(ids), on)

    def _trash(self, items: list[Item]) -> None:
        shown = self._shown_item()
        if shown is not None:
            # The page goes on with the next one, as when looking through many.
            following = self.grid.step(shown.id, 1)
            self.open_item(following) if following is not None else self.show_grid()
        self._deeds.trash(items)

    def _restore(self, items: list[Item]) -> None:
        if self._shown_item() is not None:
            self.show_grid()
        self._deeds.restore([item.id for item in items])

    def _come_and_compare(self, left: Item, right: Item) -> None:
        self._studio.show_page.emit("library")
        self.compare(left, right)


def _inset(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(MARGIN, 0, MARGIN, 0)
    row.addWidget(widget)
    return row
