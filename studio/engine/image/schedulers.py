"""Samplers by the names people know them by, each one of diffusers' schedulers with its options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from studio.core.controls import Option

OWN = "auto"
"""The sampler that the model was saved with."""


Way = Literal["noise", "consistency", "edm", "flow", "shifted flow"]
"""How a model was taught to take noise away: it decides what can drive it.

Noise: by the schedule of betas (Ho et al. 2020). Consistency: in a few steps, each to the end
(Luo et al. 2023). EDM: Karras et al. 2022. Flow: along straight lines (Esser et al. 2024); where
it is shifted, the pipeline chooses the sigmas itself, by the picture's size (FLUX).
"""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler: its id in recipes, its usual name, diffusers' class and what is set on it."""

    id: str
    label: str
    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    drives: tuple[Way, ...] = ("noise",)


_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
_PLAIN = {"algorithm_type": "dpmsolver++"}
_BOTH: tuple[Way, ...] = ("noise", "flow")
_EVERY: tuple[Way, ...] = ("noise", "flow", "shifted flow")
_FEW: tuple[Way, ...] = ("noise", "consistency")
_FLOWS: tuple[Way, ...] = ("flow", "shifted flow")
_DPM = "DPMSolverMultistepScheduler"

SAMPLERS: tuple[Sampler, ...] = (
    Sampler("dpmpp_2m", "DPM++ 2M", _DPM, _PLAIN, _BOTH),
    Sampler("dpmpp_2m_karras", "DPM++ 2M Karras", _DPM, _PLAIN | _KARRAS),
    Sampler("dpmpp_2m_sde", "DPM++ 2M SDE", _DPM, _SDE, _BOTH),
    Sampler("dpmpp_2m_sde_karras", "DPM++ 2M SDE Karras", _DPM, _SDE | _KARRAS),
    Sampler("dpmpp_2s", "DPM++ 2S", "DPMSolverSinglestepScheduler", _PLAIN),
    Sampler("dpmpp_2s_karras", "DPM++ 2S Karras", "DPMSolverSinglestepScheduler", _PLAIN | _KARRAS),
    Sampler("unipc", "UniPC", "UniPCMultistepScheduler", {}, _EVERY),
    Sampler("deis", "DEIS", "DEISMultistepScheduler"),
    Sampler("sa_solver", "SA-Solver", "SASolverScheduler"),
    Sampler("euler", "Euler", "EulerDiscreteScheduler"),
    Sampler("euler_karras", "Euler Karras", "EulerDiscreteScheduler", _KARRAS),
    Sampler("euler_a", "Euler a", "EulerAncestralDiscreteScheduler"),
    Sampler("heun", "Heun", "HeunDiscreteScheduler"),
    Sampler("heun_karras", "Heun Karras", "HeunDiscreteScheduler", _KARRAS),
    Sampler("dpm2", "DPM2", "KDPM2DiscreteScheduler"),
    Sampler("dpm2_karras", "DPM2 Karras", "KDPM2DiscreteScheduler", _KARRAS),
    Sampler("dpm2_a", "DPM2 a", "KDPM2AncestralDiscreteScheduler"),
    Sampler("dpm2_a_karras", "DPM2 a Karras", "KDPM2AncestralDiscreteScheduler", _KARRAS),
    Sampler("lms", "LMS", "LMSDiscreteScheduler"),
    Sampler("lms_karras", "LMS Karras", "LMSDiscreteScheduler", _KARRAS),
    Sampler("pndm", "PNDM", "PNDMScheduler", {"skip_prk_steps": True}),
    Sampler("ddim", "DDIM", "DDIMScheduler"),
    Sampler("ddpm", "DDPM", "DDPMScheduler"),
    Sampler("lcm", "LCM", "LCMScheduler", {}, _FEW),
    Sampler("tcd", "TCD", "TCDScheduler", {}, _FEW),
    Sampler("edm_euler", "EDM Euler", "EDMEulerScheduler", {}, ("edm",)),
    Sampler("edm_dpmpp_2m", "EDM DPM++ 2M", "EDMDPMSolverMultistepScheduler", {}, ("edm",)),
    Sampler("flow_euler", "Flow Euler", "FlowMatchEulerDiscreteScheduler", {}, _FLOWS),
    Sampler("flow_heun", "Flow Heun", "FlowMatchHeunDiscreteScheduler", {}, ("flow",)),
    Sampler("flow_lcm", "Flow LCM", "FlowMatchLCMScheduler", {}, _FLOWS),
)

