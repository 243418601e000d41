"""What can be asked of each kind, end to end: masks, ControlNets, previews, tiles, stopping."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.core.errors import StudioError
from studio.core.messages import ImagePreview, Output, Progress, Step
from studio.engine.image import diffusion, previews
from studio.engine.workbench import Workbench
from tests.engine.image import tiny_kinds
from tests.engine.image.conftest import MakeKind
from tests.engine.image.drawing import BENCH, endless_like, model_of, outputs, pixels

KINDS = ["sd", "lcm", "xl", "sd3", "flux"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A picture, a mask over its right half, and a picture to follow."""
    chance = np.random.default_rng(3)
    found = {n: tmp_path / f"{n}.png" for n in ("picture", "mask", "control_picture")}
    Image.fromarray(chance.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(found["picture"])
    lines = chance.integers(0, 2, (48, 64, 3), dtype=np.uint8) * 255
    Image.fromarray(lines).save(found["control_picture"])
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 255
    Image.fromarray(mask).save(found["mask"])
    return found


def some(files: dict[str, Path], *names: str) -> dict[str, Path]:
    return {n: files[n] for n in names}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_with_previews(
    kind: str, make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "SHARE", 1.0)  # one a step, however long they take
    steps = list(diffusion.run(make_kind(kind, steps=4, guidance=2.0), BENCH))
    seen = [s for s in steps if isinstance(s, ImagePreview)]
    (made,) = [s for s in steps if isinstance(s, Output)]
    assert len(seen) == 4
    assert {(p.width, p.height) for p in seen} == {(64, 48)}
    assert seen[-1].rgb == pixels(made).astype(np.uint8).tobytes()
    # What is seen before the last step is what the last step leaves, nearly.
    before = np.frombuffer(seen[-2].rgb, np.uint8).reshape(48, 64, 3).astype(int)
    first = np.frombuffer(seen[0].rgb, np.uint8).reshape(48, 64, 3).astype(int)
    assert np.abs(before - pixels(made)).mean() < np.abs(first - pixels(made)).mean()
    again = outputs(make_kind(kind, steps=4, guidance=2.0))[0]
    assert again.files[0].read_bytes() == made.files[0].read_bytes()


@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_the_estimate_of_one_step_is_the_picture(kind: str, make_kind: MakeKind) -> None:
    """With one step left, the clean latents behind it are what the sampler ends in."""
    import torch

    sampler = {"sd": "euler", "flux": "flow_euler"}[kind]
    model = model_of(make_kind(kind))
    pipeline = model.pipeline("words", sampler)
    found: list[Any] = []

    def last(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        found.append((previews.estimate(pipe, model.denoiser), tensors["latents"]))
        return tensors

    pipeline(
        "a fox",
        num_inference_steps=3,
        guidance_scale=3.0,
        width=64,
        height=48,
        generator=torch.Generator().manual_seed(1),
        callback_on_step_end=last,
    )
    assert len(found) == 3
    assert torch.allclose(found[-1][0], found[-1][1], atol=2e-2)


def test_packed_latents_are_unpacked_as_the_pipeline_does(make_kind: MakeKind) -> None:
    import torch

    pipeline = model_of(make_kind("flux")).pipeline("words", "auto")
    packed = torch.randn(1, 12 * 16, 16)
    theirs = type(pipeline)._unpack_latents(packed, 48, 64, pipeline.vae_scale_factor)
    assert torch.equal(previews.unpacked(packed, 24, 32), theirs)


@pytest.mark.parametrize("kind", ["sd", "sd9", "lcm", "xl", "sd3", "flux", "fill"])
def test_what_is_outside_the_mask_is_kept(
    kind: str, make_kind: MakeKind, files: dict[str, Path]
) -> None:
    job = make_kind(kind, inputs=some(files, "picture", "mask"), strength=1.0)
    made = pixels(outputs(job)[0])
    with Image.open(files["picture"]) as picture:
        before = np.asarray(picture).astype(int)
    assert (made[:, :32] == before[:, :32]).all()
    assert np.abs(made[:, 32:] - before[:, 32:]).mean() > 5


@pytest.mark.parametrize("kind", ["sd", "xl"])
@pytest.mark.parametrize("more", [(), ("picture",), ("picture", "mask")], ids=str)
def test_a_controlnet_steers(
    kind: str, more: tuple[str, ...], make_kind: MakeKind, files: dict[str, Path]
) -> None:
    inputs = some(files, "control_picture", *more)
    steered = outputs(make_kind(kind, inputs=inputs, controlnet="steer:0.8"))[0]
    barely = outputs(make_kind(kind, inputs=inputs, controlnet="steer:0.8", control_scale=0.0))[0]
    plain = outputs(make_kind(kind, inputs=some(files, *more)))[0]
    assert (pixels(steered) != pixels(plain)).any()
    assert np.abs(pixels(barely) - pixels(plain)).max() <= 1


@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_a_small_decoder_shows_the_way(kind: str, make_kind: MakeKind) -> None:
    plain, small = (
        list(diffusion.run(make_kind(kind, steps=3, **more), BENCH))
        for more in ({}, {"preview": "small"})
    )
    one, two = ([s for s in steps if isinstance(s, ImagePreview)] for steps in (plain, small))
    assert one[-1] == two[-1]  # the picture itself is the same
    assert (two[0].width, two[0].height) == (64, 48)
    assert one[0].rgb != two[0].rgb
    model = model_of(make_kind(kind, preview="small"))
    latents = np.linspace(-2, 2, 4 * 24 * 32, dtype=np.float32).reshape(1, 4, 24, 32)
    _check_small(model.laid["preview"][1][0], latents)


def _check_small(graph: Any, latents: Any) -> None:
    import torch

    taesd = tiny_kinds.tiny("taesd")
    with torch.no_grad():
        theirs = taesd.decode(torch.from_numpy(latents)).sample
    assert (graph(latent_sample=torch.from_numpy(latents))[0] - theirs).abs().max() < 1e-4


def test_a_small_decoder_in_the_models_own_folder_is_taken(
    make_kind: MakeKind, kinds: Any, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(kinds("sd"), tmp_path / "own"))
    shutil.copytree(kinds("taesd"), folder / "taesd")
    outputs(make_kind("sd", model=folder))
    assert "preview" in model_of(make_kind("sd", model=folder)).laid


def test_tiles_are_those_of_the_library(make_kind: MakeKind) -> None:
    import torch

    model = model_of(make_kind("sd"))
    latents = torch.randn(1, 4, 40, 56)
    theirs = tiny_kinds.tiny("vae")
    try:
        theirs.enable_tiling()
        model.vae.enable_tiling()
        with torch.no_grad():
            one, two = (v.decode(latents).sample for v in (model.vae, theirs))
            whole = theirs.disable_tiling() or theirs.decode(latents).sample
    finally:
        model.vae.disable_tiling()
        theirs.disable_tiling()
    assert (one - two).abs().max() < 1e-4
    assert (one - whole).abs().max() > 1e-3


def test_tiles_can_be_asked_for(make_kind: MakeKind) -> None:
    whole, tiled = (outputs(make_kind("sd", width=96, tiling=t))[0] for t in ("off", "on"))
    assert (pixels(whole) != pixels(tiled)).any()
    assert np.abs(pixels(whole) - pixels(tiled)).mean() < 20


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["sd", "xl", "sd3", "flux"])
def test_every_kind_can_be_stopped_in_the_middle(
    kind: str, make_kind: MakeKind, kinds: Any, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(kinds(kind), tmp_path / "slow"))
    part = "unet" if (folder / "unet").is_dir() else "transformer"
    endless_like(folder / part / "model.onnx")
    job, before = make_kind(kind, model=folder), set(threading.enumerate())
    steps = diffusion.run(job, Workbench())
    taken: list[Step] = []
    for step in steps:
        taken.append(step)
        if len(taken) > 2 and taken[-1] == taken[-2] == taken[-3]:
            break
    assert isinstance(taken[-1], Progress)
    assert taken[-1].phase == "drawing"
    steps.close()
    assert set(threading.enumerate()) <= before
    assert not list(job.folder.iterdir())


REFUSED: list[tuple[str, tuple[str, ...], dict[str, Any], str]] = [
    ("sd", ("mask",), {}, "no picture under it"),
    ("sd", ("control_picture",), {}, "no ControlNet"),
    ("sd", (), {"controlnet": "steer"}, "no picture for it"),
    ("sd", ("control_picture",), {"controlnet": "gone"}, "not installed"),
    ("sd", (), {"lora": "steer:0.5"}, "fixed inside ONNX"),
    ("sd", (), {"sampler": "flow_euler"}, "sampler"),
    ("sd9", (), {}, "made for inpainting"),
    ("sd9", ("picture",), {}, "made for inpainting"),
    ("lcm", (), {"sampler": "euler"}, "sampler"),
    ("lcm", (), {"steps": 60}, "at most 50 steps"),
    ("lcm", ("picture",), {"steps": 20, "strength": 0.2}, "at most 10 steps"),
    ("lcm", ("control_picture",), {"controlnet": "steer"}, "ControlNet"),
    ("sd3", (), {"width": 60}, "steps of 8"),
    ("sd3", (), {"width": 1024}, "at most 192"),
    ("sd3", (), {"sampler": "euler_a"}, "sampler"),
    ("sd3", ("picture", "control_picture"), {"controlnet": "steer"}, "cannot follow"),
    ("flux", (), {"sampler": "flow_heun"}, "sampler"),
    ("fill", (), {}, "made for inpainting"),
]


@pytest.mark.parametrize(("kind", "names", "values", "words"), REFUSED, ids=lambda v: str(v)[:40])
def test_what_cannot_be_is_said(
    kind: str,
    names: tuple[str, ...],
    values: dict[str, Any],
    words: str,
    make_kind: MakeKind,
    files: dict[str, Path],
) -> None:
    steered = any("steer" in str(v) for v in values.values())
    job = make_kind(kind, inputs=some(files, *names), steered=steered, **values)
    with pytest.raises(StudioError) as caught:
        list(diffusion.run(job, Workbench()))
    assert words in caught.value.message + caught.value.hint
    assert caught.value.hint
    assert not list(job.folder.iterdir())


def test_an_empty_mask_is_said(make_kind: MakeKind, files: dict[str, Path]) -> None:
    Image.new("L", (64, 48)).save(files["mask"])
    with pytest.raises(StudioError, match="painted"):
        outputs(make_kind("sd", inputs=some(files, "picture", "mask")))


@pytest.mark.parametrize("kind", ["lcm", "flux"])
def test_a_negative_prompt_that_is_not_taken_is_told(kind: str, make_kind: MakeKind) -> None:
    assert "negative prompt" in outputs(make_kind(kind, negative_prompt="a hen"))[0].summary["note"]


def test_a_controlnet_of_another_kind_is_said(
    make_kind: MakeKind, kinds: Any, files: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(kinds("controlnet"), tmp_path / "odd"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "_class_name": "Magic"}), "utf-8")
    job = make_kind("sd", inputs=some(files, "control_picture"), controlnet="steer")
    job.extras["steer"] = folder  # type: ignore[index]
    with pytest.raises(StudioError, match=r"config\.json"):
        outputs(job)
    (job.folder / "x").mkdir()
    job.extras["steer"] = kinds("controlnet_xl")  # type: ignore[index]
    with pytest.raises(StudioError):
        outputs(job)


