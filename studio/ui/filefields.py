"""Fields for what goes in as a file: a picture, a sound, a document, a mask painted over one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QIcon, QImage, QImageReader, QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from studio.core.controls import Document, FileControl, Mask, Picture
from studio.core.errors import StudioError
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.widgets.background import Background

PICTURES = ("png", "jpg", "jpeg", "webp", "bmp", "gif")
SOUNDS = ("wav", "flac", "mp3", "ogg", "mid", "midi", "abc")
DOCUMENTS = ("txt", "md", "docx", "pdf", "epub")
THUMBNAIL = QSize(36, 24)
LARGEST = 100_000_000
"""Pixels; a thumbnail is not worth decoding more."""


def suffixes(control: FileControl) -> tuple[str, ...]:
    """The endings of the files that such a setting takes, without their dots."""
    if isinstance(control, Picture | Mask):
        return PICTURES
    return DOCUMENTS if isinstance(control, Document) else SOUNDS


class FileField(QWidget):
    """A file that goes in: chosen with a button or dropped here."""

    changed = Signal()

    def __init__(self, control: FileControl, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.control = control
        self._path: Path | None = None
        self._label = QCoreApplication.translate("families", control.label)
        self._suffixes = suffixes(control)
        self._work = Background(self)
        self.button = QPushButton()
        self.button.setProperty("kind", "chip")
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.clear = QToolButton()
        self.clear.setProperty("kind", "icon")
        self.clear.setIcon(icon("x", "muted"))
        self.clear.setIconSize(QSize(16, 16))
        self.clear.setToolTip(self.tr("Take it out"))
        self.clear.setAccessibleName(self.tr("Take out: {name}").format(name=self._label))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.HAIR)
        row.addWidget(self.button, 1)
        row.addWidget(self.clear)
        self.setAcceptDrops(True)
        self.button.clicked.connect(self.choose)
        self.clear.clicked.connect(lambda: self.set_path(None))
        self._show()

    def path(self) -> Path | None:
        return self._path

    def set_path(self, path: Path | None) -> None:
        """Show a file, or none."""
        if path == self._path:
            return
        self._path = path
        self._show()
        self.changed.emit()

    def takes(self, path: Path) -> bool:
        """Whether a file is of a kind that goes in here, by its ending."""
        return path.suffix.lower().lstrip(".") in self._suffixes

    def choose(self) -> None:
        """Ask for a file."""
        patterns = " ".join(f"*.{s}" for s in self._suffixes)
        name, _ = QFileDialog.getOpenFileName(self, self._label, "", f"{self._label} ({patterns})")
        if name:
            self.set_path(Path(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = self._dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.set_path(path)

    def empty_words(self) -> str:
        """What stands on the button while there is no file."""
        return self.tr("Choose or drop…")

    def full_words(self, path: Path) -> str:
        """What stands on the button when there is one."""
        name = path.name
        # Beside the picture itself there is less room for its name.
        most = 18 if isinstance(self.control, Picture) else 28
        return name if len(name) <= most else f"{name[: most - 11]}…{name[-9:]}"

    def _show(self) -> None:
        path = self._path
        self.clear.setVisible(path is not None)
        names = {PICTURES: "image-plus", DOCUMENTS: "file-text", SOUNDS: "file-music"}
        masked = isinstance(self.control, Mask)
        self.button.setIcon(icon("paintbrush" if masked else names[self._suffixes], "muted"))
        self.button.setIconSize(QSize(16, 16))
        words = self.empty_words() if path is None else self.full_words(path)
        self.button.setText(words.replace("&", "&&"))
        self.button.setToolTip("" if path is None else str(path))
        if path is not None and self._suffixes == PICTURES:
            self._work.run(lambda: _thumbnail(path), lambda i: self._put(path, i), lambda _e: None)

    def _put(self, path: Path, image: QImage) -> None:
        if path == self._path:
            self.button.setIcon(QIcon(QPixmap.fromImage(image)))
            self.button.setIconSize(THUMBNAIL)

    def _dropped(self, event: QDropEvent) -> Path | None:
        for url in event.mimeData().urls():
            if url.isLocalFile() and self.takes(path := Path(url.toLocalFile())):
                return path
        return None


class MaskField(FileField):
    """A mask: painted over the picture of another field, which has to be there first."""

    paint_wanted = Signal()
    """The person wants to paint it; `over` is there."""

    def __init__(self, control: Mask, parent: QWidget | None = None) -> None:
        self.over: Path | None = None
        super().__init__(control, parent)
        self._show()

    def set_over(self, path: Path | None) -> None:
        """The picture that is painted over; a mask of another one is of no use."""
        if path != self.over:
            self.over = path
            self.set_path(None)
            self._show()

    def choose(self) -> None:
        self.paint_wanted.emit()

    def empty_words(self) -> str:
        return self.tr("Paint it…") if self.over is not None else self.tr("Needs a picture")

    def full_words(self, path: Path) -> str:
        return self.tr("Painted")

    def _show(self) -> None:
        super()._show()
        self.button.setEnabled(self.over is not None)
        self.button.setToolTip(
            self.tr("Paint where something new is to be drawn")
            if self.over is not None
            else self.tr("Choose the picture first; then paint on it")
        )


def _thumbnail(path: Path) -> QImage:
    """A small picture of a file. Raises StudioError where there is none to be had."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and size.width() * size.height() <= LARGEST:
        reader.setScaledSize(
            size.scaled(THUMBNAIL * 2, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
        )
        image = reader.read()
        if not image.isNull():
            return image
    raise StudioError(f"“{path.name}” cannot be shown.", "Choose another picture.")
