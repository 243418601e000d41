"""Draws the program's mark in every size that a desktop asks for, from its one drawing.

`python -m pack.icons SVG FOLDER` is run with the libraries of the bundle: Qt draws, as in the
window, and Pillow writes what Windows and macOS want.
"""

from __future__ import annotations

import sys
from pathlib import Path

SIZES = (16, 22, 24, 32, 48, 64, 96, 128, 192, 256, 512)
_LARGE = 1024


def draw(svg: Path, size: int, target: Path) -> None:
    """One PNG of `size` x `size` pixels."""
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(QColor(0, 0, 0, 0))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(svg)).render(painter, QRectF(0, 0, size, size))
    painter.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not image.save(str(target), "PNG"):  # type: ignore[call-overload]
        raise SystemExit(f"package: {target} cannot be written")


def main() -> None:
    from PIL import Image

    svg, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for size in (*SIZES, _LARGE):
        draw(svg, size, folder / f"{size}.png")
    with Image.open(folder / f"{_LARGE}.png") as large:
        large.save(folder / "triptych.ico", sizes=[(n, n) for n in (16, 24, 32, 48, 64, 128, 256)])
        large.save(folder / "triptych.icns")


if __name__ == "__main__":
    main()
