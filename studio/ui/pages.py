"""The pages and panes of the window: one line each."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QLabel, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.fields import inset
from studio.ui.studio import Studio

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PaneEntry:
    """Where a pane lives and where it stands: side by side under Create, or a page of its own."""

    id: str
    place: Literal["create", "page"]
    title: str
    icon: str
    module: str
    name: str
    shortcut: str
    low: bool = False
    """At the bottom of the rail."""

    @property
    def said(self) -> str:
        """The title in the person's language."""
        return QCoreApplication.translate("Panes", self.title)


_T = QT_TRANSLATE_NOOP
_P = "studio.ui.panes"

PANES: tuple[PaneEntry, ...] = (
    PaneEntry("text", "create", _T("Panes", "Text"), "type", f"{_P}.text", "TextPane", "Ctrl+1"),
    PaneEntry(
        "image", "create", _T("Panes", "Picture"), "image", f"{_P}.image", "ImagePane", "Ctrl+2"
    ),
    PaneEntry(
        "audio", "create", _T("Panes", "Sound"), "audio-lines", f"{_P}.audio", "AudioPane", "Ctrl+3"
    ),
    PaneEntry(
        "library",
        "page",
        _T("Panes", "Library"),
        "library",
        f"{_P}.library",
        "LibraryPane",
        "Ctrl+L",
    ),
    PaneEntry(
        "models", "page", _T("Panes", "Models"), "boxes", f"{_P}.models", "ModelsPane", "Ctrl+M"
    ),
    PaneEntry(
        "settings",
        "page",
        _T("Panes", "Settings"),
        "settings",
        f"{_P}.settings",
        "SettingsPane",
        "Ctrl+,",
        low=True,
    ),
)


def build(entry: PaneEntry, studio: Studio) -> QWidget:
    """The pane itself; one that cannot be built is told in its place, the others go on."""
    try:
        make: Callable[[Studio], QWidget] = getattr(
            importlib.import_module(entry.module), entry.name
        )
        pane = make(studio)
        for spin in pane.findChildren(QAbstractSpinBox):
            inset(spin)
        return pane
    except Exception as error:  # whatever a pane's file may raise
        log.exception("the pane %s could not be built", entry.id)
        return _Missing(entry.said, f"{type(error).__name__}: {error}")


class _Missing(QWidget):
    """What stands where a pane could not be built."""

    def __init__(self, title: str, reason: str) -> None:
        super().__init__()
        self.setMinimumSize(320, 200)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SPACE, theme.SPACE, theme.SPACE, theme.SPACE)
        head = QLabel(title)
        head.setProperty("role", "lead")
        words = QLabel(
            self.tr("This part of the window could not be built. Set up Triptych again.")
            + f"\n{reason}"
        )
        words.setProperty("role", "muted")
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setWordWrap(True)
        column.addWidget(head)
        column.addWidget(words)
        column.addStretch(1)
