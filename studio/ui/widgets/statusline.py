"""The line at the bottom: the truth about the device, what is being made, the queue, memory."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QWidget,
)

from studio.core.family import KINDS
from studio.core.messages import DeviceReport
from studio.ui import theme
from studio.ui.engine import Engine, JobView
from studio.ui.follower import left_words, phase_words
from studio.ui.icons import icon
from studio.ui.widgets.elided import ElidedLabel
from studio.ui.widgets.itemwords import file_size

HEIGHT = 32
SNUG, SCANT = 640, 460
"""Widths below which the device, and then the words on what is made, give way."""


class StatusLine(QWidget):
    """One line; a click on the queue's number opens the queue."""

    queue_wanted = Signal()
    downloads_wanted = Signal()

    def __init__(self, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self.setObjectName("statusLine")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self._chip = QLabel()
        self._chip.setPixmap(icon("cpu", "muted").pixmap(QSize(14, 14), self.devicePixelRatioF()))
        self.device = ElidedLabel()
        self.device.setObjectName("device")
        self.device.setProperty("role", "small")
        self.doing = self._label("doing")
        self._running = False
        self.bar = QProgressBar()
        self.bar.setObjectName("progress")
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(96)
        self._gap = QWidget()
        self.downloads: QToolButton | None = None
        """How far downloads are; there once there was one."""
        self.memory = self._label("memory")
        self.queue = self._button("queueButton", "list-ordered")
        self.queue.setCheckable(True)
        self.queue.setToolTip(self.tr("The queue (Ctrl+J)"))
        self.queue.clicked.connect(lambda: self.queue_wanted.emit())
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(theme.PAD, 0, theme.GAP, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self._chip)
        row.addWidget(self.device, 1)
        row.addWidget(self._gap, 1)
        row.addWidget(self.doing)
        row.addWidget(self.bar)
        row.addWidget(self._line())
        row.addWidget(self.memory)
        row.addWidget(self.queue)
        # News comes many times a second; a line that people read needs less.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(100)
        self._later.timeout.connect(self.refresh)
        engine.hello.connect(self._soon)
        engine.lane_changed.connect(self._soon)
        engine.queue_changed.connect(self._soon)
        engine.progressed.connect(self._soon)
        self.refresh()

    def refresh(self) -> None:
        """Say what is true now."""
        jobs = self._engine.jobs()
        running = [j for j in jobs if j.state != "waiting"]
        waiting = len(jobs) - len(running)
        self.device.setText(self._device_words())
        self.device.setToolTip(device_detail(self._engine.device()))
        self._running = bool(running)
        self._make_room()
        self.bar.setVisible(bool(running))
        if running:
            # The furthest from its end is what one waits for.
            slowest = max(running, key=lambda j: (j.seconds_left or 0.0, -j.fraction))
            self.doing.setText(self._words(running, slowest))
            self.bar.setValue(round(1000 * sum(j.fraction for j in running) / len(running)))
        held = sum(m.resident for k in KINDS if (m := self._engine.memory(k)) is not None)
        self.memory.setText(file_size(held) if held else "")
        self.memory.setToolTip(self._memory_words())
        self.memory.setVisible(bool(held))
        words = self.tr("{n} waiting").format(n=waiting) if waiting else self.tr("Queue")
        self.queue.setText(f" {words}")  # a breath between icon and word
        self.queue.setAccessibleName(words)

    def show_downloads(self, count: int, fraction: float, words: str) -> None:
        """Say how far `count` downloads are together (0 to 1); none takes no room. `words` say
        more to whom it interests."""
        if self.downloads is None:
            if not count:
                return
            self.downloads = self._button("downloads", "download")
            self.downloads.clicked.connect(lambda: self.downloads_wanted.emit())
            self._row.insertWidget(self._row.indexOf(self.memory), self.downloads)
        percent = self.tr("{n} %").format(n=int(100 * fraction))
        self.downloads.setText(f" {percent}")
        self.downloads.setVisible(count > 0)
        self.downloads.setToolTip(words)
        self.downloads.setAccessibleName(self.tr("Downloads: {percent}").format(percent=percent))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        # What is being made comes first, then what it is made on.
        self.doing.setVisible(self._running and self.width() >= SCANT)
        tight = self._running and self.width() < SNUG
        self.device.setVisible(not tight)
        self._chip.setVisible(not tight)
        self._gap.setVisible(tight)

    def _soon(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _words(self, running: list[JobView], slowest: JobView) -> str:
        if slowest.state == "cancelling":
            return self.tr("Stopping…")
        parts = [phase_words(slowest.phase or "starting"), left_words(slowest.seconds_left)]
        if len(running) > 1:
            parts.insert(0, self.tr("{n} at once").format(n=len(running)))
        return " · ".join(p for p in parts if p)

    def _device_words(self) -> str:
        states = [self._engine.state(k) for k in KINDS]
        if "down" in states:
            return self.tr("An engine has stopped")
        device = self._engine.device()
        if device is None:
            return self.tr("Starting…") if "starting" in states else self.tr("Ready when you are")
        return device_words(device)

    def _memory_words(self) -> str:
        lines = []
        names = {
            "text": self.tr("Text"),
            "image": self.tr("Picture"),
            "audio": self.tr("Sound"),
        }
        for kind in KINDS:
            memory = self._engine.memory(kind)
            if memory is not None:
                models = ", ".join(memory.models) or self.tr("no model loaded")
                lines.append(f"{names[kind]}: {file_size(memory.resident)} ({models})")
        return "\n".join(lines)

    def _label(self, name: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setProperty("role", "small")
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _button(self, name: str, picture: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setProperty("kind", "status")
        button.setIcon(icon(picture, "muted"))
        button.setIconSize(QSize(14, 14))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return button

    def _line(self) -> QFrame:
        line = QFrame()
        line.setProperty("line", "v")
        line.setFixedHeight(14)
        return line


def device_words(device: DeviceReport) -> str:
    """The device in a few words: what kind of thing it is, and its name."""
    gpu = bool(device.providers) and not device.providers[0].startswith("CPU")
    return f"{'GPU' if gpu else 'CPU'} · {' '.join(device.name.split())}"


def device_detail(device: DeviceReport | None) -> str:
    """All that is known of the device, line by line."""
    if device is None:
        return ""
    return "\n".join(p for p in (device.name, device.detail, ", ".join(device.providers)) if p)
