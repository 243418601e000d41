"""Large pictures through small graphs: cut into overlapping tiles, put together without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a tile lies along one axis, in pixels of the source."""

    start: int
    size: int


def spans(length: int, tile: int, overlap: int) -> tuple[Span, ...]:
    """Tiles of `tile` pixels that cover `length`, neighbours sharing at least `overlap`.

    One that is as long as the axis where that is not longer than a tile.
    """
    if length <= tile:
        return (Span(0, length),)
    step = tile - overlap
    count = -(-(length - overlap) // step)
    # Spread evenly: a last tile of a few pixels would have no surroundings to see.
    return tuple(Span(round(i * (length - tile) / (count - 1)), tile) for i in range(max(2, count)))


def mosaic(
    height: int,
    width: int,
    tile: tuple[int, int],
    overlap: int,
    scale: int,
    compute: Callable[[Span, Span], Pixels],
) -> Iterator[tuple[int, int, Pixels]]:
    """The rows of the finished picture, from the top, as (tiles done, first row, rows).

    `compute(rows, columns)` gives a tile as (height * scale, width * scale, channels). Where
    tiles overlap, one fades into the other in a straight line. Never more than two rows of tiles
    are held, so that the size of the whole does not matter.
    """
    import numpy as np

    columns = spans(width, tile[1], overlap)
    rows = spans(height, tile[0], overlap)
    tail: Pixels | None = None
    done = 0
    for number, row in enumerate(rows):
        band: Pixels | None = None
        end = 0
        for column in columns:
            piece = compute(row, column)
            done += 1
            left = column.start * scale
            if band is None:
                band = np.zeros((row.size * scale, width * scale, piece.shape[2]), np.float32)
                band[:, : piece.shape[1]] = piece
            else:
                shared = end - left
                ramp = _ramp(shared)[None, :, None]
                band[:, left:end] = band[:, left:end] * (1 - ramp) + piece[:, :shared] * ramp
                band[:, end : left + piece.shape[1]] = piece[:, shared:]
            end = left + piece.shape[1]
        assert band is not None
        top = row.start * scale
        if tail is not None:
            shared = len(tail)
            ramp = _ramp(shared)[:, None, None]
            band[:shared] = tail * (1 - ramp) + band[:shared] * ramp
        below = rows[number + 1].start * scale if number + 1 < len(rows) else height * scale
        tail = band[below - top :]
        yield done, top, band[: below - top]


def _ramp(length: int) -> Pixels:
    """From 0 to 1 without either: both neighbours count a little at every pixel."""
    import numpy as np

    return ((np.arange(length, dtype=np.float32) + 0.5) / max(1, length)).astype(np.float32)
