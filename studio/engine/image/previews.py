"""What a picture looks like on the way: the clean latents behind a step, and their pixels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studio.core.messages import ImagePreview
from studio.engine.image import schedulers
from studio.engine.image.autoencoders import unscaled

if TYPE_CHECKING:
    import torch

LATENTS = 32
"""Latents on a preview's longer side. Larger ones are averaged before they are decoded, which
costs a sixteenth where it shows a quarter of the width."""
SMALL_LATENTS = 64
"""The same where a small decoder is there, which is some hundred times faster."""


SHARE = 0.05
"""Of the time that drawing takes, what previews may take besides."""


class Rhythm:
    """When the next preview is due: so seldom that all of them cost little beside the drawing.

    A context manager round the making of one. The first is due at once.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._next = self._began = now()

    def due(self) -> bool:
        return self._now() >= self._next

    def __enter__(self) -> None:
        self._began = self._now()

    def __exit__(self, *error: object) -> None:
        ended = self._now()
        self._next = ended + (ended - self._began) * (1 / SHARE - 1)


def estimate(pipe: Any, denoiser: Any) -> torch.Tensor:
    """The clean latents (1, channels, height, width) that the denoiser's last answer stands for.

    In rows of tokens (1, tokens, channels) where the pipeline keeps them so. Forgets the calls
    that the denoiser remembers.
    """
    call = denoiser.calls[0]  # of two, the one with the words
    denoiser.calls.clear()
    sample, predicted = call.sample, call.predicted
    if predicted.shape[0] == 2:
        without, with_words = predicted.chunk(2)
        predicted = without + pipe.guidance_scale * (with_words - without)
        sample = sample[:1]
    axis = 1 if predicted.ndim == 4 else 2
    sample = sample.narrow(axis, 0, predicted.shape[axis])  # without mask and masked picture
    config = pipe.scheduler.config
    way = schedulers.way_of({**config, "_class_name": type(pipe.scheduler).__name__})
    clean: torch.Tensor = CLEAN[way](pipe.scheduler, call.timestep, sample, predicted)
    return clean


def _from_mix(
    scheduler: Any, timestep: float, sample: torch.Tensor, predicted: torch.Tensor
) -> torch.Tensor:
    """Every sampler shows the UNet a variance-preserving mix of picture and noise, so this needs
    only the cumulated alpha of the timestep; prediction types as in Salimans and Ho 2022."""
    import numpy as np

    alphas = scheduler.alphas_cumprod.double().numpy()
    alpha = float(np.interp(timestep, np.arange(len(alphas)), alphas))
    keep, noise = alpha**0.5, (1.0 - alpha) ** 0.5
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        predicted = keep * sample - noise * predicted
    elif kind != "sample":
        predicted = (sample - noise * predicted) / max(keep, 0.05)
    return predicted


def _from_flow(
    scheduler: Any, timestep: float, sample: torch.Tensor, predicted: torch.Tensor
) -> torch.Tensor:
    """A straight line from noise to picture (Esser et al. 2024). FLUX counts its time to 1."""
    sigma = timestep if sample.ndim == 3 else timestep / scheduler.config.num_train_timesteps
    return sample - sigma * predicted


def _from_edm(
    scheduler: Any, timestep: float, sample: torch.Tensor, predicted: torch.Tensor
) -> torch.Tensor:
    """Preconditioned as by Karras et al. 2022: the timestep is a quarter of sigma's logarithm."""
    import torch

    sigma = torch.tensor(math.exp(4 * timestep))
    whole = sample * (sigma**2 + scheduler.config.sigma_data**2).sqrt()
    result: torch.Tensor = scheduler.precondition_outputs(whole, predicted, sigma)
    return result


CLEAN: dict[str, Callable[[Any, float, Any, Any], Any]] = {
    "noise": _from_mix,
    "flow": _from_flow,
    "edm": _from_edm,
}
"""By the way that the model was taught."""


def unpacked(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Rows of 2 x 2 latents (1, tokens, 4 * channels) as (1, channels, height, width) latents."""
    rows, columns = height // 2, width // 2
    channels = latents.shape[2] // 4
    grid = latents.view(1, rows, columns, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(1, channels, height, width)


def through_vae(index: int, latents: torch.Tensor, vae: Any) -> ImagePreview:
    """Latents seen through the model's own decoder."""

    def decode(latents: torch.Tensor) -> torch.Tensor:
        pixels: torch.Tensor = vae.decode(unscaled(latents, vae.config), return_dict=False)[0]
        return pixels

    return _seen(index, latents, LATENTS, decode)


def through_small(
    index: int, latents: torch.Tensor, decode: Any, config: Mapping[str, Any]
) -> ImagePreview:
    """Latents seen through a small decoder (TAESD, github.com/madebyollin/taesd).

    It takes a pipeline's latents as they are, unless its configuration scales them.
    """
    scale, shift = config.get("scaling_factor") or 1.0, config.get("shift_factor") or 0.0
    return _seen(
        index,
        latents,
        SMALL_LATENTS,
        lambda z: decode(latent_sample=z / scale + shift)[0].float(),
    )


def _seen(
    index: int,
    latents: torch.Tensor,
    most: int,
    decode: Callable[[torch.Tensor], torch.Tensor],
) -> ImagePreview:
    import torch

    factor = -(-max(latents.shape[-2:]) // most)
    with torch.no_grad():
        if factor > 1:
            latents = torch.nn.functional.avg_pool2d(latents, factor)
        pixels = decode(latents)[0]
        pixels = torch.nan_to_num(pixels).clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    height, width = pixels.shape[-2:]
    return ImagePreview(
        index, width, height, pixels.permute(1, 2, 0).contiguous().numpy().tobytes()
    )
