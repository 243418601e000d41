"""What a job asks for, checked as far as it can be before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.image import pictures, sticker, usual
from studio.engine.image.kinds import Task
from studio.engine.image.layout import Layout
from studio.engine.image.pipelines import laid_over

if TYPE_CHECKING:
    from PIL import Image

TILED_ABOVE = 128 * 128
"""Latents above which an autoencoder works in tiles: the attention in its middle takes 2 GB for
so many, and four times as much for twice the side."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A job's settings, checked; sizes in pixels, pictures of this size."""

    values: Mapping[str, Value]
    """With numbers of steps and guidance for what was left to the model."""
    task: Task
    width: int
    height: int
    picture: Image.Image | None
    mask: Image.Image | None
    control: Image.Image | None
    controlnet: tuple[Path, float] | None
    """Its folder, and how strongly it counts."""
    preview: Path | None
    """The folder of a small decoder, where one was chosen."""
    tiled: bool

    @property
    def count(self) -> int:
        return int(self.values["count"])


def read(job: Job, values: Mapping[str, Value], layout: Layout) -> Wish:
    """The wish of a job for a model. Raises StudioError for what cannot be."""
    sticker.check(layout, str(values["background"]))
    files = job.inputs
    picture = pictures.read(files["picture"]) if "picture" in files else None
    mask = None
    if "mask" in files:
        if picture is None:
            raise StudioError(
                "There is a mask, but no picture under it.",
                "Choose the picture that is to change, or take the mask out.",
            )
        mask = pictures.read_mask(files["mask"], picture.size)
    control = pictures.read(files["control_picture"]) if "control_picture" in files else None
    controlnet = _controlnet(job, values, layout, control is not None)
    task = _task(layout, picture is not None, mask is not None, controlnet is not None)
    like = picture or control
    width, height = int(values["width"]), int(values["height"])
    if like is not None and not width and not height:
        width, height = pictures.like(like.size, layout.size, layout.unit)
    width, height = width or layout.size[0], height or layout.size[1]
    pictures.check_size(width, height, layout.unit, layout.largest)
    if device.providers(job.device) == [device.CPU]:
        pictures.check_memory(width, height, layout.attention_bytes(width, height))
    _check_layers(layout, int(values["clip_skip"]))
    previews = laid_over(job, "preview")
    large = width * height // layout.scale**2 > TILED_ABOVE
    return Wish(
        values=usual.resolved(values, layout, [p.name for p, _ in laid_over(job, "lora")]),
        task=task,
        width=width,
        height=height,
        picture=None if picture is None else pictures.fill(picture, width, height),
        mask=None if mask is None else pictures.fill(mask, width, height),
        control=None if control is None else pictures.fill(control, width, height),
        controlnet=controlnet,
        preview=previews[0][0] if previews else None,
        tiled={"auto": large, "on": True, "off": False}[str(values["tiling"])],
    )


def _controlnet(
    job: Job, values: Mapping[str, Value], layout: Layout, pictured: bool
) -> tuple[Path, float] | None:
    """The ControlNet that was chosen, or the model's own, where there is a picture for it."""
    chosen = laid_over(job, "controlnet")
    own = layout.place("controlnet")
    if chosen and not pictured:
        raise StudioError(
            "There is a ControlNet, but no picture for it to follow.",
            "Choose a picture for the ControlNet, or take the ControlNet out.",
        )
    if not pictured:
        return None
    scale = float(values["control_scale"])
    if chosen:
        return chosen[0][0], chosen[0][1] * scale
    if own.is_dir():
        return own, scale
    raise StudioError(
        "There is a picture to follow, but no ControlNet that could.",
        "Choose a ControlNet, or take the picture out.",
    )


def _task(layout: Layout, picture: bool, mask: bool, control: bool) -> Task:
    """What is to be done. Raises StudioError where the model cannot."""
    drawn: Task = "mask" if mask else "picture" if picture else "words"
    steered: dict[Task, Task] = {
        "words": "control",
        "picture": "control+picture",
        "mask": "control+mask",
    }
    task = steered[drawn] if control else drawn
    if task in layout.tasks:
        return task
    name = layout.folder.name
    if layout.fills and not mask:
        raise StudioError(
            f"The model “{name}” is made for inpainting: it draws what is painted over.",
            "Choose a picture and paint a mask over it, or choose a text-to-image model.",
        )
    if "words" not in layout.tasks and not picture:
        raise StudioError(
            f"The model “{name}” only finishes pictures that are there already.",
            "Choose a picture to start from, or another model.",
        )
    if control:
        raise StudioError(
            f"The model “{name}” cannot follow a ControlNet together with this.",
            "Take the ControlNet and its picture out, or the other picture, or choose another"
            " model.",
        )
    raise StudioError(
        f"The model “{name}” cannot draw with this picture and mask.",
        "Take the mask out, or choose another model.",
    )


def _check_layers(layout: Layout, skipped: int) -> None:
    """Raises StudioError where an encoder has too few layers to leave so many out."""
    clips = [
        int(layout.configs[e].get("num_hidden_layers", 12))
        for e in layout.encoders
        if layout.configs[e].get("model_type") == "clip_text_model"
    ]
    if skipped and (layout.kind.packed or skipped >= min(clips, default=0)):
        raise StudioError(
            "This model cannot leave so many layers of its text encoder out."
            if clips and not layout.kind.packed
            else "This model takes nothing from the layers of a CLIP text encoder.",
            "Set “CLIP skip” to 0.",
        )
