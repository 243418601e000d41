"""The diffusion family: pictures, batches, recipes, previews."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core import media
from studio.core.messages import ImagePreview, Output, Progress
from studio.engine.image import diffusion, previews, prompt
from studio.engine.image.denoisers import Call
from studio.engine.workbench import Workbench
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import BENCH, model_of, outputs, pixels


def test_a_batch_is_pictures_with_their_own_recipes(make_job: MakeJob) -> None:
    made = outputs(make_job(seed=2**32 - 2, count=3, style="3d", sampler="dpmpp_2m_sde"))
    assert [o.recipe.seed for o in made] == [2**32 - 2, 2**32 - 1, 0]
    assert {o.recipe.values["count"] for o in made} == {1}
    assert len({o.files[0].read_bytes() for o in made}) == 3
    alone = make_job(seed=0, **made[2].recipe.values)
    assert outputs(alone)[0].files[0].read_bytes() == made[2].files[0].read_bytes()
    assert media.extract(made[1].files[0]).recipe == made[1].recipe
    assert made[0].summary == {"width": 32, "height": 32, "title": "a fox"}


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a hen"},
        {"style": "3d"},
        {"negative_prompt": "a hen"},
        {"guidance": 9.0},
        {"guidance_rescale": 0.7},
        {"steps": 3},
        {"sampler": "euler_a"},
        {"seed": 8},
        {"width": 48},
    ],
    ids=lambda c: next(iter(c)),
)
def test_every_setting_changes_the_picture(change: dict[str, Any], make_job: MakeJob) -> None:
    plain, changed = outputs(make_job())[0], outputs(make_job(**change))[0]
    assert pixels(plain).tobytes() != pixels(changed).tobytes()


def test_without_guidance_the_negative_prompt_does_nothing(make_job: MakeJob) -> None:
    one, two = (
        outputs(make_job(guidance=0.0, negative_prompt=words))[0] for words in ("", "a hen")
    )
    assert (pixels(one) == pixels(two)).all()


def test_the_style_is_put_after_the_prompt(make_job: MakeJob) -> None:
    one = outputs(make_job(prompt="a fox", style="flat"))[0]
    two = outputs(make_job(prompt="a fox, flat"))[0]
    assert (pixels(one) == pixels(two)).all()


def test_sizes(make_job: MakeJob, photo: Path) -> None:
    assert pixels(outputs(make_job(width=48, height=64))[0]).shape == (64, 48, 3)
    assert pixels(outputs(make_job(height=64))[0]).shape == (64, 32, 3)
    assert pixels(outputs(make_job(picture=photo))[0]).shape == (24, 40, 3)
    assert pixels(outputs(make_job(picture=photo, width=64, height=32))[0]).shape == (32, 64, 3)


def test_strength_is_how_far_it_goes(make_job: MakeJob, photo: Path) -> None:
    near, far = (outputs(make_job(picture=photo, steps=10, strength=s))[0] for s in (0.1, 1.0))
    assert (pixels(near) != pixels(far)).any()
    # So little that no step would be left: one is drawn all the same.
    steps = list(diffusion.run(make_job(picture=photo, steps=1, strength=0.05), BENCH))
    assert [s.total for s in steps if isinstance(s, Progress) and s.phase == "drawing"][-1] == 1


def test_long_prompts_are_cut_before_the_style(make_job: MakeJob) -> None:
    words = "fox " * 200
    one = outputs(make_job(prompt=words, style="3d"))[0]
    two = outputs(make_job(prompt=words))[0]
    assert "left out" in one.summary["note"]
    assert (pixels(one) != pixels(two)).any()
    assert len(one.summary["title"]) <= 60


@given(st.text(max_size=200), st.sampled_from(["", "3d"]), st.integers(6, 40))
def test_a_fitted_prompt_fits(words: str, style: str, limit: int) -> None:
    fitted, cut = prompt.fit(words, style, limit, len)
    assert len(fitted) <= limit
    assert fitted.endswith(f", {style}" if style else "")
    if not cut:
        assert fitted == " ".join(words.split()) + (f", {style}" if style else "")


def test_words_are_not_cut_in_half() -> None:
    assert prompt.fit("one two three four", "3d", 14, len) == ("one two, 3d", True)
    assert prompt.fit("abcdefghij", "", 4, len) == ("abcd", True)


def test_progress_and_previews(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "SHARE", 1.0)  # one a step, however long they take
    job = make_job(steps=5, count=2, sampler="heun")
    steps = list(diffusion.run(job, Workbench()))
    progress = [s for s in steps if isinstance(s, Progress)]
    fractions = [p.fraction for p in progress]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] == pytest.approx(1.0)
    phases = list(dict.fromkeys(p.phase for p in progress))
    assert phases == ["starting", "loading", "drawing", "decoding", "saving"]
    for index in range(2):
        seen = [s for s in steps if isinstance(s, ImagePreview) and s.index == index]
        assert len(seen) == 9  # Heun looks twice at every step but the last
        assert {(p.width, p.height, len(p.rgb)) for p in seen} == {(32, 32, 32 * 32 * 3)}
        made = [s for s in steps if isinstance(s, Output)][index]
        assert seen[-1].rgb == pixels(made).astype(np.uint8).tobytes()
        # The estimate nears the picture from step to step.
        distances = [
            np.abs(np.frombuffer(p.rgb, np.uint8).astype(int) - pixels(made).ravel()).mean()
            for p in seen
        ]
        assert distances[-2] < distances[0]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_estimate_is_the_clean_picture(kind: str) -> None:
    import torch
    from diffusers.configuration_utils import FrozenDict

    alphas = torch.linspace(0.999, 0.01, 1000)
    clean, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    keep, much = alphas[600] ** 0.5, (1 - alphas[600]) ** 0.5
    sample = keep * clean + much * noise
    told = {"epsilon": noise, "v_prediction": keep * noise - much * clean, "sample": clean}[kind]
    # With guidance 3, an unconditional prediction u and c = u + (told - u) / 3 combine to `told`.
    plain = torch.randn(1, 4, 8, 8)
    rows = torch.cat([plain, plain + (told - plain) / 3])
    unet = SimpleNamespace(calls=[Call(torch.cat([sample] * 2), 600.0, rows)])
    config = FrozenDict({"prediction_type": kind})
    pipe = SimpleNamespace(
        guidance_scale=3.0, scheduler=SimpleNamespace(alphas_cumprod=alphas, config=config)
    )
    assert torch.allclose(previews.estimate(pipe, unet), clean, atol=1e-4)
    assert not unet.calls


def test_previews_of_large_pictures_stay_small(make_job: MakeJob) -> None:
    import torch

    model = model_of(make_job())
    seen = previews.through_vae(0, torch.zeros(1, 4, 100, 50), model.vae)
    assert (seen.width, seen.height) == (24, 50)


def test_same_bytes_in_a_fresh_process(make_job: MakeJob, photo: Path, tmp_path: Path) -> None:
    import pickle

    here = make_job(picture=photo, sampler="dpm2_a", steps=6, style="flat", strength=0.7)
    (made,) = outputs(here)
    there = make_job(picture=photo, sampler="dpm2_a", steps=6, style="flat", strength=0.7)
    (tmp_path / "job").write_bytes(pickle.dumps(there))
    script = (
        "import pickle, sys, pathlib\n"
        "from studio.engine.image import diffusion\n"
        "assert not {'torch', 'diffusers', 'onnxruntime'} & set(sys.modules)\n"
        "from studio.engine.workbench import Workbench\n"
        "job = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "list(diffusion.run(job, Workbench()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "job")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ended.stderr == ""  # the libraries behind it keep quiet
    again = there.folder / made.files[0].name
    assert again.read_bytes() == made.files[0].read_bytes()
