"""The parts of a model folder, opened as sessions and given to diffusers' own classes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.controls import parse_extras
from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.image import (
    autoencoders,
    controlnets,
    denoisers,
    encoders,
    standins,
    sticker,
    words,
)
from studio.engine.image.layout import Layout, missing, tokenizer_of
from studio.engine.image.loaded import Model, is_clip
from studio.engine.sessions import open_session, unreadable
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

log = logging.getLogger(__name__)

Told = Callable[[float], None]
"""Hears how much of something is done, 0 to 1; what it raises ends it."""
TOLD_ABOVE = 256 << 20
"""Bytes of a model below which loading is over before its parts could be told."""


def laid_over(job: Job, name: str) -> tuple[tuple[Path, float], ...]:
    """The folders of the models that the setting `name` lays over, each with its strength.

    Raises StudioError where one of them is not installed.
    """
    found = []
    for ref in parse_extras(str(job.recipe.values.get(name, ""))):
        if ref.model not in job.extras:
            raise StudioError(
                f"The model “{ref.model}” is not installed.", "Install it, or leave it out."
            )
        found.append((job.extras[ref.model], ref.strength))
    return tuple(found)


def open_part(
    job: Job,
    bench: Workbench,
    layout: Layout,
    part: str,
    *,
    residuals: bool = False,
    told: Told | None = None,
) -> ort.InferenceSession:
    """A session for a part of a model: from its graph, or its weights bound to a graph without.

    `residuals` asks for the inputs of a ControlNet where there is a choice. The models of the
    setting `lora` are merged into the weights. `told` hears every 0.1 s how much is done (0 to
    1), for a graph may have to be made first, which takes minutes; what it raises ends the
    loading. Raises StudioError naming what is missing.
    """
    from studio.engine import graphs

    path = layout.graph(part)
    if path is None and not layout.has_weights(part):
        raise layout.tell_missing(part)
    if path is not None:
        if laid_over(job, "lora") and part in (layout.kind.denoiser, *layout.encoders):
            raise StudioError(
                "A LoRA cannot be laid over this model: its weights are fixed inside ONNX graphs.",
                "Choose a model in safetensors, or leave the LoRA out.",
            )
        if told is None:
            return open_session(job, path, bench)
        heard = functools.partial(told, 0.0)
        graphs.wait(bench, heard)
        return graphs.opened(job, path, bench, {}, heard)
    from studio.engine.image import architectures, lora

    architecture = architectures.architecture_of(
        layout, part, residuals=residuals, half=architectures.half_on(job.device)
    )
    weights = architectures.weights(layout, part)
    laid = laid_over(job, "lora")
    if laid and part in (layout.kind.denoiser, *layout.encoders):
        weights = lora.over(weights, layout, part, laid)
    return graphs.open_bound(job, bench, architecture, weights, told)


def load(job: Job, bench: Workbench, layout: Layout, told: Callable[[float, int], None]) -> Model:
    """The model of a job, from the bench where it is held, its brake off.

    `told` hears that i of n parts are loaded, where that takes long enough to be told.

    Raises StudioError naming the file that is missing or cannot be read.
    """
    loras = laid_over(job, "lora")
    # Graphs with a ControlNet's inputs are others, where there is a choice.
    unet = layout.kind.denoiser == "unet" and not layout.graph("unet")
    steered = unet and bool(job.recipe.values.get("controlnet"))
    key = (
        "image.diffusion",
        layout.folder.name,
        folder_stamp(layout.folder),
        tuple(device.providers(job.device)),
        device.threads(job.device),
        tuple((folder_stamp(folder), strength) for folder, strength in loras),
        steered,
    )
    size = folder_size(layout.folder)
    quick = size <= TOLD_ABOVE and layout.graph(layout.kind.denoiser) is not None
    heard = (lambda part, of: None) if quick else told
    model = bench.take(key, lambda: _open(job, bench, layout, steered, heard), size)
    bench.provider = model.provider
    model.brake.release()
    return model


def open_encoder(job: Job, bench: Workbench, model: Model, told: Told | None = None) -> None:
    """Load the VAE's encoder, which only pictures that go in need.

    `told` as in `open_part`. Raises StudioError where the model has none.
    """
    if "vae_encoder" in model.graphs:
        return
    layout = model.layout
    if layout.graph("vae_encoder") is None and not layout.has_weights("vae_encoder"):
        raise StudioError(
            f"The model “{layout.folder.name}” cannot start from a picture.",
            "Take the picture out, or choose another model.",
        )
    model.graphs["vae_encoder"] = _graph(job, bench, layout, "vae_encoder", model.brake, told=told)


def open_controlnet(
    job: Job, bench: Workbench, model: Model, folder: Path, told: Told | None = None
) -> Any:
    """The ControlNet in a folder, kept with the model until another one is asked for."""
    layout = model.layout.with_part("controlnet", folder)

    def build() -> Any:
        config = layout.config("controlnet")
        graph = _graph(job, bench, layout, "controlnet", model.brake, told=told)
        return _configured(layout, "controlnet", lambda: controlnets.controlnet(config, graph))

    return _laid(model, "controlnet", (folder, folder_stamp(folder)), build)


def open_preview(
    job: Job, bench: Workbench, model: Model, folder: Path | None
) -> tuple[standins.Graph, Mapping[str, Any]] | None:
    """The graph of a small decoder for previews, with its configuration; None where none is."""
    layout = model.layout if folder is None else model.layout.with_part("preview", folder)
    if "preview" not in layout.places:
        return None
    place = layout.place("preview")

    def build() -> tuple[standins.Graph, Mapping[str, Any]]:
        config = layout.config("preview")
        return _graph(job, bench, layout, "preview", model.brake), config

    found: tuple[standins.Graph, Mapping[str, Any]]
    found = _laid(model, "preview", (place, folder_stamp(place)), build)
    return found


def open_cutter(
    job: Job, bench: Workbench, model: Model
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]:
    """What cuts a drawn thing out of its white ground, as `sticker.cut`; kept with the model.

    Raises StudioError where the part cannot be read.
    """
    layout = model.layout

    def build() -> tuple[standins.Graph, int]:
        levels = _configured(
            layout, sticker.PART, lambda: len(layout.config(sticker.PART)["block_out_channels"])
        )
        return _graph(job, bench, layout, sticker.PART, model.brake), 2**levels

    graph, multiple = _laid(model, sticker.PART, layout.folder, build)
    return lambda pixels: sticker.cut(pixels, graph, multiple)


def _laid(model: Model, part: str, key: Any, build: Callable[[], Any]) -> Any:
    if part not in model.laid or model.laid[part][0] != key:
        model.laid.pop(part, None)  # first: two at once are what memory runs out of
        model.laid[part] = (key, build())
    return model.laid[part][1]


def _inputs(layout: Layout, part: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the graph of a part must have as inputs, and what it may have."""
    if part == layout.kind.denoiser:
        if part == "unet":
            return denoisers.unet_inputs(layout.denoiser), ("timestep_cond",)
        return denoisers.TRANSFORMERS[denoisers.transformer_class(layout.denoiser)]
    if part in layout.kind.encoders:
        return encoders.INPUTS
    if part == "controlnet":
        return controlnets.inputs(layout.config(part))
    if part in ("vae_encoder", sticker.PART):
        return ("sample",), ()
    return ("latent_sample",), ()


