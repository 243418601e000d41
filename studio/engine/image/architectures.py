"""What every part of a diffusers folder is built from, and the weights that belong to it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice
from studio.engine import device
from studio.engine.believable import believable
from studio.engine.graphs import Architecture
from studio.engine.image import modules
from studio.engine.image.layout import Layout
from studio.engine.sessions import unreadable
from studio.engine.tensors import safetensors_of

if TYPE_CHECKING:
    import numpy.typing as npt

Shapes = dict[str, tuple[tuple[int, ...], str]]

TOKENS = 77
_UNREAD = (
    "sample_size",
    "scaling_factor",
    "shift_factor",
    "latents_mean",
    "latents_std",
    "force_upcast",
    "dropout",
)
"""Settings of diffusers that a graph does not depend on."""
_CLIP = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "hidden_act",
    "layer_norm_eps",
    "eos_token_id",
)
_T5 = (
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "num_layers",
    "num_heads",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    "layer_norm_epsilon",
    "feed_forward_proj",
)
"""Settings of transformers that a graph does depend on."""


def architecture_of(
    layout: Layout, part: str, *, residuals: bool = False, half: bool = False
) -> Architecture:
    """The architecture of a part of a model folder, `residuals` with the inputs of a ControlNet.

    Raises StudioError where the configuration is not that of a part that can be run.
    """
    config = layout.config(part)
    try:
        return of_config(part, config, residuals=residuals, half=half)
    except StudioError:
        raise
    except Exception as error:  # whatever a library says to a stranger's configuration
        raise unreadable(layout.place(part) / "config.json", layout.folder) from error


def half_on(choice: DeviceChoice) -> bool:
    """Whether parts are computed in 16 bits there: on NVIDIA GPUs, which are made for it."""
    return device.providers(choice)[0] == device.CUDA


def of_config(
    part: str, config: Mapping[str, Any], *, residuals: bool = False, half: bool = False
) -> Architecture:
    """The architecture that a part's config.json describes.

    Raises StudioError for a class that cannot be run, and anything for nonsense.
    """
    cls = _class_of(config, part)
    if cls not in modules.CLASSES:
        raise StudioError(
            f"The part “{part}” of this model is of a kind that the studio cannot run: {cls[:60]}.",
            "Choose another model.",
        )
    # SDXL's autoencoder leaves the range of 16 bits; its configuration says so.
    half = half and not config.get("force_upcast")
    known = _settings(cls, config)
    believable(known)
    what = {"vae_encoder": "encode", "vae_decoder": "decode", "preview": "decode"}.get(part, "")
    shapes, outputs = _SHAPES[cls](known, part)
    if residuals:
        shapes |= _residuals(known)
    inputs = tuple(shapes)
    dynamic = {name: _axes(name, cls, shape) for name, (shape, _) in shapes.items()}
    return Architecture(
        name=_NAMES.get(cls, part).replace("_", "-") + ("-controlled" if residuals else ""),
        config={"class": cls, **known},
        build=functools.partial(modules.build, cls, known, inputs, what, half),
        example=functools.partial(modules.example, tuple(shapes.values())),
        inputs=inputs,
        outputs=outputs,
        dynamic=dynamic,
        exporter="dynamo" if cls in _DYNAMO else "script",
        prefix=modules.PREFIX,
        blind=True,
        half=half,
    )


def weights(layout: Layout, part: str) -> Mapping[str, npt.NDArray[Any]]:
    """The weights of a part by their names in the library's module.

    Raises StudioError where there are none, or the file cannot be read.
    """
    from studio.engine.image import single_file

    place = layout.place(part)
    if not any(place.glob("*.safetensors*")):
        checkpoint = single_file.checkpoint_in(layout.folder)
        if checkpoint is not None:
            return Named(single_file.weights(checkpoint, part, layout.config(part)), layout, part)
    return Named(safetensors_of(place), layout, part)


class Named(Mapping[str, "npt.NDArray[Any]"]):
    """Weights under the names that the library has for them now, whatever it called them before."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]], layout: Layout, part: str) -> None:
        self._tensors = tensors
        cls = _class_of(layout.config(part), part)
        self._names = {_current(cls, name): name for name in tensors}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def _current(cls: str, name: str) -> str:
    """A weight's name in the module, from its name in a file of any age."""
    if cls == "CLIPTextModel":
        return name.removeprefix("text_model.")
    if cls == "AutoencoderKL" and ".attentions." in name:
        head, _, kind = name.rpartition(".")
        head, _, last = head.rpartition(".")
        if last in _OLD_ATTENTION:
            return f"{head}.{_OLD_ATTENTION[last]}.{kind}"
    return name


