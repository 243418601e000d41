"""Pictures by latent diffusion: diffusers' pipelines, samplers by their names, a live preview."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core import media
from studio.core.controls import (
    MAX_SEED,
    Choice,
    Number,
    Option,
    Picture,
    Text,
    Value,
    complete,
)
from studio.core.errors import StudioError
from studio.core.family import Example, FamilySpec
from studio.core.files import write_atomic
from studio.core.messages import ImagePreview, Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine import device
from studio.engine.image import handover, layout, pictures, pipelines, prompt, schedulers
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import torch
    from PIL import Image

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
            help="More steps take longer and draw finer, up to some point.",
            default=20,
            minimum=1,
            maximum=100,
            whole=True,
        ),
        Number(
            name="guidance",
            label="Guidance",
            help="How closely the prompt is followed. Up to 1 it is not pressed at all.",
            default=4.0,
            minimum=0.0,
            maximum=20.0,
            step=0.5,
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
            help="Takes back colours that a high guidance burns. Not when a picture goes in.",
            default=0.0,
            minimum=0.0,
            maximum=1.0,
            step=0.05,
            folded=True,
        ),
    ),
    needs=("model_index.json", "unet/model.onnx", "vae_decoder/model.onnx"),
    outputs=(".png",),
    examples=(
        Example("A red apple", {"prompt": "red apple", "style": "3d"}),
        Example("A cat", {"prompt": "cat", "style": "cartoon"}),
        Example("A rocket", {"prompt": "rocket", "style": "flat"}),
    ),
)

LOADED = 0.05
"""Part of a job's progress that loading is; the pictures share the rest evenly."""
DRAWN, DECODED = 0.9, 0.96
"""Parts of one picture's share after drawing and after decoding."""


def warm() -> None:
    """Import what `run` will need."""
    pipelines.libraries()


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Draw the pictures of a job. Raises StudioError for whatever a person can mend."""
    drawing = Drawing(job, bench)
    yield from handover.steps(drawing.work, drawing.halt, drawing.beat)


@dataclass(frozen=True, slots=True)
class Wish:
    """A job's settings, checked; sizes in pixels, `picture` the one to start from."""

    values: dict[str, Value]
    width: int
    height: int
    picture: Image.Image | None


