"""The family of models that see depth or edges in a picture, as ControlNet wants them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from studio.core.controls import Toggle
from studio.core.family import FamilySpec
from studio.core.messages import Step
from studio.core.recipe import Job
from studio.engine.image import onegraph

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from studio.engine.workbench import Workbench

SPEC = FamilySpec(
    id="image.map",
    title="See depth or edges",
    kind="image",
    controls=(
        onegraph.PICTURE,
        onegraph.NAME,
        Toggle(
            name="invert",
            label="The other way round",
            help="Near things dark instead of light, or dark lines instead of light ones.",
            folded=True,
        ),
    ),
    needs=("config.json", "**/*.onnx"),
    any_tags=("depth-estimation", "edge-detection"),
    outputs=(".png",),
    models="Depth Anything, DPT, MiDaS, ZoeDepth; HED, PiDiNet, DexiNed and their like",
    proved="a small Depth Anything and DPT against transformers on torch",
)

SIDE = 518
"""Pixels of the shorter side where neither graph nor configuration says it."""
METRIC = frozenset({"zoedepth", "depth_pro"})
"""Model types that give distances; the others give nearness."""

warm = onegraph.warm


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """See depth or edges in a picture. Raises StudioError for whatever a person can mend."""
    yield from onegraph.run(job, bench, SPEC, _map)


def _map(work: onegraph.Work) -> Image.Image:
    import numpy as np
    from PIL import Image

    small = work.picture.resize(_size(work), Image.Resampling.BICUBIC)
    work.drawn(0, 2)
    seen = work.compute(np.asarray(small, dtype=np.float32))[:, :, 0]
    work.drawn(1, 2)
    distance = (
        work.model.config.get("model_type") in METRIC
        or work.model.config.get("depth_estimation_type") == "metric"
    )
    light = stretched(-seen if distance else seen)
    if work.values["invert"]:
        light = 1 - light
    result = Image.fromarray((light * 255).round().astype(np.uint8))
    result = result.resize(work.picture.size, Image.Resampling.BICUBIC)
    work.drawn(2, 2)
    return result.convert("RGB")


def _size(work: onegraph.Work) -> tuple[int, int]:
    """Width and height of the graph's input: the picture's proportions where it may be free."""
    fixed, prepared = work.model.fixed, work.model.preparation
    height, width = prepared.size or (SIDE, SIDE)
    unit = prepared.multiple if prepared.multiple > 1 else 14 if prepared.size is None else 1
    if not fixed[0] and not fixed[1]:
        # As transformers' DPT processor with keep_aspect_ratio: the side that changes least rules.
        own_width, own_height = work.picture.size
        by_height, by_width = height / own_height, width / own_width
        factor = by_width if abs(1 - by_width) < abs(1 - by_height) else by_height
        height, width = round(own_height * factor), round(own_width * factor)
        height, width = min(height, 4 * SIDE), min(width, 4 * SIDE)
    height = fixed[0] or max(unit, round(height / unit) * unit)
    width = fixed[1] or max(unit, round(width / unit) * unit)
    return width, height


def stretched(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values spread from 0 to 1; all the same, they are 0."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        return values * 0
    return (values - low) / (high - low)