@pytest.mark.parametrize("kind", ["sd", "xl"])
@pytest.mark.parametrize("task", ["words", "mask", "control"])
def test_safetensors_draw_what_graphs_draw(
    kind: str, task: str, make_kind: MakeKind, files: dict[str, Path], tmp_path: Path
) -> None:
    """The same pictures from the folder that diffusers saves, ControlNet included."""
    names = {"words": (), "mask": ("picture", "mask"), "control": ("control_picture",)}[task]
    chosen: dict[str, Any] = {"controlnet": "steer"} if task == "control" else {}
    job = make_kind(kind, inputs=some(files, *names), **chosen)
    expected = pixels(outputs(job)[0])
    folder = tiny_kinds.make_safetensors(kind, tmp_path / "saved")
    extras = dict(job.extras)
    if task == "control":
        name = tiny_kinds.CONTROLNETS.get(kind, "controlnet")
        extras["steer"] = tmp_path / "steer"
        tiny_kinds.tiny(name).save_pretrained(extras["steer"], safe_serialization=True)
    (tmp_path / "again").mkdir()
    again = replace(
        job, model=folder, extras=extras, folder=tmp_path / "again", cache=tmp_path / "cache"
    )
    assert np.abs(pixels(outputs(again)[0]) - expected).max() <= 1


def test_previews_take_little_beside_the_drawing() -> None:
    clock = [0.0]
    rhythm = previews.Rhythm(lambda: clock[0])
    shown = 0
    while clock[0] < 200:
        if rhythm.due():
            with rhythm:
                clock[0] += 0.5
            shown += 1
        clock[0] += 0.1
    assert 18 <= shown <= 21, "half a second each, a twentieth of two hundred"
    quick = previews.Rhythm(lambda: clock[0])
    with quick:
        pass
    assert quick.due(), "what costs nothing is always due"
