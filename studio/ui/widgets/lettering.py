"""Words painted in lists: one line or a few, ending in … where there is no room."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextLayout, QTextOption

MOST = 4_000
"""Characters that are looked at; no list shows more of them."""


def face(base: QFont, size: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The typeface of a list in another size (pixels) and weight."""
    font = QFont(base)
    font.setPixelSize(size)
    font.setWeight(weight)
    return font


def draw_line(
    painter: QPainter,
    font: QFont,
    line: QRect,
    words: str,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    """One line of words in the painter's pen."""
    painter.setFont(font)
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(words[:MOST], Qt.TextElideMode.ElideRight, line.width())
    painter.drawText(line, int(align | Qt.AlignmentFlag.AlignVCenter), shown)


def draw_lines(painter: QPainter, font: QFont, box: QRect, words: str) -> None:
    """As many lines as there is room for, in the painter's pen."""
    words = words[:MOST].replace("\n", "\u2028")
    metrics = QFontMetrics(font)
    height = metrics.lineSpacing() + 1
    room = max(1, box.height() // height)
    layout = QTextLayout(words, font)
    option = QTextOption(Qt.AlignmentFlag.AlignLeft)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    starts: list[int] = []
    while len(starts) <= room:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(box.width())
        line.setPosition(QPointF(0, len(starts) * height))
        starts.append(line.textStart())
    layout.endLayout()
    for number, start in enumerate(starts[:room]):
        more = number == room - 1 and len(starts) > room
        end = starts[number + 1] if number + 1 < len(starts) and not more else len(words)
        place = QRect(box.left(), box.top() + number * height, box.width() + 2, height)
        draw_line(painter, font, place, words[start:end].rstrip())