def _graph(
    job: Job,
    bench: Workbench,
    layout: Layout,
    part: str,
    brake: standins.Brake,
    residuals: bool = False,
    told: Told | None = None,
) -> standins.Graph:
    if layout.graph(part) is not None and folder_size(layout.place(part)) < TOLD_ABOVE:
        told = None  # it is open before it could be told
    needed, optional = _configured(layout, part, lambda: _inputs(layout, part))
    session = open_part(job, bench, layout, part, residuals=residuals, told=told)
    try:
        more = part == layout.kind.denoiser
        return standins.Graph(part, session, brake, needed, optional, more)
    except ValueError as error:
        path = layout.graph(part) or layout.place(part)
        log.warning("%s: %s", path, error)
        raise unreadable(path, layout.folder) from error


def _configured(layout: Layout, part: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except StudioError:
        raise
    except Exception as error:  # whatever a library says to a stranger's configuration
        raise unreadable(layout.place(part) / "config.json", layout.folder) from error


def _open(
    job: Job, bench: Workbench, layout: Layout, steered: bool, told: Callable[[float, int], None]
) -> Model:
    brake = standins.Brake()
    parts: dict[str, Any] = {}
    graphs: dict[str, standins.Graph] = {}
    denoiser = layout.kind.denoiser
    # The smallest first: a folder that is not complete is told before gigabytes were read.
    order = (*layout.encoders, "vae_decoder", denoiser)
    for part in layout.encoders:
        parts[tokenizer_of(part)] = _tokenizer(layout, part)
    for number, part in enumerate(order):
        told(number, len(order))
        residuals = steered and part == denoiser
        exported = functools.partial(_export, told, number, len(order))
        graph = _graph(job, bench, layout, part, brake, residuals, exported)
        graphs[part] = graph
        if part in layout.encoders:
            parts[part] = _encoder(layout, part, graph, parts[tokenizer_of(part)])
    parts["vae"] = _configured(
        layout,
        "vae_decoder",
        lambda: autoencoders.kl(layout.vae, graphs["vae_decoder"], lambda: graphs["vae_encoder"]),
    )
    build = denoisers.unet if denoiser == "unet" else denoisers.transformer
    parts[denoiser] = _configured(
        layout, denoiser, lambda: build(layout.denoiser, graphs[denoiser])
    )
    return Model(layout, brake, parts, graphs, bench.provider)


def _export(told: Callable[[float, int], None], number: int, total: int, done: float) -> None:
    told(number + done, total)


def _encoder(layout: Layout, part: str, graph: standins.Graph, tokenizer: Any) -> Any:
    config = layout.configs[part]
    return _configured(
        layout,
        part,
        lambda: encoders.text_encoder(config, graph, lambda n: words.blank(tokenizer, n)),
    )


def _tokenizer(layout: Layout, encoder: str) -> Any:
    from transformers import CLIPTokenizer, T5Tokenizer

    clip = is_clip(layout, encoder)
    folder = layout.folder / tokenizer_of(encoder)
    names = ("vocab.json",) if clip else ("spiece.model",)
    if not any((folder / n).is_file() for n in (*names, "tokenizer.json")):
        raise missing(layout.folder, f"{folder.name}/{names[0]}")
    try:
        cls = CLIPTokenizer if clip else T5Tokenizer
        tokenizer = cls.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the loaders behind it raise their own of every kind
        raise unreadable(folder, layout.folder) from error
    positions = int(layout.configs[encoder].get("max_position_embeddings", 77))
    if clip:
        tokenizer.model_max_length = min(tokenizer.model_max_length, positions)
    return tokenizer
