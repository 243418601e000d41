"""Stand-ins for what takes the noise away: UNets, transformers and their ControlNets.

A graph that a ControlNet may steer has its residuals as further inputs, after the usual ones and
in diffusers' order: those on the way down and the middle one of a UNet, one for each block of a
transformer, the single ones of FLUX last. A ControlNet's graph has its residuals as outputs, for
a transformer often fewer, which are spread over the blocks here. What they are called does not
matter; without a ControlNet they are given zeros.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.engine.image.standins import Graph, complete, standin

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Call:
    """What a denoiser was shown, and what it said; timesteps as the pipeline counts them."""

    sample: torch.Tensor
    timestep: float
    predicted: torch.Tensor


UNET_INPUTS = ("sample", "timestep", "encoder_hidden_states")
XL_INPUTS = ("text_embeds", "time_ids")
TRANSFORMERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SD3Transformer2DModel": (
        ("hidden_states", "encoder_hidden_states", "pooled_projections", "timestep"),
        (),
    ),
    "FluxTransformer2DModel": (
        (
            "hidden_states",
            "encoder_hidden_states",
            "pooled_projections",
            "timestep",
            "img_ids",
            "txt_ids",
        ),
        ("guidance",),
    ),
}
"""By class: the inputs that a graph must have, and those that it may have."""


def unet_inputs(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The inputs that the graph of a UNet, or of its ControlNet, must have."""
    return UNET_INPUTS + (XL_INPUTS if config.get("addition_embed_type") == "text_time" else ())


