"""The pane for pictures: from noise to picture as one watches, then to look at closely."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage, QImageReader, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Mask, Picture
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.messages import ImagePreview, Preview
from studio.library import Item, Library
from studio.ui import theme
from studio.ui.engine import JobView
from studio.ui.panes.create import CreatePane
from studio.ui.stock import Offer
from studio.ui.widgets.buttons import Well, menu_tool, quiet, tool
from studio.ui.widgets.canvas import Canvas
from studio.ui.widgets.painter import Painter
from studio.ui.widgets.picturegrid import PictureGrid
from studio.ui.widgets.savemenu import SaveMenu

UPSCALE, BACKGROUND, MAP = "image.upscale", "image.background", "image.map"
NAME = 200
"""Characters of a picture's name."""
GUIDE = "control_picture"
"""The input of a ControlNet."""


class ImagePane(CreatePane):
    """Pictures, one or a batch."""

    kind: Kind = "image"
    picture = "image"

    @property
    def title(self) -> str:
        return self.tr("Picture")

    def make_words(self) -> str:
        spec = self.chooser.spec
        words = {
            UPSCALE: self.tr("Make larger"),
            BACKGROUND: self.tr("Cut out"),
            MAP: self.tr("Make the map"),
        }
        return words.get(spec.id if spec is not None else "", self.tr("Draw"))

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
        self.change, changes = menu_tool("change", "wand-sparkles", self.tr("Change this picture"))
        self._changes = {
            "part": changes.addAction(self.tr("Change a part…")),
            "draw-on": changes.addAction(self.tr("Draw on from this picture")),
            "guide": changes.addAction(self.tr("Use as a guide")),
            "larger": changes.addAction(self.tr("Make larger")),
            "background": changes.addAction(self.tr("Remove the background")),
        }
        changes.insertSeparator(self._changes["larger"])
        for name, action in self._changes.items():
            action.setObjectName(name)
        self._changes["part"].triggered.connect(self._change_part)
        self._changes["draw-on"].triggered.connect(self._draw_on)
        self._changes["guide"].triggered.connect(self._use_as_guide)
        self._changes["larger"].triggered.connect(self._enlarge)
        self._changes["background"].triggered.connect(self._cut_out)
        changes.aboutToShow.connect(self._show_changes)
        self.composer.mask_wanted.connect(self._paint)

        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.once_more)
        bar.addWidget(self.all_button)
        bar.addStretch(1)
        self._zoomers = (self.zoom_out, self.actual, self.zoom_in, self.fit)
        for widget in (*self._zoomers, self.change, self.copy, self.save, self.send):
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

    # What becomes of a picture

    def _show_changes(self) -> None:
        """Only what the families that are here can do; what lacks only a model says so."""
        self._changes["part"].setVisible(self._offer_with(Mask) is not None)
        self._changes["draw-on"].setVisible(self._input(self.chooser.offer) is not None)
        self._changes["guide"].setVisible(self._guide() is not None)

    def _input(self, offer: Offer | None) -> str | None:
        """The input of a family that a picture is drawn on from; not one that only guides."""
        controls = offer.spec.controls if offer is not None else ()
        names = [c.name for c in controls if isinstance(c, Picture) and c.name != GUIDE]
        return names[0] if names else None

    def _offer_with(self, kind: type[Mask]) -> Offer | None:
        """The chosen model, or the first other one, whose family has such a setting."""
        chosen = self.chooser.offer
        offers = [*([chosen] if chosen is not None else []), *self.stock.offers]
        return next((o for o in offers if any(isinstance(c, kind) for c in o.spec.controls)), None)

    def _guide(self) -> str | None:
        spec = self.chooser.spec
        return GUIDE if spec is not None and spec.control(GUIDE) is not None else None

    def _put_in(self, name: str | None) -> None:
        item = self.current()
        if item is not None and name is not None:
            self.composer.form.put_file(name, item.main)
            self.composer.form.show_more()
            self.composer.unfold()
            self.focus_prompt()

    def _draw_on(self) -> None:
        self._put_in(self._input(self.chooser.offer))

    def _use_as_guide(self) -> None:
        self._put_in(self._guide())

    def _change_part(self) -> None:
        """Have a part of what is shown drawn anew: it goes in, and the mask is painted."""
        offer = self._offer_with(Mask)
        if offer is None:
            return
        self.chooser.choose(offer.spec.id, offer.model)
        masks = [c for c in offer.spec.controls if isinstance(c, Mask)]
        self._put_in(masks[0].over)
        self._paint(masks[0].name)

    def _paint(self, name: str) -> None:
        """Open the painter over the picture that the mask of that name belongs to."""
        form = self.composer.form
        over, before = form.over(name), form.files().get(name)
        if over is None:
            return

        def begin(images: tuple[QImage, QImage | None]) -> None:
            painter = Painter(*images, self)
            painter.painted.connect(lambda mask: self._keep_mask(name, over, mask))
            painter.open()

        self.work.run(
            lambda: (_read(over, turned=True), _read(before) if before is not None else None),
            begin,
            self.complain,
        )

    def _keep_mask(self, name: str, over: Path, mask: QImage) -> None:
        library = self.studio.library

        def put(path: Path | None) -> None:
            if path is not None and self.composer.form.over(name) == over:
                self.composer.form.put_file(name, path)
                self.focus_prompt()

        self.work.run(lambda: _kept(library, mask), put, self.complain)

    def _enlarge(self) -> None:
        self._hand_over(
            UPSCALE,
            self.tr("There is no model here that makes pictures larger."),
            self.tr("Add an upscaler on the Models page, for instance Real-ESRGAN."),
        )

    def _cut_out(self) -> None:
        self._hand_over(
            BACKGROUND,
            self.tr("There is no model here that removes backgrounds."),
            self.tr("Add one on the Models page, for instance BiRefNet or IS-Net."),
        )

    def _hand_over(self, family: str, message: str, hint: str) -> None:
        """Make something of what is shown with a family that needs nothing else."""
        item = self.current()
        if item is None:
            return
        offer = next(iter(self.stock.of(family)), None)
        name = self._input(offer)
        # There the prompt is only what the picture is called.
        named = offer is not None and offer.spec.control("prompt") is not None
        values = {"prompt": item.title[:NAME]} if named else {}
        if name is not None and self.make_by(family, {name: item.main}, values):
            return
        show = (self.tr("Open Models"), lambda: self.studio.show_page.emit("models"))
        self.studio.notices.show(message, hint, kind="info", actions=[show])

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
        self.change.setEnabled(kept and (single or len(self._batch) < 2))


def _kept(library: Library, mask: QImage) -> Path | None:
    """The mask as a PNG among the library's inputs. Waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="triptych-mask-") as folder:
        file = Path(folder) / "mask.png"
        if not mask.save(str(file)):
            raise StudioError(
                "The mask could not be saved.", "Free some space on the disk and paint again."
            )
        return library.input_path(library.add_input(file))


def _read(file: Path, *, turned: bool = False) -> QImage:
    """A picture from the disk, `turned` as its camera was held.

    Raises StudioError where it cannot be read.
    """
    reader = QImageReader(str(file))
    reader.setAutoTransform(turned)
    image = reader.read()
    if image.isNull():
        raise StudioError(
            f"“{file.name}” cannot be shown.",
            "The file may have been moved or damaged. Make it again from its recipe.",
        )
    return image


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
