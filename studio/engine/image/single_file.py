"""Stable Diffusion 1.5 and XL checkpoints in one safetensors file, read where they lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.engine.image import cliptokens, published
from studio.engine.tensors import SUFFIX, Tensors, safetensors_of, widened

if TYPE_CHECKING:
    import numpy.typing as npt

UNET = "model.diffusion_model."
FIRST_STAGE = "first_stage_model."
CLIP_XL = "conditioner.embedders.1.model."
_WORDS = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
_MARK_VELOCITY = "v_pred"
"""A tensor that trainers put into checkpoints that predict velocities; it has no other use."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file is, as far as its tensors' names and shapes tell."""

    xl: bool
    inpainting: bool
    velocity: bool

    def files(self) -> dict[str, dict[str, Any]]:
        """The configurations that make it a diffusers folder."""
        make = published.stable_diffusion_xl if self.xl else published.stable_diffusion
        return make(inpainting=self.inpainting, velocity=self.velocity)


def recognise(path: Path) -> Checkpoint:
    """What kind of checkpoint a file is.

    Raises StudioError for one that cannot be run, saying what it is where that is known.
    """
    tensors = safetensors_of(path)
    start = UNET + "input_blocks.0.0.weight"
    if start not in tensors:
        raise _other(path, tensors)
    words = tensors.shape(_WORDS)[-1] if _WORDS in tensors else 0
    channels = tensors.shape(start)[1]
    xl = words == 2048
    name = "Stable Diffusion XL" if xl else "Stable Diffusion 1.5"
    if words == 1024:
        raise _refused(path, "a checkpoint of Stable Diffusion 2")
    if words == 1280:
        raise _refused(path, "the refiner of Stable Diffusion XL")
    if words not in (768, 2048) or channels not in (4, published.INPAINTING):
        raise _refused(path, "a checkpoint of an unknown kind")
    if "edm_mean" in tensors:
        raise _refused(path, "a checkpoint of Playground 2.5")
    for prefix, what in (
        (FIRST_STAGE, "autoencoder"),
        ("conditioner.embedders.0." if xl else "cond_stage_model.", "text encoder"),
        *(((CLIP_XL, "second text encoder"),) if xl else ()),
    ):
        if not any(n.startswith(prefix) for n in tensors):
            raise StudioError(
                f"“{path.name}” is a checkpoint of {name}, but without its {what}.",
                "Get the file that holds all parts of the model.",
            )
    return Checkpoint(xl, channels == published.INPAINTING, _MARK_VELOCITY in tensors)


def _other(path: Path, tensors: Mapping[str, object]) -> StudioError:
    for mark, what in (
        ("double_blocks.0.", "the transformer of FLUX alone"),
        ("joint_blocks.0.", "a checkpoint of Stable Diffusion 3"),
        ("lora", "a LoRA"),
        ("control_model.", "a ControlNet"),
    ):
        if any(mark in name for name in tensors):
            return _refused(path, what)
    return _refused(path, "no checkpoint of Stable Diffusion 1.5 or XL")


def _refused(path: Path, what: str) -> StudioError:
    return StudioError(
        f"“{path.name}” cannot be run as one file: it is {what}.",
        "Add the model as a diffusers folder, or take a checkpoint of Stable Diffusion 1.5 or XL.",
    )


def checkpoint_in(folder: Path) -> Path | None:
    """The one safetensors file that lies beside a model's configurations; None where none does."""
    found = sorted(folder.glob(f"*{SUFFIX}"))
    return found[0] if len(found) == 1 else None


def complete(folder: Path) -> Checkpoint:
    """Make a folder with one checkpoint in it a model: write configurations and tokenizers.

    What is there already stays. Raises StudioError where the checkpoint cannot be run.
    """
    path = checkpoint_in(folder)
    if path is None:
        raise StudioError(
            "There is no single checkpoint in this folder.", f"Choose a {SUFFIX} file."
        )
    found = recognise(path)
    files = found.files()
    for name, config in files.items():
        if name != "model_index.json" and not (folder / name).exists():
            write_atomic(folder / name, json.dumps(config, indent=2).encode())
    tokenizers(folder, files["model_index.json"]["_class_name"])
    # Last: with it the folder is a model.
    if not (folder / "model_index.json").exists():
        index = json.dumps(files["model_index.json"], indent=2)
        write_atomic(folder / "model_index.json", index.encode())
    return found


def tokenizers(folder: Path, pipeline: str) -> None:
    """Write the CLIP tokenizers that a Stable Diffusion folder lacks."""
    if not (folder / "tokenizer").is_dir():
        cliptokens.write(folder / "tokenizer")
    if "XL" in pipeline and not (folder / "tokenizer_2").is_dir():
        cliptokens.write(folder / "tokenizer_2", pad="!")


class Converted(Mapping[str, "npt.NDArray[Any]"]):
    """Weights under diffusers' names: views of the checkpoint, widened as they are read."""

    def __init__(self, views: Mapping[str, Any]) -> None:
        self._views = views

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        view = self._views[name]
        return widened(view, view.kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)


def weights(path: Path, part: str, config: Mapping[str, Any]) -> Mapping[str, npt.NDArray[Any]]:
    """The weights of a part of a checkpoint, under their names in the library's module.

    Nothing is read or copied: diffusers' conversion renames and cuts views of the file. Raises
    StudioError where the file cannot be read or is of another kind.
    """
    from diffusers.loaders import single_file_utils as convert

    calls: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
        "unet": (UNET, lambda c: convert.convert_ldm_unet_checkpoint(c, dict(config))),
        "vae_encoder": (FIRST_STAGE, lambda c: convert.convert_ldm_vae_checkpoint(c, dict(config))),
        "vae_decoder": (FIRST_STAGE, lambda c: convert.convert_ldm_vae_checkpoint(c, dict(config))),
        "text_encoder": ("", convert.convert_ldm_clip_checkpoint),
        "text_encoder_2": (
            CLIP_XL,
            lambda c: convert.convert_open_clip_checkpoint(
                SimpleNamespace(config=SimpleNamespace(hidden_size=config["hidden_size"])),
                c,
                prefix=CLIP_XL,
            ),
        ),
    }
    tensors = safetensors_of(path)
    prefix, call = calls[part]
    views = {name: _view(tensors, name) for name in tensors if name.startswith(prefix)}
    try:
        return Converted(call(views))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise _refused(path, "a checkpoint of an unknown kind") from error


def _view(tensors: Tensors, name: str) -> Any:
    """A tensor as diffusers' conversion takes it, which knows torch's tensors: it asks for copies
    where a view does."""
    import numpy as np

    class View(np.ndarray[Any, Any]):
        """An array that is not copied when it is asked to be."""

        kind = ""

        def __array_finalize__(self, whole: Any) -> None:
            self.kind = getattr(whole, "kind", "")

        def clone(self) -> View:
            return self

        detach = contiguous = clone

    found = tensors.raw(name).view(View)
    found.kind = tensors.kind(name)
    return found