MODULES: dict[str, str] = {
    "DDIMScheduler": "scheduling_ddim",
    "DDPMScheduler": "scheduling_ddpm",
    "DEISMultistepScheduler": "scheduling_deis_multistep",
    "DPMSolverMultistepScheduler": "scheduling_dpmsolver_multistep",
    "DPMSolverSinglestepScheduler": "scheduling_dpmsolver_singlestep",
    "EDMDPMSolverMultistepScheduler": "scheduling_edm_dpmsolver_multistep",
    "EDMEulerScheduler": "scheduling_edm_euler",
    "EulerAncestralDiscreteScheduler": "scheduling_euler_ancestral_discrete",
    "EulerDiscreteScheduler": "scheduling_euler_discrete",
    "FlowMatchEulerDiscreteScheduler": "scheduling_flow_match_euler_discrete",
    "FlowMatchHeunDiscreteScheduler": "scheduling_flow_match_heun_discrete",
    "FlowMatchLCMScheduler": "scheduling_flow_match_lcm",
    "HeunDiscreteScheduler": "scheduling_heun_discrete",
    "KDPM2AncestralDiscreteScheduler": "scheduling_k_dpm_2_ancestral_discrete",
    "KDPM2DiscreteScheduler": "scheduling_k_dpm_2_discrete",
    "LCMScheduler": "scheduling_lcm",
    "LMSDiscreteScheduler": "scheduling_lms_discrete",
    "PNDMScheduler": "scheduling_pndm",
    "SASolverScheduler": "scheduling_sasolver",
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


def way_of(config: Mapping[str, Any]) -> Way:
    """How a model with this scheduler_config.json was taught. FLUX's shift shows in it as well."""
    name = str(config.get("_class_name", ""))
    if name.startswith("FlowMatch") or config.get("prediction_type") == "flow_prediction":
        return "flow"
    return "edm" if name.startswith("EDM") else "noise"


def fitting(way: Way) -> tuple[Sampler, ...]:
    """The samplers that can drive such a model."""
    return tuple(s for s in SAMPLERS if way in s.drives)


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
        if way_of(config) == "flow" and not name.startswith("FlowMatch"):
            chosen |= {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
            chosen |= {"flow_shift": config.get("shift", 1.0)}
    settings |= chosen
    scheduler = _class(name)
    known = inspect.signature(scheduler.__init__).parameters
    karras = bool(settings.get("use_karras_sigmas"))
    if settings.get("rescale_betas_zero_snr") and (karras or "rescale_betas_zero_snr" not in known):
        settings["trained_betas"] = _finite(settings, _LAST_SIGMA_KARRAS if karras else _LAST_SIGMA)
        del settings["rescale_betas_zero_snr"]
    return scheduler.from_config({k: v for k, v in settings.items() if k in known})


def _class(name: str) -> Any:
    """A scheduler's class. Raises KeyError for one that is not in MODULES."""
    cls = getattr(importlib.import_module(f"diffusers.schedulers.{MODULES[name]}"), name)
    return _exact(cls) if name == "LMSDiscreteScheduler" else cls


def _exact(lms: Any) -> Any:
    """diffusers' LMS without scipy, which it needs for one integral of a polynomial.

    Gauss and Legendre's rule with `order` points is exact for it (degree below 2 * order).
    """
    import numpy as np

    class ExactLMS(lms):  # type: ignore[misc]
        """LMSDiscreteScheduler, its coefficients integrated exactly."""

        def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
            sigmas = [float(s) for s in self.sigmas[t - order + 1 : t + 1]][::-1]
            points, weights = np.polynomial.legendre.leggauss(order)
            low, high = float(self.sigmas[t]), float(self.sigmas[t + 1])
            at = (high - low) / 2 * points + (high + low) / 2
            value = np.ones_like(at)
            for k, sigma in enumerate(sigmas):
                if k != current_order:
                    value *= (at - sigma) / (sigmas[current_order] - sigma)
            return float((high - low) / 2 * (weights * value).sum())

    # The name is what pipelines look at.
    ExactLMS.__name__ = ExactLMS.__qualname__ = lms.__name__
    return ExactLMS


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
