"""Sound by diffusion: the same numbers as diffusers on torch, and what is told of odd models."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Output, Progress
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import diffusion, diffusion_model, diffusion_schedule, waves
from studio.engine.workbench import Workbench
from tests.engine import tiny_sound
from tests.engine.tiny_sound import HOP, RATE

BENCH = Workbench()
QUICK: dict[str, Value] = {"prompt": "a slow fox", "seconds": 1, "steps": 2}
MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sound")
    diffusion_model.libraries()
    return {
        "stable": tiny_sound.make(folder / "stable"),
        "exported": tiny_sound.make_exported(folder / "exported"),
        "ace": tiny_sound.make(folder / "ace", "ace"),
        "turbo": tiny_sound.make(folder / "turbo", "ace", turbo=True),
        "cache": folder / "cache",
    }


@pytest.fixture
def make_job(folders: dict[str, Path], tmp_path: Path) -> MakeJob:
    count = iter(range(1000))

    def make(form: str | Path, values: Mapping[str, Value], sound: Path | None = None) -> Job:
        folder = tmp_path / f"job{next(count)}"
        folder.mkdir()
        recipe = Recipe("audio", "audio.diffusion", "tiny", 5, values)
        model = folders[form] if isinstance(form, str) else form
        return Job(
            "job", recipe, folder, model, inputs={} if sound is None else {"sound": sound},
            device=DeviceChoice("cpu", 1), cache=folders["cache"],
        )  # fmt: skip

    return make


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One and a half seconds of mono noise at another rate than the models'."""
    noise = np.random.default_rng(3).normal(0, 0.2, (3_000, 1)).astype(np.float32)
    path = tmp_path / "clip.wav"
    path.write_bytes(waves.to_wav((noise * 32767).astype(np.int16), 2_000))
    return path


def outputs(job: Job) -> list[Output]:
    return [s for s in diffusion.run(job, BENCH) if isinstance(s, Output)]


def model_of(job: Job) -> diffusion_model.Model:
    return diffusion_model.load(job, BENCH, lambda fraction: None)


