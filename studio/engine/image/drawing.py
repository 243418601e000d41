"""One job of drawing, from the model folder to the files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.core import media
from studio.core.controls import MAX_SEED, AnyControl, complete
from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.core.messages import ImagePreview, Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.image import layout, pictures, pipelines, previews, prompt, sticker, wishes
from studio.engine.image.loaded import Model, libraries
from studio.engine.image.wishes import Wish
from studio.engine.workbench import Workbench

LOADED = 0.05
"""Part of a job's progress that loading is; the pictures share the rest evenly."""
DRAWN, DECODED = 0.9, 0.96
"""Parts of one picture's share after drawing and after decoding."""


class Drawing:
    """One job, from the model folder to the files. Works in a thread, is stopped from another."""

    def __init__(self, job: Job, bench: Workbench, controls: Sequence[AnyControl]) -> None:
        self._job, self._bench = job, bench
        self._values = complete(controls, job.recipe.values)
        self._model: Model | None = None
        self._controlnet: Any = None
        self._small: Any = None
        self._cut: Callable[[Any], Any] = lambda pixels: pixels
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
        found = layout.read(self._job.model)
        wish = wishes.read(self._job, self._values, found)
        libraries()
        import torch

        self._say("loading", 0, 1, 0.0)

        # Sessions do the computing; what torch does between them is small, and the same in every
        # process only if it is not divided differently.
        torch.set_num_threads(1)
        model = self._load(wish, found)
        self._say("loading", 1, 1, LOADED)
        self._model = model
        if self._halted:  # a moment ago, when there was no brake to pull yet
            model.brake.pull()
        for number in range(wish.count):
            self._draw(model, wish, number)

    def _load(self, wish: Wish, found: layout.Layout) -> Model:
        """The model, with what the wish needs besides."""
        job, bench = self._job, self._bench
        model = pipelines.load(
            job, bench, found, lambda i, n: self._say("loading", int(i), n, LOADED * i / n)
        )
        # A transformer's ControlNet looks at its picture through the autoencoder.
        latent = wish.control is not None and found.kind.denoiser == "transformer"
        if wish.picture is not None or latent:
            pipelines.open_encoder(job, bench, model, self._loaded)
        if wish.controlnet is not None:
            folder, _ = wish.controlnet
            self._controlnet = pipelines.open_controlnet(job, bench, model, folder, self._loaded)
        self._small = pipelines.open_preview(job, bench, model, wish.preview)
        if wish.values["background"] == sticker.TRANSPARENT:
            self._cut = pipelines.open_cutter(job, bench, model)
        return model

    def _loaded(self, part: float) -> None:
        """The model is there, and something for it is not yet."""
        self._say("loading", 1, 1, LOADED)

    def _draw(self, model: Model, wish: Wish, number: int) -> None:
        """One picture of the batch."""
        import numpy as np
        import torch

        values = wish.values
        share = (1.0 - LOADED) / wish.count
        start = LOADED + number * share
        seed = (self._job.recipe.seed + number) % (MAX_SEED + 1)
        said, cut = prompt.fit(str(values["prompt"]), str(values["style"]), model.room, model.count)
        unwanted = str(values["negative_prompt"])
        pipeline = model.pipeline(
            wish.task, str(values["sampler"]), (said, unwanted), self._controlnet
        )
        accepted = set(inspect.signature(type(pipeline).__call__).parameters)
        options = _options(model, wish, accepted)
        _check_steps(pipeline, options, wish, accepted)
        (model.vae.enable_tiling if wish.tiled else model.vae.disable_tiling)()

        rhythm = previews.Rhythm()

        def drawn(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            total = int(pipe.num_timesteps)
            self._say("drawing", index + 1, total, start + share * DRAWN * (index + 1) / total)
            if index + 1 < total:
                if not rhythm.due():
                    model.denoiser.calls.clear()
                    return tensors
                with rhythm:
                    preview = self._preview(pipe, model, wish, number)
                self._emit(preview)
            else:
                self._say("decoding", 0, 1, start + share * DRAWN)
            return tensors

        self._say("drawing", 0, int(values["steps"]), start)
        torch.manual_seed(seed)  # some pipelines draw a ControlNet's latents without a generator
        result = pipeline(
            prompt=said,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="np",
            callback_on_step_end=drawn,
            **{k: v for k, v in options.items() if k in accepted},
        )
        pixels = result.images[0]
        if not np.isfinite(pixels).all():
            raise StudioError(
                "The model lost the picture on the way: its numbers ran out of bounds.",
                "Choose a lower guidance or another sampler.",
            )
        pixels = (pixels * 255).round().astype(np.uint8)
        if wish.mask is not None and wish.picture is not None:
            pixels = pictures.kept(pixels, wish.picture, wish.mask)
        height, width = pixels.shape[:2]
        self._say("decoding", 1, 1, start + share * DECODED)
        self._emit(ImagePreview(number, width, height, pixels.tobytes()))
        pixels = self._cut(pixels)
        self._say("saving", 0, 1, start + share * DECODED)
        recipe = replace(self._job.recipe, seed=seed, values={**values, "count": 1})
        record = Record(recipe, model.provider, mark_ai=self._job.mark_ai)
        file = self._save(number, pictures.png(pixels), record)
        summary: dict[str, Any] = {"width": width, "height": height}
        summary["title"] = prompt.title(str(values["prompt"]))
        notes = [
            "The prompt is longer than this model reads; its end was left out." if cut else "",
            _unheard(unwanted, options),
        ]
        if any(notes):
            summary["note"] = " ".join(filter(None, notes))
        self._emit(Output((file,), recipe, summary))
        self._say("saving", 1, 1, start + share)

    def _preview(self, pipe: Any, model: Model, wish: Wish, number: int) -> ImagePreview:
        latents = previews.estimate(pipe, model.denoiser)
        if latents.ndim == 3:
            scale = model.layout.scale
            latents = previews.unpacked(latents, wish.height // scale, wish.width // scale)
        if self._small is None:
            return previews.through_vae(number, latents, model.vae)
        return previews.through_small(number, latents, self._small[0], self._small[1])

    def _save(self, number: int, png: bytes, record: Record) -> Path:
        path = self._job.folder / f"picture-{number + 1:02d}.png"
        write_atomic(path, media.embed(png, path.suffix, record))
        return path

    def _say(self, phase: Phase, step: int, total: int, fraction: float) -> None:
        self._last = Progress(phase, step, total, min(1.0, fraction))
        self._emit(self._last)


def _unheard(unwanted: str, options: dict[str, Any]) -> str:
    """What is to be said of a negative prompt that did nothing."""
    if unwanted and options["negative_prompt"] is None:
        return "This model takes no negative prompt; it was left out."
    if unwanted and options["guidance_scale"] <= 1:
        return "The negative prompt did nothing: it works with a guidance above 1."
    return ""


def _options(model: Model, wish: Wish, accepted: set[str]) -> dict[str, Any]:
    """Whatever a pipeline may be told, of which it takes what it knows."""
    values = wish.values
    steps, strength = int(values["steps"]), float(values["strength"])
    if wish.picture is not None:
        while int(steps * strength) < 1:
            steps += 1  # a picture that nothing is drawn on would be no answer
    guidance, unwanted = float(values["guidance"]), str(values["negative_prompt"])
    # FLUX with guidance of its own is told how much; the other kind has two runs a step.
    own = bool(model.layout.denoiser.get("guidance_embeds"))
    takes = "negative_prompt" in accepted and not own
    options: dict[str, Any] = {
        "num_inference_steps": steps,
        "strength": strength,
        "guidance_scale": guidance,
        "true_cfg_scale": guidance if unwanted and takes else 1.0,
        # None, not "": SDXL was taught that nothing unwanted is no words at all.
        "negative_prompt": unwanted or None if takes else None,
        "guidance_rescale": float(values["guidance_rescale"]),
        "clip_skip": int(values["clip_skip"]) or None,
        "max_sequence_length": model.tokens,
        "width": wish.width,
        "height": wish.height,
        "image": wish.picture,
        "mask_image": wish.mask,
        "control_image": wish.control,
    }
    if wish.controlnet is not None:
        options["controlnet_conditioning_scale"] = wish.controlnet[1]
        if "control_image" not in accepted:  # the one from words calls it so
            options["image"] = wish.control
    return options


def _check_steps(pipeline: Any, options: dict[str, Any], wish: Wish, accepted: set[str]) -> None:
    """Raises StudioError for more steps than a model was taught to draw in at once."""
    most = int(pipeline.scheduler.config.get("original_inference_steps") or 0)
    if most and wish.picture is not None and "original_inference_steps" in accepted:
        most = int(most * options["strength"])
    if most and options["num_inference_steps"] > most:
        raise StudioError(
            f"This way of drawing takes at most {most} steps here.",
            f"Choose {most} steps or fewer; 4 to 8 are usual. A picture to start from takes more"
            " with a higher strength.",
        )
