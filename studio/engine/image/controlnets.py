"""Stand-ins for ControlNets: what a further picture says to the denoiser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.engine.image.denoisers import TRANSFORMERS, timesteps, unet_inputs
from studio.engine.image.standins import Graph, complete, standin

if TYPE_CHECKING:
    import torch

CLASSES = ("ControlNetModel", "SD3ControlNetModel", "FluxControlNetModel")


def class_of(config: Mapping[str, Any]) -> str:
    """The class of a ControlNet. Raises ValueError for one that is not in CLASSES."""
    name = str(config.get("_class_name", "ControlNetModel"))
    if name not in CLASSES:
        raise ValueError(f"ControlNet of class {name[:60]}")
    return name


def inputs(config: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the graph of a ControlNet must have as inputs, and what it may have."""
    name = class_of(config)
    if name == "ControlNetModel":
        return (*unet_inputs(config), "controlnet_cond"), ("conditioning_scale",)
    needed, optional = TRANSFORMERS[name.replace("ControlNet", "Transformer2D")]
    own = ("controlnet_mode",) if name.startswith("Flux") else ("encoder_hidden_states",)
    kept = tuple(n for n in needed if n not in own)
    return (*kept, "controlnet_cond"), (*optional, *own)


def controlnet(config: Mapping[str, Any], graph: Graph) -> Any:
    """A ControlNet of CLASSES; the graph's outputs are its residuals, in diffusers' order."""
    import diffusers
    import torch

    name = class_of(config)
    cls = getattr(diffusers, name)
    own = complete(cls, config)
    if own.get("num_mode") is not None:
        raise StudioError(
            "This ControlNet is several in one, which the studio cannot run.",
            "Choose one that was made for a single kind of picture.",
        )

    def scaled(given: dict[str, Any], strength: Any) -> list[torch.Tensor]:
        found = graph(conditioning_scale=torch.tensor(1.0), **given)
        return [r.float() * strength for r in found]

    def of_unet(
        self: Any,
        sample: torch.Tensor,
        timestep: Any,
        encoder_hidden_states: torch.Tensor,
        controlnet_cond: torch.Tensor,
        conditioning_scale: float = 1.0,
        added_cond_kwargs: Mapping[str, torch.Tensor] | None = None,
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        given = {
            "sample": sample,
            "timestep": times(timestep, sample.shape[0]),
            "encoder_hidden_states": encoder_hidden_states,
            "controlnet_cond": controlnet_cond,
            **(added_cond_kwargs or {}),
        }
        *down, middle = scaled(given, conditioning_scale)
        return tuple(down), middle

    def of_transformer(self: Any, conditioning_scale: float = 1.0, **named: Any) -> Any:
        residuals = scaled(named, conditioning_scale)
        if name != "FluxControlNetModel":
            return (tuple(residuals),)
        blocks = own["num_layers"]
        return tuple(residuals[:blocks]), tuple(residuals[blocks:]) or None

    if name != "ControlNetModel":
        # FLUX's pipelines ask whether it looks at the picture itself (XLabs) or at its latents.
        hint = True if own.get("conditioning_embedding_channels") else None
        return standin(cls, own, of_transformer, input_hint_block=hint)
    times = timesteps(graph)
    return standin(cls, own, of_unet)
