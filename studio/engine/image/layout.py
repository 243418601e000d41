"""A model folder in diffusers' layout with ONNX parts: what is in it, and what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.recipe import MAX_JSON
from studio.engine.sessions import unreadable

GRAPH = "model.onnx"


@dataclass(frozen=True, slots=True)
class Layout:
    """A model folder, read and checked as far as that goes without loading anything."""

    folder: Path
    pipeline: str
    """diffusers' name of the pipeline that the model is for."""
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    scheduler: Mapping[str, Any]

    @property
    def scale(self) -> int:
        """Pixels along one side of one latent."""
        return int(2 ** (_levels(self.vae) - 1))

    @property
    def unit(self) -> int:
        """Widths and heights have to be multiples of it, in pixels.

        An exported UNet halves and doubles its latents by fixed factors; what does not divide
        evenly would not fit together again. diffusers asks for multiples of 8 besides.
        """
        deepest = int(2 ** (_levels(self.unet) - 1))
        return math.lcm(8, self.scale * deepest)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels that the model was trained for."""
        sample = self.unet["sample_size"]
        height, width = (sample, sample) if isinstance(sample, int) else sample
        return _size(width) * self.scale, _size(height) * self.scale

    def attention_bytes(self, width: int, height: int) -> int:
        """What the largest attention of the UNet takes at this size, in bytes (fp32, guidance).

        Exported graphs hold the whole matrix of scores, and its softmax beside it.
        """
        heads = self.unet.get("num_attention_heads") or self.unet.get("attention_head_dim") or 8
        for level, block in enumerate(self.unet.get("down_block_types", ())):
            if "Attn" in str(block):
                tokens = width * height // (self.scale * 2**level) ** 2
                count = abs(int(heads if isinstance(heads, int) else heads[level]))
                return int(2 * count * tokens**2 * 4 * 2)
        return 0

    def graph(self, part: str) -> Path:
        """The graph of a part. Raises StudioError where there is none."""
        path = self.folder / part / GRAPH
        if not path.is_file():
            raise missing(self.folder, f"{part}/{GRAPH}")
        return path


def read(folder: Path) -> Layout:
    """The layout of a model folder. Raises StudioError naming the file that is missing or wrong."""
    index = read_json(folder, "model_index.json")
    name = str(index.get("_class_name", ""))
    layout = Layout(
        folder=folder,
        # Exports by other tools name the same pipeline after themselves.
        pipeline=name.removeprefix("Onnx").removeprefix("ORT"),
        unet=read_json(folder, "unet/config.json"),
        vae=read_json(folder, "vae_decoder/config.json"),
        text_encoder=read_json(folder, "text_encoder/config.json"),
        scheduler=read_json(folder, "scheduler/scheduler_config.json"),
    )
    if not (folder / "tokenizer").is_dir():
        raise missing(folder, "tokenizer")
    for part, check in (
        ("vae_decoder", lambda: layout.scale),
        ("unet", lambda: (layout.size, layout.unit, layout.attention_bytes(64, 64))),
    ):
        try:
            check()
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise unreadable(folder / part / "config.json", folder) from error
    takes, has = layout.unet.get("in_channels", 4), layout.vae.get("latent_channels", 4)
    if takes != has:
        raise StudioError(
            f"The model “{folder.name}” cannot draw from words alone: it is made for inpainting"
            f" or for changing pictures ({takes} channels instead of {has}).",
            "Choose a text-to-image model.",
        )
    return layout


def _levels(config: Mapping[str, Any]) -> int:
    """How many resolutions a UNet or autoencoder has. Raises ValueError for nonsense."""
    channels = config["block_out_channels"]
    if not isinstance(channels, list) or not 1 <= len(channels) <= 8:
        raise ValueError(f"block_out_channels {channels}")
    return len(channels)


def _size(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= 4096:
        raise ValueError(f"size {value}")
    return value


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object of the model. Raises StudioError where it is missing or none."""
    path = folder / name
    try:
        if path.stat().st_size > MAX_JSON:
            raise unreadable(path, folder)
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise missing(folder, name) from None
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, folder) from error
    if not isinstance(data, dict):
        raise unreadable(path, folder)
    return data


def missing(folder: Path, name: str) -> StudioError:
    """What is said of a part that is not there."""
    return StudioError(
        f"The model “{folder.name}” is not complete: {name} is missing.",
        f"Install the model “{folder.name}” again.",
    )
