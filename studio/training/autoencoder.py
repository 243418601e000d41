"""The sketch model's autoencoder: diffusers' AutoencoderKL, 64x64 pictures to 16x16x4 latents.

Losses: L1, squared error and the L1 of image gradients (edges matter most in flat pictures), and a
small Kullback-Leibler term as in Rombach et al. 2022 (https://arxiv.org/abs/2112.10752).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from studio.training.learner import Learner

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class AutoencoderConfig:
    """Shape of the autoencoder and of its training."""

    channels: tuple[int, ...] = (32, 64, 96)
    groups: int = 16
    latent_channels: int = 4
    batch: int = 8
    rate: float = 1.5e-3
    kl_weight: float = 1e-3
    seed: int = 0


def build(config: AutoencoderConfig, size: int = 64) -> AutoencoderKL:
    """An untrained autoencoder; each level but the last halves the picture."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(config.seed)
    levels = len(config.channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=config.channels,
        layers_per_block=1,
        norm_num_groups=config.groups,
        latent_channels=config.latent_channels,
        mid_block_add_attention=False,
        sample_size=size,
        scaling_factor=1.0,
    )


def as_input(pixels: Pixels) -> torch.Tensor:
    """uint8 (n, h, w, 3) as float32 (n, 3, h, w) in [-1, 1]."""
    import torch

    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


class AutoencoderTrainee(Learner):
    """Trains the autoencoder on pictures drawn with equal chance, half of them mirrored."""

    def __init__(self, config: AutoencoderConfig, train: Pixels, held_out: Pixels) -> None:
        import torch

        self.config = config
        self.train = train
        self.held_out = held_out
        self.model = build(config, train.shape[1])
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.rate,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
            fused=True,
        )
        self.model.train()

    def loss(self, batch: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """The training loss of pictures in [-1, 1] with latent noise given."""
        import torch

        with torch.autocast("cpu", torch.bfloat16):
            moments = self.model.quant_conv(self.model.encoder(batch)).float()
            mean, logvar = moments.chunk(2, dim=1)
            logvar = logvar.clamp(-12.0, 4.0)
            latents = mean + torch.exp(0.5 * logvar) * noise
            restored = self.model.decoder(self.model.post_quant_conv(latents))
        error = restored.float() - batch
        across = (error[..., 1:] - error[..., :-1]).abs().mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        total: torch.Tensor = (
            error.abs().mean()
            + 2 * error.square().mean()
            + 0.5 * (across + down)
            + self.config.kl_weight * divergence
        )
        return total

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on a batch that depends on seed and step alone."""
        import torch

        chance = np.random.default_rng((self.config.seed, step))
        scale = min(1.0, (step + 1) / 50) * max(0.02, 1.0 - done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * scale
        chosen = self.train[chance.integers(0, len(self.train), self.config.batch)]
        mirrored = chance.random(len(chosen)) < 0.5
        chosen = np.where(mirrored[:, None, None, None], chosen[:, :, ::-1], chosen)
        batch = as_input(chosen)
        side = batch.shape[-1] // 2 ** (len(self.config.channels) - 1)
        shape = (len(chosen), self.config.latent_channels, side, side)
        noise = torch.from_numpy(chance.standard_normal(shape, dtype=np.float32))
        loss = self.loss(batch, noise)
        return self.descend(loss)

    def evaluate(self) -> dict[str, float]:
        """Mean peak signal-to-noise ratio of held-out pictures in dB, coded by their latent
        mean."""
        import torch

        restored = []
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(self.held_out), 32):
                batch = as_input(self.held_out[start : start + 32])
                mean = self.model.encode(batch).latent_dist.mode()
                restored.append(self.model.decode(mean).sample.float().clamp(-1, 1))
        error = ((torch.cat(restored) - as_input(self.held_out)) / 2).square().mean(dim=(1, 2, 3))
        return {"psnr dB": float((-10 * error.log10()).mean())}


def encode_all(model: AutoencoderKL, pixels: Pixels, batch: int = 64) -> npt.NDArray[np.float32]:
    """The latent means of pictures, float32 (n, channels, h/4, w/4), not scaled."""
    import torch

    parts = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pixels), batch):
            inputs = as_input(pixels[start : start + batch])
            parts.append(model.encode(inputs).latent_dist.mode().float().numpy())
    return np.concatenate(parts)
