"""Between latents and pixels: the library's autoencoder and small preview decoders over graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studio.engine.image.standins import Graph, standin

if TYPE_CHECKING:
    import torch


def kl(config: Mapping[str, Any], decode: Graph, encode: Callable[[], Graph]) -> Any:
    """The library's own AutoencoderKL with graphs for encoder and decoder; it can tile them.

    `encode` gives the encoder's graph when it is first needed.
    """
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    def decoded(self: Any, latents: torch.Tensor, *others: Any) -> torch.Tensor:
        return decode(latent_sample=latents)[0].to(latents.dtype)

    def encoded(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        moments = encode()(sample=pixels)[0].to(pixels.dtype)
        if moments.shape[1] == 2 * config["latent_channels"]:
            return moments
        # An export that gives latents instead of their distribution: one without any spread.
        return torch.cat([moments, torch.full_like(moments, -30.0)], dim=1)

    # Without what the library notes for itself: it takes settings back that it calls default.
    own = {k: v for k, v in config.items() if not k.startswith("_")}
    # These convolutions are inside the graphs.
    own |= {"use_quant_conv": False, "use_post_quant_conv": False}
    with torch.device("meta"):
        module = AutoencoderKL.from_config(own)
    module.tile_sample_min_size = _side(config.get("sample_size", module.tile_sample_min_size))
    module.decoder = standin(torch.nn.Module, None, decoded)
    module.encoder = standin(torch.nn.Module, None, encoded)
    return module.eval()


def _side(size: Any) -> int:
    return int(size if isinstance(size, int) else min(size))


def unscaled(latents: torch.Tensor, config: Mapping[str, Any]) -> torch.Tensor:
    """A pipeline's latents as the decoder takes them, by the autoencoder's configuration."""
    import torch

    shift = config.get("shift_factor") or 0.0
    mean, spread = config.get("latents_mean"), config.get("latents_std")
    scale = float(config["scaling_factor"])
    if mean is None or spread is None:
        return latents / scale + shift
    mean, spread = (torch.tensor(v).view(1, -1, 1, 1).to(latents) for v in (mean, spread))
    result: torch.Tensor = latents * spread / scale + mean
    return result
