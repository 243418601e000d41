"""A finished sound to look at and to hear: its waveform and the buttons of a player."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.widgets.player import Player
from studio.ui.widgets.transport import Transport
from studio.ui.widgets.waveform import Waveform

SOON_MS = 60


class SoundView(QWidget):
    """Plays and shows one sound. Where nothing can be heard it says why."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.player = Player(self)
        self.waveform = Waveform()
        self.waveform.setMaximumHeight(260)
        self.transport = Transport(self.player, self.waveform)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.INSET)
        column.setSpacing(theme.INSET)
        column.addStretch(1)
        column.addWidget(self.waveform, 8)
        column.addStretch(1)
        column.addWidget(self.transport)

    def open(self, file: Path, peaks: bytes, seconds: float) -> None:
        """Have another sound ready, at its beginning."""
        # Its library is loaded after the view stands: that takes longer than a frame.
        QTimer.singleShot(SOON_MS, self.player.prepare)
        self.player.open(file)
        self.waveform.set_sound(peaks, seconds)
        self.transport.refresh()

    def toggle(self) -> None:
        """Play or pause."""
        self.player.toggle()

    def pause(self) -> None:
        self.player.pause()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.player.pause()
