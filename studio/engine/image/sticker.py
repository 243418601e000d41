"""Drawn things cut out of their white ground by a part of the model itself: stickers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.engine.image.layout import Layout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Graph

PART = "alpha"
"""The folder of the part: a graph from a picture in [-1, 1] to its opacity in [0, 1]."""
NEEDS = f"{PART}/**/model.onnx"
"""What a model's folder must hold, to be asked for it."""
TRANSPARENT = "transparent"
REACH = 4
"""Pixels around one in which it looks for the thing's own colour."""


def check(layout: Layout, ground: str) -> None:
    """Raises StudioError for a transparent ground where the model has no such part."""
    if ground == TRANSPARENT and layout.graph(PART) is None:
        raise StudioError(
            f"The model “{layout.folder.name}” cannot draw on a transparent ground.",
            "Leave “Background” at white, and have the background removed afterwards.",
        )


def cut(pixels: npt.NDArray[np.uint8], graph: Graph, multiple: int) -> npt.NDArray[np.uint8]:
    """A thing drawn on white (height, width, 3), with its opacity (height, width, 4).

    `multiple`: what height and width have to be multiples of for the graph; what is lacking is
    laid around as white.
    """
    import numpy as np
    import torch

    height, width = pixels.shape[:2]
    more = ((0, -height % multiple), (0, -width % multiple), (0, 0))
    wide = np.pad(pixels, more, constant_values=255).astype(np.float32) / 127.5 - 1
    sample = torch.from_numpy(wide).permute(2, 0, 1).unsqueeze(0)
    (found,) = graph(sample=sample)
    alpha = found[0, 0, :height, :width].clamp(0, 1).numpy()
    return lifted(pixels, alpha)


def lifted(pixels: npt.NDArray[np.uint8], alpha: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Pixels on white (height, width, 3) as the colours of the thing alone, with `alpha`
    (height, width, 0 to 1) as the fourth channel.

    A pixel of the edge is part thing, part white. Its colour is first taken to be that of the
    pixels around, and then corrected towards what laid on white gives what was drawn (Forte
    2021, "Approximate fast foreground colour estimation", with a known ground).
    """
    import numpy as np

    part = alpha[:, :, None].astype(np.float32)
    thing = pixels.astype(np.float32) / 255 - (1 - part)  # its share in what was drawn
    weight = _mean(part * part)  # what is hardly opaque, and so hardly known, counts little
    around = (_mean(thing * part) / np.maximum(weight, 1e-5)).clip(0, 1)
    own = around + part * (thing - part * around)
    # Far from the thing there is no colour of its own, nor anything to be seen.
    own = np.where(weight > 1e-5, own, 0.0).clip(0, 1)
    solid = np.concatenate([own, part], axis=2)
    return np.asarray((solid * 255).round().astype(np.uint8))


def _mean(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """The mean over a square around each pixel (height, width, c), by sums along both axes."""
    import numpy as np

    side = 2 * REACH + 1
    for axis in (0, 1):
        edge = [(0, 0)] * 3
        edge[axis] = (REACH + 1, REACH)
        total = np.pad(values, edge).cumsum(axis=axis, dtype=np.float64)
        size = values.shape[axis]
        upper = total.take(range(side, side + size), axis=axis)
        lower = total.take(range(size), axis=axis)
        values = ((upper - lower) / side).astype(np.float32)
    return values