def unet(config: Mapping[str, Any], graph: Graph) -> Any:
    """A UNet2DConditionModel. `calls` remembers what it was asked since somebody last looked."""
    from types import SimpleNamespace

    from diffusers.models.unets.unet_2d_condition import (
        UNet2DConditionModel,
        UNet2DConditionOutput,
    )

    times = timesteps(graph)
    own = complete(UNet2DConditionModel, config)

    def forward(
        self: Any,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep_cond: torch.Tensor | None = None,
        added_cond_kwargs: Mapping[str, torch.Tensor] | None = None,
        down_block_additional_residuals: Sequence[torch.Tensor] | None = None,
        mid_block_additional_residual: torch.Tensor | None = None,
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        given = dict(added_cond_kwargs or {})
        if timestep_cond is not None:
            given["timestep_cond"] = timestep_cond
        residuals = None
        if down_block_additional_residuals is not None:
            residuals = [*down_block_additional_residuals, mid_block_additional_residual]
        predicted = graph(
            rest=_residuals(graph, residuals, _unet_channels(own)),
            sample=sample,
            timestep=times(timestep, sample.shape[0]),
            encoder_hidden_states=encoder_hidden_states,
            **given,
        )[0].to(sample.dtype)
        self.calls.append(Call(sample, float(timestep), predicted))
        return UNet2DConditionOutput(sample=predicted) if return_dict else (predicted,)

    attributes: dict[str, Any] = {"calls": []}
    if own["projection_class_embeddings_input_dim"]:  # SDXL's pipelines look there for it
        linear = SimpleNamespace(in_features=own["projection_class_embeddings_input_dim"])
        attributes["add_embedding"] = SimpleNamespace(linear_1=linear)
    return standin(UNet2DConditionModel, own, forward, **attributes)


def transformer(config: Mapping[str, Any], graph: Graph) -> Any:
    """A transformer of TRANSFORMERS; `calls` as with `unet`."""
    import diffusers
    import torch
    from diffusers.models.modeling_outputs import Transformer2DModelOutput

    cls = getattr(diffusers, transformer_class(config))
    own = complete(cls, config)
    width = own["num_attention_heads"] * own["attention_head_dim"]
    names = list(inspect.signature(cls.forward).parameters)[1:]
    lists = ("block_controlnet_hidden_states", "controlnet_block_samples")
    singles = "controlnet_single_block_samples"
    counts = (own["num_layers"], own.get("num_single_layers", 0))
    patch = own["patch_size"]
    whole = "Flux" in cls.__name__  # diffusers rounds there, and not for SD 3

    def forward(self: Any, *values: Any, return_dict: bool = True, **named: Any) -> Any:
        given = dict(zip(names, values, strict=False)) | named
        sample = given["hidden_states"]
        main = next((given[n] for n in lists if given.get(n)), ())
        steered = bool(main or given.get(singles))
        rest: list[torch.Tensor] = []
        if steered or graph.rest:
            # As large as what they are added to: exporters take sizes from either of the two.
            tokens = sample[0, 0].numel() // patch**2 if sample.ndim == 4 else sample.shape[1]
            nothing = (torch.zeros(sample.shape[0], tokens, width),)
            again = bool(given.get("controlnet_blocks_repeat"))
            rest = [
                *_spread(main or nothing, counts[0], whole, again),
                *_spread(given.get(singles) or nothing, counts[1], whole, again=False),
            ]
        _check_places(graph, rest, steered)
        predicted = graph(rest=rest, **given)[0]
        predicted = predicted.to(sample.dtype)
        self.calls.append(Call(sample, float(given["timestep"].reshape(-1)[0]), predicted))
        return Transformer2DModelOutput(sample=predicted) if return_dict else (predicted,)

    return standin(cls, own, forward, calls=[])


def transformer_class(config: Mapping[str, Any]) -> str:
    """The class of a transformer. Raises ValueError for one that is not in TRANSFORMERS."""
    name = str(config.get("_class_name"))
    if name not in TRANSFORMERS:
        raise ValueError(f"transformer of class {name[:60]}")
    return name


def _spread(samples: Sequence[Any], count: int, whole: bool, again: bool) -> list[Any]:
    """A ControlNet's residuals over `count` blocks, each over its neighbours, or `again` and
    again, as diffusers' transformers do it."""
    each = count / len(samples)
    each = math.ceil(each) if whole else each
    return [samples[i % len(samples) if again else int(i / each)] for i in range(count)]


def timesteps(graph: Graph) -> Any:
    """A function that gives a timestep the shape that the graph asks for.

    Exporters leave it a scalar, one number for the whole batch, or one for each row.
    """
    import torch

    shape, batch = graph.shape("timestep"), graph.shape("sample")[0]

    def shaped(timestep: Any, rows: int) -> torch.Tensor:
        time = torch.as_tensor(timestep).reshape(-1)[:1]
        if not shape:
            return time[0]
        return time.expand(rows) if shape[0] == batch else time

    return shaped


def _residuals(
    graph: Graph, given: Sequence[Any] | None, channels: Sequence[int]
) -> list[torch.Tensor]:
    """A ControlNet's residuals for the graph of a UNet, zeros where there are none.

    Raises StudioError where the graph has no place for them.
    """
    import torch

    if given is None and not graph.rest:
        return []
    found = [torch.zeros(1, c, 1, 1) for c in channels] if given is None else list(given)
    _check_places(graph, found, steered=given is not None)
    return found


def _check_places(graph: Graph, residuals: Sequence[Any], steered: bool) -> None:
    """Raises StudioError where a graph does not take so many residuals."""
    if len(residuals) == len(graph.rest):
        return
    raise StudioError(
        "The ControlNet is made for another kind of model."
        if graph.rest and steered
        else "This model has no place for what a ControlNet says."
        if steered
        else "The parts of this model do not fit together: its graph takes other inputs.",
        "Choose a ControlNet of the same kind, or a model that was exported with inputs for one;"
        " Stable Diffusion and SDXL in safetensors take it as they are."
        if steered
        else "Install the model again, or choose another one.",
    )


def _unet_channels(config: Mapping[str, Any]) -> list[int]:
    """The channels of every residual that a ControlNet gives to this UNet."""
    blocks = config["block_out_channels"]
    layers = config["layers_per_block"]
    layers = [layers] * len(blocks) if isinstance(layers, int) else layers
    channels = [blocks[0]]
    for i, (width, count) in enumerate(zip(blocks, layers, strict=True)):
        channels += [width] * (count + (i + 1 < len(blocks)))
    return [*channels, blocks[-1]]
