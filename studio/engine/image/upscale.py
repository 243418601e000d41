"""The family of models that make a picture larger: Real-ESRGAN, SwinIR, Swin2SR and their like."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from studio.core.controls import Number
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.messages import Step
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.image import onegraph, tiles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from studio.engine.workbench import Workbench

SPEC = FamilySpec(
    id="image.upscale",
    title="Make larger",
    kind="image",
    controls=(
        onegraph.PICTURE,
        onegraph.NAME,
        Number(
            name="scale",
            label="Times",
            help="How many times as wide and as high; 0 is what the model makes.",
            default=0,
            minimum=0,
            maximum=8,
            step=0.5,
            least="Automatic",
        ),
        Number(
            name="tile",
            label="Tile",
            help="Pixels of the picture that are computed at once. Smaller takes less memory.",
            default=0,
            minimum=0,
            maximum=1024,
            step=32,
            whole=True,
            unit="px",
            least="Automatic",
            folded=True,
        ),
        Number(
            name="overlap",
            label="Overlap",
            help="What neighbouring tiles share, and fade into each other in.",
            default=16,
            minimum=4,
            maximum=128,
            step=4,
            whole=True,
            unit="px",
            folded=True,
        ),
    ),
    needs=("config.json", "**/*.onnx"),
    any_tags=("image-to-image", "super-resolution"),
    without_tags=("edge-detection", "depth-estimation"),
    outputs=(".png",),
    models="Real-ESRGAN, SwinIR, Swin2SR and other graphs from a picture to a larger one",
    proved="a small Swin2SR against transformers on torch, and graphs whose answer is known",
)

LARGEST = 16_384
"""Pixels on one side of the result; PNG readers of other programs give up beyond."""
TILE_CPU, TILE_GPU = 192, 512

warm = onegraph.warm


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Make a picture larger. Raises StudioError for whatever a person can mend."""
    yield from onegraph.run(job, bench, SPEC, _enlarge)


def _enlarge(work: onegraph.Work) -> Image.Image:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(work.picture, dtype=np.float32)
    height, width = pixels.shape[:2]
    tile = _tile(work)
    overlap = min(int(work.values["overlap"]), min(tile) // 2)
    scale = _scale(work, pixels, tile)
    wanted = float(work.values["scale"]) or scale
    side = max(height, width) * max(scale, wanted)
    if side > LARGEST:
        raise StudioError(
            f"The result would be {side:,.0f} pixels wide or high; {LARGEST:,} is the most.",
            "Choose a smaller picture, or fewer times.",
        )
    work.bench.make_room(height * width * scale * scale * 3 * 2)
    total = len(tiles.spans(height, tile[0], overlap)) * len(tiles.spans(width, tile[1], overlap))
    large = Image.new("RGB", (width * scale, height * scale))
    computed = 0

    def compute(rows: tiles.Span, columns: tiles.Span) -> npt.NDArray[np.float32]:
        nonlocal computed
        piece = pixels[rows.start : rows.start + rows.size]
        piece = piece[:, columns.start : columns.start + columns.size]
        made = _run(work, piece, tile, scale)
        computed += 1
        work.drawn(computed, total + 1)
        return made

    for _, top, rows in tiles.mosaic(height, width, tile, overlap, scale, compute):
        band = (rows.clip(0, 1) * 255).round().astype(np.uint8)
        large.paste(Image.fromarray(band), (0, top))
        if computed < total:
            work.show(large)
    if wanted != scale:
        size = (max(1, round(width * wanted)), max(1, round(height * wanted)))
        large = large.resize(size, Image.Resampling.LANCZOS)
    work.drawn(1, 1)
    return large


def _tile(work: onegraph.Work) -> tuple[int, int]:
    """Height and width of a tile, which the graph may insist on."""
    free = int(work.values["tile"])
    if not free:
        free = TILE_CPU if work.model.provider == device.CPU else TILE_GPU
    multiple = max(8, work.model.preparation.multiple)
    free = max(multiple, free // multiple * multiple)
    return work.model.fixed[0] or free, work.model.fixed[1] or free


def _scale(work: onegraph.Work, pixels: npt.NDArray[np.float32], tile: tuple[int, int]) -> int:
    """How many times larger the graph makes its input, found by asking it with a corner."""
    corner = pixels[: min(32, tile[0]), : min(32, tile[1])]
    padded = _padded(work, corner, tile)
    made = work.compute(padded)
    scale = made.shape[0] / padded.shape[0]
    if made.shape[1] / padded.shape[1] != scale or scale not in (1, 2, 3, 4, 6, 8):
        raise StudioError(
            f"“{work.job.model.name}” does not make pictures larger.", "Choose another model."
        )
    return int(scale)


def _padded(
    work: onegraph.Work, piece: npt.NDArray[np.float32], tile: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """A piece made as large as the graph wants it, its own edge mirrored to the right and below.

    Windows of attention and halved resolutions need multiples; mirrored pixels are the quietest
    surroundings (as transformers' Swin2SR processor pads).
    """
    import numpy as np

    multiple = max(8, work.model.preparation.multiple)
    height, width = piece.shape[:2]
    down = (tile[0] if work.model.fixed[0] else -(-height // multiple) * multiple) - height
    right = (tile[1] if work.model.fixed[1] else -(-width // multiple) * multiple) - width
    return np.pad(piece, ((0, down), (0, right), (0, 0)), mode="symmetric")


def _run(
    work: onegraph.Work, piece: npt.NDArray[np.float32], tile: tuple[int, int], scale: int
) -> npt.NDArray[np.float32]:
    """One tile, made larger, without what was padded; values of 0 to 1, three channels."""
    import numpy as np

    height, width = piece.shape[:2]
    made = work.compute(_padded(work, piece, tile))[: height * scale, : width * scale]
    if made.shape[2] == 1:
        made = made.repeat(3, axis=2)
    if work.model.preparation.scale == 1.0:
        made /= np.float32(255)  # graphs that take 8-bit values give them as well
    return made
