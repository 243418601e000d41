"""Pictures as files and sizes: read from a person's disk, fitted, checked and written."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

WIDEST = 2.0
"""Longer side to shorter side, at most, of what is drawn from a picture."""
LARGEST = 2048


def read(path: Path) -> Image.Image:
    """A picture as RGB, upright, on white. Raises StudioError where the file is none."""
    from PIL import Image

    upright = _upright(path, "RGBA")
    ground = Image.new("RGBA", upright.size, "white")
    ground.alpha_composite(upright)
    return ground.convert("RGB")


def read_mask(path: Path, size: tuple[int, int]) -> Image.Image:
    """A mask as 8 bits of grey, white where something new is drawn, as large as its picture.

    Raises StudioError where the file is no picture, or nothing in it is white.
    """
    from PIL import Image

    mask = _upright(path, "L")
    if mask.point(lambda value: 255 if value >= 128 else 0).getbbox() is None:
        raise StudioError(
            "Nothing in the mask is painted, so nothing would be drawn anew.",
            "Paint over what is to change, or take the mask out.",
        )
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def _upright(path: Path, mode: str) -> Image.Image:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as source:
                return ImageOps.exif_transpose(source).convert(mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise StudioError(
            f"The picture “{path.name}” is too large.", "Make it smaller first."
        ) from None
    except FileNotFoundError:
        raise StudioError(
            f"The picture “{path.name}” is not there any more.", "Choose another picture."
        ) from None
    except Exception as error:  # each of Pillow's readers has its own way to fail
        raise StudioError(
            f"The picture “{path.name}” cannot be read.", "Choose a PNG or JPEG file."
        ) from error


def like(size: tuple[int, int], own: tuple[int, int], unit: int) -> tuple[int, int]:
    """A size with about the area of `own` and the proportions of `size`, in multiples of `unit`."""
    ratio = min(WIDEST, max(1 / WIDEST, size[0] / size[1]))
    area = own[0] * own[1]

    def fitted(side: float) -> int:
        return min(LARGEST // unit * unit, max(unit, round(side / unit) * unit))

    return fitted((area * ratio) ** 0.5), fitted((area / ratio) ** 0.5)


def fill(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture scaled to fill the size; what is over on two sides is cut off."""
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def kept(
    drawn: npt.NDArray[np.uint8], picture: Image.Image, mask: Image.Image
) -> npt.NDArray[np.uint8]:
    """What was drawn (height, width, 3) where the mask is white, the picture where it is black."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.composite(Image.fromarray(drawn), picture, mask))


def check_size(width: int, height: int, unit: int, largest: int = 0) -> None:
    """Raises StudioError for sides that the model cannot draw, and says which it can.

    `largest` is the longest side that it has positions for, 0 for no such end.
    """
    if largest and max(width, height) > largest:
        raise StudioError(
            f"This model draws at most {largest} pixels along a side.", "Choose a smaller size."
        )
    for side, name in ((width, "widths"), (height, "heights")):
        if side % unit:
            below, above = side // unit * unit, (side // unit + 1) * unit
            choices = [str(s) for s in (below, above) if unit <= s <= LARGEST]
            raise StudioError(
                f"This model draws {name} in steps of {unit} pixels; {side} is none of them.",
                f"Choose {' or '.join(choices)}, or 0 for the model's own.",
            )


def check_memory(width: int, height: int, needed: int) -> None:
    """Raises StudioError where `needed` bytes are more than what is free."""
    import psutil

    free = psutil.virtual_memory().available
    if needed > free:
        raise StudioError(
            f"A picture of {width} x {height} needs about {needed / 2**30:.0f} GB of memory;"
            f" {free / 2**30:.0f} GB are free.",
            "Choose a smaller size, or close other programs.",
        )


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Pixels (height, width, 3 or 4) as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
