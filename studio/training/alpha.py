"""The sketch model's cut-out: how opaque each pixel of a thing drawn on white is.

A plain U-Net (Ronneberger and others 2015, https://arxiv.org/abs/1505.04597), small enough to cost
next to nothing beside the drawing. It learns from the pictures' own alpha channels. What it sees
is made worse on purpose (coded and decoded, blurred, noisy, paler), so that it also knows drawn
things, whose edges are not as clean, and white parts within a thing from the white around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.training.autoencoder import Pixels, as_input
from studio.training.learner import Learner

GROUPS = 4
BARRIER, PAPER = 0.6, 0.92
"""The darkest channel, from -1 to 1, up to which a pixel is no white, and from which it is."""
STEPS = 80
"""How far a way out is followed, in pixels of half size."""
HOLE, SOLID = 0.2, 0.5
"""Opacity of enclosed white up to which it is a hole, and from which it is a part of the thing."""


@dataclass(frozen=True)
class AlphaConfig:
    """Shape of the U-Net, the spoiling of what it sees, and its training."""

    channels: tuple[int, ...] = (24, 32, 48, 64)
    batch: int = 12
    rate: float = 3e-3
    decoded: float = 0.5
    """Part of the pictures that went through the autoencoder."""
    paled: float = 0.25
    """Part of the pictures that are made paler, down to two fifths of their strength."""
    stains: float = 0.12
    """Most that the ground is off white by, of 2 between black and white."""
    moved: int = 12
    """Most pixels that a picture is moved by, each way."""
    seed: int = 0


class Twice(nn.Sequential):
    """Two convolutions of 3x3 with normalization: a level of the U-Net."""

    def __init__(self, entering: int, leaving: int) -> None:
        layers: list[nn.Module] = []
        for width in (entering, leaving):
            layers += [
                nn.Conv2d(width, leaving, 3, padding=1, bias=False),
                nn.GroupNorm(GROUPS, leaving),
                nn.SiLU(),
            ]
        super().__init__(*layers)


def surrounded(pictures: Tensor) -> Tensor:
    """White that is reached from the border, and white that is not, (n, 2, h/2, w/2), from
    pictures (n, 3, h, w) in [-1, 1].

    White around a thing and white within it look alike from near by; what sets them apart is a
    way out. It is looked for by geodesic dilation (Vincent 1993, "Morphological grayscale
    reconstruction in image analysis"), at half size, where a thin line still closes a form.
    """
    white = ((pictures.amin(dim=1, keepdim=True) - BARRIER) / (PAPER - BARRIER)).clamp(0, 1)
    free = functional.pad(-functional.max_pool2d(-white, 2), (1,) * 4, value=1.0)
    reached = functional.pad(torch.zeros_like(free[..., 1:-1, 1:-1]), (1,) * 4, value=1.0)
    for _ in range(STEPS):
        across = functional.max_pool2d(reached, (1, 3), stride=1, padding=(0, 1))
        down = functional.max_pool2d(reached, (3, 1), stride=1, padding=(1, 0))
        reached = torch.minimum(torch.maximum(across, down), free)
    return torch.cat([reached, free - reached], dim=1)[..., 1:-1, 1:-1]


class AlphaNet(nn.Module):
    """Pictures (n, 3, h, w) in [-1, 1] to the logits of their opacity, (n, 1, h, w).

    Every level works at half the size of the one before, the first at half that of the picture;
    the last layer makes four pixels of each place.
    """

    def __init__(self, config: AlphaConfig) -> None:
        super().__init__()
        torch.manual_seed(config.seed)
        widths = config.channels
        self.enter = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        entering = (widths[0] + 2, *widths)
        self.down = nn.ModuleList([Twice(a, b) for a, b in zip(entering, widths, strict=False)])
        self.up = nn.ModuleList(
            [Twice(a + b, a) for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True)]
        )
        self.leave = nn.Conv2d(2 * widths[0], 4, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self._logits(pictures, surrounded(pictures))

    def opacity(self, pictures: Tensor) -> Tensor:
        """How opaque each pixel is, (n, 1, h, w) from 0 to 1, decided for white without a way out.

        Whether that is a hole or a white part cannot always be told, and half of each is never
        right: from HOLE on it counts as more opaque, from SOLID on as wholly so.
        """
        white = surrounded(pictures)
        found = self._logits(pictures, white).sigmoid()
        # A little beyond, where the white goes over into the line around it.
        near = functional.max_pool2d(white[:, 1:], 3, stride=1, padding=1) * (1 - white[:, :1])
        within = functional.interpolate(near, scale_factor=2, mode="bilinear", align_corners=False)
        decided = ((found - HOLE) / (SOLID - HOLE)).clamp(0, 1)
        return torch.maximum(found, within * decided)

    def _logits(self, pictures: Tensor, white: Tensor) -> Tensor:
        seen: list[Tensor] = []
        fine = self.enter(pictures)
        x = torch.cat([fine, white], dim=1)
        for level, stage in enumerate(self.down):
            x = stage(functional.max_pool2d(x, 2) if level else x)
            seen.append(x)
        for stage, finer in zip(self.up, seen[-2::-1], strict=True):
            x = stage(torch.cat([finer, functional.interpolate(x, scale_factor=2)], dim=1))
        logits: Tensor = functional.pixel_shuffle(self.leave(torch.cat([x, fine], dim=1)), 2)
        return logits


def moved(pictures: Tensor, down: int, right: int, ground: float) -> Tensor:
    """Pictures (n, c, h, w) moved by whole pixels; what comes in is `ground`."""
    reach = max(abs(down), abs(right))
    if not reach:
        return pictures
    wide = functional.pad(pictures, (reach,) * 4, value=ground)
    height, width = pictures.shape[-2:]
    top, left = reach - down, reach - right
    return wide[..., top : top + height, left : left + width]


def blurred(pictures: Tensor, amount: Tensor) -> Tensor:
    """Pictures mixed with their mean over 3x3 pixels; `amount` (n, 1, 1, 1) from 0 to 1."""
    wide = functional.pad(pictures, (1,) * 4, mode="replicate")
    return torch.lerp(pictures, functional.avg_pool2d(wide, 3, stride=1), amount)


class AlphaTrainee(Learner):
    """Trains the U-Net on pictures on white and their alpha channels."""

    def __init__(
        self,
        config: AlphaConfig,
        train: tuple[Pixels, Pixels, Pixels],
        held_out: tuple[Pixels, Pixels, Pixels],
    ) -> None:
        """Pictures (n, h, w, 3), the same decoded from their latents, and opacity (n, h, w)."""
        self.config = config
        self.pictures, self.decoded, self.alpha = train
        self.held_out = held_out
        self.model = AlphaNet(config)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.rate,
            betas=(0.9, 0.98),
            weight_decay=1e-2,
            fused=True,
        )
        self.model.train()

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, spoiled, and the opacity in [0, 1]; it depends on seed and step
        alone."""
        config = self.config
        chance = np.random.default_rng((config.seed, step))
        count = config.batch
        chosen = chance.integers(0, len(self.pictures), count)
        decoded = chance.random(count) < config.decoded
        source = np.where(decoded[:, None, None, None], self.decoded[chosen], self.pictures[chosen])
        seen = as_input(source)
        wanted = torch.from_numpy(self.alpha[chosen]).unsqueeze(1).float() / 255

        def amounts(most: float, part: float = 1.0) -> Tensor:
            drawn = (
                chance.random((count, 1, 1, 1)) * most * (chance.random((count, 1, 1, 1)) < part)
            )
            return torch.from_numpy(drawn.astype(np.float32))

        seen = 1 - (1 - seen) * (1 - amounts(0.6, config.paled))
        seen = blurred(seen, amounts(1.0, 0.5))
        noise = chance.standard_normal(tuple(seen.shape), dtype=np.float32)
        seen = seen + amounts(0.06, 0.5) * torch.from_numpy(noise)
        # Drawn grounds are white but for stains.
        stains = chance.standard_normal((count, 3, 9, 9), dtype=np.float32)
        wide = functional.interpolate(
            torch.from_numpy(stains), size=tuple(seen.shape[-2:]), mode="bilinear"
        )
        seen = seen - amounts(config.stains, 0.6) * wide.relu()
        down, right = (int(n) for n in chance.integers(-config.moved, config.moved + 1, 2))
        seen, wanted = moved(seen, down, right, 1.0), moved(wanted, down, right, 0.0)
        if chance.random() < 0.5:
            seen, wanted = seen.flip(-1), wanted.flip(-1)
        return seen.clamp(-1, 1), wanted

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step: cross entropy with soft targets, and L1."""
        scale = min(1.0, (step + 1) / 50) * max(0.02, 1.0 - done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * scale
        seen, wanted = self.draw(step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(seen)
        logits = logits.float()
        loss = functional.binary_cross_entropy_with_logits(logits, wanted)
        loss = loss + (logits.sigmoid() - wanted).abs().mean()
        return self.descend(loss)

    def evaluate(self) -> dict[str, float]:
        """`agreement` on held-out pictures, as they are and decoded."""
        pictures, decoded, alpha = self.held_out
        figures: dict[str, float] = {}
        for name, seen in (("", pictures), (", decoded", decoded)):
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                parts = [
                    self.model.opacity(as_input(seen[i : i + 32])).float()[:, 0].numpy()
                    for i in range(0, len(seen), 32)
                ]
            found = agreement(np.concatenate(parts), alpha)
            figures |= {f"{k}{name}": v for k, v in found.items()}
        return figures


def agreement(found: npt.NDArray[np.float32], wanted: Pixels) -> dict[str, float]:
    """Mean absolute error of opacity found (n, h, w, 0 to 1) against the wanted one (0 to 255),
    and the mean intersection over union of what is at least half opaque."""
    true = wanted.astype(np.float32) / 255
    one, two = found >= 0.5, true >= 0.5
    both = (one & two).sum(axis=(1, 2))
    either = np.maximum((one | two).sum(axis=(1, 2)), 1)
    return {
        "alpha error": float(np.abs(found - true).mean()),
        "alpha IoU": float((both / either).mean()),
    }
