"""A sound as it looks: drawn while it is made, and the handle for moving about in it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from studio.ui import theme

BAR, GAP = 3.0, 2.0
"""Pixels of one bar and of the space behind it."""


def clock(seconds: float) -> str:
    """12.3 seconds as 0:12."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class Waveform(QAbstractSlider):
    """Bars for the peaks of a sound; its value is the place in milliseconds.

    While the sound is made, `append` lets it grow towards the length that is expected.
    """

    sought = Signal(int)
    """The person went to this millisecond."""
    toggled = Signal()
    """Space was pressed: play or pause."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("waveform")
        self.setAccessibleName(self.tr("Place in the sound"))
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 36)
        self.setSingleStep(1000)
        self.setPageStep(5000)
        self.setMouseTracking(True)
        self._peaks = bytearray()
        self._seconds = 0.0
        self._drawn = 0.0
        self._hover: float | None = None
        self._making = False
        self.actionTriggered.connect(self._stepped)

    @property
    def peaks(self) -> bytes:
        return bytes(self._peaks)

    @property
    def seconds(self) -> float:
        """How long the sound is, as far as is known."""
        return self._seconds

    def set_sound(self, peaks: bytes, seconds: float) -> None:
        """Show a finished sound: peaks 0-255, evenly spread over its length."""
        self._making = False
        self._peaks, self._seconds, self._drawn = bytearray(peaks), seconds, seconds
        self.setRange(0, max(0, round(seconds * 1000)))
        self.setValue(0)
        self.update()

    def begin(self) -> None:
        """Be ready for a sound that is about to be made."""
        self.set_sound(b"", 0.0)
        self._making = True

    def append(self, peaks: bytes, rate: float, total_seconds: float) -> None:
        """More of it: `rate` peaks a second, of about `total_seconds` in all."""
        self._peaks += peaks
        self._drawn = len(self._peaks) / rate if rate > 0 else 0.0
        self._seconds = max(total_seconds, self._drawn)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 120)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.toggled.emit()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.setSliderDown(True)
            self._seek(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = event.position().x()
        if self.isSliderDown():
            self._seek(event.position())
        if self._seconds and not self._making:
            self.setToolTip(clock(self._share(event.position().x()) * self._seconds))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        rect = QRectF(self.rect()).adjusted(2, 4, -2, -4)
        played = theme.color("accent")
        rest = theme.color("control")
        empty = QColor(rest)
        empty.setAlpha(70)
        count = max(1, int((rect.width() + GAP) // (BAR + GAP)))
        drawn = self._drawn / self._seconds if self._seconds else 0.0
        head = self.value() / self.maximum() if self.maximum() else 0.0
        loudest = max(max(self._peaks, default=0), 96)
        for index, peak in enumerate(self._bars(count, drawn)):
            x = rect.left() + index * (BAR + GAP)
            if peak is None:
                painter.setBrush(empty)
                height = BAR
            else:
                reached = self._making or (index + 0.5) / count <= head
                painter.setBrush(played if reached else rest)
                height = max(BAR, rect.height() * peak / loudest)
            bar = QRectF(x, rect.center().y() - height / 2, BAR, height)
            painter.drawRoundedRect(bar, BAR / 2, BAR / 2)
        if self.maximum() and not self._making:
            x = rect.left() + head * rect.width()
            painter.setBrush(self.palette().text())
            painter.drawRoundedRect(QRectF(x - 1, rect.top(), 2, rect.height()), 1, 1)
            if self._hover is not None and self.isEnabled():
                ghost = QColor(self.palette().text().color())
                ghost.setAlpha(80)
                painter.setBrush(ghost)
                painter.drawRect(QRectF(self._hover - 0.5, rect.top(), 1, rect.height()))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.color("focus"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)

    def _bars(self, count: int, drawn: float) -> list[int | None]:
        """The loudest peak below each of `count` bars; None where nothing is made yet."""
        made = round(count * min(1.0, drawn))
        total = len(self._peaks)
        bars: list[int | None] = []
        for index in range(count):
            if index >= made or not total:
                bars.append(None)
                continue
            first = index * total // made
            last = max(first + 1, (index + 1) * total // made)
            bars.append(max(self._peaks[first:last]))
        return bars

    def _share(self, x: float) -> float:
        return min(1.0, max(0.0, (x - 2) / max(1, self.width() - 4)))

    def _seek(self, point: QPointF) -> None:
        if self._making or not self.maximum():
            return
        self.setValue(round(self._share(point.x()) * self.maximum()))
        self.sought.emit(self.value())

    def _stepped(self, action: int) -> None:
        # Keys and the wheel come through here; the value is taken over only afterwards.
        if action != QAbstractSlider.SliderAction.SliderMove.value:
            self.sought.emit(self.sliderPosition())
