"""The same numbers as diffusers on torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.engine.image import pictures, pipelines, schedulers
from studio.engine.image.loaded import pipeline_class
from tests.engine import tiny_image
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import BENCH, model_of, outputs, pixels

WORDS, PICTURE = "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"


def drawn(pipeline: Any, **settings: Any) -> Any:
    import torch

    return pipeline(
        "a fox",
        negative_prompt="a hen",
        num_inference_steps=4,
        guidance_scale=4.0,
        generator=torch.Generator("cpu").manual_seed(5),
        output_type="np",
        **settings,
    ).images[0]


def on_torch(name: str, scheduler: Any) -> Any:
    """diffusers' own pipeline with the modules that the tiny model was exported from."""
    tokenizer, text_encoder, unet, vae = tiny_image.modules()
    pipeline = pipeline_class(name)(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


DRIVING = [schedulers.OWN, *(s.id for s in schedulers.fitting("noise"))]


@pytest.mark.parametrize("sampler", DRIVING)
def test_the_numbers_are_those_of_torch(sampler: str, make_job: MakeJob) -> None:
    model = model_of(make_job())
    ours = drawn(model.pipeline("words", sampler), guidance_rescale=0.5)
    scheduler = schedulers.build(sampler, model.layout.scheduler)
    theirs = drawn(on_torch(WORDS, scheduler), guidance_rescale=0.5)
    assert theirs.std() > 0.02
    assert np.abs(ours - theirs).max() <= 1e-3


@pytest.mark.parametrize("sampler", ["auto", "euler_a", "heun", "ddim"])
def test_so_are_those_from_a_picture(sampler: str, make_job: MakeJob, photo: Path) -> None:
    job = make_job(picture=photo)
    model = model_of(job)
    pipelines.open_encoder(job, BENCH, model)
    picture = pictures.fill(pictures.read(photo), 48, 32)
    ours = drawn(model.pipeline("picture", sampler), image=picture, strength=0.6)
    scheduler = schedulers.build(sampler, model.layout.scheduler)
    theirs = drawn(on_torch(PICTURE, scheduler), image=picture, strength=0.6)
    assert ours.shape == (32, 48, 3)
    assert np.abs(ours - theirs).max() <= 1e-3


def test_the_file_holds_what_torch_draws(make_job: MakeJob) -> None:
    job = make_job(
        prompt="a fox", negative_prompt="a hen", steps=4, guidance=4.0, seed=5, sampler="euler"
    )
    (made,) = outputs(job)
    scheduler = schedulers.build("euler", tiny_image.SCHEDULER)
    theirs = (drawn(on_torch(WORDS, scheduler)) * 255).round()
    assert np.abs(pixels(made) - theirs).max() <= 1