def on_torch(kind: str, strength: float = 1.0, *, turbo: bool = False) -> Any:
    """diffusers' own pipeline with the modules that the tiny model was written from."""
    cls = diffusion_model._class(tiny_sound.NAMES[kind])
    pipeline = cls(
        **tiny_sound.modules(kind, turbo=turbo),
        tokenizer=tiny_sound.tokenizer(),
        scheduler=diffusion_schedule.build(tiny_sound.SCHEDULERS[kind], strength),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def made(pipeline: Any, **settings: Any) -> Any:
    import torch

    torch.manual_seed(5)
    generator = torch.Generator("cpu").manual_seed(5)
    with torch.no_grad():
        return pipeline("a slow fox", generator=generator, **settings).audios[0].numpy()


STABLE: list[dict[str, Any]] = [
    {},
    {"negative_prompt": "a hen"},
    {"guidance_scale": 1.0, "audio_end_in_s": 0.7},
]


@pytest.mark.parametrize("form", ["stable", "exported"])
@pytest.mark.parametrize("settings", STABLE)
def test_stable_audio_is_that_of_torch(
    form: str, settings: dict[str, Any], make_job: MakeJob
) -> None:
    settings = {"num_inference_steps": 4, **settings}
    ours = made(model_of(make_job(form, {})).build(), **settings)
    theirs = made(on_torch("stable"), **settings)
    assert ours.shape == (2, int(settings.get("audio_end_in_s", 2.0) * RATE))
    assert theirs.std() > 0.02
    assert np.abs(ours - theirs).max() <= 1e-4 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_so_is_what_starts_from_a_sound(strength: float, make_job: MakeJob) -> None:
    import torch

    job = make_job("stable", {})
    model = model_of(job)
    diffusion_model.open_encoder(job, BENCH, model, lambda fraction: None)
    sound = torch.from_numpy(np.random.default_rng(1).normal(0, 0.3, (1, 1, 900)).astype("f4"))
    given = {"initial_audio_waveforms": sound, "initial_audio_sampling_rate": RATE}
    ours = made(model.build(strength), num_inference_steps=3, **given)
    theirs = made(on_torch("stable", strength), num_inference_steps=3, **given)
    assert np.abs(ours - theirs).max() <= 1e-4 * max(1.0, np.abs(theirs).max())


ACE: list[dict[str, Any]] = [
    {},
    {"guidance_scale": 1.0, "lyrics": "[verse] la la la", "bpm": 90},
    {"audio_duration": 0.39, "lyrics": "[Instrumental]"},  # an odd number of latents
]


@pytest.mark.parametrize("settings", ACE)
def test_ace_step_is_that_of_torch(settings: dict[str, Any], make_job: MakeJob) -> None:
    job = make_job("ace", {})
    model = model_of(job)
    settings = {"audio_duration": 1.0, "num_inference_steps": 3, **settings}
    ours, theirs = made(model.build(), **settings), made(on_torch("ace"), **settings)
    assert theirs.std() > 0.02
    assert np.abs(ours - theirs).max() <= 1e-4


def test_ace_step_with_a_reference_is_that_of_torch(make_job: MakeJob) -> None:
    import torch

    job = make_job("turbo", {})
    model = model_of(job)
    diffusion_model.open_encoder(job, BENCH, model, lambda fraction: None)
    sound = torch.from_numpy(np.random.default_rng(1).normal(0, 0.3, (2, 160 * HOP)).astype("f4"))
    settings = {"audio_duration": 1.0, "num_inference_steps": 3, "reference_audio": sound}
    ours, theirs = made(model.build(), **settings), made(on_torch("ace", turbo=True), **settings)
    assert np.abs(ours - theirs).max() <= 1e-4


@pytest.mark.parametrize("steps", [3, 20])
def test_the_scheduler_is_the_one_that_the_model_asks_for(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """diffusers' own class, its noise drawn as ours is: only the import wants torchsde."""
    import torch

    name = "diffusers.schedulers.scheduling_cosine_dpmsolver_multistep"
    monkeypatch.setitem(sys.modules, "torchsde", types.ModuleType("torchsde"))
    for module in (name, "diffusers.schedulers.scheduling_dpmsolver_sde"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    import importlib

    theirs = importlib.import_module(name).CosineDPMSolverMultistepScheduler(sigma_max=500)
    for module in (name, "diffusers.schedulers.scheduling_dpmsolver_sde"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    ours = diffusion_schedule.build({"_class_name": "CosineDPMSolverMultistepScheduler"})
    ours.set_timesteps(steps)
    theirs.set_timesteps(steps)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    assert ours.init_noise_sigma == theirs.init_noise_sigma
    mine, other = (torch.Generator().manual_seed(1) for _ in "ab")
    theirs.noise_sampler = lambda sigma, after: torch.randn(1, 4, 30, generator=other)
    x = y = torch.randn(1, 4, 30, generator=torch.Generator().manual_seed(2)) * 500
    for t in ours.timesteps:
        a, b = ours.scale_model_input(x, t), theirs.scale_model_input(y, t)
        x = ours.step(a.sin(), t, x, generator=mine).prev_sample
        y = theirs.step(b.sin(), t, y).prev_sample
        assert torch.allclose(x, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["stable", "ace"])
def test_the_file_is_what_the_pipeline_makes(form: str, make_job: MakeJob, clip: Path) -> None:
    import soundfile

    steps = list(diffusion.run(make_job(form, QUICK, clip), Workbench()))
    (output,) = [s for s in steps if isinstance(s, Output)]
    samples, rate = soundfile.read(output.files[0])
    assert (rate, samples.shape) == (RATE, (RATE, 2))
    assert 0.05 < np.abs(samples).max() < 1.0
    assert output.summary["title"] == "a slow fox"
    phases = [s.phase for s in steps if isinstance(s, Progress)]
    order = ["starting", "loading", "reading", "composing", "sounding", "saving"]
    assert sorted(set(phases), key=phases.index) == order


def test_a_given_sound_and_its_strength_make_a_difference(make_job: MakeJob, clip: Path) -> None:
    plain, weak, strong = (
        outputs(make_job("stable", QUICK | values, sound))[0].files[0].read_bytes()
        for values, sound in (({}, None), ({"strength": 0.2}, clip), ({"strength": 0.9}, clip))
    )
    assert len({plain, weak, strong}) == 3


def test_a_length_beyond_the_model_is_told(make_job: MakeJob) -> None:
    with pytest.raises(StudioError, match="at most 2 seconds"):
        outputs(make_job("stable", QUICK | {"seconds": 3}))


def test_a_sound_that_is_too_short_is_told(make_job: MakeJob, tmp_path: Path) -> None:
    path = tmp_path / "blip.wav"
    path.write_bytes(waves.to_wav(np.ones((3, 1), np.int16), 4_000))
    with pytest.raises(StudioError, match="too short"):
        outputs(make_job("stable", QUICK, path))


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _half(name: str) -> Callable[[Path], None]:
    def halve(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return halve


def _set(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")

    return change


_WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    "spoil",
    [
        _without("tokenizer/tokenizer.json"),
        _without("scheduler/scheduler_config.json"),
        _without("vae/config.json"),
        _without(_WEIGHTS),
        _without("projection_model/diffusion_pytorch_model.safetensors"),
        _half(_WEIGHTS),
        _half("tokenizer/tokenizer.json"),
        _half("projection_model/diffusion_pytorch_model.safetensors"),
        _set("model_index.json", _class_name="ShapEPipeline"),
        _set("scheduler/scheduler_config.json", _class_name="PNDMScheduler"),
        _set("scheduler/scheduler_config.json", sigma_schedule="odd"),
        _set("transformer/config.json", _class_name="UNet2DModel"),
        _set("transformer/config.json", num_layers=3),
        _set("transformer/config.json", in_channels="many"),
        _set("vae/config.json", decoder_channels=16),
        _set("projection_model/config.json", conditioning_dim=24),
    ],
)
def test_a_model_that_is_not_right_is_told(
    spoil: Callable[[Path], None], make_job: MakeJob, folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["stable"], tmp_path / "model")
    spoil(tmp_path / "model")
    job = make_job(tmp_path / "model", QUICK)
    with pytest.raises(StudioError) as caught:
        outputs(job)
    assert caught.value.hint
    assert not list(job.folder.iterdir())


def test_closing_at_every_yield_leaves_nothing(make_job: MakeJob, clip: Path) -> None:
    total = sum(1 for _ in diffusion.run(make_job("stable", QUICK, clip), BENCH))
    before = set(threading.enumerate())
    for stop in range(total):
        job = make_job("stable", QUICK, clip)
        steps = diffusion.run(job, BENCH)
        taken = [step for _, step in zip(range(stop), steps, strict=False)]
        steps.close()
        given_over = {f for s in taken if isinstance(s, Output) for f in s.files}
        assert set(job.folder.iterdir()) == given_over
        assert set(threading.enumerate()) <= before
