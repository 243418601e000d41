"""Bare ONNX files that make a picture of a picture: what they do, told by their ports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.controls import Choice, Option
from studio.core.errors import StudioError
from studio.models.onnxfile import Graph

UPSCALE, CUT, DEPTH, EDGES = (
    "image-to-image",
    "background-removal",
    "depth-estimation",
    "edge-detection",
)
TAGS = (UPSCALE, CUT, DEPTH, EDGES, "image-segmentation", "super-resolution")
"""What a model card calls the work of such models."""
BY_TYPE = {
    "swin2sr": UPSCALE,
    "birefnet": CUT,
    "dpt": DEPTH,
    "depth_anything": DEPTH,
    "zoedepth": DEPTH,
    "depth_pro": DEPTH,
}
"""What models of transformers do whose card does not say it: by model_type."""
_WHAT = {
    UPSCALE: "Upscaler, one ONNX graph",
    CUT: "Background remover, one ONNX graph",
    DEPTH: "Depth model, one ONNX graph",
    EDGES: "Edge model, one ONNX graph",
}
_HINTS = {
    UPSCALE: ("esrgan", "upscal", "swinir", "swin2sr", "superres", "super-res", "realcugan", "edsr",
              "waifu2x", "x2", "x4", "2x", "4x", "x8", "8x"),
    CUT: ("u2net", "u2-net", "isnet", "is-net", "rmbg", "birefnet", "modnet", "background",
          "matting", "silueta", "inspyrenet", "ben2", "segment"),
    DEPTH: ("depth", "midas", "dpt", "zoe"),
    EDGES: ("hed", "pidinet", "dexined", "edge", "lineart", "canny", "teed"),
}  # fmt: skip
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a graph does, what is written beside it, and what a person has to say."""

    what: str
    tag: str
    written: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Choice, ...] = ()


def tell(path: Path, graph: Graph) -> Shape:
    """What one graph does. Raises StudioError where it is not from one picture to one."""
    inputs = [p for p in graph.inputs if p.name not in graph.constants]
    first = inputs[0].shape if len(inputs) == 1 else ()
    output = graph.outputs[0].shape if graph.outputs else ()
    colours = first[1] if len(first) == 4 else 0
    if (
        len(first) != 4
        or (isinstance(colours, int) and colours != 3)
        or len(output) not in (0, 3, 4)
    ):
        raise _unknown(path, [p.name for p in inputs])
    made = output[1] if len(output) == 4 else 1 if len(output) == 3 else 0
    said = named(f"{path.stem} {' '.join(graph.metadata.values())[:2000]}")
    larger = _larger(first, output)
    if made == 3:
        if larger is False or (larger is None and said not in ("", UPSCALE)):
            raise _unknown(path, [p.name for p in inputs])
        return _shape(UPSCALE, first, sure=larger is True or said == UPSCALE)
    if isinstance(made, int) and made > 3:
        raise _unknown(path, [p.name for p in inputs])
    if isinstance(made, int) and made == 1:
        guess = said if said in (CUT, DEPTH, EDGES) else DEPTH if len(output) == 3 else CUT
        return _shape(guess, first, sure=bool(said) and said != UPSCALE)
    return _shape(said or UPSCALE, first, sure=False)


def tag_of(said: str, model_type: str) -> str:
    """What a whole model does, by its card or its type; empty where both are mute."""
    return said if said in TAGS else BY_TYPE.get(model_type, "")


def named(told: str) -> str:
    """What a graph does as far as its name or other words of it tell; empty where they do not."""
    said = told.lower()
    return next((tag for tag, words in _HINTS.items() if any(w in said for w in words)), "")


def _larger(first: tuple[int | str, ...], output: tuple[int | str, ...]) -> bool | None:
    """Whether the output is larger; None where sizes are not fixed."""
    if len(first) != 4 or len(output) != 4:
        return None
    sizes = (*first[2:], *output[2:])
    if not all(isinstance(n, int) and n > 0 for n in sizes):
        return None
    return int(output[2]) > int(first[2]) and int(output[3]) > int(first[3])


def _shape(tag: str, first: tuple[int | str, ...], *, sure: bool) -> Shape:
    written = {"config.json": json.dumps({"model_type": "onnx", "task": tag}, indent=2) + "\n"}
    if tag != UPSCALE:
        height, width = first[2:]
        prepare: dict[str, object] = {"do_normalize": True, "do_rescale": True, **_IMAGENET}
        if isinstance(height, int) and isinstance(width, int) and min(height, width) >= 8:
            prepare |= {"do_resize": True, "size": {"height": height, "width": width}}
        written["preprocessor_config.json"] = json.dumps(prepare, indent=2) + "\n"
    if sure:
        return Shape(what=_WHAT[tag], tag=tag, written=written)
    task = Choice(
        name="task",
        label="What it does",
        help="The file itself does not say it.",
        default=tag,
        options=(
            Option(value=UPSCALE, label="Makes pictures larger"),
            Option(value=CUT, label="Removes the background"),
            Option(value=DEPTH, label="Sees depth"),
            Option(value=EDGES, label="Sees edges"),
        ),
    )
    return Shape(
        what="One ONNX graph from a picture to a picture", tag=tag, written=written, options=(task,)
    )


def _unknown(path: Path, inputs: list[str]) -> StudioError:
    voice = {"input", "input_lengths", "scales"} <= set(inputs)
    if voice:
        return StudioError(
            f"“{path.name}” cannot be added: it is a Piper voice without its settings.",
            f"Put {path.name}.json beside it; it comes from the same place.",
        )
    if {"style", "speed"} <= set(inputs):
        return StudioError(
            f"“{path.name}” cannot be added: it is Kokoro without its voices.",
            "Put voices-v1.0.bin beside it; it comes from the same place.",
        )
    if "input_ids" in inputs:
        return StudioError(
            f"“{path.name}” cannot be added: it is a language model without what goes with it.",
            "Add the whole folder: config.json and tokenizer.json belong to it.",
        )
    return StudioError(
        f"“{path.name}” cannot be added: it is an ONNX graph that makes no picture of a picture.",
        "If it belongs to a model's folder, add the whole folder.",
    )
