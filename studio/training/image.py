"""Making the sketch model: pictures, autoencoder, latents, then text encoder and UNet, and what
brings their pictures to full size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from studio.training import alpha, autoencoder, caption_tokenizer, decoder, diffusion, pictures
from studio.training.export_image import run_graph_session
from studio.training.loop import Budget, Loop, Outcome

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPTokenizer

SHIFTED_SHARE = 0.18
"""Part of the draws that are recoloured copies."""
HELD_OUT_EVERY = 50
MOST_OFF = 0.4
"""Most noise on latents that stand for drawn ones, in their standard deviations."""


@dataclass(frozen=True)
class Latents:
    """Encoded pictures, scaled to unit deviation, and the factor that scaled them."""

    scaled: npt.NDArray[np.float32]
    factor: float


def held_out_mask(data: pictures.PictureData) -> npt.NDArray[np.bool_]:
    """True for every picture of each fiftieth thing; the autoencoder is judged on these."""
    names = sorted({p.caption for p in data.pictures if not p.shifted})
    held = set(names[::HELD_OUT_EVERY])
    bare = {pictures.without_colours(name) or name for name in held}
    return np.array(
        [(p.caption in bare) if p.shifted else (p.caption in held) for p in data.pictures]
    )


def train_autoencoder(
    data: pictures.PictureData,
    budget: Budget,
    checkpoints: Path | None,
    *,
    resume: bool,
    config: autoencoder.AutoencoderConfig | None = None,
) -> tuple[autoencoder.AutoencoderTrainee, Outcome]:
    """The first stage; held-out pictures are the originals only."""
    mask = held_out_mask(data)
    originals = np.array([not p.shifted for p in data.pictures])
    trainee = autoencoder.AutoencoderTrainee(
        config or autoencoder.AutoencoderConfig(),
        data.pixels[~mask],
        data.pixels[mask & originals][:192],
    )
    loop = Loop("image-autoencoder", budget, checkpoints, resume=resume)
    outcome = loop.run(trainee)
    trainee.model.eval()
    return trainee, outcome


def encode(model: AutoencoderKL, data: pictures.PictureData) -> Latents:
    """Latent means of all pictures, and the scaling factor 1 / deviation as in Stable Diffusion."""
    raw = autoencoder.encode_all(model, data.pixels)
    factor = float(1.0 / raw.std())
    return Latents(raw * factor, factor)


def draw_weights(data: pictures.PictureData) -> npt.NDArray[np.float64]:
    """The chance of each picture: its set's weight, and a fixed share in all for the recoloured
    ones."""
    weights = np.array([p.weight for p in data.pictures], dtype=np.float64)
    shifted = np.array([p.shifted for p in data.pictures])
    weights[~shifted] *= (1 - SHIFTED_SHARE) / weights[~shifted].sum()
    if shifted.any():
        weights[shifted] *= SHIFTED_SHARE / weights[shifted].sum()
    return weights


def all_captions(data: pictures.PictureData) -> list[str]:
    """Every wording the tokenizer should know, names more often than keywords."""
    chance = np.random.default_rng(0)
    texts = [pictures.caption_for(p, chance) for p in data.pictures]
    texts += [f"{p.caption}, {p.style}" for p in data.pictures] * 4
    texts += [k for p in data.pictures for k in p.keywords]
    texts += [
        f"{colour} {style}"
        for colour in sorted(pictures.COLOUR_WORDS)
        for style in pictures.STYLE_WORDS
    ]
    return texts


def make_tokenizer(
    data: pictures.PictureData, folder: Path, *, resume: bool = False
) -> CLIPTokenizer:
    """Train the caption tokenizer into ``folder`` (kept when resuming) and load it as transformers
    does."""
    from transformers import CLIPTokenizer

    if not (resume and (folder / "vocab.json").exists()):
        caption_tokenizer.save(folder, *caption_tokenizer.train(all_captions(data)))
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def token_rows(tokenizer: CLIPTokenizer, texts: list[str]) -> npt.NDArray[np.int64]:
    """Token ids as StableDiffusionPipeline makes them: padded and cut to the model's length."""
    rows = tokenizer(texts, padding="max_length", truncation=True).input_ids
    return np.asarray(rows, dtype=np.int64)


def train_diffusion(
    data: pictures.PictureData,
    latents: Latents,
    tokenizer: CLIPTokenizer,
    budget: Budget,
    checkpoints: Path | None,
    *,
    resume: bool,
    config: diffusion.DiffusionConfig | None = None,
) -> tuple[diffusion.DiffusionTrainee, Outcome]:
    """The second stage."""
    trainee = diffusion.DiffusionTrainee(
        config or diffusion.DiffusionConfig(vocabulary=len(tokenizer)),
        latents.scaled,
        draw_weights(data),
        lambda index, chance: pictures.caption_for(data.pictures[index], chance),
        lambda texts: token_rows(tokenizer, texts),
    )
    outcome = Loop("image-unet", budget, checkpoints, resume=resume).run(trainee)
    return trainee, outcome


