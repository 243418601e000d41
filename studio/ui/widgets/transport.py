"""Play, loop and volume below a waveform, and why nothing can be heard where that is so."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.player import Player
from studio.ui.widgets.waveform import Waveform, clock


class Transport(QWidget):
    """The buttons that steer a player; it and the waveform follow each other."""

    def __init__(self, player: Player, waveform: Waveform, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._waveform = waveform
        self._loud = player.volume
        self.play = tool("play", "play", self.tr("Play") + "  (Space)", player.toggle)
        self.play.setIconSize(QSize(22, 22))
        self.place = QLabel()
        self.place.setObjectName("place")
        self.place.setProperty("role", "small")
        self.repeat = tool("loop", "repeat", self.tr("Play again and again"))
        self.repeat.setCheckable(True)
        self.repeat.toggled.connect(player.set_loop)
        self.mute = tool("mute", "volume-2", self.tr("Mute"), self._mute)
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setObjectName("volume")
        self.volume.setAccessibleName(self.tr("Volume"))
        self.volume.setToolTip(self.tr("Volume"))
        self.volume.setRange(0, 100)
        self.volume.setValue(round(player.volume * 100))
        self.volume.setMinimumWidth(56)
        self.volume.setMaximumWidth(110)
        self.volume.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.volume.valueChanged.connect(self._volume_changed)
        self.reason = QLabel()
        self.reason.setObjectName("reason")
        self.reason.setProperty("role", "small")
        self.reason.setWordWrap(True)
        self.reason.hide()
        row = QHBoxLayout()
        row.setSpacing(theme.HAIR)
        row.addWidget(self.play)
        row.addSpacing(theme.HAIR)
        row.addWidget(self.place)
        row.addStretch(1)
        row.addWidget(self.repeat)
        row.addWidget(self.mute)
        row.addWidget(self.volume, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.HAIR)
        column.addLayout(row)
        column.addWidget(self.reason)

        waveform.sought.connect(player.seek)
        waveform.toggled.connect(player.toggle)
        waveform.valueChanged.connect(self._tell)
        player.moved.connect(waveform.setValue)
        player.moved.connect(self._tell)
        player.changed.connect(self._show)
        player.failed.connect(self._failed)
        self._show()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._player.prepare()

    def refresh(self) -> None:
        """Another sound: tell its length."""
        self.reason.setText(self._player.reason)
        self._show()

    def _show(self) -> None:
        playing = self._player.playing
        self.play.setIcon(icon("pause" if playing else "play"))
        words = self.tr("Pause") if playing else self.tr("Play")
        self.play.setAccessibleName(words)
        self.play.setToolTip(words + "  (Space)")
        ready = self._waveform.maximum() > 0 or self._player.live
        self.play.setEnabled(self._player.available and ready)
        if self._player.reason or playing:
            self.reason.setText(self._player.reason)
        self.reason.setVisible(bool(self.reason.text()) and not playing)
        for control in (self.repeat, self.mute, self.volume):
            control.setEnabled(self._player.available)
        self._tell()

    def _tell(self) -> None:
        seconds = self._waveform.seconds
        # What is still made has no place to go to in the waveform, but it is heard from one.
        place = self._player.place if self._player.live else self._waveform.value()
        self.place.setText(f"{clock(place / 1000)} / {clock(seconds)}")

    def _failed(self, text: str) -> None:
        self.reason.setText(text)
        self._show()

    def _volume_changed(self, value: int) -> None:
        self._player.set_volume(value / 100)
        picture = "volume-x" if value == 0 else "volume-1" if value < 50 else "volume-2"
        self.mute.setIcon(icon(picture))
        self.mute.setAccessibleName(self.tr("Mute") if value else self.tr("Unmute"))

    def _mute(self) -> None:
        if self.volume.value():
            self._loud = self.volume.value() / 100
            self.volume.setValue(0)
        else:
            self.volume.setValue(round(max(0.1, self._loud) * 100))
