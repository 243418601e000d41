"""The icons: Lucide's drawings, painted in the theme's colours at any size."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from studio.core.paths import resources
from studio.ui import theme

Role = Literal["text", "muted", "accent_text", "on_accent", "danger", "warning", "good", "gold"]


@lru_cache(maxsize=256)
def _drawing(name: str) -> str:
    return (resources() / "icons" / f"{name}.svg").read_text("utf-8")


class _Engine(QIconEngine):
    """Paints one drawing in the colour that its role has in the theme of this moment."""

    def __init__(self, name: str, role: str, filled: bool) -> None:
        super().__init__()
        self._name = name
        self._role = role
        self._filled = filled

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._role, self._filled)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        tokens = theme.tokens()
        colour = tokens.control if mode == QIcon.Mode.Disabled else getattr(tokens, self._role)
        svg = _drawing(self._name)
        if self._filled:
            svg = svg.replace('fill="none"', 'fill="currentColor"', 1)
        renderer = QSvgRenderer(QByteArray(svg.replace("currentColor", colour).encode()))
        renderer.render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        key = (
            f"triptych/{self._name}/{self._role}/{self._filled}/{theme.tokens().name}/"
            f"{size.width()}x{size.height()}/{mode == QIcon.Mode.Disabled}"
        )
        found = QPixmap()
        if QPixmapCache.find(key, found):
            return found
        if size.isEmpty():  # a button that was pressed together
            return found
        made = QPixmap(size)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        self.paint(painter, QRect(QPoint(), size), mode, state)
        painter.end()
        QPixmapCache.insert(key, made)
        return made


def icon(name: str, role: Role = "text", *, filled: bool = False) -> QIcon:
    """The icon called `name` (a file of resources/icons), following the theme.

    `filled` closes the outline, as for a star that is given. Raises FileNotFoundError for a name
    that is not there.
    """
    _drawing(name)
    return QIcon(_Engine(name, role, filled))


def draw(
    painter: QPainter, place: QRect, name: str, role: Role = "text", *, filled: bool = False
) -> None:
    """Paint an icon in a list: rendered once for its size, since lists paint it again and again."""
    device = painter.device()
    ratio = device.devicePixelRatio() if device is not None else 1.0
    painter.drawPixmap(place, icon(name, role, filled=filled).pixmap(place.size(), ratio))


def program() -> QIcon:
    """The program's own mark."""
    return QIcon(str(resources() / "icons" / "triptych.svg"))