def train_decoder(
    data: pictures.PictureData,
    vae: AutoencoderKL,
    budget: Budget,
    checkpoints: Path | None,
    *,
    resume: bool,
    config: decoder.DecoderConfig | None = None,
) -> tuple[decoder.DecoderTrainee, Outcome]:
    """The third stage; ``data`` are pictures of full size, ``vae`` knows the small ones."""
    mask = held_out_mask(data)
    originals = np.array([not p.shifted for p in data.pictures])
    latents = autoencoder.encode_all(vae, pictures.smaller(data.pixels, small_side(vae)))
    held = mask & originals
    trainee = decoder.DecoderTrainee(
        config or decoder.DecoderConfig(),
        vae,
        (latents[~mask], latents[held]),
        (data.pixels[~mask], data.pixels[held]),
    )
    outcome = Loop("image-decoder", budget, checkpoints, resume=resume).run(trainee)
    trainee.model.eval()
    return trainee, outcome


def small_side(vae: AutoencoderKL) -> int:
    """Pixels a side of the pictures that an autoencoder has learnt from."""
    return int(vae.config.sample_size)


def decoded_pictures(
    trainee: decoder.DecoderTrainee, vae: AutoencoderKL, pixels: pictures.Pixels
) -> pictures.Pixels:
    """Pictures of full size as they come out of the decoder, from latents more or less off, as
    drawn ones are."""
    latents = autoencoder.encode_all(vae, pictures.smaller(pixels, small_side(vae)))
    chance = np.random.default_rng(0)
    noise = chance.standard_normal(latents.shape, dtype=np.float32)
    amount = chance.random((len(latents), 1, 1, 1), dtype=np.float32)
    amount *= MOST_OFF * trainee.deviation
    drawn = trainee.decode(latents + amount * noise)
    return np.asarray(((drawn + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())


def train_alpha(
    data: pictures.PictureData,
    decoded: pictures.Pixels,
    budget: Budget,
    checkpoints: Path | None,
    *,
    resume: bool,
    config: alpha.AlphaConfig | None = None,
) -> tuple[alpha.AlphaTrainee, Outcome]:
    """The fourth stage; ``data`` are pictures of full size, ``decoded`` the same decoded."""
    mask = held_out_mask(data)
    held = mask & np.array([not p.shifted for p in data.pictures])
    parts = (data.pixels, decoded, data.alpha)
    trainee = alpha.AlphaTrainee(
        config or alpha.AlphaConfig(),
        (parts[0][~mask], parts[1][~mask], parts[2][~mask]),
        (parts[0][held], parts[1][held], parts[2][held]),
    )
    outcome = Loop("image-alpha", budget, checkpoints, resume=resume).run(trainee)
    trainee.model.eval()
    return trainee, outcome


@dataclass(frozen=True)
class Finish:
    """What makes finished pictures of latents: the decoder, and the network that cuts out."""

    decoder: decoder.DecoderTrainee
    alpha: alpha.AlphaTrainee
    outcomes: dict[str, Outcome]

    def figures(self, folder: Path) -> dict[str, float]:
        """The card's figures, on held-out things; of the cut-out, as it is exported to
        ``folder``."""
        cut = run_graph_session(folder / "alpha" / "model.onnx")
        found: dict[str, float] = {}
        for name, pictures_seen in zip(("", ", decoded"), self.alpha.held_out[:2], strict=True):
            opaque = [
                cut({"sample": autoencoder.as_input(p[None]).numpy()})[0][0, 0]
                for p in pictures_seen
            ]
            agreed = alpha.agreement(np.stack(opaque), self.alpha.held_out[2])
            found |= {f"{k}{name}": v for k, v in agreed.items()}
        told = self.decoder.against_enlarging()
        return {f"decoder on held-out things, {k}": v for k, v in told.items()} | {
            f"cut-out on held-out things, {k}": v for k, v in found.items()
        }


def train_finish(
    data: pictures.PictureData,
    vae: AutoencoderKL,
    budgets: tuple[Budget, Budget],
    checkpoints: Path | None,
    *,
    resume: bool,
    configs: tuple[decoder.DecoderConfig, alpha.AlphaConfig] | None = None,
) -> Finish:
    """The third and the fourth stage, on pictures of full size."""
    shape, cutting = configs or (decoder.DecoderConfig(), alpha.AlphaConfig())
    painter, drawn = train_decoder(data, vae, budgets[0], checkpoints, resume=resume, config=shape)
    decoded = decoded_pictures(painter, vae, data.pixels)
    cutter, cut = train_alpha(data, decoded, budgets[1], checkpoints, resume=resume, config=cutting)
    return Finish(painter, cutter, {"decoder": drawn, "alpha": cut})
