"""Pictures by latent diffusion: what can be set, and how a job is run."""

from __future__ import annotations

from collections.abc import Generator

from studio.core.controls import (
    Choice,
    Extra,
    Mask,
    Number,
    Option,
    Picture,
    Text,
)
from studio.core.family import Example, FamilySpec
from studio.core.messages import Step
from studio.core.recipe import Job
from studio.engine.image import handover, schedulers, sticker, usual
from studio.engine.image.drawing import Drawing
from studio.engine.image.kinds import KINDS
from studio.engine.image.loaded import libraries
from studio.engine.workbench import Workbench

STYLES = (
    # The words of the starter model's captions; large models know them as well.
    Option(value="", label="None"),
    Option(value="3d", label="3D"),
    Option(value="flat", label="Flat"),
    Option(value="cartoon", label="Cartoon"),
    Option(value="sticker", label="Sticker"),
    Option(value="blob", label="Blob"),
)

SPEC = FamilySpec(
    id="image.diffusion",
    title="Draw a picture",
    kind="image",
    controls=(
        Text(
            name="prompt",
            label="Prompt",
            help="What the picture shows.",
            lines=3,
            placeholder="red apple",
            required=True,
        ),
        Picture(
            name="picture",
            label="Start from a picture",
            help="The new picture is drawn over this one.",
            folded=True,
        ),
        Mask(
            name="mask",
            label="Mask",
            help="Only what is painted over is drawn anew.",
            folded=True,
        ),
        Picture(
            name="control_picture",
            label="Picture for the ControlNet",
            help="Its lines, depth or pose are followed, as the ControlNet was taught.",
            folded=True,
        ),
        Choice(
            name="style",
            label="Style",
            help="Is put after the prompt, with a comma.",
            default="",
            options=STYLES,
        ),
        Text(
            name="negative_prompt",
            label="Negative prompt",
            help="What the picture should not show. Works with a guidance above 1.",
            lines=2,
            folded=True,
        ),
        Choice(
            name="background",
            label="Background",
            help="Transparent leaves only the thing itself, as a sticker.",
            default="white",
            options=(
                Option(value="white", label="White"),
                Option(value=sticker.TRANSPARENT, label="Transparent"),
            ),
            part=sticker.NEEDS,
        ),
        Number(
            name="width",
            label="Width",
            help="0 takes the model's own width.",
            default=0,
            minimum=0,
            maximum=2048,
            step=8,
            whole=True,
            unit="px",
            least="Automatic",
            folded=True,
        ),
        Number(
            name="height",
            label="Height",
            help="0 takes the model's own height.",
            default=0,
            minimum=0,
            maximum=2048,
            step=8,
            whole=True,
            unit="px",
            least="Automatic",
            folded=True,
        ),
        Number(
            name="count",
            label="Pictures",
            help="Each one after the first has the next seed.",
            default=1,
            minimum=1,
            maximum=16,
            whole=True,
        ),
        Number(
            name="steps",
            label="Steps",
            help="More steps take longer and draw finer, up to some point; 0 takes as many as"
            " suit the model.",
            default=0,
            minimum=0,
            maximum=usual.MOST_STEPS,
            whole=True,
            least="Automatic",
        ),
        Number(
            name="guidance",
            label="Guidance",
            help="How closely the prompt is followed. Up to 1 it is not pressed at all; the lowest"
            " value takes what suits the model.",
            default=usual.AUTOMATIC,
            minimum=usual.AUTOMATIC,
            maximum=usual.MOST_GUIDANCE,
            step=0.5,
            least="Automatic",
        ),
        Choice(
            name="sampler",
            label="Sampler",
            help="How noise becomes a picture.",
            default=schedulers.OWN,
            options=schedulers.options(),
            folded=True,
        ),
        Number(
            name="strength",
            label="Strength",
            help="How far the new picture may leave the one it starts from.",
            default=0.75,
            minimum=0.05,
            maximum=1.0,
            step=0.05,
            folded=True,
        ),
        Number(
            name="guidance_rescale",
            label="Guidance rescale",
            help="Takes back colours that a high guidance burns. Not with every kind of model.",
            default=0.0,
            minimum=0.0,
            maximum=1.0,
            step=0.05,
            folded=True,
        ),
        Extra(
            name="lora",
            label="LoRA",
            help="Smaller models that change the style or add a subject, each with a strength.",
            role="lora",
            several=True,
            minimum=-2.0,
            folded=True,
        ),
        Extra(
            name="controlnet",
            label="ControlNet",
            help="Follows a further picture. It has to be made for this kind of model.",
            role="controlnet",
            folded=True,
        ),
        Number(
            name="control_scale",
            label="ControlNet strength",
            help="How closely the further picture is followed.",
            default=1.0,
            minimum=0.0,
            maximum=2.0,
            step=0.05,
            folded=True,
        ),
        Number(
            name="clip_skip",
            label="CLIP skip",
            help="Layers of the text encoder that are left out; some models were taught without"
            " the last one. What other programs call clip skip 2 is 1 here.",
            default=0,
            minimum=0,
            maximum=11,
            whole=True,
            least="None",
            folded=True,
        ),
        Choice(
            name="tiling",
            label="Decode in tiles",
            help="Takes less memory for a large picture; its parts may differ a little.",
            default="auto",
            options=(
                Option(value="auto", label="When it is large"),
                Option(value="on", label="Always"),
                Option(value="off", label="Never"),
            ),
            folded=True,
        ),
        Extra(
            name="preview",
            label="Preview decoder",
            help="A small model that shows the picture on the way in less time.",
            role="preview",
            folded=True,
        ),
    ),
    needs=("model_index.json", "scheduler/scheduler_config.json"),
    where={"layout": ("diffusers",), "pipeline": tuple(KINDS)},
    models="Stable Diffusion 1.5, 2.1 and XL with their Turbo, LCM and inpainting forms, Stable"
    " Diffusion 3, FLUX.1 dev, schnell and Fill; ControlNets for all but LCM and Fill; LoRAs",
    proved="pictures of each of diffusers' pipelines against torch, same seed, within 1e-4, on"
    " tiny models of the published classes with random weights; the starter model as it is",
    outputs=(".png",),
    examples=(
        Example("A red apple", {"prompt": "red apple", "style": "3d"}),
        Example("A cat", {"prompt": "cat", "style": "cartoon"}),
        Example("A rocket", {"prompt": "rocket", "style": "flat"}),
    ),
)


def warm() -> None:
    """Import what `run` will need."""
    libraries()


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Draw the pictures of a job. Raises StudioError for whatever a person can mend."""
    drawing = Drawing(job, bench, SPEC.controls)
    yield from handover.steps(drawing.work, drawing.halt, drawing.beat)
