"""The sketch model's decoder to twice the size: the autoencoder's, taught to draw finer edges.

The latents stay those of the small pictures. The old decoder's last features go through one more
stage with a sub-pixel convolution (Shi and others 2016, https://arxiv.org/abs/1609.05158), which
adds what is missing to the enlarged old picture; all of it is then trained together.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.training.autoencoder import Pixels, as_input
from studio.training.learner import Learner

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

Latents = npt.NDArray[np.float32]

EDGE, PLAIN = 0.5, 0.01
"""Differences of neighbours, of 2 between black and white, from which and up to which a place is
an edge or plain."""


@dataclass(frozen=True)
class DecoderConfig:
    """Shape of the new stage, and its training."""

    width: int = 24
    batch: int = 8
    rate: float = 2e-3
    old_rate: float = 4e-4
    """For what has been trained already."""
    noise: float = 0.12
    """Most noise on the latents, in their standard deviations: drawn latents are not quite right
    either."""
    structure: float = 0.3
    """Weight of 1 - structural similarity (Wang and others 2004)."""
    seed: int = 0


class Decoder(nn.Module):
    """Latents (n, 4, h, w), not scaled, to pictures (n, 3, 8h, 8w) in about [-1, 1]."""

    def __init__(self, vae: AutoencoderKL, config: DecoderConfig) -> None:
        """Begins as the decoder of `vae`, enlarged twice; `vae` itself is left as it is."""
        super().__init__()
        torch.manual_seed(config.seed)
        self.before = copy.deepcopy(vae.post_quant_conv)
        self.old: Any = copy.deepcopy(vae.decoder)
        self.plain = self.old.conv_out
        self.old.conv_out = nn.Identity()  # the new stage wants the features behind the picture
        width = config.width
        self.enter = nn.Conv2d(self.plain.in_channels, 4 * width, 3, padding=1)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)
        with torch.no_grad():
            for parameter in self.leave.parameters():
                parameter.zero_()

    def new_parameters(self) -> list[nn.Parameter]:
        """What was not trained with the autoencoder."""
        stages = (self.enter, self.first, self.second, self.leave)
        return [p for stage in stages for p in stage.parameters()]

    def forward(self, latents: Tensor) -> Tensor:
        features = self.old(self.before(latents))
        plain = functional.interpolate(
            self.plain(features), scale_factor=2, mode="bilinear", align_corners=False
        )
        fine = functional.pixel_shuffle(functional.silu(self.enter(features)), 2)
        fine = fine + self.second(functional.silu(self.first(fine)))
        drawn: Tensor = plain + self.leave(functional.silu(fine))
        return drawn


def similarity(one: Tensor, two: Tensor) -> Tensor:
    """Mean structural similarity of pictures (n, 3, h, w) in [-1, 1], in windows of 7x7 pixels as
    scikit-image has them."""

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 7, stride=1)

    a, b = mean(one), mean(two)
    across = mean(one * two) - a * b
    spread = mean(one.square()) - a.square() + mean(two.square()) - b.square()
    first, second = 0.0004, 0.0036  # (0.01 * range)^2 and (0.03 * range)^2
    alike = (2 * a * b + first) * (2 * across + second)
    return (alike / ((a.square() + b.square() + first) * (spread + second))).mean()


def slopes(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, across and down."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


class DecoderTrainee(Learner):
    """Trains the decoder on large pictures and the latents of the small ones."""

    def __init__(
        self,
        config: DecoderConfig,
        vae: AutoencoderKL,
        latents: tuple[Latents, Latents],
        pictures: tuple[Pixels, Pixels],
    ) -> None:
        """`latents` (n, c, h, w), not scaled, and `pictures` (n, 8h, 8w, 3): to learn from, and
        held out."""
        self.config = config
        self.vae = vae
        self.latents, self.held_latents = latents
        self.pictures, self.held_out = pictures
        self.model = Decoder(vae, config)
        self.deviation = float(self.latents.std())
        new = self.model.new_parameters()
        known = {id(p) for p in new}
        old = [p for p in self.model.parameters() if id(p) not in known]
        self._rates = (config.rate, config.old_rate)
        self.optimizer = torch.optim.AdamW(
            [{"params": new}, {"params": old}],
            lr=config.rate,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
            fused=True,
        )
        self.model.train()

    def loss(self, latents: Tensor, wanted: Tensor) -> Tensor:
        """L1, the L1 of slopes, and structure; pictures in [-1, 1]."""
        with torch.autocast("cpu", torch.bfloat16):
            drawn = self.model(latents)
        drawn = drawn.float()
        edges = sum(
            (a - b).abs().mean() for a, b in zip(slopes(drawn), slopes(wanted), strict=True)
        )
        likeness_lost = self.config.structure * (1 - similarity(drawn, wanted))
        total: Tensor = (drawn - wanted).abs().mean() + edges + likeness_lost
        return total

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on a batch that depends on seed and step alone."""
        config = self.config
        chance = np.random.default_rng((config.seed, step))
        scale = min(1.0, (step + 1) / 50) * max(0.02, 1.0 - done)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * scale
        chosen = chance.integers(0, len(self.latents), config.batch)
        clean = self.latents[chosen]
        amount = chance.random((config.batch, 1, 1, 1), dtype=np.float32)
        amount *= config.noise * self.deviation
        noisy = clean + amount * chance.standard_normal(clean.shape, dtype=np.float32)
        loss = self.loss(torch.from_numpy(noisy), as_input(self.pictures[chosen]))
        return self.descend(loss)

    def decode(self, latents: Latents, batch: int = 32) -> Tensor:
        """Pictures of latents, in [-1, 1]."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            parts = [
                self.model(torch.from_numpy(latents[i : i + batch])).float()
                for i in range(0, len(latents), batch)
            ]
        return torch.cat(parts).clamp(-1, 1)

    def evaluate(self) -> dict[str, float]:
        """The figures of `likeness` on held-out pictures."""
        return likeness(self.decode(self.held_latents), as_input(self.held_out))

    def against_enlarging(self) -> dict[str, float]:
        """The same, beside those of the old decoder's pictures enlarged (bicubic)."""
        with torch.no_grad():
            small = self.vae.decode(torch.from_numpy(self.held_latents)).sample
        large = functional.interpolate(
            small, scale_factor=2, mode="bicubic", align_corners=False
        ).clamp(-1, 1)
        enlarged = likeness(large, as_input(self.held_out))
        return self.evaluate() | {f"{k} of enlarging": v for k, v in enlarged.items()}


def likeness(drawn: Tensor, wanted: Tensor) -> dict[str, float]:
    """How near drawn pictures (n, 3, h, w) in [-1, 1] are to the wanted ones.

    Peak signal-to-noise ratio in dB; structural similarity; at the wanted pictures' edges, how
    steep the drawn ones are, as a part of what is wanted; and where those are plain, how much
    neighbours differ, in grey levels of 255.
    """
    error = ((drawn - wanted) / 2).square().mean(dim=(1, 2, 3))
    found, asked = (torch.cat([s.flatten() for s in slopes(p)]).abs() for p in (drawn, wanted))
    edges, plain = asked > EDGE, asked < PLAIN
    return {
        "psnr dB": float((-10 * error.log10()).mean()),
        "similarity": float(similarity(drawn, wanted)),
        "sharpness of edges": float(found[edges].mean() / asked[edges].mean()),
        "unrest of plain parts": float(found[plain].mean()) * 127.5,
    }
