"""diffusers' own pipelines over ONNX Runtime: which there are, and what a model folder gives."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.image import schedulers, standins
from studio.engine.image.layout import Layout, missing
from studio.engine.sessions import open_session, unreadable
from studio.engine.workbench import Workbench, folder_size, folder_stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model: diffusers' pipelines for it as "module:class", from words and a picture."""

    from_words: str
    from_picture: str


_SD = "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"

KINDS: dict[str, Kind] = {
    "StableDiffusionPipeline": Kind(
        f"{_SD}:StableDiffusionPipeline", f"{_SD}_img2img:StableDiffusionImg2ImgPipeline"
    ),
}
"""By the class that model_index.json names."""


TOLD_ABOVE = 256 << 20
"""Bytes of a model below which loading is over before its parts could be told."""


@dataclass(slots=True)
class Model:
    """A model folder, loaded: what stays between jobs."""

    kind: Kind
    layout: Layout
    brake: standins.Brake
    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any
    provider: str
    encoder: list[standins.Graph] = field(default_factory=list)
    """The VAE's encoder, once a picture went in."""

    def pipeline(self, sampler: str, *, from_picture: bool) -> Any:
        """A new pipeline with a new scheduler. Raises StudioError where the model has none."""
        cls = _load(self.kind.from_picture if from_picture else self.kind.from_words)
        pipeline = cls(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self._scheduler(sampler),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _scheduler(self, sampler: str) -> Any:
        config = self.layout.scheduler
        own = str(config.get("_class_name"))
        if sampler == schedulers.OWN and own not in schedulers.MODULES:
            raise StudioError(
                f"This model asks for a sampler that is not here: {own[:60]}.",
                "Choose another one under “Sampler”.",
            )
        try:
            return schedulers.build(sampler, config)
        except Exception as error:  # a stranger's numbers, in code that takes what it gets
            path = self.layout.folder / "scheduler" / "scheduler_config.json"
            raise unreadable(path, self.layout.folder) from error


def libraries() -> None:
    """Import what a drawing needs: some three seconds of computing, the first time."""
    import transformers

    # Before anything else of it: loading it says what optional packages are not there.
    transformers.utils.logging.set_verbosity_error()
    import diffusers.utils.logging

    diffusers.utils.logging.set_verbosity_error()
    import onnxruntime  # noqa: F401

    # The schedulers of diffusers 0.42 speak to numpy 2 the way of numpy 1; numpy says so each time.
    warnings.filterwarnings("ignore", "__array", DeprecationWarning)

    for kind in KINDS.values():
        _load(kind.from_words)
        _load(kind.from_picture)


def load(job: Job, bench: Workbench, layout: Layout, told: Callable[[int, int], None]) -> Model:
    """The model of a job, from the bench where it is held, its brake off.

    `told` hears that part i of n is loaded, where that takes long enough to be told.

    Raises StudioError naming the file that is missing or cannot be read.
    """
    kind = KINDS.get(layout.pipeline)
    if kind is None:
        raise StudioError(
            f"This model is of a kind that the studio cannot run: {layout.pipeline[:60]}.",
            "Choose another model.",
        )
    key = (
        "image.diffusion",
        layout.folder.name,
        folder_stamp(layout.folder),
        tuple(device.providers(job.device)),
        device.threads(job.device),
    )
    size = folder_size(layout.folder)
    heard = told if size > TOLD_ABOVE else lambda part, of: None
    model = bench.take(key, lambda: _open(job, bench, layout, kind, heard), size)
    bench.provider = model.provider
    model.brake.release()
    return model


def open_encoder(job: Job, bench: Workbench, model: Model) -> None:
    """Load the VAE's encoder, which only pictures that go in need.

    Raises StudioError where the model has none.
    """
    if model.encoder:
        return
    try:
        path = model.layout.graph("vae_encoder")
    except StudioError:
        raise StudioError(
            f"The model “{model.layout.folder.name}” cannot start from a picture.",
            "Take the picture out, or choose another model.",
        ) from None
    session = open_session(job, path, bench)
    try:
        model.encoder.append(standins.Graph("vae_encoder", session, model.brake, ("sample",)))
    except ValueError as error:
        raise unreadable(path, model.layout.folder) from error


def _open(
    job: Job, bench: Workbench, layout: Layout, kind: Kind, told: Callable[[int, int], None]
) -> Model:
    brake = standins.Brake()
    encoder: list[standins.Graph] = []
    folder = layout.folder

    def graph(part: str, needed: tuple[str, ...], *optional: str) -> standins.Graph:
        path = layout.graph(part)
        session = open_session(job, path, bench)
        try:
            return standins.Graph(part, session, brake, needed, optional)
        except ValueError as error:
            log.warning("%s: %s", path, error)
            raise unreadable(path, folder) from error

    def configured(part: str, build: Callable[[], Any]) -> Any:
        try:
            return build()
        except Exception as error:  # whatever a library says to a stranger's configuration
            raise unreadable(folder / part / "config.json", folder) from error

    # The smallest first: a folder that is not complete is told before gigabytes were read.
    told(0, 4)
    tokenizer = _tokenizer(layout)
    words = graph("text_encoder", ("input_ids",), "attention_mask")
    text_encoder = configured(
        "text_encoder", lambda: standins.text_encoder(layout.text_encoder, words)
    )
    told(1, 4)
    decode = graph("vae_decoder", ("latent_sample",))
    vae = configured(
        "vae_decoder", lambda: standins.autoencoder(layout.vae, decode, lambda: encoder[0])
    )
    told(2, 4)
    names = ("sample", "timestep", "encoder_hidden_states")
    noise = graph("unet", names, "timestep_cond")
    unet = configured("unet", lambda: standins.unet(layout.unet, noise))
    told(3, 4)
    return Model(kind, layout, brake, tokenizer, text_encoder, unet, vae, bench.provider, encoder)


def _tokenizer(layout: Layout) -> Any:
    from transformers import CLIPTokenizer

    folder = layout.folder / "tokenizer"
    if not (folder / "vocab.json").is_file() and not (folder / "tokenizer.json").is_file():
        raise missing(layout.folder, "tokenizer/vocab.json")
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the loaders behind it raise their own of every kind
        raise unreadable(folder, layout.folder) from error
    positions = int(layout.text_encoder.get("max_position_embeddings", 77))
    tokenizer.model_max_length = min(tokenizer.model_max_length, positions)
    return tokenizer


def _load(name: str) -> Any:
    module, cls = name.split(":")
    return getattr(importlib.import_module(module), cls)


def tokens(model: Model) -> Callable[[str], int]:
    """How many tokens the model's text encoder sees of a text, start and end included."""

    def count(text: str) -> int:
        ids: Mapping[str, list[int]] = model.tokenizer(text)
        return len(ids["input_ids"])

    return count