_NAMES = {
    "CLIPTextModel": "clip",
    "CLIPTextModelWithProjection": "clip-projected",
    "T5EncoderModel": "t5",
    "UNet2DConditionModel": "unet",
}
"""What parts are called that may be in several places of a folder, and are the same."""
_DYNAMO = ("FluxTransformer2DModel", "SD3Transformer2DModel")


def _class_of(config: Mapping[str, Any], part: str) -> str:
    named = config.get("_class_name") or next(iter(config.get("architectures") or ()), None)
    return str(named or {"unet": "UNet2DConditionModel"}.get(part, "unknown"))


def _settings(cls: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What the graph depends on, complete: two folders with the same part get the same."""
    if cls.startswith(("CLIP", "T5")):
        names = (*_CLIP, "projection_dim") if cls == "CLIPTextModelWithProjection" else _CLIP
        from transformers import CLIPTextConfig, T5Config

        if cls.startswith("T5"):
            full = T5Config(**{k: v for k, v in config.items() if k in _T5})
            return {k: getattr(full, k) for k in _T5}
        text = CLIPTextConfig(**{k: v for k, v in config.items() if k in names})
        return {k: getattr(text, k) for k in names}
    import importlib

    library = getattr(importlib.import_module(modules.CLASSES[cls]), cls)
    parameters = inspect.signature(library.__init__).parameters
    found: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name == "self" or name in _UNREAD or parameter.kind == parameter.VAR_KEYWORD:
            continue
        value = config.get(name, parameter.default)
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _axes(name: str, cls: str, shape: tuple[int, ...]) -> dict[int, str]:
    """Which sizes of an input are not fixed."""
    own = name if name.startswith(modules.RESIDUAL) or name == modules.MIDDLE else ""
    if len(shape) == 4:
        if name == "controlnet_cond":
            return {0: "batch", 2: "picture_height", 3: "picture_width"}
        names = ("batch", "height", "width")
        return {a: f"{own}_{n}" if own else n for a, n in zip((0, 2, 3), names, strict=True)}
    if name in ("img_ids", "txt_ids"):
        return {0: "patches" if name == "img_ids" else "tokens"}
    if name == "hidden_states":
        return {0: "batch", 1: "patches"}
    if name == "encoder_hidden_states" or (name == "input_ids" and cls == "T5EncoderModel"):
        return {0: "batch", 1: "tokens"}
    if name == "attention_mask":
        return {0: "batch", 1: "tokens"}
    return {0: "batch"}


def _unet(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    for name in ("class_embed_type", "num_class_embeds", "encoder_hid_dim_type"):
        if config.get(name):
            raise ValueError(f"{name}: {config[name]}")
    wide = config["cross_attention_dim"]
    channels = int(config["in_channels"])
    side = 2 ** (len(config["block_out_channels"]) - 1)
    shapes: Shapes = {
        "sample": ((2, channels, 2 * side, 3 * side), "f"),
        "timestep": ((2,), "f"),
        "encoder_hidden_states": (
            (2, TOKENS, int(wide if isinstance(wide, int) else wide[0])),
            "f",
        ),
    }
    if config.get("time_cond_proj_dim"):
        shapes["timestep_cond"] = ((2, int(config["time_cond_proj_dim"])), "f")
    if config.get("addition_embed_type") == "text_time":
        pooled = config["projection_class_embeddings_input_dim"]
        # The pooled text comes with six numbers, each embedded; with five for SDXL's refiner, which
        # has one encoder, whose pooled text is as wide as its words.
        each = int(config["addition_time_embed_dim"])
        numbers = 5 if pooled - 5 * each == wide else 6
        width = pooled - numbers * each
        shapes["text_embeds"] = ((2, int(width)), "f")
        shapes["time_ids"] = ((2, numbers), "f")
    elif config.get("addition_embed_type") not in (None, "text"):
        raise ValueError(f"addition_embed_type: {config['addition_embed_type']}")
    return shapes, ("out_sample",)


def _residuals(config: Mapping[str, Any]) -> Shapes:
    """What a ControlNet gives to a UNet: one after the first convolution, one after each layer
    and each halving on the way down, one in the middle."""
    channels = config["block_out_channels"]
    layers = config["layers_per_block"]
    side = 2 ** (len(channels) - 1)
    found: list[tuple[int, int]] = [(channels[0], side)]
    for level, width in enumerate(channels):
        count = layers if isinstance(layers, int) else layers[level]
        found += [(width, side)] * count
        if level < len(channels) - 1:
            side //= 2
            found.append((width, side))
    names = [f"{modules.RESIDUAL}{i}" for i in range(len(found))] + [modules.MIDDLE]
    found.append((channels[-1], side))
    return {n: ((2, w, 2 * s, 3 * s), "f") for n, (w, s) in zip(names, found, strict=True)}


def _controlnet(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    shapes, _ = _unet({**config, "time_cond_proj_dim": None}, part)
    height, width = shapes["sample"][0][2:]
    scale = 2 ** (len(config["conditioning_embedding_out_channels"]) - 1)
    picture = (2, int(config["conditioning_channels"]), height * scale, width * scale)
    shapes["controlnet_cond"] = (picture, "f")
    return shapes, tuple(_residuals(config))


def _autoencoder(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    if part == "vae_encoder":
        widths = config.get("encoder_block_out_channels") or config["block_out_channels"]
        side = 2 ** (len(widths) - 1)
        shape = (1, int(config["in_channels"]), 4 * side, 6 * side)
        return {"sample": (shape, "f")}, ("latent_parameters",)
    return {"latent_sample": ((1, int(config["latent_channels"]), 4, 6), "f")}, ("sample",)


def _clip(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    states = [f"hidden_states.{i}" for i in range(config["num_hidden_layers"] + 1)]
    first = ["last_hidden_state", "pooler_output"]
    if "projection_dim" in config:
        first = ["text_embeds", "last_hidden_state"]
    length = int(config["max_position_embeddings"])
    return {"input_ids": ((2, length), "i")}, (*first, *states)


def _t5(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    return {"input_ids": ((2, 12), "i")}, ("last_hidden_state",)


def _flux(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    axes = len(config["axes_dims_rope"])
    shapes: Shapes = {
        "hidden_states": ((2, 24, int(config["in_channels"])), "f"),
        "encoder_hidden_states": ((2, 12, int(config["joint_attention_dim"])), "f"),
        "pooled_projections": ((2, int(config["pooled_projection_dim"])), "f"),
        "timestep": ((2,), "f"),
        "img_ids": ((24, axes), "f"),
        "txt_ids": ((12, axes), "f"),
    }
    if config.get("guidance_embeds"):
        shapes["guidance"] = ((2,), "f")
    return shapes, ("out_hidden_states",)


def _sd3(config: Mapping[str, Any], part: str) -> tuple[Shapes, tuple[str, ...]]:
    side = 4 * int(config["patch_size"])
    return {
        "hidden_states": ((2, int(config["in_channels"]), side, side + side // 2), "f"),
        "encoder_hidden_states": ((2, 12, int(config["joint_attention_dim"])), "f"),
        "pooled_projections": ((2, int(config["pooled_projection_dim"])), "f"),
        "timestep": ((2,), "f"),
    }, ("out_hidden_states",)


_SHAPES = {
    "UNet2DConditionModel": _unet,
    "ControlNetModel": _controlnet,
    "AutoencoderKL": _autoencoder,
    "AutoencoderTiny": _autoencoder,
    "CLIPTextModel": _clip,
    "CLIPTextModelWithProjection": _clip,
    "T5EncoderModel": _t5,
    "FluxTransformer2DModel": _flux,
    "SD3Transformer2DModel": _sd3,
}
