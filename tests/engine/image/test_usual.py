"""Steps and guidance that suit a model: every line of the table, and what goes into the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core.controls import Value, complete
from studio.core.messages import Output
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.image import diffusion, layout, usual
from studio.engine.image.kinds import KINDS
from studio.engine.image.layout import Layout
from tests.engine.image.conftest import MakeJob, MakeKind
from tests.engine.image.drawing import outputs

STARTER = Path(__file__).parents[3] / "resources" / "models" / "triptych-sketch"
NOISE = {"_class_name": "PNDMScheduler", "prediction_type": "epsilon"}
EULER = {
    "_class_name": "EulerDiscreteScheduler",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
}
TRAILING = {**EULER, "timestep_spacing": "trailing"}
ANCESTRAL = {**TRAILING, "_class_name": "EulerAncestralDiscreteScheduler"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
SD, XL, SD3, FLUX = (
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
    "StableDiffusion3Pipeline",
    "FluxPipeline",
)
DEV = {"in_channels": 64, "guidance_embeds": True}


def model(
    pipeline: str,
    scheduler: dict[str, Any] = NOISE,
    denoiser: dict[str, Any] | None = None,
    name: str = "model",
    index: dict[str, Any] | None = None,
    folder: Path = Path("nowhere"),
) -> Layout:
    """What is read of a model's folder, as far as the table looks at it."""
    kind = KINDS[pipeline]
    flux = kind.packed
    vae = {"latent_channels": 16 if flux else 4, "block_out_channels": [1, 1, 1, 1]}
    configs = {kind.denoiser: denoiser or {}, "vae": vae, "scheduler": scheduler}
    return Layout(folder / name, pipeline, kind, index or {}, configs)


def numbers(found: Layout, loras: tuple[str, ...] = (), **values: Value) -> tuple[Value, Value]:
    known = complete(diffusion.SPEC.controls, {"prompt": "a fox", **values})
    whole = usual.resolved(known, found, loras)
    assert complete(diffusion.SPEC.controls, whole) == whole, "a recipe that can be drawn again"
    return whole["steps"], whole["guidance"]


LINES: list[tuple[str, Layout, tuple[int, float]]] = [
    ("LCM", model("LatentConsistencyModelPipeline", denoiser={"time_cond_proj_dim": 256}), (4, 8)),
    ("LCM XL", model(XL, EULER, {"time_cond_proj_dim": 256}), (4, 8.0)),
    ("FLUX Fill", model("FluxFillPipeline", FLOW, {**DEV, "in_channels": 384}), (50, 30.0)),
    ("FLUX dev", model(FLUX, FLOW, DEV, "flux-1-dev"), (28, 3.5)),
    ("FLUX dev turbo", model(FLUX, FLOW, DEV, "flux-1-turbo-alpha"), (8, 3.5)),
    ("FLUX schnell", model(FLUX, FLOW, {**DEV, "guidance_embeds": False}), (4, 0.0)),
    ("SD Turbo", model(SD, TRAILING), (4, 0.0)),
    ("SDXL Turbo", model(XL, ANCESTRAL), (4, 0.0)),
    ("LCM merged", model(SD, {"_class_name": "LCMScheduler"}), (4, 0.0)),
    ("Hyper, TCD", model(XL, {"_class_name": "TCDScheduler"}), (4, 0.0)),
    ("Lightning by name", model(XL, EULER, name="sdxl_lightning_8step"), (8, 0.0)),
    ("by its origin", model(XL, EULER, index={"_name_or_path": "stabilityai/turbo"}), (4, 0.0)),
    ("SD 3.5 turbo", model(SD3, FLOW, {"qk_norm": "rms_norm"}, "sd3.5-large-turbo"), (4, 0.0)),
    ("SD 3.5 medium", model(SD3, FLOW, {"dual_attention_layers": [0, 1]}), (40, 4.5)),
    ("SD 3.5 large", model(SD3, FLOW, {"qk_norm": "rms_norm"}), (28, 3.5)),
    ("SD 3", model(SD3, FLOW), (28, 7.0)),
    ("Playground", model(XL, {"_class_name": "EDMDPMSolverMultistepScheduler"}), (50, 3.0)),
    ("SDXL", model(XL, EULER), (30, 5.0)),
    ("SDXL, velocities", model(XL, {**TRAILING, "prediction_type": "v_prediction"}), (30, 5.0)),
    ("SD 1.5", model(SD), (25, 7.5)),
    ("no LCM", model(SD, name="hyperreal-calcmode"), (25, 7.5)),
]


