"""diffusers' and transformers' modules as graphs are traced from them: tensors in, tensors out.

Everything here is at the top of the module: large graphs are exported in a process of their own,
which has to find it by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studio.engine.image import attention

if TYPE_CHECKING:
    import torch

CLASSES = {
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "AutoencoderTiny": "diffusers.models.autoencoders.autoencoder_tiny",
    "ControlNetModel": "diffusers.models.controlnets.controlnet",
    "FluxTransformer2DModel": "diffusers.models.transformers.transformer_flux",
    "SD3Transformer2DModel": "diffusers.models.transformers.transformer_sd3",
    "CLIPTextModel": "transformers.models.clip.modeling_clip",
    "CLIPTextModelWithProjection": "transformers.models.clip.modeling_clip",
    "T5EncoderModel": "transformers.models.t5.modeling_t5",
}
"""What can be a part of a model -> the library's module that has it."""

RESIDUAL = "down_res_"
"""Begins the names of what a ControlNet gives to the blocks of a UNet on the way down."""
MIDDLE = "mid_res"
"""What it gives to the block in the middle."""
ADDED = ("text_embeds", "time_ids")
"""What SDXL is told besides the words."""
PREFIX = "inner."
"""Stands before the names of the weights in the state dict of what is built here."""


def build(
    cls: str, config: Mapping[str, Any], inputs: Sequence[str], what: str = "", half: bool = False
) -> Any:
    """A module that takes the tensors called `inputs` and gives those of the part.

    `what` says which half of an autoencoder it is: "encode" or "decode". `half` is for one that
    computes in 16 bits.
    """
    import torch

    library = getattr(importlib.import_module(CLASSES[cls]), cls)
    if cls.startswith(("CLIP", "T5")):
        settings = library.config_class(**dict(config))
        # The exporter gives attention that is one function a scale of 32 bits, whatever the rest.
        one = cls.startswith("CLIP") and not half
        settings._attn_implementation = "sdpa" if one else "eager"
        inner = library(settings)
    else:
        inner = library.from_config(dict(config))
        attention.fuse(inner)
    call = {"encode": encode, "decode": decode}.get(what) or CALLS[cls]

    class Part(torch.nn.Module):
        """The library's module behind a function of tensors in a fixed order."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *tensors: torch.Tensor) -> Any:
            return call(self.inner, dict(zip(inputs, tensors, strict=True)))

    return Part()


def unet(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The predicted noise (or velocity), as large as the sample."""
    down = tuple(given.pop(n) for n in list(given) if n.startswith(RESIDUAL))
    middle = given.pop(MIDDLE, None)
    added = {n: given.pop(n) for n in ADDED if n in given}
    return module(
        **given,
        added_cond_kwargs=added or None,
        down_block_additional_residuals=down or None,
        mid_block_additional_residual=middle,
        return_dict=False,
    )[0]


def controlnet(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The residuals on the way down, then the middle one."""
    added = {n: given.pop(n) for n in ADDED if n in given}
    down, middle = module(**given, added_cond_kwargs=added or None, return_dict=False)
    return (*down, middle)


def transformer(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The predicted velocity, in the form of the hidden states."""
    return module(**given, return_dict=False)[0]


def clip(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The projected text where the encoder has a projection; the last hidden state; the pooled
    one where it has none; every hidden state from the embeddings on."""
    found = module(**given, output_hidden_states=True)
    if "text_embeds" in found:
        return (found.text_embeds, found.last_hidden_state, *found.hidden_states)
    return (found.last_hidden_state, found.pooler_output, *found.hidden_states)


def t5(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The last hidden state."""
    return module(**given).last_hidden_state


def encode(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """Mean and log variance of the latents of a picture; the latents where there is no spread."""
    found = module.encoder(given["sample"])
    convolution = getattr(module, "quant_conv", None)
    return found if convolution is None else convolution(found)


def decode(module: Any, given: dict[str, torch.Tensor]) -> Any:
    """The picture of latents, -1 to 1."""
    latents = given["latent_sample"]
    convolution = getattr(module, "post_quant_conv", None)
    if convolution is not None:
        latents = convolution(latents)
    return module.decoder(latents)


CALLS = {
    "UNet2DConditionModel": unet,
    "ControlNetModel": controlnet,
    "FluxTransformer2DModel": transformer,
    "SD3Transformer2DModel": transformer,
    "CLIPTextModel": clip,
    "CLIPTextModelWithProjection": clip,
    "T5EncoderModel": t5,
}


def example(shapes: Sequence[tuple[tuple[int, ...], str]]) -> tuple[torch.Tensor, ...]:
    """Tensors to trace with: zeros and ones of these shapes, "f" floating or "i" whole numbers."""
    import torch

    return tuple(
        torch.rand(shape) if kind == "f" else torch.ones(shape, dtype=torch.int64)
        for shape, kind in shapes
    )
