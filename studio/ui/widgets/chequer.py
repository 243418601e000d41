"""The chequered ground behind pictures that have transparent parts."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QBrush, QColor, QPainter, QPixmap

SIDE = 8
"""Pixels along a square."""
SQUARES = ("#cdd0d4", "#b7babf")
"""Between black and white, in the dark and in the light: what is drawn in either is seen on
them."""


def draw_chequer(painter: QPainter, area: QRectF) -> None:
    """Fill `area` with squares that begin at its corner."""
    tile = QPixmap(2 * SIDE, 2 * SIDE)
    tile.fill(QColor(SQUARES[0]))
    squares = QPainter(tile)
    for place in (0, SIDE):
        squares.fillRect(place, SIDE - place, SIDE, SIDE, QColor(SQUARES[1]))
    squares.end()
    painter.save()
    painter.setBrushOrigin(area.topLeft())
    painter.fillRect(area, QBrush(tile))
    painter.restore()
