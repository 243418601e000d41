"""A model folder in diffusers' layout: what is in it, and what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.recipe import MAX_JSON
from studio.engine.image.kinds import KINDS, Kind, Task
from studio.engine.sessions import unreadable

GRAPHS = ("model.onnx", "onnx/model.onnx")
"""Where the graph of a part is looked for, in the part's folder."""
PREVIEWS = ("vae_preview", "taesd")
"""Folders of a small decoder for previews."""
_VAE = ("vae_decoder", "vae_encoder")
_OWN_FLUX_SIZE = 128
"""Latents on a side that FLUX is trained for; its configuration does not say."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A model folder, read and checked as far as that goes without loading anything.

    Parts are called as in diffusers' folders, but that the autoencoder is two of them:
    `vae_decoder` and `vae_encoder`, whether they lie in folders of these names or in `vae`.
    """

    folder: Path
    pipeline: str
    """diffusers' name of the pipeline that the model is for."""
    kind: Kind
    index: Mapping[str, Any]
    configs: Mapping[str, Mapping[str, Any]]
    """By part; the autoencoder's as `vae`, the scheduler's as `scheduler`."""
    places: Mapping[str, Path] = field(default_factory=dict)
    """Folders of parts that lie elsewhere: `controlnet`, `preview`."""

    @property
    def denoiser(self) -> Mapping[str, Any]:
        return self.configs[self.kind.denoiser]

    @property
    def vae(self) -> Mapping[str, Any]:
        return self.configs["vae"]

    @property
    def scheduler(self) -> Mapping[str, Any]:
        return self.configs["scheduler"]

    @property
    def encoders(self) -> tuple[str, ...]:
        """The text encoders that the folder has."""
        return tuple(e for e in self.kind.encoders if e in self.configs)

    @property
    def scale(self) -> int:
        """Pixels along one side of one latent."""
        return int(2 ** (_levels(self.vae) - 1))

    @property
    def patch(self) -> int:
        """Latents along one side of what the denoiser takes as one: it has to divide evenly.

        An exported UNet halves and doubles its latents by fixed factors.
        """
        if self.kind.denoiser == "unet":
            return int(2 ** (_levels(self.denoiser) - 1))
        return 2 if self.kind.packed else _whole(self.denoiser["patch_size"], 64)

    @property
    def unit(self) -> int:
        """Widths and heights have to be multiples of it, in pixels; diffusers asks for 8s."""
        return math.lcm(8, self.scale * self.patch)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels that the model was trained for."""
        sample = _OWN_FLUX_SIZE if self.kind.packed else self.denoiser["sample_size"]
        height, width = (sample, sample) if isinstance(sample, int) else sample
        return _whole(width, 4096) * self.scale, _whole(height, 4096) * self.scale

    @property
    def largest(self) -> int:
        """Pixels along a side that the model has positions for; 0 where there is no such end."""
        return int(self.denoiser.get("pos_embed_max_size") or 0) * self.patch * self.scale

    @property
    def fills(self) -> bool:
        """The denoiser is also shown the picture and the mask: it does nothing but inpainting."""
        return self._extra_channels() > 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What the model can do."""
        tasks = tuple(self.kind.pipelines)
        if self.fills:
            return tuple(t for t in tasks if t.endswith("mask"))
        if self.index.get("requires_aesthetics_score"):  # the SDXL refiner finishes pictures
            return tuple(t for t in tasks if t in ("picture", "mask"))
        return tasks

    def _extra_channels(self) -> int:
        """Channels beside the latents' own. Raises ValueError for numbers that no task has."""
        latents = _whole(self.vae.get("latent_channels", 4), 4096)
        takes = _whole(self.denoiser.get("in_channels", 4), 65536)
        own, mask = (4 * latents, 4 * self.scale**2) if self.kind.packed else (latents, 1)
        if takes not in (own, 2 * own + mask):
            raise ValueError(f"{takes} channels instead of {own}")
        return takes - own

    def attention_bytes(self, width: int, height: int) -> int:
        """What the largest attention takes at this size, in bytes (fp32, guidance).

        Exported graphs hold the whole matrix of scores, and its softmax beside it.
        """
        config, side = self.denoiser, self.scale
        if self.kind.denoiser == "transformer":
            side *= self.patch
            tokens = width * height // side**2 + self.kind.tokens
            rows = 1 if self.kind.packed else 2
            return int(rows * _whole(config["num_attention_heads"], 4096) * tokens**2 * 4 * 2)
        heads = config.get("num_attention_heads") or config.get("attention_head_dim") or 8
        for level, block in enumerate(config.get("down_block_types", ())):
            if "Attn" in str(block):
                tokens = width * height // (side * 2**level) ** 2
                count = abs(int(heads if isinstance(heads, int) else heads[level]))
                return int(2 * count * tokens**2 * 4 * 2)
        return 0

    def with_part(self, part: str, folder: Path) -> Layout:
        """The layout with a part that lies in a folder of its own, as a ControlNet."""
        return replace(self, places={**self.places, part: folder})

    def place(self, part: str) -> Path:
        """The folder of a part; it need not be there."""
        if part in self.places:
            return self.places[part]
        own = self.folder / part
        return own if part not in _VAE or own.is_dir() else self.folder / "vae"

    def config(self, part: str) -> Mapping[str, Any]:
        """A part's configuration. Raises StudioError where there is none."""
        known = self.configs.get("vae" if part in _VAE else part)
        return read_json(self.place(part), "config.json") if known is None else known

    def graph(self, part: str) -> Path | None:
        """The ONNX graph of a part; None where it has none."""
        place = self.place(part)
        if part in _VAE and place.name == "vae":
            return None
        return next((place / g for g in GRAPHS if (place / g).is_file()), None)

    def has_weights(self, part: str) -> bool:
        """There is a safetensors file for a part that has no graph, its own or the model's."""
        return any(any(p.glob("*.safetensors")) for p in (self.place(part), self.folder))

    def tell_missing(self, part: str) -> StudioError:
        """What is said of a part that has neither a graph nor weights."""
        place = self.place(part)
        root = self.folder if place.is_relative_to(self.folder) else place.parent
        return missing(root, f"{place.relative_to(root).as_posix()}/{GRAPHS[0]}")


