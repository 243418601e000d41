"""Small labels with an icon, painted in lists and standing in pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui import icons, theme
from studio.ui.icons import Role

HEIGHT = 22
_ICON, _SIDE, _GAP = 13, 8, 5
BETWEEN = 6


@dataclass(frozen=True, slots=True)
class Chip:
    """Its words, the colour that they have, and an icon before them."""

    words: str
    role: Role = "muted"
    icon: str = ""


def chip_font(base: QFont) -> QFont:
    """The typeface of chips."""
    font = QFont(base)
    font.setPixelSize(theme.SMALL)
    font.setWeight(QFont.Weight.Medium)
    return font


def chip_width(chip: Chip, font: QFont) -> int:
    """In pixels; `font` as of `chip_font`."""
    picture = _ICON + _GAP if chip.icon else 0
    return QFontMetrics(font).horizontalAdvance(chip.words) + picture + 2 * _SIDE


def paint_chip(painter: QPainter, left: int, top: int, chip: Chip, room: int) -> int:
    """Paint one, at most `room` wide, with the painter's font set to `chip_font`; gives its
    width, 0 where there was no room for it."""
    metrics = painter.fontMetrics()
    width = min(chip_width(chip, painter.font()), room)
    least = 2 * _SIDE + (_ICON + _GAP if chip.icon else 0) + metrics.horizontalAdvance("mmm")
    if width < min(least, chip_width(chip, painter.font())):
        return 0
    box = QRectF(left + 0.5, top + 0.5, width - 1, HEIGHT - 1)
    painter.setPen(QPen(theme.color("line"), 1))
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(box, HEIGHT / 2, HEIGHT / 2)
    at = left + _SIDE
    if chip.icon:
        place = QRect(at, top + (HEIGHT - _ICON) // 2, _ICON, _ICON)
        icons.draw(painter, place, chip.icon, chip.role)
        at += _ICON + _GAP
    painter.setPen(theme.color(chip.role))
    line = QRect(at, top, left + width - _SIDE - at, HEIGHT)
    words = metrics.elidedText(chip.words, Qt.TextElideMode.ElideRight, line.width() + 1)
    painter.drawText(line.adjusted(0, 0, 2, 0), int(Qt.AlignmentFlag.AlignVCenter), words)
    return width


def paint_chips(
    painter: QPainter, left: int, top: int, chips: Sequence[Chip], room: int, base: QFont
) -> int:
    """Paint chips side by side as far as there is room; gives where the last one ends."""
    painter.setFont(chip_font(base))
    at = left
    for chip in chips:
        width = paint_chip(painter, at, top, chip, left + room - at)
        if not width:
            break
        at += width + BETWEEN
    return at - BETWEEN if at > left else left


class ChipRow(QWidget):
    """Chips beside each other, going on in the next line where there is no room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips: tuple[Chip, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def chips(self) -> tuple[Chip, ...]:
        return self._chips

    def show_chips(self, chips: Sequence[Chip]) -> None:
        """Show these; without any it takes no room."""
        self._chips = tuple(chips)
        self.setAccessibleName(", ".join(chip.words for chip in chips))
        self.setVisible(bool(chips))
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        places = self._places(width)
        return places[-1].bottom() + 1 if places else 0

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(max(self.width(), 240)))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(chip_font(self.font()))
        for chip, place in zip(self._chips, self._places(self.width()), strict=True):
            paint_chip(painter, place.left(), place.top(), chip, place.width())
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.updateGeometry()
            self.update()

    def _places(self, room: int) -> list[QRect]:
        font = chip_font(self.font())
        at, top = 0, 0
        places: list[QRect] = []
        for chip in self._chips:
            width = min(chip_width(chip, font), room)
            if at and at + width > room:
                at, top = 0, top + HEIGHT + BETWEEN
            places.append(QRect(at, top, width, HEIGHT))
            at += width + BETWEEN
        return places
