"""LoRAs: small changes to a model's weights, added to them as they are bound.

A layer's change is up · down · alpha / rank (Hu et al. 2021, “LoRA”), for convolutions as LoCon
(Yeh et al. 2023, “LyCORIS”) has it, with or without a core in the middle.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.engine.image import ldm
from studio.engine.image.layout import Layout
from studio.engine.tensors import SUFFIX, Tensors, damaged, safetensors_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Laid = tuple[Path, float]
"""A LoRA's folder or file, and its strength."""

# What ends a tensor's name, by the role that it has in its layer; of kohya's trainer, of peft, and
# of diffusers at several ages.
_ROLES = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora_mid.weight": "core",
    ".alpha": "alpha",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
}
_OTHERS = {
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "hada_w": "a LoHa",
    "lokr_w": "a LoKr",
    "oft_": "an OFT adapter",
    ".diff.": "a set of full differences",
    "ia3": "an IA3 adapter",
    "lora_B.bias": "a LoRA with biases",
}
"""What is in the names of other kinds of adapters -> what they are."""
_PARTS = {
    "lora_unet_": "unet",
    "lora_te_": "text_encoder",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te3_": "text_encoder_3",
    "lora_transformer_": "transformer",
    "unet.": "unet",
    "transformer.": "transformer",
    "text_encoder.": "text_encoder",
    "text_encoder_2.": "text_encoder_2",
    "text_encoder_3.": "text_encoder_3",
}
"""What begins a layer's name -> the part of the model that has it."""
_OLD_PROJECTIONS = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
_METADATA = "lora_adapter_metadata"


@dataclass(slots=True)
class _Layer:
    """The tensors of one layer of a LoRA, by their names in its file."""

    roles: dict[str, str] = field(default_factory=dict)


class Lora:
    """A LoRA's file, its layers found and told apart by part; no numbers are read yet."""

    def __init__(self, path: Path) -> None:
        """Raises StudioError for a file that is none, is damaged, or is another kind of adapter."""
        self.name = path.stem if path.is_file() else path.name
        self._tensors = _tensors(path)
        self.parts: dict[str, dict[str, _Layer]] = {}
        for name in self._tensors:
            self._place(name)
        if not self.parts:
            raise StudioError(
                f"“{self.name}” is no LoRA: it holds no layer to lay over a model.",
                "Choose another LoRA.",
            )
        self._alphas = _alphas(path, self._tensors)

    def _place(self, name: str) -> None:
        for mark, what in _OTHERS.items():
            if mark in f"{name}.":
                raise StudioError(
                    f"“{self.name}” is {what}, which the studio cannot lay over a model.",
                    "Choose a plain LoRA or LoCon.",
                )
        ending = next((e for e in _ROLES if name.endswith(e)), "")
        if not ending:
            return  # trainers leave notes of their own in such files
        layer = name.removesuffix(ending)
        prefix = next((p for p in _PARTS if layer.startswith(p)), "")
        part = _PARTS.get(prefix, "unet")  # the oldest ones change nothing else, and do not say so
        flat = _flat(layer.removeprefix(prefix).replace(".processor", ""))
        self.parts.setdefault(part, {}).setdefault(flat, _Layer()).roles[_ROLES[ending]] = name

    def change(self, part: str, flat: str, shape: Sequence[int]) -> npt.NDArray[np.float32]:
        """What the LoRA adds to a weight of this shape, at strength 1.

        Raises ValueError where it has another shape.
        """
        import numpy as np

        roles = self.parts[part][flat].roles
        if "up" not in roles or "down" not in roles:
            raise ValueError(f"{flat}: {sorted(roles)}")
        up, down = (self._tensors[roles[r]].astype(np.float32) for r in ("up", "down"))
        rank = down.shape[0]
        if "core" in roles:
            core = self._tensors[roles["core"]].astype(np.float32)
            up, down = up.reshape(up.shape[0], -1), down.reshape(rank, -1)
            added = np.einsum("oa,abkl,bi->oikl", up, core, down, optimize=True)
        else:
            added = up.reshape(up.shape[0], -1) @ down.reshape(rank, -1)
        if added.size != np.prod(shape) or added.shape[0] != shape[0]:
            raise ValueError(f"{flat}: {added.shape} for {tuple(shape)}")
        alpha = self._alphas.get((part, flat), self._alphas.get((part, ""), float(rank)))
        if "alpha" in roles:
            alpha = float(self._tensors[roles["alpha"]].reshape(-1)[0])
        return np.asarray(added.reshape(shape) * np.float32(alpha / rank), np.float32)


