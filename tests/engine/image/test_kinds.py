"""Every kind of model, from words, pictures, masks and with ControlNets: the numbers of torch."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.core.recipe import Job
from studio.engine.image import layout, pipelines, schedulers
from studio.engine.image.kinds import KINDS, Task
from studio.engine.image.loaded import Model, libraries, pipeline_class
from tests.engine.image import tiny_kinds
from tests.engine.image.conftest import MakeKind
from tests.engine.image.drawing import BENCH

SIZE = {"width": 64, "height": 48}
CASES: list[tuple[str, Task]] = [
    *(("sd", t) for t in KINDS["StableDiffusionPipeline"].pipelines),
    ("sd9", "mask"),
    ("lcm", "words"),
    ("lcm", "picture"),
    ("lcm", "mask"),
    *(("xl", t) for t in KINDS["StableDiffusionXLPipeline"].pipelines),
    *(("sd3", t) for t in KINDS["StableDiffusion3Pipeline"].pipelines),
    *(("flux", t) for t in KINDS["FluxPipeline"].pipelines),
    ("fill", "mask"),
]


def noise(seed: int, mode: str = "RGB") -> Image.Image:
    chance = np.random.default_rng(seed)
    shape = (SIZE["height"], SIZE["width"], 3)
    return Image.fromarray(chance.integers(0, 255, shape, dtype=np.uint8)).convert(mode)


def half() -> Image.Image:
    """A mask over the right half."""
    mask = np.zeros((SIZE["height"], SIZE["width"]), np.uint8)
    mask[:, SIZE["width"] // 2 :] = 255
    return Image.fromarray(mask)


def drawn(pipeline: Any, task: Task, **more: Any) -> Any:
    import torch

    known = inspect.signature(type(pipeline).__call__).parameters
    control = noise(2)
    given: dict[str, Any] = {
        "prompt": "a fox",
        "negative_prompt": "a hen",
        "true_cfg_scale": 2.0,
        "num_inference_steps": 3,
        "guidance_scale": 4.0,
        "strength": 0.8,
        "controlnet_conditioning_scale": 0.7,
        "max_sequence_length": 40,
        "image": noise(1),
        "mask_image": half(),
        "control_image": control,
        **SIZE,
        **more,
    }
    if task == "control" and "control_image" not in known:
        given["image"] = control
    torch.manual_seed(6)  # some draw a ControlNet's latents without the generator
    return pipeline(
        generator=torch.Generator("cpu").manual_seed(5),
        output_type="np",
        **{k: v for k, v in given.items() if k in known},
    ).images[0]


def of_torch(job: Job, kind: str, model: Model, task: Task, sampler: str) -> Any:
    """diffusers' own pipeline with the modules that the tiny model was exported from."""
    cls = pipeline_class(model.layout.kind.pipelines[task])
    parts: dict[str, Any] = dict.fromkeys(inspect.signature(cls.__init__).parameters)
    parts |= tiny_kinds.on_torch(kind)
    parts["scheduler"] = schedulers.build(sampler, model.layout.scheduler)
    if task.startswith("control"):
        parts["controlnet"] = tiny_kinds.tiny(tiny_kinds.CONTROLNETS.get(kind, "controlnet"))
    parts.pop("self")
    switches = {n: False for n in ("requires_safety_checker", "add_watermarker") if n in parts}
    parts |= {n: d for n, d in _defaults(cls).items() if isinstance(d, bool)} | switches
    pipeline = cls(**parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _defaults(cls: Any) -> dict[str, Any]:
    return {n: p.default for n, p in inspect.signature(cls.__init__).parameters.items()}


def loaded(job: Job, task: Task) -> tuple[Model, Any]:
    """The model of a job, with its ControlNet where the task has one."""
    libraries()
    model = pipelines.load(job, BENCH, layout.read(job.model), lambda i, n: None)
    pipelines.open_encoder(job, BENCH, model)
    if not task.startswith("control"):
        return model, None
    return model, pipelines.open_controlnet(job, BENCH, model, job.extras["steer"])


@pytest.mark.parametrize(("kind", "task"), CASES, ids=lambda v: str(v))
def test_the_numbers_are_those_of_torch(kind: str, task: Task, make_kind: MakeKind) -> None:
    job = make_kind(kind, steered=task.startswith("control"))
    model, controlnet = loaded(job, task)
    ours = drawn(model.pipeline(task, "auto", (), controlnet), task)
    theirs = drawn(of_torch(job, kind, model, task, "auto"), task)
    assert ours.shape == (SIZE["height"], SIZE["width"], 3)
    assert theirs.std() > 0.02
    assert np.abs(ours - theirs).max() <= 1e-4


def test_a_controlnets_residuals_are_spread_as_the_library_does() -> None:
    from studio.engine.image.denoisers import _spread

    assert _spread("ab", 5, whole=False, again=False) == list("aaabb")  # SD 3: i / 2.5
    assert _spread("abc", 7, whole=True, again=False) == list("aaabbbc")  # FLUX: i // 3
    assert _spread("ab", 5, whole=True, again=True) == list("ababa")  # XLabs'
