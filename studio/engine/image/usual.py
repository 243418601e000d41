"""Steps and guidance that suit a model, where a person leaves them to it.

They are those of the models' published cards: what Turbo draws in two steps is burnt after twenty,
and what SDXL has after twenty is not done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from studio.core.card import Card
from studio.core.controls import Value
from studio.engine.image import schedulers
from studio.engine.image.layout import Layout

AUTOMATIC = -0.5
"""The guidance that stands for what suits the model, as 0 steps do; 0 is no guidance at all."""
MOST_STEPS, MOST_GUIDANCE = 100, 30.0

_DISTILLED = ("LCMScheduler", "TCDScheduler", "FlowMatchLCMScheduler")
"""What only models are saved with that were taught to draw in few steps."""
_TURBO = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
"""What SD Turbo and SDXL Turbo are saved with, with trailing steps, as no other model is."""
_FEW_SAMPLERS = ("lcm", "tcd", "flow_lcm")
_FEW_NAMES = re.compile(r"turbo|lightning|schnell|(?<![a-z])(?:lcm|hyper(?:-?sd)?)(?![a-z])", re.I)
_COUNT = re.compile(r"(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])", re.I)
"""As in `sdxl_lightning_4step`: such a model is good at this many alone."""


@dataclass(frozen=True, slots=True)
class Usual:
    """A line of the table: a kind of model, and what its makers draw with."""

    name: str
    fits: Callable[[Layout, bool], bool]
    """Of a model's layout, and whether it draws in few steps."""
    steps: int
    guidance: float


TABLE: tuple[Usual, ...] = (
    # The guidance of a latent consistency model is something it is told, and no second run.
    Usual("LCM", lambda m, few: bool(m.denoiser.get("time_cond_proj_dim")), 4, 8.0),
    Usual("FLUX.1 Fill", lambda m, few: m.kind.packed and m.fills, 50, 30.0),
    Usual("FLUX.1 dev, few steps", lambda m, few: few and _told(m), 8, 3.5),
    Usual("FLUX.1 dev", lambda m, few: _told(m), 28, 3.5),
    Usual("FLUX.1 schnell", lambda m, few: m.kind.packed, 4, 0.0),
    Usual("Turbo, Lightning, Hyper", lambda m, few: few, 4, 0.0),
    Usual("SD 3.5 medium", lambda m, few: bool(m.denoiser.get("dual_attention_layers")), 40, 4.5),
    Usual("SD 3.5 large", lambda m, few: bool(m.denoiser.get("qk_norm")), 28, 3.5),
    Usual("SD 3", lambda m, few: m.kind.denoiser == "transformer", 28, 7.0),
    Usual("Playground 2.5", lambda m, few: schedulers.way_of(m.scheduler) == "edm", 50, 3.0),
    Usual("SDXL", lambda m, few: "text_encoder_2" in m.kind.encoders, 30, 5.0),
    Usual("SD 1 and 2", lambda m, few: True, 25, 7.5),
)
"""The first line that fits counts."""


def resolved(
    values: Mapping[str, Value], layout: Layout, loras: Iterable[str] = ()
) -> dict[str, Value]:
    """A job's settings with numbers for what was left to the model; `loras`: what is laid over it.

    What the model's card asks for comes first (`inference: parameters:`), then the table.
    """
    steps, guidance = int(values["steps"]), float(values["guidance"])
    if steps and guidance >= 0:
        return dict(values)
    card = Card.read(layout.folder)
    names = [layout.folder.name, card.title, str(layout.index.get("_name_or_path", ""))]
    alone = _few(layout, schedulers.OWN, names)
    names += loras
    few = _few(layout, str(values["sampler"]), names)
    usual = next(line for line in TABLE if line.fits(layout, few))
    # A card knows nothing of the sampler and the LoRAs that are chosen.
    own = card.parameters if few == alone else {}
    counts = [int(n) for name in names if few for n in _COUNT.findall(name)]
    asked = own.get("num_inference_steps", counts[-1] if counts else 0)
    if not steps:
        steps = int(asked) if 1 <= asked <= MOST_STEPS else usual.steps
    if guidance < 0:
        guidance = own.get("guidance_scale", usual.guidance)
        guidance = guidance if 0 <= guidance <= MOST_GUIDANCE else usual.guidance
    return {**values, "steps": steps, "guidance": guidance}


def _told(layout: Layout) -> bool:
    """The denoiser is told how much guidance there is (FLUX.1 dev)."""
    return layout.kind.packed and bool(layout.denoiser.get("guidance_embeds"))


def _few(layout: Layout, sampler: str, names: Iterable[str]) -> bool:
    """The model draws in few steps, by its sampler, its scheduler's settings or what it is called.

    SD 3.5 large Turbo and Lightning have the configurations of what they were made from: there
    is nothing but the name.
    """
    config = layout.scheduler
    name = str(config.get("_class_name"))
    # Models of velocities have trailing steps for a noise without any signal (Lin et al. 2023).
    turbo = (
        name in _TURBO
        and config.get("timestep_spacing") == "trailing"
        and config.get("prediction_type", "epsilon") == "epsilon"
        and not config.get("rescale_betas_zero_snr")
    )
    named = any(_FEW_NAMES.search(n) for n in names)
    return turbo or named or name in _DISTILLED or sampler in _FEW_SAMPLERS