def _tensors(path: Path) -> Tensors:
    if path.is_file():
        return safetensors_of(path)
    found = sorted(path.glob(f"*{SUFFIX}"))
    if not found:
        raise StudioError(
            f"There is no {SUFFIX} file in the LoRA “{path.name}”.", "Install the LoRA again."
        )
    return safetensors_of(found[0])


def _alphas(path: Path, tensors: Tensors) -> dict[tuple[str, str], float]:
    """Alphas that a file keeps among its words, as peft does: by part and layer, or by part."""
    text = tensors.metadata.get(_METADATA)
    if not text:
        return {}
    found: dict[tuple[str, str], float] = {}
    try:
        for key, value in json.loads(text).items():
            part, _, setting = key.partition(".")
            if setting == "lora_alpha":
                found[part, ""] = float(value)
            elif setting == "alpha_pattern":
                found |= {(part, _flat(layer)): float(a) for layer, a in value.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path) from error
    return found


def _flat(path: str) -> str:
    """A layer's name as kohya's trainer flattens it."""
    return path.replace(".", "_")


def aliases(part: str, names: Collection[str], layers: int) -> dict[str, str]:
    """Every name that LoRAs have for the layers of a part, flattened -> the weight's name."""
    found: dict[str, str] = {}
    for name in names:
        layer, _, kind = name.rpartition(".")
        if kind != "weight":
            continue
        said = [layer]
        if layer.endswith("to_out.0"):
            said.append(layer.removesuffix(".0"))
        for new, old in _OLD_PROJECTIONS.items():
            if layer.endswith("self_attn." + new):
                said.append(layer.removesuffix(new) + old)
        if part.startswith("text_encoder") and not layer.startswith("text_model."):
            said += ["text_model." + each for each in said]
        if part == "unet":
            try:
                said.append(ldm.unet_name(name, names, layers).removesuffix(".weight"))
            except ValueError:
                pass  # no UNet of that time had it
        found |= {_flat(each): name for each in said}
    return found


class Merged(Mapping[str, "npt.NDArray[Any]"]):
    """Weights with LoRAs added where they have something to add; computed in 32 bits as read."""

    def __init__(
        self,
        weights: Mapping[str, npt.NDArray[Any]],
        added: Mapping[str, Sequence[tuple[Lora, str, str, float]]],
    ) -> None:
        self._weights, self._added = weights, added

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        import numpy as np

        weight = self._weights[name]
        if name not in self._added:
            return weight
        whole = weight.astype(np.float32)
        for lora, part, flat, strength in self._added[name]:
            try:
                whole += np.float32(strength) * lora.change(part, flat, weight.shape)
            except ValueError as error:
                raise stranger(lora) from error
        return whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def __contains__(self, name: object) -> bool:
        return name in self._weights


def over(
    weights: Mapping[str, npt.NDArray[Any]], layout: Layout, part: str, laid: Sequence[Laid]
) -> Mapping[str, npt.NDArray[Any]]:
    """The weights of a part with LoRAs laid over them, each with its strength.

    Raises StudioError for what is no LoRA, and, at the latest as its weights are read, for a LoRA
    that was made for another kind of model.
    """
    layers = layout.config(part).get("layers_per_block", 2)
    known: dict[str, str] = {}
    added: dict[str, list[tuple[Lora, str, str, float]]] = {}
    for path, strength in laid:
        lora = Lora(path)
        if not set(lora.parts) <= {layout.kind.denoiser, *layout.encoders}:
            raise stranger(lora)
        known = known or aliases(part, weights.keys(), layers if isinstance(layers, int) else 2)
        for flat in lora.parts.get(part, {}):
            if flat not in known:
                raise stranger(lora)
            if strength:
                added.setdefault(known[flat], []).append((lora, part, flat, strength))
    return Merged(weights, added)


def stranger(lora: Lora) -> StudioError:
    """What is said of a LoRA that changes layers which the model has not, or not so."""
    return StudioError(
        f"The LoRA “{lora.name}” was made for another kind of model.",
        "Leave it out, or choose a model of the kind that it was made for.",
    )
