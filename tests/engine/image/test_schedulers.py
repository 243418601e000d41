"""Every sampler against a case with a known answer."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from studio.engine.image import schedulers
from studio.engine.image.loaded import libraries
from tests.engine.tiny_image import SCHEDULER as ZERO_SNR

STABLE_DIFFUSION = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
NOISE = [s.id for s in schedulers.fitting("noise")]
FEW = [s.id for s in schedulers.fitting("consistency")]
CONFIGS = {"zero snr": ZERO_SNR, "stable diffusion": STABLE_DIFFUSION}


def sampled(sampler: str, config: dict[str, Any], steps: int) -> tuple[float, float]:
    """Mean and deviation of what a sampler draws where every pixel is normal(0.7, 0.4).

    For such data the best denoiser is known in closed form, so the sampler is all that can err;
    so is where the probability flow ends, which is what LCM's models are taught.
    """
    import numpy as np
    import torch
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    mean, spread = 0.7, 0.4
    plain = {k: v for k, v in config.items() if k in inspect.signature(DDIMScheduler).parameters}
    alphas = DDIMScheduler(**plain).alphas_cumprod.double().numpy()
    scheduler = schedulers.build(sampler, config)
    scheduler.set_timesteps(steps)
    chance = torch.Generator().manual_seed(0)
    extra = (
        {"generator": chance} if "generator" in inspect.signature(scheduler.step).parameters else {}
    )
    x = torch.randn(1, 4, 64, 64, generator=chance) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t).double()
        alpha = np.interp(float(t), np.arange(1000), alphas)
        keep, noise = alpha**0.5, (1 - alpha) ** 0.5
        variance = (keep * spread) ** 2 + noise**2
        pull = spread / variance**0.5 if sampler == "lcm" else spread**2 * keep / variance
        clean = mean + pull * (seen - keep * mean)
        wrong = (seen - keep * clean) / noise
        is_v = config.get("prediction_type") == "v_prediction"
        told = keep * wrong - noise * clean if is_v else wrong
        x = scheduler.step(told.float(), t, x, return_dict=False, **extra)[0]
    return x.mean().item(), x.std().item()


@pytest.fixture(autouse=True)
def loaded() -> None:
    libraries()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("sampler", NOISE)
def test_every_sampler_draws_the_right_distribution(sampler: str, config: dict[str, Any]) -> None:
    mean, spread = sampled(sampler, config, 30)
    assert mean == pytest.approx(0.7, abs=0.04)
    assert spread == pytest.approx(0.4, abs=0.09)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("sampler", NOISE)
def test_few_and_many_steps_stay_in_bounds(sampler: str, config: dict[str, Any]) -> None:
    for steps in (1, 2, 3, 50 if sampler in FEW else 100):
        mean, spread = sampled(sampler, config, steps)
        # Too few steps draw badly, the second-order ones with two above all; none may blow up.
        assert abs(mean) < 1.0
        assert spread < (20.0 if steps < 3 else 2.0)


FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
EDM: dict[str, Any] = {"_class_name": "EDMEulerScheduler", "sigma_data": 0.5, "sigma_max": 80.0}


def straight(sampler: str, steps: int) -> tuple[float, float]:
    """`sampled`, for a model that was taught straight lines from noise to picture."""
    import torch

    mean, spread = 0.7, 0.4
    scheduler = schedulers.build(sampler, FLOW)
    scheduler.set_timesteps(steps)
    chance = torch.Generator().manual_seed(0)
    takes = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": chance} if takes else {}
    x = torch.randn(1, 4, 64, 64, generator=chance)
    for t in scheduler.timesteps:
        sigma = float(t) / 1000
        keep = 1 - sigma
        variance = (keep * spread) ** 2 + sigma**2
        pull = spread / variance**0.5 if sampler == "flow_lcm" else spread**2 * keep / variance
        clean = mean + pull * (x - keep * mean)
        x = scheduler.step((x - clean) / max(sigma, 1e-6), t, x, return_dict=False, **extra)[0]
    return x.mean().item(), x.std().item()


def preconditioned(sampler: str, steps: int) -> tuple[float, float]:
    """`sampled`, for a model preconditioned as by Karras et al. 2022."""
    import math

    import torch

    mean, spread, data = 0.7, 0.4, float(EDM["sigma_data"])
    scheduler = schedulers.build(sampler, EDM)
    scheduler.set_timesteps(steps)
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 64, 64, generator=chance) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        sigma = math.exp(4 * float(t))
        seen = scheduler.scale_model_input(x, t)
        whole = seen * (sigma**2 + data**2) ** 0.5
        clean = mean + spread**2 / (spread**2 + sigma**2) * (whole - mean)
        skip = data**2 / (sigma**2 + data**2)
        told = (clean - skip * whole) / (sigma * data / (sigma**2 + data**2) ** 0.5)
        x = scheduler.step(told, t, x, return_dict=False)[0]
    return x.mean().item(), x.std().item()


@pytest.mark.parametrize("sampler", [s.id for s in schedulers.fitting("flow")])
def test_so_they_do_on_straight_lines(sampler: str) -> None:
    mean, spread = straight(sampler, 30)
    assert mean == pytest.approx(0.7, abs=0.04)
    assert spread == pytest.approx(0.4, abs=0.09)


@pytest.mark.parametrize("sampler", [s.id for s in schedulers.fitting("edm")])
def test_so_they_do_where_the_model_is_preconditioned(sampler: str) -> None:
    mean, spread = preconditioned(sampler, 30)
    assert mean == pytest.approx(0.7, abs=0.04)
    assert spread == pytest.approx(0.4, abs=0.09)


def test_coefficients_without_scipy_are_its_integrals() -> None:
    import numpy as np

    scheduler = schedulers.build("lms", STABLE_DIFFUSION)
    scheduler.set_timesteps(10)
    sigmas = scheduler.sigmas.double().numpy()
    places = np.linspace(sigmas[5], sigmas[6], 200_001)
    for order in (1, 2, 3, 4):
        for now in range(order):
            others = [k for k in range(order) if k != now]
            value = np.ones_like(places)
            for k in others:
                value *= (places - sigmas[5 - k]) / (sigmas[5 - now] - sigmas[5 - k])
            expected = np.trapezoid(value, places)
            assert scheduler.get_lms_coefficient(order, 5, now) == pytest.approx(expected, rel=1e-6)


def test_a_sampler_drives_only_what_was_taught_for_it() -> None:
    assert schedulers.way_of(STABLE_DIFFUSION) == "noise"
    assert schedulers.way_of(EDM) == "edm"
    assert schedulers.way_of(FLOW) == "flow"
    assert all(s.drives for s in schedulers.SAMPLERS)
    assert {s.id for s in schedulers.fitting("shifted flow")} >= {"flow_euler", "unipc"}
    assert "euler_a" not in {s.id for s in schedulers.fitting("flow")}


def test_zero_terminal_snr_is_kept_or_made_finite() -> None:
    for sampler in NOISE:
        last = float(schedulers.build(sampler, ZERO_SNR).alphas_cumprod[-1])
        assert last < 1e-4, sampler


def test_names_are_unique_and_the_models_own_comes_first() -> None:
    values = [o.value for o in schedulers.options()]
    assert values[0] == schedulers.OWN
    assert len(set(values)) == len(values)
    assert len({o.label for o in schedulers.options()}) == len(values)


@pytest.mark.parametrize("name", sorted(schedulers.MODULES))
def test_every_class_can_be_a_models_own(name: str) -> None:
    built = schedulers.build(schedulers.OWN, {**ZERO_SNR, "_class_name": name})
    assert type(built).__name__ == name


def test_a_name_means_what_it_says_whatever_the_model_was_saved_with() -> None:
    saved = {**ZERO_SNR, "use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"}
    config = schedulers.build("dpmpp_2m", saved).config
    assert config.algorithm_type == "dpmsolver++"
    assert not config.use_karras_sigmas
    assert schedulers.build(schedulers.OWN, saved).config.use_karras_sigmas


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        schedulers.build("no such", ZERO_SNR)
    with pytest.raises(KeyError):
        schedulers.build(schedulers.OWN, {"_class_name": "os.system"})
