"""Stable Audio's scheduler out of a kindred one that diffusers brings without further packages."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

COSINE, EDM = "CosineDPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler"
FLOW = "FlowMatchEulerDiscreteScheduler"


def build(config: Mapping[str, Any], strength: float = 1.0) -> Any:
    """A new scheduler by a scheduler_config.json.

    `strength` 0 to 1 is how far up the way between the least and the greatest noise it begins,
    where noise levels are what it knows (COSINE and EDM). Raises KeyError for an unknown class.
    """
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import (
        EDMDPMSolverMultistepScheduler,
    )
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
        FlowMatchEulerDiscreteScheduler,
    )

    name = str(config["_class_name"])
    if name == FLOW:
        return FlowMatchEulerDiscreteScheduler.from_config(dict(config))
    cls = {COSINE: cosine(), EDM: EDMDPMSolverMultistepScheduler}[name]
    known = inspect.signature(EDMDPMSolverMultistepScheduler.__init__).parameters
    settings = {k: v for k, v in config.items() if k in known}
    if name == COSINE:
        # What is written into that class, or is its own default.
        usual: dict[str, Any] = {"sigma_min": 0.3, "sigma_max": 500, "sigma_data": 1.0}
        usual |= {"sigma_schedule": "exponential", "prediction_type": "v_prediction"}
        settings = usual | settings | {"algorithm_type": "sde-dpmsolver++"}
    scheduler = cls(**settings)
    low, high = scheduler.config.sigma_min, scheduler.config.sigma_max
    return cls(**(settings | {"sigma_max": low * (high / low) ** strength}))


@functools.cache
def cosine() -> Any:
    """The class that stands for diffusers' CosineDPMSolverMultistepScheduler.

    That one differs from the EDM solver in how it tells the model the noise level, and in drawing
    its noise from a Brownian tree. A step sees one increment of the Brownian path, and increments
    over intervals that do not overlap are independent and normal: plain noise is the same in law,
    and spares a package that has not been kept since 2023.
    """
    import math

    import torch
    from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import (
        EDMDPMSolverMultistepScheduler,
    )

    class CosineScheduler(EDMDPMSolverMultistepScheduler):  # type: ignore[misc]
        """DPM-Solver++ (SDE) for a model that is told the arc tangent of the noise level."""

        def precondition_noise(self, sigma: float | torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(sigma).atan() / math.pi * 2

    return CosineScheduler
