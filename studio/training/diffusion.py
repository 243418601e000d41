"""The sketch model's text encoder and UNet, trained together from nothing.

Standard classes of transformers and diffusers, so that StableDiffusionPipeline runs them unchanged.
Trained on v-prediction (Salimans and Ho 2022) over a schedule rescaled to zero terminal signal (Lin
et al. 2023, "Common diffusion noise schedules and sample steps are flawed"), without which
backgrounds are not quite white.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.training.caption_tokenizer import LENGTH

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

Latents = npt.NDArray[np.float32]
TokenRows = Callable[[list[str]], "npt.NDArray[np.int64]"]
Captions = Callable[[int, np.random.Generator], str]

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
"""What every scheduler of the model has to know; diffusers' names."""
SNR_LIMIT = 5.0
"""Above this signal-to-noise ratio a step's loss counts less: fine detail is the autoencoder's
work."""


LEAN = 0.45
"""Exponent on uniform times: below 1, noisy times come more often; there a caption matters most."""


@dataclass(frozen=True)
class DiffusionConfig:
    """Shape of text encoder and UNet, and of their training."""

    vocabulary: int
    channels: tuple[int, ...] = (64, 144, 224)
    groups: int = 16
    heads: int = 4
    text_width: int = 256
    text_layers: int = 3
    text_feed_forward: int = 512
    latent_size: int = 16
    latent_channels: int = 4
    map_channels: int = 8
    map_width: int = 384
    batch: int = 40
    rate: float = 1e-3
    text_rate: float = 1e-4
    embedding_rate: float = 4e-3
    muon_rate: float = 0.01
    empty_caption: float = 0.1
    seed: int = 0


def build_text_encoder(config: DiffusionConfig) -> CLIPTextModel:
    """An untrained CLIP text encoder; the two last token ids are start and end.

    Words start far apart and reach the UNet as they are, since attention and feed-forward start as
    nothing. With CLIP's own starting values all words look nearly alike after the last layer, and a
    short training does not get them apart.
    """
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.text_width,
            intermediate_size=config.text_feed_forward,
            num_hidden_layers=config.text_layers,
            num_attention_heads=config.heads,
            max_position_embeddings=LENGTH,
            projection_dim=config.text_width,
            bos_token_id=config.vocabulary - 2,
            eos_token_id=config.vocabulary - 1,
            pad_token_id=config.vocabulary - 1,
        )
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "token_embedding" in name:
                parameter.normal_(std=0.3)
            elif "position_embedding" in name:
                parameter.normal_(std=0.05)
            elif name.endswith(("out_proj.weight", "fc2.weight")):
                parameter.zero_()
    return model


def build_unet(config: DiffusionConfig) -> UNet2DConditionModel:
    """An untrained UNet: attention at half and quarter size, the whole caption also in every
    block's modulation."""
    import torch
    from diffusers import UNet2DConditionModel

    levels = len(config.channels)
    unet = UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=config.latent_channels + config.map_channels,
        out_channels=config.latent_channels,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (levels - 1),
        up_block_types=("CrossAttnUpBlock2D",) * (levels - 1) + ("UpBlock2D",),
        block_out_channels=config.channels,
        layers_per_block=1,
        cross_attention_dim=config.text_width,
        attention_head_dim=config.heads,
        norm_num_groups=config.groups,
        addition_embed_type="text",
        addition_embed_type_num_heads=config.heads,
        resnet_time_scale_shift="scale_shift",
    )
    with torch.no_grad():
        # Residual branches start as nothing (Goyal et al. 2017), which a short training rewards.
        for name, parameter in unet.named_parameters():
            if "conv2." in name or ".proj_out." in name or name.startswith("conv_out."):
                parameter.zero_()
    return unet


def build_models(config: DiffusionConfig) -> torch.nn.ModuleDict:
    """Everything that is trained together: ``text``, ``unet``, and ``map``.

    The map is a rough picture of the caption, painted by two linear layers and laid beside the
    noise. A UNet of this size is slow to learn from attention alone where things are; with a map it
    is told.
    """
    import torch

    sides = config.map_channels * config.latent_size**2
    layers = torch.nn.Sequential(
        torch.nn.Linear(config.text_width, config.map_width),
        torch.nn.SiLU(),
        torch.nn.Linear(config.map_width, sides),
        torch.nn.Unflatten(1, (config.map_channels, config.latent_size, config.latent_size)),
    )
    return torch.nn.ModuleDict(
        {"text": build_text_encoder(config), "unet": build_unet(config), "map": layers}
    )


def denoise(
    models: torch.nn.ModuleDict, sample: torch.Tensor, time: torch.Tensor, context: torch.Tensor
) -> torch.Tensor:
    """The predicted velocity, shaped as ``sample`` (batch, c, h, w); ``context`` (batch, n, width).

    The map is stretched to the sample, so that other picture sizes work.
    """
    import torch

    # The start token is always the same, and the last one is padding: what is left are the words.
    words = (context[:, 1:] - context[:, -1:]).sum(dim=1) / 4
    painted = models["map"](words)
    painted = torch.nn.functional.interpolate(
        painted.to(sample.dtype), size=sample.shape[-2:], mode="bilinear", align_corners=False
    )
    predicted: torch.Tensor = models["unet"](
        torch.cat([sample, painted], dim=1), time, encoder_hidden_states=context, return_dict=False
    )[0]
    return predicted