class Drawing:
    """One job, from the model folder to the files. Works in a thread, is stopped from another."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self._job, self._bench = job, bench
        self._values = complete(SPEC.controls, job.recipe.values)
        self._model: pipelines.Model | None = None
        self._halted = False
        self._last = Progress("starting", 0, 1, 0.0)
        self._emit: Callable[[Step], None] = lambda step: None

    def halt(self) -> None:
        """Stop the graph that runs. Called from the generator's thread."""
        self._halted = True
        if self._model is not None:
            self._model.brake.pull()

    def beat(self) -> Step | None:
        """Where we are, again, while one long graph runs: a moment at which it can be stopped."""
        busy = self._model is not None and self._model.brake.busy
        return self._last if busy else None

    def work(self, emit: Callable[[Step], None]) -> None:
        """Everything a job is, in order."""
        self._emit = emit
        self._say("starting", 0, 1, 0.0)
        wish, found = self._wish()
        pipelines.libraries()
        import torch

        self._say("loading", 0, 1, 0.0)

        # Sessions do the computing; what torch does between them is small, and the same in every
        # process only if it is not divided differently.
        torch.set_num_threads(1)
        model = pipelines.load(
            self._job, self._bench, found, lambda i, n: self._say("loading", i, n, LOADED * i / n)
        )
        if wish.picture is not None:
            pipelines.open_encoder(self._job, self._bench, model)
        self._say("loading", 1, 1, LOADED)
        self._model = model
        if self._halted:  # a moment ago, when there was no brake to pull yet
            model.brake.pull()
        for number in range(int(wish.values["count"])):
            self._draw(model, wish, number)

    def _wish(self) -> tuple[Wish, layout.Layout]:
        """What is asked for, as far as it can be checked before anything is loaded."""
        found = layout.read(self._job.model)
        path = self._job.inputs.get("picture")
        source = None if path is None else pictures.read(path)
        width, height = int(self._values["width"]), int(self._values["height"])
        if source is not None and not width and not height:
            width, height = pictures.like(source.size, found.size, found.unit)
        width, height = width or found.size[0], height or found.size[1]
        pictures.check_size(width, height, found.unit)
        if device.providers(self._job.device) == [device.CPU]:
            pictures.check_memory(width, height, found.attention_bytes(width, height))
        if source is not None:
            source = pictures.fill(source, width, height)
        return Wish(self._values, width, height, source), found

    def _draw(self, model: pipelines.Model, wish: Wish, number: int) -> None:
        """One picture of the batch."""
        import numpy as np
        import torch

        values = wish.values
        share = (1.0 - LOADED) / int(values["count"])
        start = LOADED + number * share
        seed = (self._job.recipe.seed + number) % (MAX_SEED + 1)
        words, cut = prompt.fit(
            str(values["prompt"]),
            str(values["style"]),
            model.tokenizer.model_max_length,
            pipelines.tokens(model),
        )
        pipeline = model.pipeline(str(values["sampler"]), from_picture=wish.picture is not None)
        steps, options = int(values["steps"]), dict[str, Any]()
        if wish.picture is not None:
            strength = float(values["strength"])
            while int(steps * strength) < 1:
                steps += 1  # a picture that nothing is drawn on would be no answer
            options |= {"image": wish.picture, "strength": strength}
        else:
            options |= {"width": wish.width, "height": wish.height}
            options |= {"guidance_rescale": float(values["guidance_rescale"])}

        def drawn(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            total = int(pipe.num_timesteps)
            self._say("drawing", index + 1, total, start + share * DRAWN * (index + 1) / total)
            if index + 1 < total:
                self._emit(preview(number, _estimate(pipe), model.vae))
            else:
                self._say("decoding", 0, 1, start + share * DRAWN)
            return tensors

        self._say("drawing", 0, steps, start)
        result = pipeline(
            words,
            negative_prompt=str(values["negative_prompt"]),
            num_inference_steps=steps,
            guidance_scale=float(values["guidance"]),
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="np",
            callback_on_step_end=drawn,
            **options,
        )
        pixels = result.images[0]
        if not np.isfinite(pixels).all():
            raise StudioError(
                "The model lost the picture on the way: its numbers ran out of bounds.",
                "Choose a lower guidance or another sampler.",
            )
        pixels = (pixels * 255).round().astype(np.uint8)
        height, width = pixels.shape[:2]
        self._say("decoding", 1, 1, start + share * DECODED)
        self._emit(ImagePreview(number, width, height, pixels.tobytes()))
        self._say("saving", 0, 1, start + share * DECODED)
        recipe = replace(self._job.recipe, seed=seed, values={**values, "count": 1})
        record = Record(recipe, model.provider, mark_ai=self._job.mark_ai)
        file = self._save(number, pictures.png(pixels), record)
        summary: dict[str, Any] = {"width": width, "height": height}
        summary["title"] = prompt.title(str(values["prompt"]))
        if cut:
            summary["note"] = "The prompt is longer than this model reads; its end was left out."
        self._emit(Output((file,), recipe, summary))
        self._say("saving", 1, 1, start + share)

    def _save(self, number: int, png: bytes, record: Record) -> Path:
        path = self._job.folder / f"picture-{number + 1:02d}.png"
        write_atomic(path, media.embed(png, path.suffix, record))
        return path

    def _say(self, phase: Phase, step: int, total: int, fraction: float) -> None:
        self._last = Progress(phase, step, total, min(1.0, fraction))
        self._emit(self._last)


def _estimate(pipe: Any) -> torch.Tensor:
    """The clean latents (1, channels, height, width) that the UNet's last output stands for.

    Every sampler shows the UNet a variance-preserving mix of picture and noise, so this needs
    only the cumulated alpha of the timestep; prediction types as in Salimans and Ho 2022.
    """
    import numpy as np

    sample: torch.Tensor
    predicted: torch.Tensor
    sample, timestep, predicted = pipe.unet.last
    if predicted.shape[0] == 2:
        without, with_words = predicted.chunk(2)
        predicted = without + pipe.guidance_scale * (with_words - without)
        sample = sample[:1]
    alphas = pipe.scheduler.alphas_cumprod.double().numpy()
    alpha = float(np.interp(float(timestep), np.arange(len(alphas)), alphas))
    keep, noise = alpha**0.5, (1.0 - alpha) ** 0.5
    kind = pipe.scheduler.config.prediction_type
    if kind == "v_prediction":
        predicted = keep * sample - noise * predicted
    elif kind != "sample":
        predicted = (sample - noise * predicted) / max(keep, 0.05)
    return predicted


PREVIEW_LATENTS = 32
"""Latents on a preview's longer side. Larger ones are averaged before they are decoded, which
costs a sixteenth where it shows a quarter of the width."""


def preview(index: int, latents: torch.Tensor, vae: Any) -> ImagePreview:
    """Latents as the picture they are on the way to, seen through the model's own decoder."""
    import torch

    factor = -(-max(latents.shape[-2:]) // PREVIEW_LATENTS)
    with torch.no_grad():
        if factor > 1:
            latents = torch.nn.functional.avg_pool2d(latents, factor)
        pixels = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0][0]
        pixels = torch.nan_to_num(pixels).clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    height, width = pixels.shape[-2:]
    return ImagePreview(
        index, width, height, pixels.permute(1, 2, 0).contiguous().numpy().tobytes()
    )
