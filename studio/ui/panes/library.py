"""The library: everything made here, to find, look at, compare, use again and give away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QMimeData, QPoint, QTimer, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QGuiApplication,
    QImage,
    QKeySequence,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.core.errors import StudioError
from studio.library import Item, Query, TrashTicket
from studio.ui import theme
from studio.ui.studio import Studio
from studio.ui.widgets.again import Again, Compared
from studio.ui.widgets.background import Background
from studio.ui.widgets.compare import CompareView
from studio.ui.widgets.exportbar import ExportBar
from studio.ui.widgets.filterbar import FilterBar, Wanted
from studio.ui.widgets.itemactions import ItemActions
from studio.ui.widgets.itembars import Message, SelectionBar, TrashBar
from studio.ui.widgets.itemcard import MARGIN
from studio.ui.widgets.itemgrid import ItemGrid
from studio.ui.widgets.itemview import ItemView
from studio.ui.widgets.itemwords import title

T = TypeVar("T")

MENTIONED = 48
"""Characters of a title in a notice."""


class LibraryPane(QWidget):
    """The grid with its filters, the page of one item and the page of two.

    Whatever may take long (reading, moving files, exporting) is done by workers.
    """

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("library-pane")
        self._studio = studio
        self._work = Background(self)
        self._again = Again(studio, self)
        self._undo: list[TrashTicket] = []
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
        self.trash_bar.emptied.connect(self._empty_trash)
        self.selection_bar.clear.clicked.connect(grid.clearSelection)
        self.export_bar.exported.connect(self._exported)
        self.export_bar.failed.connect(studio.notices.error)
        self.export_bar.closed.connect(self._focus_page)
        self.item_view.left.connect(self.show_grid)
        self.item_view.stepped.connect(self._step)
        self.compare_view.left.connect(self.show_grid)
        self.compare_view.recipe_chosen.connect(studio.use_recipe)
        self.actions_of_items.wanted.connect(self._do)
        self._again.compared.connect(self._say_sameness)
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
            self._undo_trash()
            return
        do = {
            "open": lambda items: self.open_item(items[0]),
            "use": lambda items: self._studio.use_recipe(items[0].recipe),
            "again": lambda items: self._make_again(items[0]),
            "star": lambda items: self._star(items, not all(i.starred for i in items)),
            "compare": lambda items: self.compare(items[0], items[1]),
            "copy": lambda items: self._copy(items[0]),
            "copy-recipe": lambda items: _clipboard(items[0].recipe.to_json()),
            "export": self.export_bar.offer,
            "folder": lambda items: _show_folder(items[0].main),
            "trash": self._trash,
            "restore": self._restore,
        }[name]
        shown = self._shown_item()
        if shown is not None:
            do([shown])
        else:
            self.grid.with_selected(lambda items: do(items) if items else None)

    def _make_again(self, item: Item) -> None:
        try:
            self._again.make(item)
        except StudioError as error:
            self._studio.notices.error(error)
            return
        self._studio.notices.show(
            self.tr("“{title}” is being made again.").format(title=_short(title(item))),
            self.tr("When it is done, the two are compared to the byte."),
            "info",
        )

    def _say_sameness(self, compared: Compared) -> None:
        message, hint = {
            "identical": (
                self.tr("“{title}” was made again: identical, byte for byte."),
                "",
            ),
            "notes differ": (
                self.tr("“{title}” was made again: it is the same."),
                self.tr("Only what is noted in the file differs, such as the program's version."),
            ),
            "different": (
                self.tr("“{title}” was made again, and it is not the same."),
                self.tr("It was edited by hand after it was made.")
                if compared.original.edited
                else self.tr("The model, the device or the program's version may have changed."),
            ),
        }[compared.sameness]
        self._studio.notices.show(
            message.format(title=_short(title(compared.original))),
            hint,
            "info",
            [(self.tr("Compare"), partial(self._come_and_compare, compared))],
        )

    def _come_and_compare(self, compared: Compared) -> None:
        self._studio.show_page.emit("library")
        self.compare(compared.original, compared.made)

    def _star(self, items: list[Item], on: bool) -> None:
        ids = {item.id for item in items}
        self.grid.items.show_starred(ids, on)
        shown = self._shown_item()
        if shown is not None and shown.id in ids:
            self.item_view.show_item(replace(shown, starred=on), self._models)
        self._follow_selection()
        self._write(lambda: self._studio.library.star(ids, on))

    def _trash(self, items: list[Item]) -> None:
        ids = [item.id for item in items]
        shown = self._shown_item()
        following = self.grid.step(shown.id, 1) if shown is not None else None
        if shown is not None:
            # The page goes on with the next one, as when looking through many.
            self.open_item(following) if following is not None else self.show_grid()
        if len(items) == 1:
            message = self.tr("“{title}” is in the trash.").format(title=_short(title(items[0])))
        else:
            message = self.tr("{count} items are in the trash.").format(count=len(items))

        def done(ticket: TrashTicket) -> None:
            self._undo.append(ticket)
            self.actions_of_items["undo"].setEnabled(True)
            undo = (self.tr("Undo"), partial(self._undo_trash, ticket))
            self._studio.notices.show(message, "", "info", [undo])

        self._write(lambda: self._studio.library.trash(ids), done)

    def _undo_trash(self, ticket: TrashTicket | None = None) -> None:
        """Take back the last move to the trash, or the one that is given."""
        if ticket is None and self._undo:
            ticket = self._undo[-1]
        if ticket is None or ticket not in self._undo:
            return
        self._undo.remove(ticket)
        self.actions_of_items["undo"].setEnabled(bool(self._undo))
        self._write(partial(self._studio.library.restore, ticket))

    def _restore(self, items: list[Item]) -> None:
        ids = [item.id for item in items]
        if self._shown_item() is not None:
            self.show_grid()
        self._write(partial(self._studio.library.restore, ids))

    def _empty_trash(self) -> None:
        def done(count: int) -> None:
            self._undo.clear()
            self.actions_of_items["undo"].setEnabled(False)
            message = self.tr("{count} items were deleted.").format(count=count)
            if count == 1:
                message = self.tr("1 item was deleted.")
            self._studio.notices.show(message, "", "info")

        self._write(self._studio.library.empty_trash, done)

    def _copy(self, item: Item) -> None:
        if item.kind == "text":
            self._work.run(
                partial(self._studio.library.text, item), _clipboard, self._studio.notices.error
            )
        elif item.kind == "image":
            self._work.run(partial(QImage, str(item.main)), partial(_clipboard_image, item.main))
        else:
            data = QMimeData()
            data.setUrls([QUrl.fromLocalFile(str(item.main))])
            QGuiApplication.clipboard().setMimeData(data)

    def _exported(self, folder: Path, count: int) -> None:
        message = self.tr("{count} items were exported to “{folder}”.")
        if count == 1:
            message = self.tr("1 item was exported to “{folder}”.")
        self._studio.notices.show(
            message.format(count=count, folder=folder.name or str(folder)),
            "",
            "info",
            [(self.tr("Open folder"), partial(_open_path, folder))],
        )

    def _write(self, work: Callable[[], T], then: Callable[[T], None] | None = None) -> None:
        """Change the library on a worker; everybody is told when it is done."""

        def done(result: T) -> None:
            if then is not None:
                then(result)
            self._studio.library_changed.emit()

        def refused(error: StudioError) -> None:
            self._studio.notices.error(error)
            self._studio.library_changed.emit()  # what is shown may be ahead of what is

        self._work.run(work, done, refused)


def _inset(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(MARGIN, 0, MARGIN, 0)
    row.addWidget(widget)
    return row


def _short(words: str) -> str:
    return words if len(words) <= MENTIONED else words[: MENTIONED - 1].rstrip() + "…"


def _clipboard(text: str) -> None:
    QGuiApplication.clipboard().setText(text)


def _clipboard_image(path: Path, image: QImage) -> None:
    data = QMimeData()
    data.setImageData(image)
    data.setUrls([QUrl.fromLocalFile(str(path))])
    QGuiApplication.clipboard().setMimeData(data)


def _open_path(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def _show_folder(path: Path) -> None:
    _open_path(path.parent)
