"""An item itself, large: its picture, its words or its sound."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QImageReader
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from studio.core.errors import StudioError
from studio.library import Item, Library
from studio.ui import theme
from studio.ui.widgets.background import Background
from studio.ui.widgets.buttons import Well, tool
from studio.ui.widgets.canvas import Canvas
from studio.ui.widgets.soundview import SoundView
from studio.ui.widgets.textview import TextView


class ItemStage(QWidget):
    """Shows one item of any kind; files are read by a worker, and a missing one is said."""

    def __init__(self, library: Library, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._work = Background(self)
        self._item: Item | None = None
        self._asked = 0
        self.canvas = Canvas()
        self.sound = SoundView()
        self.text = TextView()
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._sorry = QLabel()
        self._sorry.setObjectName("unreadable")
        self._sorry.setProperty("role", "muted")
        self._sorry.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sorry.setWordWrap(True)
        self._sorry.setMargin(theme.SPACE)
        self._stack = QStackedWidget()
        self._empty = QWidget()
        self._picture = self._picture_page()
        self._pages = {
            "image": self._picture,
            "text": _on_well("surface", self.text),
            "audio": _on_well("surface", self.sound),
        }
        for page in (self._empty, *self._pages.values(), self._sorry):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)

    @property
    def item(self) -> Item | None:
        return self._item

    def show_item(self, item: Item) -> None:
        """Show another item; the one before stands until the new one is read."""
        if self._item is not None and self._item.id == item.id:
            self._item = item
            return
        self._item = item
        self._asked += 1
        self.sound.player.open(None)  # lets go of the file, which may be about to move
        if item.kind == "audio":
            seconds = item.summary.get("seconds")
            peaks = item.summary.get("peaks")
            self.sound.open(
                item.main,
                bytes(peaks) if isinstance(peaks, bytes | bytearray) else b"",
                float(seconds) if isinstance(seconds, int | float) else 0.0,
            )
            self._stack.setCurrentWidget(self._pages["audio"])
        elif item.kind == "image":
            self._work.run(
                partial(_read_picture, item),
                partial(self._show_picture, self._asked, item),
                partial(self._refused, self._asked),
            )
        else:
            self._work.run(
                partial(self._library.text, item),
                partial(self._show_text, self._asked),
                partial(self._refused, self._asked),
            )

    def clear(self) -> None:
        """Show nothing and let go of what was shown."""
        self._item = None
        self._asked += 1
        self.sound.player.open(None)  # lets go of the file, which may be about to move
        self.canvas.clear()
        self.text.set_text("")
        self._stack.setCurrentWidget(self._empty)

    def focus_target(self) -> QWidget:
        """What the keyboard should be at when the stage comes to front."""
        page = self._stack.currentWidget()
        if page is self._pages["audio"]:
            return self.sound.waveform
        return self.text if page is self._pages["text"] else self.canvas

    def _picture_page(self) -> QWidget:
        page = Well("stage")
        column = QVBoxLayout(page)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self.canvas, 1)
        row = QHBoxLayout()
        row.setContentsMargins(theme.GAP, 0, theme.GAP, theme.GAP)
        row.setSpacing(2)
        self._zoom = QLabel()
        self._zoom.setProperty("role", "small")
        self._zoom.setMinimumWidth(44)
        self._zoom.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.canvas.zoom_changed.connect(lambda zoom: self._zoom.setText(f"{round(zoom * 100)} %"))
        row.addStretch(1)
        row.addWidget(tool("zoom-out", "zoom-out", self.tr("Smaller  (−)"), self.canvas.zoom_out))
        row.addWidget(self._zoom)
        row.addWidget(tool("zoom-in", "zoom-in", self.tr("Larger  (+)"), self.canvas.zoom_in))
        row.addWidget(tool("zoom-fit", "maximize", self.tr("All of it  (F)"), self.canvas.fit))
        actual = tool("zoom-actual", "scan", self.tr("Actual size  (1)"), self.canvas.actual)
        actual.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        actual.setText("1:1")
        row.addWidget(actual)
        row.addStretch(1)
        column.addLayout(row)
        return page

    def _show_picture(self, asked: int, item: Item, image: QImage) -> None:
        if asked == self._asked:
            self.canvas.set_image(image, item.main)
            self.canvas.fit()
            self._stack.setCurrentWidget(self._picture)

    def _show_text(self, asked: int, text: str) -> None:
        if asked == self._asked:
            self.text.set_text(text)
            self._stack.setCurrentWidget(self._pages["text"])

    def _refused(self, asked: int, error: StudioError) -> None:
        if asked == self._asked:
            self._sorry.setText(f"{error.message}\n\n{error.hint}")
            self._stack.setCurrentWidget(self._sorry)


def _read_picture(item: Item) -> QImage:
    reader = QImageReader(str(item.main))
    reader.setAutoTransform(True)
    image = reader.read()
    if image.isNull():
        raise StudioError(
            f"The picture “{item.main.name}” cannot be read.",
            "Look whether the file is still in the library's folder. "
            "With its recipe the picture can be made again.",
        )
    return image


def _on_well(token: str, widget: QWidget) -> QWidget:
    page = Well(token)
    column = QVBoxLayout(page)
    column.setContentsMargins(1, 1, 1, 1)
    column.addWidget(widget)
    return page