def set_steps(scheduler: Any, steps: int) -> None:
    """Tell one of diffusers' schedulers how many steps there will be."""
    with warnings.catch_warnings():
        # diffusers hands tensors to numpy in a way that numpy 2 announces to end.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        scheduler.set_timesteps(steps)


class DiffusionTrainee:
    """Trains text encoder and UNet on latents and captions; keeps a moving average of the
    weights."""

    def __init__(
        self,
        config: DiffusionConfig,
        latents: Latents,
        weights: npt.NDArray[np.float64],
        captions: Captions,
        tokenize: TokenRows,
    ) -> None:
        """``latents`` (n, c, h, w) are scaled to unit deviation; ``weights`` (n) are the chances
        of a draw."""
        import torch
        from diffusers import DDIMScheduler

        torch.manual_seed(config.seed)
        self.config = config
        self.latents = torch.from_numpy(latents)
        self._chances = np.cumsum(weights / weights.sum())
        self._captions = captions
        self._tokenize = tokenize
        self.model = build_models(config)
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.optimizers = self._make_optimizers()
        self._rates = ((config.rate, config.text_rate, config.embedding_rate), (config.muon_rate,))
        self.alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod
        self.model.train()

    def parameters(self) -> dict[str, int]:
        """Number of weights of text encoder and UNet."""
        return {k: sum(p.numel() for p in m.parameters()) for k, m in self.model.items()}

    def _make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for the matrices of UNet and map; AdamW for the rest.

        A word is seen once in many steps, so its embedding has to move further each time, and the
        layers above it less, or they give all words the same direction.
        """
        import torch

        named = list(self.model.named_parameters())
        words = [p for n, p in named if "token_embedding" in n]
        text = [p for n, p in named if n.startswith("text.") and "token_embedding" not in n]
        matrices = [p for n, p in named if p.ndim == 2 and not n.startswith("text.")]
        rest = [p for n, p in named if p.ndim != 2 and not n.startswith("text.")]
        groups: list[dict[str, Any]] = [
            {"params": rest},
            {"params": text},
            {"params": words, "weight_decay": 0.0},
        ]
        return [
            torch.optim.AdamW(
                groups, lr=self.config.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
            ),
            torch.optim.Muon(matrices, lr=self.config.muon_rate, momentum=0.95, weight_decay=0.01),
        ]

    def _predict(self, noisy: torch.Tensor, time: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.autocast("cpu", torch.bfloat16):
            context = self.model["text"](input_ids=ids).last_hidden_state
            return denoise(self.model, noisy, time, context)

    def loss(
        self, clean: torch.Tensor, noise: torch.Tensor, time: torch.Tensor, ids: torch.Tensor
    ) -> torch.Tensor:
        """Weighted squared error of the predicted velocity at the given times."""

        alpha = self.alphas[time][:, None, None, None]
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        predicted = self._predict(noisy, time, ids).float()
        per_picture = (predicted - target).square().mean(dim=(1, 2, 3))
        ratio = (alpha / (1 - alpha)).flatten() + 1
        weighted: torch.Tensor = per_picture * ratio.clamp(max=SNR_LIMIT + 1) / ratio
        return weighted.mean()

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """The batch of a step: latents, noise, times, token ids. It depends on seed and step
        alone."""
        import torch

        chance = np.random.default_rng((self.config.seed, step))
        count = self.config.batch
        chosen = np.searchsorted(self._chances, chance.random(count)).clip(
            max=len(self.latents) - 1
        )
        clean = self.latents[torch.from_numpy(chosen)]
        noise = torch.from_numpy(chance.standard_normal(clean.shape, dtype=np.float32))
        # Stratified times: one from each of `count` equal parts of the schedule.
        places = (chance.permutation(count) + chance.random(count)) / count
        places = places**LEAN
        time = torch.from_numpy((places * len(self.alphas)).astype(np.int64))
        texts = [
            "" if chance.random() < self.config.empty_caption else self._captions(int(i), chance)
            for i in chosen
        ]
        return clean, noise, time, torch.from_numpy(self._tokenize(texts))

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step, and every fourth time one of the average."""
        import torch

        scale = min(1.0, (step + 1) / 30) * max(0.02, min(1.0, 1.35 * (1.0 - done)))
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        loss = self.loss(*self.draw(step))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if step % 4 == 3:
            decay = min(0.998, (1 + step) / (20 + step)) ** 4
            with torch.no_grad():
                for name, value in self.model.state_dict().items():
                    if value.is_floating_point():
                        self.average[name].lerp_(value, 1 - decay)
        return float(loss.detach())

    def averaged(self) -> torch.nn.ModuleDict:
        """Text encoder and UNet with the averaged weights, for judging and export."""

        model = build_models(self.config)
        model.load_state_dict(self.average)
        return model.eval()

    def evaluate(self) -> dict[str, float]:
        """Loss of the averaged weights on fixed draws of training pictures (the set holds each
        thing once)."""
        import torch

        now = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        with torch.no_grad():
            losses = [float(self.loss(*self.draw(2**40 + i))) for i in range(4)]
        self.model.load_state_dict(now)
        return {"v loss": float(np.mean(losses))}

    def state(self) -> dict[str, Any]:
        """Weights, their average, moments and configuration."""
        return {
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a saved state back; raises ValueError when it belongs to another configuration."""
        if state["config"] != asdict(self.config):
            raise ValueError("the checkpoint belongs to another configuration")
        self.model.load_state_dict(state["model"])
        self.average = {k: v.clone() for k, v in state["average"].items()}
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
