"""The family of models that cut things out: BiRefNet, U2Net, IS-Net (RMBG) and their like."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from studio.core.controls import Choice, Number, Option
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
    id="image.background",
    title="Remove the background",
    kind="image",
    controls=(
        onegraph.PICTURE,
        onegraph.NAME,
        Choice(
            name="ground",
            label="Instead",
            help="What is put where the background was.",
            default="transparent",
            options=(
                Option(value="transparent", label="Nothing"),
                Option(value="white", label="White"),
                Option(value="black", label="Black"),
                Option(value="mask", label="Only the mask"),
            ),
        ),
        Number(
            name="edge",
            label="Hardness of the edge",
            help="0 leaves it as soft as the model saw it, 1 makes it hard.",
            default=0.0,
            minimum=0.0,
            maximum=1.0,
            step=0.05,
            folded=True,
        ),
    ),
    needs=("config.json", "**/*.onnx"),
    any_tags=("background-removal", "image-segmentation"),
    outputs=(".png",),
    models="BiRefNet, U2Net, IS-Net, RMBG 1.4 and other graphs from a picture to one mask",
    proved="graphs whose answer is known, in the published models' sizes and normalizations",
)

SIDE = 1024
"""Pixels of the graph's square input where neither graph nor configuration says it."""

warm = onegraph.warm


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Cut the thing out of a picture. Raises StudioError for whatever a person can mend."""
    yield from onegraph.run(job, bench, SPEC, _cut)


def _cut(work: onegraph.Work) -> Image.Image:
    import numpy as np
    from PIL import Image

    fixed, prepared = work.model.fixed, work.model.preparation
    height, width = prepared.size or (SIDE, SIDE)
    size = (fixed[1] or width, fixed[0] or height)
    small = work.picture.resize(size, Image.Resampling.BILINEAR)
    work.drawn(0, 2)
    alpha = mask(work.compute(np.asarray(small, dtype=np.float32))[:, :, :1])
    work.drawn(1, 2)
    hard = float(work.values["edge"])
    if hard:
        # A steeper slope through the middle; at 1 it is a step.
        slope = 1 / max(1 - hard, 1 / 255)
        alpha = ((alpha - 0.5) * slope + 0.5).clip(0, 1)
    matte = Image.fromarray((alpha[:, :, 0] * 255).round().astype(np.uint8))
    matte = matte.resize(work.picture.size, Image.Resampling.BILINEAR)
    work.drawn(2, 2)
    ground = str(work.values["ground"])
    if ground == "mask":
        return matte.convert("RGB")
    result = work.picture.convert("RGBA")
    result.putalpha(matte)
    if ground == "transparent":
        return result
    whole = Image.new("RGBA", result.size, ground)
    whole.alpha_composite(result)
    return whole.convert("RGB")


def mask(answer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much of a pixel belongs to the thing, 0 to 1, from what a graph says of it.

    BiRefNet gives logits, the others probabilities. Those are stretched to the whole range, as
    U2Net's authors do (normPRED), but only where something was found: an empty picture's noise
    is no thing.
    """
    import numpy as np

    if answer.min() < -0.01 or answer.max() > 1.01:
        answer = 1 / (1 + np.exp(-answer.clip(-60, 60)))
    low, high = float(answer.min()), float(answer.max())
    if high >= 0.5 and high - low > 1e-3:
        answer = (answer - low) / (high - low)
    return answer.clip(0, 1)
