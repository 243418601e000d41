"""A picture end to end at the starter model's shape: our engine against diffusers on torch.

Both run with one thread, twenty steps of DPM++ 2M and guidance; the peer has the same modules,
built from the same configurations (speed does not depend on what the weights say).
"""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

from bench import report
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

STEPS = 20
MODEL = resources() / "models" / "triptych-sketch"


def engine(model: Path) -> tuple[float, float]:
    """Seconds for the first picture (loading included) and for the next."""
    import studio.engine.image.diffusion as diffusion

    bench = Workbench()
    recipe = Recipe(
        "image", "image.diffusion", model.name, 1,
        {"prompt": "red apple", "steps": STEPS, "guidance": 4.0, "sampler": "dpmpp_2m"},
    )  # fmt: skip

    def once() -> None:
        with tempfile.TemporaryDirectory() as folder:
            job = Job("bench", recipe, Path(folder), model, device=DeviceChoice("cpu", 1))
            for _ in diffusion.run(job, bench):
                pass

    diffusion.warm()
    return report.best(once, 1), report.best(once)


def torch_pipeline(model: Path) -> Any:
    """diffusers' own pipeline of the same shape, on torch, random weights."""
    import torch
    from diffusers import (
        AutoencoderKL,
        DPMSolverMultistepScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.set_num_threads(1)

    def config(part: str) -> dict[str, Any]:
        data = json.loads((model / part / "config.json").read_text("utf-8"))
        return {k: v for k, v in data.items() if not k.startswith("_")}

    pipeline = StableDiffusionPipeline(
        unet=UNet2DConditionModel(**config("unet")).eval(),
        vae=AutoencoderKL(**config("vae_decoder")).eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**config("text_encoder"))).eval(),
        tokenizer=CLIPTokenizer.from_pretrained(model / "tokenizer"),
        scheduler=DPMSolverMultistepScheduler.from_pretrained(model / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def main() -> None:
    first, next_one = engine(MODEL)
    with warnings.catch_warnings(action="ignore"):  # advice to makers of other models
        pipeline = torch_pipeline(MODEL)

    def draw() -> None:
        pipeline("red apple", num_inference_steps=STEPS, guidance_scale=4.0)

    draw()
    peer = {"diffusers on torch": report.best(draw)}
    report.duration("image: one picture, end to end, with previews", next_one, peer)
    print(f"{'image: the first one, loading included':<44} {first:10.4f} s")


if __name__ == "__main__":
    main()