def read(folder: Path) -> Layout:
    """The layout of a model folder. Raises StudioError naming the file that is missing or wrong."""
    index = read_json(folder, "model_index.json")
    # Exports by other tools name the same pipeline after themselves.
    name = str(index.get("_class_name", "")).removeprefix("Onnx").removeprefix("ORT")
    kind = KINDS.get(name)
    if kind is None:
        raise StudioError(
            f"This model is of a kind that the studio cannot run: {name[:60]}.",
            "Choose another model.",
        )
    vae = "vae_decoder" if (folder / "vae_decoder" / "config.json").exists() else "vae"
    if not (folder / vae).is_dir():
        vae = "vae_decoder"
    configs = {
        kind.denoiser: read_json(folder, f"{kind.denoiser}/config.json"),
        "vae": read_json(folder, f"{vae}/config.json"),
        "scheduler": read_json(folder, "scheduler/scheduler_config.json"),
    }
    for part in kind.encoders:
        if part in kind.spare and not (folder / part).is_dir():
            continue
        configs[part] = read_json(folder, f"{part}/config.json")
        if not (folder / tokenizer_of(part)).is_dir():
            raise missing(folder, tokenizer_of(part))
    small = next((folder / p for p in PREVIEWS if (folder / p).is_dir()), None)
    places = {} if small is None else {"preview": small}
    layout = Layout(folder, name, kind, index, configs, places)
    _check(layout, vae)
    return layout


def _check(layout: Layout, vae: str) -> None:
    """Raises StudioError for configurations that do not tell what has to be known."""
    for part, check in (
        (vae, lambda: layout.scale),
        (
            layout.kind.denoiser,
            lambda: (layout.size, layout.unit, layout.largest, layout.attention_bytes(64, 64)),
        ),
    ):
        try:
            check()
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise unreadable(layout.folder / part / "config.json", layout.folder) from error
    try:
        layout.tasks  # noqa: B018  # channels that no task has raise
    except (TypeError, ValueError) as error:
        raise StudioError(
            f"The model “{layout.folder.name}” cannot draw from words: it is made for changing"
            f" pictures in another way ({error}).",
            "Choose a text-to-image or an inpainting model.",
        ) from error


def tokenizer_of(encoder: str) -> str:
    """The folder of the tokenizer that goes with a text encoder."""
    return encoder.replace("text_encoder", "tokenizer")


def _levels(config: Mapping[str, Any]) -> int:
    """How many resolutions a UNet or autoencoder has. Raises ValueError for nonsense."""
    channels = config["block_out_channels"]
    if not isinstance(channels, list) or not 1 <= len(channels) <= 8:
        raise ValueError(f"block_out_channels {channels}")
    return len(channels)


def _whole(value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{value} is no size")
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
