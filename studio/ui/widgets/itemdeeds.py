"""What is done with items, by workers, and what is told about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QMimeData, QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage

from studio.core.errors import StudioError
from studio.library import Item, TrashTicket
from studio.ui.studio import Studio
from studio.ui.widgets.again import Again, Compared
from studio.ui.widgets.background import Background
from studio.ui.widgets.itemwords import title

T = TypeVar("T")

MENTIONED = 48
"""Characters of a title in a notice."""


class ItemDeeds(QObject):
    """Stars, moves to the trash and back, copies, makes again. Nothing here waits for a disk."""

    undoable = Signal(bool)
    """Whether there is a move to the trash that can be taken back."""
    compare_wanted = Signal(Item, Item)
    """Somebody wants to see these two side by side."""

    def __init__(self, studio: Studio, parent: QObject) -> None:
        super().__init__(parent)
        self._studio = studio
        self._work = Background(self)
        self._again = Again(studio, self)
        self._again.compared.connect(self._say_sameness)
        self._moves: list[TrashTicket] = []

    # Stars and trash

    def star(self, ids: Sequence[str], on: bool) -> None:
        """Mark items, or take their mark away."""
        self._write(lambda: self._studio.library.star(ids, on))

    def trash(self, items: Sequence[Item]) -> None:
        """Move items to the trash and offer to take it back."""
        ids = [item.id for item in items]
        if len(items) == 1:
            message = self.tr("“{title}” is in the trash.").format(title=_short(title(items[0])))
        else:
            message = self.tr("{count} items are in the trash.").format(count=len(items))

        def done(ticket: TrashTicket) -> None:
            self._moves.append(ticket)
            self.undoable.emit(True)
            undo = (self.tr("Undo"), partial(self._take_back, ticket))
            self._studio.notices.show(message, "", "info", [undo])

        self._write(lambda: self._studio.library.trash(ids), done)

    def undo(self) -> None:
        """Take back the last move to the trash."""
        if self._moves:
            self._take_back(self._moves[-1])

    def restore(self, ids: Sequence[str]) -> None:
        """Bring items back from the trash."""
        self._write(partial(self._studio.library.restore, tuple(ids)))

    def empty_trash(self) -> None:
        """Delete for good what is in the trash."""

        def done(count: int) -> None:
            self._moves.clear()
            self.undoable.emit(False)
            message = self.tr("{count} items were deleted.").format(count=count)
            if count == 1:
                message = self.tr("1 item was deleted.")
            self._studio.notices.show(message, "", "info")

        self._write(self._studio.library.empty_trash, done)

    # Out of the library

    def copy(self, item: Item) -> None:
        """Put the thing itself on the clipboard: words, pixels, or the file."""
        if item.kind == "text":
            self._work.run(
                partial(self._studio.library.text, item), copy_text, self._studio.notices.error
            )
        elif item.kind == "image":
            self._work.run(partial(QImage, str(item.main)), partial(_copy_file, item.main))
        else:
            _copy_file(item.main)

    def show_in_folder(self, item: Item) -> None:
        """Open the folder that the item's file is in."""
        _open(item.main.parent)

    def tell_exported(self, folder: Path, count: int) -> None:
        """Say that an export is done, and offer its folder."""
        message = self.tr("{count} items were exported to “{folder}”.")
        if count == 1:
            message = self.tr("1 item was exported to “{folder}”.")
        self._studio.notices.show(
            message.format(count=count, folder=folder.name or str(folder)),
            "",
            "info",
            [(self.tr("Open folder"), partial(_open, folder))],
        )

    # Again

    def make_again(self, item: Item) -> None:
        """Make it again; later the two are compared, and what came of it is told."""
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
        look = partial(self.compare_wanted.emit, compared.original, compared.made)
        self._studio.notices.show(
            message.format(title=_short(title(compared.original))),
            hint,
            "info",
            [(self.tr("Compare"), look)],
        )

    # Inside

    def _take_back(self, ticket: TrashTicket) -> None:
        if ticket in self._moves:  # not a second time
            self._moves.remove(ticket)
            self.undoable.emit(bool(self._moves))
            self._write(partial(self._studio.library.restore, ticket))

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


def copy_text(text: str) -> None:
    """Put words on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def _copy_file(path: Path, image: QImage | None = None) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    if image is not None:
        data.setImageData(image)
    QGuiApplication.clipboard().setMimeData(data)


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def _short(words: str) -> str:
    return words if len(words) <= MENTIONED else words[: MENTIONED - 1].rstrip() + "…"
