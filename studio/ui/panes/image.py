"""The pane for pictures: from noise to picture as one watches, then to look at closely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Picture
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.messages import ImagePreview, Preview
from studio.library import Item
from studio.ui import theme
from studio.ui.engine import JobView
from studio.ui.panes.create import CreatePane
from studio.ui.widgets.buttons import Well, menu_tool, quiet, tool
from studio.ui.widgets.canvas import Canvas
from studio.ui.widgets.picturegrid import PictureGrid
from studio.ui.widgets.savemenu import SaveMenu


class ImagePane(CreatePane):
    """Pictures, one or a batch."""

    kind: Kind = "image"
    picture = "image"

    @property
    def title(self) -> str:
        return self.tr("Picture")

    def make_words(self) -> str:
        return self.tr("Draw")

    def idle_words(self) -> str:
        return self.tr("Write a wish above, or begin with one of these.")

    def build_result(self) -> QWidget:
        self.canvas = Canvas()
        self.canvas.zoom_changed.connect(self._show_zoom)
        self.grid = PictureGrid()
        self.grid.opened.connect(self._open_cell)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.canvas)
        self.pages.addWidget(self.grid)
        well = Well("stage")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.pages)

        self.once_more = quiet("again", "refresh-cw", self.tr("Again"), self.again)
        self.once_more.setToolTip(self.tr("The same wish with another seed"))
        self.all_button = quiet("all", "grid-2x2", self.tr("All"), self._show_grid)
        self.all_button.setToolTip(self.tr("Back to all pictures of this batch"))
        self.zoom_out = tool("zoom-out", "zoom-out", self.tr("Smaller") + "  (−)")
        self.zoom_out.clicked.connect(self.canvas.zoom_out)
        self.zoom_in = tool("zoom-in", "zoom-in", self.tr("Larger") + "  (+)")
        self.zoom_in.clicked.connect(self.canvas.zoom_in)
        self.fit = tool("fit", "scan", self.tr("Fit to the view") + "  (F)")
        self.fit.clicked.connect(self.canvas.fit)
        self.actual = tool("actual", "scan", self.tr("Actual size, 100 %") + "  (1)")
        self.actual.setProperty("kind", "status")  # its text is how large it is shown
        self.actual.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.actual.setFixedWidth(52)
        self.actual.clicked.connect(self.canvas.actual)
        self.copy = tool("copy", "copy", self.tr("Copy the picture"), self._copy)
        self.save, _ = menu_tool("save", "download", self.tr("Save a copy"))
        save_menu = SaveMenu(self.current, self.work, self.save)
        save_menu.failed.connect(self.complain)
        self.save.setMenu(save_menu)
        self.send, menu = menu_tool("send", "send", self.tr("Send to another pane"))
        write = menu.addAction(self.tr("Write about this picture"))
        write.setObjectName("send-text")
        write.triggered.connect(lambda: self.send_to("text"))
        tune = menu.addAction(self.tr("Make a tune for this"))
        tune.setObjectName("send-audio")
        tune.triggered.connect(lambda: self.send_to("audio"))
        self._draw_on = menu.addAction(self.tr("Draw on from this picture"))
        self._draw_on.setObjectName("draw-on")
        self._draw_on.triggered.connect(self._take_as_input)
        menu.aboutToShow.connect(lambda: self._draw_on.setVisible(bool(self._inputs())))

        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.once_more)
        bar.addWidget(self.all_button)
        bar.addStretch(1)
        self._zoomers = (self.zoom_out, self.actual, self.zoom_in, self.fit)
        for widget in (*self._zoomers, self.copy, self.save, self.send):
            bar.addWidget(widget)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(well, 1)
        column.addLayout(bar)
        self._live: dict[int, QImage] = {}
        self._expected = 1
        self._batch: list[tuple[Item, QImage]] = []
        self._open: int | None = None
        self._clicked: int | None = None
        self._loading = 0
        return page

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_buttons()

    # Live

    def live_begin(self, job: JobView) -> None:
        values = job.recipe.values
        self._live = {}
        self._expected = max(1, _whole(values.get("count"), 1))
        width, height = _whole(values.get("width"), 0), _whole(values.get("height"), 0)
        if self._expected > 1:
            # Without both, the model has its own size, which is not known before it draws.
            self.grid.begin(self._expected, width / height if width > 0 < height else 1.0)

    def live_preview(self, preview: Preview) -> None:
        if not isinstance(preview, ImagePreview):
            return
        image = QImage(
            preview.rgb,
            preview.width,
            preview.height,
            preview.width * 3,
            QImage.Format.Format_RGB888,
        ).copy()  # the bytes are gone when this returns
        self._live[preview.index] = image
        if self.view == "live":
            self._draw_live(preview.index, image)

    def show_live(self) -> None:
        self._batch, self._open = [], None
        self.canvas.clear()
        if self._expected > 1:
            self.grid.begin(self._expected, self.grid.ratio)
        for index, image in self._live.items():
            self._draw_live(index, image)
        self._show_buttons()
        self.pages.setCurrentWidget(self.grid if self._expected > 1 else self.canvas)

    def _draw_live(self, index: int, image: QImage) -> None:
        if self._expected > 1:
            self.grid.set_image(index, image)
        else:
            self.canvas.set_image(image, live=True)

    # Kept

    def show_items(self, items: Sequence[Item]) -> None:
        self._loading += 1
        self._batch, self._open, self._clicked = [], None, None
        turn = self._loading
        files = [item.main for item in items]

        def put(images: list[QImage]) -> None:
            if turn == self._loading:
                self._batch = list(zip(items, images, strict=True))
                if len(images) > 1 and self._clicked is not None:
                    self._open_cell(self._clicked)
                elif len(images) > 1:
                    self._show_grid()
                else:
                    self._open_cell(0)

        self.work.run(lambda: [_read(file) for file in files], put, self.complain)

    def leave(self) -> None:
        self._loading += 1

    def current(self) -> Item | None:
        if self._open is not None and self._open < len(self._batch):
            return self._batch[self._open][0]
        return super().current()

    def _open_cell(self, index: int) -> None:
        if self.view != "items":
            return
        if index >= len(self._batch):  # still being read; it is opened then
            self._clicked = index
            return
        item, image = self._batch[index]
        self._open = index
        self.canvas.set_image(image, item.main)
        self.canvas.setAccessibleName(item.title)
        self.pages.setCurrentWidget(self.canvas)
        self._show_buttons()
        if len(self._batch) > 1:
            self.canvas.setFocus()
            self.history.mark(item.id)

    def _show_grid(self) -> None:
        self._open = None
        self.grid.set_images([image for _, image in self._batch])
        self.pages.setCurrentWidget(self.grid)
        self._show_buttons()
        self.mark_history()

    def _copy(self) -> None:
        image, item = self.canvas.image, self.current()
        if image.isNull():
            return
        data = QMimeData()
        data.setImageData(image)
        if item is not None and self.view == "items":
            data.setUrls([QUrl.fromLocalFile(str(item.main))])
        QApplication.clipboard().setMimeData(data)
        self.composer.set_status(self.tr("Copied"))

    def _inputs(self) -> list[str]:
        spec = self.chooser.spec
        return [c.name for c in spec.controls if isinstance(c, Picture)] if spec else []

    def _take_as_input(self) -> None:
        item = self.current()
        if item is not None and (names := self._inputs()):
            self.composer.form.set_files({names[0]: item.main})
            self.composer.form.show_more()
            self.focus_prompt()

    def _show_zoom(self, zoom: float) -> None:
        self.actual.setText(f"{round(zoom * 100)}%")

    def _show_buttons(self) -> None:
        single = self._open is not None
        kept = self.view == "items"
        self.all_button.setVisible(single and len(self._batch) > 1)
        for widget in self._zoomers:
            # Without room the wheel and the keys still zoom.
            rare = widget in (self.zoom_in, self.zoom_out)
            looked_at = single or (self.view == "live" and self._expected == 1)
            widget.setVisible(looked_at and (self.roomy or not rare))
        self.once_more.setEnabled(kept)
        self.copy.setEnabled(single)
        self.save.setEnabled(single)
        self.send.setEnabled(kept)


def _read(file: Path) -> QImage:
    """A picture from the disk. Raises StudioError where it cannot be read."""
    image = QImage(str(file))
    if image.isNull():
        raise StudioError(
            f"“{file.name}” cannot be shown.",
            "The file may have been moved or damaged. Make it again from its recipe.",
        )
    return image


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
