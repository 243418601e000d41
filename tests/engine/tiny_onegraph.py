"""Tiny one-graph image models in transformers.js' layout: made larger, cut out, seen in depth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make_upscaler(folder: Path) -> Path:
    """Twice as large: random sharpening, then depth to space."""
    random = np.random.default_rng(3)
    kernel = random.normal(0, 0.02, (12, 3, 3, 3)).astype(np.float32)
    for channel in range(12):
        kernel[channel, channel % 3, 1, 1] += 1
    nodes = [
        helper.make_node("Conv", ["pixel_values", "k"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["c"], ["reconstruction"], blocksize=2),
    ]
    return write(folder, nodes, {"k": kernel}, "image-to-image")


def make_cutter(folder: Path) -> Path:
    """A mask that is the logit of being red."""
    kernel = np.array([8.0, -8.0, -8.0], np.float32).reshape(1, 3, 1, 1)
    nodes = [helper.make_node("Conv", ["pixel_values", "k"], ["logits"])]
    return write(folder, nodes, {"k": kernel}, "background-removal", size=16)


def make_seer(folder: Path) -> Path:
    """Nearness that is the brightness, without a channel axis as depth models have it."""
    axes = np.array([1], np.int64)
    nodes = [helper.make_node("ReduceMean", ["pixel_values", "a"], ["predicted_depth"], keepdims=0)]
    return write(folder, nodes, {"a": axes}, "depth-estimation", size=28)


def inputs(folder: Path) -> Mapping[str, Path]:
    """A picture of a red disc on green."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (40, 24), (20, 160, 60))
    ImageDraw.Draw(picture).ellipse((8, 4, 24, 20), fill=(220, 30, 40))
    path = folder / f"disc-{hashlib.sha256(picture.tobytes()).hexdigest()[:8]}.png"
    picture.save(path)
    return {"picture": path}


def write(
    folder: Path,
    nodes: list[Any],
    weights: Mapping[str, Any],
    task: str,
    *,
    size: int | None = None,
    shape: tuple[Any, ...] = (1, 3, "h", "w"),
    settings: Mapping[str, Any] | None = None,
    element: int = TensorProto.FLOAT,
) -> Path:
    """A model folder around a graph whose input is `pixel_values`."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    last = nodes[-1].output[0]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("pixel_values", element, shape)],
        [helper.make_empty_tensor_value_info(last)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    graph.output[0].type.tensor_type.elem_type = element
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, folder / "onnx" / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"model_type": "tiny"}))
    (folder / "README.md").write_text(f"---\nlicense: apache-2.0\npipeline_tag: {task}\n---\n")
    if size is not None or settings is not None:
        prepared = {"do_rescale": True} | (
            {"size": {"height": size, "width": size}} if size else {}
        )
        prepared |= dict(settings or {})
        (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    return folder


MAKERS: Mapping[str, Callable[[Path], Path]] = {
    "image.upscale": make_upscaler,
    "image.background": make_cutter,
    "image.map": make_seer,
}
