"""Samplers by the names people know them by, each one of diffusers' schedulers with its options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.controls import Option

OWN = "auto"
"""The sampler that the model was saved with."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler: its id in recipes, its usual name, diffusers' class and what is set on it."""

    id: str
    label: str
    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)


_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
_PLAIN = {"algorithm_type": "dpmsolver++"}

SAMPLERS: tuple[Sampler, ...] = (
    Sampler("dpmpp_2m", "DPM++ 2M", "DPMSolverMultistepScheduler", _PLAIN),
    Sampler("dpmpp_2m_karras", "DPM++ 2M Karras", "DPMSolverMultistepScheduler", _PLAIN | _KARRAS),
    Sampler("dpmpp_2m_sde", "DPM++ 2M SDE", "DPMSolverMultistepScheduler", _SDE),
    Sampler(
        "dpmpp_2m_sde_karras", "DPM++ 2M SDE Karras", "DPMSolverMultistepScheduler", _SDE | _KARRAS
    ),
    Sampler("dpmpp_2s", "DPM++ 2S", "DPMSolverSinglestepScheduler", _PLAIN),
    Sampler("unipc", "UniPC", "UniPCMultistepScheduler"),
    Sampler("deis", "DEIS", "DEISMultistepScheduler"),
    Sampler("euler", "Euler", "EulerDiscreteScheduler"),
    Sampler("euler_a", "Euler a", "EulerAncestralDiscreteScheduler"),
    Sampler("heun", "Heun", "HeunDiscreteScheduler"),
    Sampler("dpm2", "DPM2", "KDPM2DiscreteScheduler"),
    Sampler("dpm2_a", "DPM2 a", "KDPM2AncestralDiscreteScheduler"),
    Sampler("ddim", "DDIM", "DDIMScheduler"),
    Sampler("ddpm", "DDPM", "DDPMScheduler"),
)

MODULES: dict[str, str] = {
    "DDIMScheduler": "scheduling_ddim",
    "DDPMScheduler": "scheduling_ddpm",
    "DEISMultistepScheduler": "scheduling_deis_multistep",
    "DPMSolverMultistepScheduler": "scheduling_dpmsolver_multistep",
    "DPMSolverSinglestepScheduler": "scheduling_dpmsolver_singlestep",
    "EulerAncestralDiscreteScheduler": "scheduling_euler_ancestral_discrete",
    "EulerDiscreteScheduler": "scheduling_euler_discrete",
    "HeunDiscreteScheduler": "scheduling_heun_discrete",
    "KDPM2AncestralDiscreteScheduler": "scheduling_k_dpm_2_ancestral_discrete",
    "KDPM2DiscreteScheduler": "scheduling_k_dpm_2_discrete",
    "LCMScheduler": "scheduling_lcm",
    "PNDMScheduler": "scheduling_pndm",
    "TCDScheduler": "scheduling_tcd",
    "UniPCMultistepScheduler": "scheduling_unipc_multistep",
}
"""diffusers' schedulers that may be a model's own, and their modules."""

# A zero-terminal-SNR schedule ends in an infinite sigma. diffusers replaces it by 4096 where a
# scheduler knows such schedules. The others get a finite end as well; 256 is the largest that
# keeps Heun and DPM2 a in bounds with two steps, and above all sigmas but the last of 100 steps.
_LAST_SIGMA = 256.0
# Karras et al. 2022 space sigmas by rho = 7: from 4096 a third of the steps would see only noise,
# and several would fall on one timestep, which diffusers cannot take.
_LAST_SIGMA_KARRAS = 128.0


def options() -> tuple[Option, ...]:
    """What a form offers: the model's own sampler first."""
    return (
        Option(value=OWN, label="As the model asks"),
        *(Option(value=s.id, label=s.label) for s in SAMPLERS),
    )


def build(sampler: str, config: Mapping[str, Any]) -> Any:
    """A new scheduler: `sampler` is an id of SAMPLERS or OWN, `config` a scheduler_config.json.

    Raises KeyError for an unknown sampler or class; whatever diffusers raises for a bad config.
    """
    settings = {k: v for k, v in config.items() if not k.startswith("_")}
    # What the Stable Diffusion pipelines of diffusers set themselves, with a warning.
    settings |= {"steps_offset": 1, "clip_sample": False}
    if sampler == OWN:
        name, chosen = str(config["_class_name"]), {}
    else:
        found = next((s for s in SAMPLERS if s.id == sampler), None)
        if found is None:
            raise KeyError(sampler)
        name, chosen = found.scheduler, dict(found.options)
        # The model's own sampler may have asked for these; here the name says what is meant.
        settings |= {"use_karras_sigmas": False, "use_exponential_sigmas": False}
        settings |= {"use_beta_sigmas": False, "algorithm_type": None, "solver_type": None}
        settings = {k: v for k, v in settings.items() if v is not None}
    settings |= chosen
    scheduler = getattr(importlib.import_module(f"diffusers.schedulers.{MODULES[name]}"), name)
    known = inspect.signature(scheduler.__init__).parameters
    karras = bool(settings.get("use_karras_sigmas"))
    if settings.get("rescale_betas_zero_snr") and (karras or "rescale_betas_zero_snr" not in known):
        settings["trained_betas"] = _finite(settings, _LAST_SIGMA_KARRAS if karras else _LAST_SIGMA)
        del settings["rescale_betas_zero_snr"]
    return scheduler.from_config({k: v for k, v in settings.items() if k in known})


def _finite(settings: Mapping[str, Any], last_sigma: float) -> list[float]:
    """The betas of a zero-terminal-SNR schedule (Lin et al. 2023) that end at `last_sigma`."""
    import torch
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    known = inspect.signature(DDIMScheduler.__init__).parameters
    kept = {k: v for k, v in settings.items() if k in known}
    cumulative = DDIMScheduler.from_config(kept).alphas_cumprod.double()
    cumulative = cumulative.clamp(min=1.0 / (1.0 + last_sigma**2))
    before = torch.cat([torch.ones(1, dtype=torch.float64), cumulative[:-1]])
    betas: list[float] = (1.0 - cumulative / before).tolist()
    return betas
