"""The window in which a mask is painted over a picture."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.ui import theme
from studio.ui.widgets.buttons import Well, tool
from studio.ui.widgets.maskcanvas import LEAST_BRUSH, MOST_BRUSH, MaskCanvas


class Painter(QDialog):
    """Brush, eraser and the rest above the picture; Done gives the mask."""

    painted = Signal(QImage)
    """The mask: 8 bits of grey, of the picture's size, white where something new comes."""

    def __init__(self, picture: QImage, mask: QImage | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("painter")
        self.setWindowTitle(self.tr("Paint the part to change"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.canvas = MaskCanvas()
        self.canvas.setAccessibleName(self.tr("Picture to paint on"))
        self.brush = self._mode("brush", "paintbrush", self.tr("Brush") + "  (B)", "B", False)
        self.eraser = self._mode("eraser", "eraser", self.tr("Eraser") + "  (E)", "E", True)
        label = QLabel(self.tr("Size"))
        label.setProperty("role", "muted")
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setObjectName("brush-size")
        self.size_slider.setAccessibleName(self.tr("Size of the brush"))
        self.size_slider.setToolTip(self.tr("Size of the brush") + "  ([  ])")
        self.size_slider.setRange(LEAST_BRUSH, MOST_BRUSH)
        self.size_slider.setMinimumWidth(90)
        self.size_slider.setMaximumWidth(200)
        self.size_slider.valueChanged.connect(self.canvas.set_brush)
        label.setBuddy(self.size_slider)
        canvas = self.canvas
        self.undo = self._act("undo", "undo-2", self.tr("Undo"), "Ctrl+Z", canvas.undo)
        self.redo = self._act("redo", "redo-2", self.tr("Redo"), "Ctrl+Shift+Z", canvas.redo)
        self.invert = self._act("invert", "contrast", self.tr("Invert"), "I", canvas.invert)
        self.wipe = self._act("clear", "trash-2", self.tr("Clear"), "Del", canvas.clear_mask)
        self.fit = self._act("fit", "scan", self.tr("Fit to the view"), "F", canvas.fit)
        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.brush)
        bar.addWidget(self.eraser)
        bar.addSpacing(theme.GAP)
        bar.addWidget(label)
        bar.addWidget(self.size_slider, 1)
        bar.addStretch(1)
        for button in (self.undo, self.redo, self.invert, self.wipe, self.fit):
            bar.addWidget(button)
        well = Well("stage")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.addWidget(self.canvas)
        hint = QLabel(
            self.tr(
                "Paint over what is to be drawn anew. With keys: arrows move the brush, Space "
                "paints, [ and ] size it."
            )
        )
        hint.setProperty("role", "small")
        hint.setWordWrap(True)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self.done_button = QPushButton(self.tr("Done"))
        self.done_button.setObjectName("done")
        self.done_button.setProperty("kind", "primary")
        self.done_button.setDefault(True)
        self.done_button.clicked.connect(self._done)
        below = QHBoxLayout()
        below.setSpacing(theme.GAP)
        below.addWidget(hint, 1)
        below.addWidget(self.cancel)
        below.addWidget(self.done_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.PAD)
        column.setSpacing(theme.INSET)
        column.addLayout(bar)
        column.addWidget(well, 1)
        column.addLayout(below)
        self.canvas.changed.connect(self._show)
        self.canvas.open(picture, mask)
        longest = max(picture.width(), picture.height())
        self.size_slider.setMaximum(max(16, min(MOST_BRUSH, longest)))
        self._show()
        room = parent.window().size()
        self.resize(min(1000, room.width() - 60), min(760, room.height() - 60))
        self.canvas.setFocus()

    def _done(self) -> None:
        self.painted.emit(self.canvas.painted())
        self.accept()

    def _show(self) -> None:
        self.brush.setChecked(not self.canvas.erasing)
        self.eraser.setChecked(self.canvas.erasing)
        self.size_slider.setValue(self.canvas.brush)
        self.undo.setEnabled(self.canvas.can_undo)
        self.redo.setEnabled(self.canvas.can_redo)

    def _mode(self, name: str, picture: str, words: str, key: str, erases: bool) -> QToolButton:
        button = tool(name, picture, words)
        button.setCheckable(True)

        def choose() -> None:
            self.canvas.set_erasing(erases)
            self._show()

        button.clicked.connect(lambda _checked=False: choose())
        QShortcut(QKeySequence(key), self, choose)
        return button

    def _act(
        self, name: str, picture: str, words: str, key: str, act: Callable[[], None]
    ) -> QToolButton:
        native = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
        button = tool(name, picture, f"{words}  ({native})", act)
        QShortcut(QKeySequence(key), self, act)
        return button