@pytest.mark.parametrize(("found", "expected"), [x[1:] for x in LINES], ids=[x[0] for x in LINES])
def test_each_kind_has_its_numbers(found: Layout, expected: tuple[int, float]) -> None:
    assert numbers(found) == expected


def test_every_line_of_the_table_is_tried() -> None:
    lines = {
        next(line.name for line in usual.TABLE if line.fits(found, few))
        for _, found, _ in LINES
        for few in (False, True)
    }
    assert lines == {line.name for line in usual.TABLE}


def test_what_is_chosen_counts() -> None:
    turbo, plain = model(XL, ANCESTRAL), model(SD)
    assert numbers(turbo, steps=12, guidance=3.0) == (12, 3.0)
    assert numbers(turbo, steps=12) == (12, 0.0)
    # No guidance is no guidance, in the recipes of before as well.
    assert numbers(plain, guidance=0.0) == (25, 0.0)
    assert numbers(plain, guidance=0.5) == (25, 0.5)
    assert numbers(plain, sampler="lcm") == (4, 0.0)
    assert numbers(plain, ("Hyper-SD15-8steps-lora",)) == (8, 0.0)
    assert numbers(plain, ("ink-lines",)) == (25, 7.5)


def carded(folder: Path, front: str) -> Layout:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "README.md").write_text(f"---\n{front}\n---\n# Inks\n", "utf-8")
    return model(SD, folder=folder)


def test_a_card_has_the_first_word(tmp_path: Path) -> None:
    front = "inference:\n  parameters:\n    num_inference_steps: 12\n    guidance_scale: 2.5"
    found = carded(tmp_path, front)
    assert numbers(found) == (12, 2.5)
    assert numbers(found, guidance=6.0) == (12, 6.0)
    assert numbers(found, sampler="lcm") == (4, 0.0), "the card is not for that"
    assert numbers(carded(tmp_path, "title: Inks Turbo")) == (4, 0.0)


@pytest.mark.parametrize(
    "parameters",
    ["false", "[1]", "{num_inference_steps: many, guidance_scale: .nan}",
     "{num_inference_steps: 5000, guidance_scale: -3}", "{num_inference_steps: true}"],
)  # fmt: skip
def test_a_card_of_nonsense_is_passed_over(parameters: str, tmp_path: Path) -> None:
    assert numbers(carded(tmp_path, f"inference:\n  parameters: {parameters}")) == (25, 7.5)
    assert numbers(carded(tmp_path, f"inference: {parameters}")) == (25, 7.5)


def test_the_starter_model_draws_as_it_did(tmp_path: Path) -> None:
    assert numbers(layout.read(STARTER)) == (20, 4.0)
    made: list[Output] = []
    for values in ({}, {"steps": 20, "guidance": 4.0}):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        recipe = Recipe("image", "image.diffusion", "starter", 7, {"prompt": "a cat", **values})
        job = Job("job", recipe, folder, STARTER, device=DeviceChoice("cpu", 1))
        made.append(outputs(job)[0])
    assert made[0].recipe == made[1].recipe
    assert made[0].files[0].read_bytes() == made[1].files[0].read_bytes()


def test_the_recipe_is_whole(make_kind: MakeKind) -> None:
    made = outputs(make_kind("flux", steps=0))[0].recipe.values
    assert (made["steps"], made["guidance"]) == (28, 3.5)
    lcm = outputs(make_kind("lcm", steps=0))[0].recipe.values
    assert (lcm["steps"], lcm["guidance"]) == (4, 8.0)


def test_a_negative_prompt_without_guidance_is_told(make_job: MakeJob) -> None:
    (one,) = outputs(make_job(guidance=0.0, negative_prompt="a hen"))
    assert "negative prompt" in one.summary["note"]
    assert "note" not in outputs(make_job(negative_prompt="a hen"))[0].summary
