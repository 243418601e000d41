"""What the tests of drawing do with jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from studio.core.messages import Output
from studio.core.recipe import Job
from studio.engine.image import diffusion, layout, pipelines
from studio.engine.image.loaded import Model, libraries
from studio.engine.workbench import Workbench

BENCH = Workbench()


def outputs(job: Job) -> list[Output]:
    return [s for s in diffusion.run(job, BENCH) if isinstance(s, Output)]


def pixels(output: Output) -> Any:
    with Image.open(output.files[0]) as picture:
        return np.asarray(picture).astype(int)


def model_of(job: Job) -> Model:
    libraries()
    return pipelines.load(job, BENCH, layout.read(job.model), lambda i, n: None)


def endless(path: Path, timestep: list[int | str]) -> None:
    """A UNet that gives its sample back after hours of multiplying."""
    _endless(
        path,
        [
            ("sample", ["b", 4, "h", "w"]),
            ("timestep", timestep),
            ("encoder_hidden_states", ["b", "s", 16]),
        ],
    )


def endless_like(path: Path) -> None:
    """Make a denoiser's graph one that gives its first input back after hours of multiplying."""
    import onnx

    inputs = onnx.load(path).graph.input
    _endless(
        path,
        [
            (i.name, [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim])
            for i in inputs
        ],
    )


def slow_to_open(path: Path) -> None:
    """Make a UNet's graph one whose constants take seconds to be folded when it is opened."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    chance = np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32) / 23
    model.graph.initializer.append(numpy_helper.from_array(chance, "many"))
    nodes = [
        helper.make_node("MatMul", [f"step{i}" if i else "many", "many"], [f"step{i + 1}"])
        for i in range(1500)
    ]
    nodes.append(helper.make_node("ReduceSum", ["step1500"], ["slow"], keepdims=0))
    nodes.append(helper.make_node("Add", ["sample", "slow"], ["shifted"]))
    for node in model.graph.node:
        node.input[:] = ["shifted" if n == "sample" else n for n in node.input]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    onnx.save(model, path)


def _endless(path: Path, inputs: list[tuple[str, list[int | str]]]) -> None:
    import onnx
    from onnx import TensorProto, helper

    step = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("MatMul", ["seen", "many"], ["next"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("seen", TensorProto.FLOAT, [64, 64]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [64, 64]),
        ],
    )
    eye = np.eye(64, dtype=np.float32)
    nodes = [
        helper.make_node("Loop", ["times", "yes", "many"], ["last"], body=step),
        helper.make_node("ReduceSum", ["last"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Add", [inputs[0][0], "nothing"], ["out_sample"]),
    ]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs],
        [helper.make_tensor_value_info("out_sample", TensorProto.FLOAT, inputs[0][1])],
        initializer=[
            helper.make_tensor("times", TensorProto.INT64, [], [10**9]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
            helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("many", TensorProto.FLOAT, [64, 64], eye.ravel()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
