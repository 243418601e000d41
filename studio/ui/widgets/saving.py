"""Asking where a file is to go: the only dialogs there are, and they do not block."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from studio.core.family import Kind

_PLACES: dict[Kind, QStandardPaths.StandardLocation] = {
    "text": QStandardPaths.StandardLocation.DocumentsLocation,
    "image": QStandardPaths.StandardLocation.PicturesLocation,
    "audio": QStandardPaths.StandardLocation.MusicLocation,
}
_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')


def ask_where(
    parent: QWidget,
    title: str,
    kind: Kind,
    name: str,
    suffix: str,
    filter_words: str,
    then: Callable[[Path], None],
) -> None:
    """Open a save dialog that suggests `name` with `suffix`; call `then` with what was chosen."""
    folder = Path(QStandardPaths.writableLocation(_PLACES[kind]) or Path.home())
    dialog = QFileDialog(parent, title, str(folder), f"{filter_words} (*{suffix})")
    dialog.setObjectName("save-dialog")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(suffix.removeprefix("."))
    dialog.selectFile(file_name(name) + suffix)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def file_name(words: str) -> str:
    """Words as the name of a file that every system takes; never empty."""
    plain = " ".join(_UNFIT.sub(" ", words).split())[:60].strip(" .")
    return plain or "Triptych"
