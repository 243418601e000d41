"""A tune as sheet music: engraved by Verovio, drawn by resvg, a picture or pages for print."""

from __future__ import annotations

import io
import time
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING

from studio.core.abc import AbcError, Tune, parse
from studio.core.errors import StudioError
from studio.core.musicxml import musicxml
from studio.core.paths import resources

if TYPE_CHECKING:
    from PIL import Image

PAGE = (2100, 2970)
"""A4 in tenths of a millimetre, which are Verovio's units."""
MARGIN = 170
HEAD = 420
"""From the upper edge to the first staff; the title stands there."""
PICTURE_WIDTH = 1680
"""Pixels; the height is what the tune needs."""
PRINT_DPI = 600
_NO_TIME = time.gmtime(0)
_BEYOND_INTER = "\u0530"
_TITLE, _LINE = 78, 38
_BEATS = {
    Fraction(1): "quarters",
    Fraction(3, 2): "dotted quarters",
    Fraction(1, 2): "eighths",
    Fraction(2): "halves",
}


def picture(abc: str, maker: str = "") -> bytes:
    """The whole tune on one sheet as high as it needs, as PNG. Raises StudioError."""
    tune = _tune(abc)
    (svg,) = _engrave(tune, maker, endless=True)
    return _draw(svg, PICTURE_WIDTH)


def pdf(abc: str, maker: str = "", title: str = "") -> bytes:
    """A4 pages as PDF. Raises StudioError."""
    drawn = pages(abc, maker)
    file = io.BytesIO()
    drawn[0].save(
        file,
        "PDF",
        resolution=PRINT_DPI,
        save_all=True,
        append_images=drawn[1:],
        title=title,
        # The same tune gives the same bytes.
        creationDate=_NO_TIME,
        modDate=_NO_TIME,
    )
    return file.getvalue()


def pages(abc: str, maker: str = "") -> list[Image.Image]:
    """A4 pages in black and white at `PRINT_DPI`. Raises StudioError."""
    from PIL import Image

    width = round(PAGE[0] / 254 * PRINT_DPI)
    result = []
    for svg in _engrave(_tune(abc), maker, endless=False):
        with Image.open(io.BytesIO(_draw(svg, width))) as image:
            # By a threshold: dithered edges would look like dust on the paper.
            result.append(image.convert("L").point(lambda v: 255 * (v > 127)).convert("1"))
    return result


def _tune(abc: str) -> Tune:
    try:
        return parse(abc)
    except AbcError as error:
        raise _cannot(error) from error


def _cannot(error: Exception) -> StudioError:
    return StudioError(
        f"This tune cannot be written as sheet music ({error}).",
        "Save it as ABC or MIDI, and open it in a notation program.",
    )


def _engrave(tune: Tune, maker: str, *, endless: bool) -> list[str]:
    """The pages as SVG; one as high as it needs where the sheet is endless."""
    import verovio

    try:
        score = musicxml(tune, marks=False)
    except AbcError as error:
        raise _cannot(error) from error
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "inputFrom": "musicxml",
            "pageWidth": PAGE[0],
            "pageHeight": 60_000 if endless else PAGE[1],
            "adjustPageHeight": endless,
            "pageMarginLeft": MARGIN,
            "pageMarginRight": MARGIN,
            "pageMarginTop": HEAD,
            "pageMarginBottom": MARGIN,
            "scale": 50,
            "header": "none",
            "footer": "none",
            "breaks": "line",
            "font": "Leland",
            "minLastJustification": 0.3,
            "spacingSystem": 9,
            "justifyVertically": False,
            "xmlIdSeed": 1,  # the same tune gives the same bytes
        }
    )
    if not toolkit.loadData(score):
        raise _cannot(ValueError("the engraver does not take it"))
    count = toolkit.getPageCount()
    svgs = []
    for number in range(1, count + 1):
        svg = toolkit.renderToSVG(number)
        words = _head(tune, maker) if number == 1 else ""
        words += _foot(number) if count > 1 else ""
        svgs.append(_with(svg, words))
    return svgs


def _head(tune: Tune, maker: str) -> str:
    """Title, tempo and maker, in the units of the page."""
    from PIL import ImageFont

    font = ImageFont.truetype(str(resources() / "fonts" / "Inter-SemiBold.otf"), 100)
    # A long title is set smaller, until it fits between the margins.
    room = 100 * (PAGE[0] - 2 * MARGIN) / max(1, font.getlength(_clean(tune.title)))
    middle = PAGE[0] // 2
    parts = [
        f'<text x="{middle}" y="210" font-size="{min(_TITLE, room):.1f}" font-weight="600" '
        f'text-anchor="middle">{escape(_clean(tune.title))}</text>'
    ]
    tempo = ", ".join(w for w in (_clean(tune.rhythm), _tempo_words(tune)) if w)
    if tempo:
        parts.append(f'<text x="{MARGIN}" y="330" font-size="{_LINE}">{escape(tempo)}</text>')
    if maker:
        parts.append(
            f'<text x="{PAGE[0] - MARGIN}" y="330" font-size="{_LINE}" text-anchor="end" '
            f'font-style="italic">{escape(_clean(maker))}</text>'
        )
    return "".join(parts)


def _foot(number: int) -> str:
    return (
        f'<text x="{PAGE[0] // 2}" y="{PAGE[1] - 90}" font-size="{_LINE}" '
        f'text-anchor="middle">{number}</text>'
    )


def _tempo_words(tune: Tune) -> str:
    if tune.tempo is None:
        return ""
    beat = _BEATS.get(tune.tempo.beat)
    if beat is None:
        return f"{tune.tempo.quarters_a_minute:g} quarters a minute"
    return f"{tune.tempo.bpm:g} {beat} a minute"


def _clean(words: str) -> str:
    return "".join(c for c in words if c >= " ")


def _with(svg: str, words: str) -> str:
    """The engraver's page with our words on it, on the same scale."""
    end = svg.rindex("</svg>")
    start = svg.index("<svg")
    inner = svg[start:end] + "</svg>"
    width, height = _size(svg)
    height = height * PAGE[0] / width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{PAGE[0]}" height="{height:.0f}" viewBox="0 0 {PAGE[0]} {height:.0f}">'
        f'<g transform="scale({PAGE[0] / width:.6f})">{inner}</g>'
        f'<g font-family="Inter">{words}</g></svg>'
    )


def _size(svg: str) -> tuple[float, float]:
    """Width and height in pixels that the engraver gave its page."""
    import re

    found = [re.search(rf'<svg[^>]*?\b{name}="([\d.]+)px"', svg) for name in ("width", "height")]
    if found[0] is None or found[1] is None:
        raise _cannot(ValueError("the engraver gave no page"))
    return float(found[0][1]), float(found[1][1])


def _draw(svg: str, width: int) -> bytes:
    import resvg_py

    fonts = sorted(str(p) for p in (resources() / "fonts").glob("*.otf"))
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=width,
            background="white",
            # Inter has no letters of Asia; the machine may.
            skip_system_fonts=max(svg) < _BEYOND_INTER,
            font_files=fonts,
            font_family="Inter",
            serif_family="Inter",
            sans_serif_family="Inter",
        )
    )
