"""The sketch model as a diffusers folder with ONNX graphs: the layout of StableDiffusionPipeline
exports.

Graph names and inputs are those of the common ONNX exports of Stable Diffusion: ``text_encoder``,
``unet``, ``vae_encoder``, ``vae_decoder``, each a folder with ``model.onnx`` and the
``config.json`` of its class. ``alpha``, which cuts the drawn thing out, is a part of our own.
"""

from __future__ import annotations

import copy
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.training.diffusion import SCHEDULE, denoise

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL
    from transformers import CLIPTextModel

    from studio.training.alpha import AlphaNet

OPSET = 18
SMALL_FROM = 1024
"""Weights with at least so many values are stored as int8 and widened when the graph is loaded."""

Axes = dict[str, dict[int, str]]
Arrays = dict[str, npt.NDArray[Any]]


def export_graph(
    call: Callable[..., Any],
    module: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    outputs: list[str],
    axes: Axes,
    path: Path,
) -> float:
    """Trace ``call(**inputs)`` to ONNX, store it, and give the largest difference to torch on the
    inputs."""
    import torch

    class Wrapped(torch.nn.Module):
        """Positional arguments in, tuple out: what the tracing exporter wants."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *values: torch.Tensor) -> Any:
            return call(**dict(zip(inputs, values, strict=True)))

    module.eval()
    wrapped = Wrapped().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporter warns of every Python branch on a shape, and of being the older
        # exporter; that
        # shapes stay free is checked below with others than the traced ones.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )
    shrink(path)
    other = {name: _twice(value, axes.get(name, {})) for name, value in inputs.items()}
    return max(difference(wrapped, path, inputs), difference(wrapped, path, other))


def _twice(value: torch.Tensor, axes: dict[int, str]) -> torch.Tensor:
    """A tensor doubled along its free axes but the token axis, whose length a text model fixes."""
    import torch

    for axis, name in axes.items():
        if name != "sequence":
            value = torch.cat([value, value], dim=axis)
    return value


def quantized(
    weight: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """A weight as int8 and float32 scales that broadcast to it, one for each index of that axis of
    the first two which loses less."""
    best: tuple[float, npt.NDArray[np.int8], npt.NDArray[np.float32]] | None = None
    for kept in range(min(2, weight.ndim)):
        others = tuple(axis for axis in range(weight.ndim) if axis != kept)
        scale = np.abs(weight).max(axis=others, keepdims=True) / 127
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        small = np.rint(weight / scale).astype(np.int8)
        error = float(np.square(small * scale - weight).mean())
        if best is None or error < best[0]:
            best = (error, small, scale)
    if best is None:
        raise ValueError("a scalar has no axis to scale along")
    return best[1], best[2]


def shrink(path: Path) -> None:
    """Store a graph's large float32 weights as int8 with a Cast and a Mul behind each.

    Both are folded when the graph is loaded, so it computes in float32 at full speed.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    before, weights = [], []
    for weight in graph.initializer:
        floating = weight.data_type == onnx.TensorProto.FLOAT
        if not floating or len(weight.dims) < 2 or np.prod(weight.dims) < SMALL_FROM:
            weights.append(weight)
            continue
        name = weight.name
        small, scale = quantized(numpy_helper.to_array(weight))
        weights.append(numpy_helper.from_array(small, f"{name}.int8"))
        weights.append(numpy_helper.from_array(scale, f"{name}.scale"))
        before += [
            onnx.helper.make_node(
                "Cast", [f"{name}.int8"], [f"{name}.wide"], to=onnx.TensorProto.FLOAT
            ),
            onnx.helper.make_node("Mul", [f"{name}.wide", f"{name}.scale"], [name]),
        ]
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def run_graph_session(path: Path, threads: int = 0) -> Callable[[Arrays], list[npt.NDArray[Any]]]:
    """A function that runs a graph on the processor, with so many threads (0 is all), and gives
    all its outputs."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    return lambda inputs: [np.asarray(value) for value in session.run(None, inputs)]


def difference(module: torch.nn.Module, path: Path, inputs: dict[str, torch.Tensor]) -> float:
    """The largest absolute difference between a module and its graph."""
    import torch

    with torch.no_grad():
        expected = module(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    got = run_graph_session(path)({name: value.numpy() for name, value in inputs.items()})
    return max(
        float(np.abs(one.numpy() - two).max()) for one, two in zip(expected, got, strict=True)
    )


def export_text_encoder(model: CLIPTextModel, folder: Path, length: int) -> float:
    """input_ids (batch, length) int64 -> last_hidden_state (batch, length, width), pooler_output
    (batch, width)."""
    import torch

    def call(input_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        output = model(input_ids=input_ids)
        return output.last_hidden_state, output.pooler_output

    ids = torch.full((2, length), model.config.eos_token_id, dtype=torch.int64)
    ids[:, 0] = model.config.bos_token_id
    ids[0, 1], ids[1, 1:3] = 5, 7
    free = {0: "batch", 1: "sequence"}
    axes: Axes = {"input_ids": free, "last_hidden_state": free, "pooler_output": {0: "batch"}}
    model.config.save_pretrained(folder)
    return export_graph(
        call, model, {"input_ids": ids}, ["last_hidden_state", "pooler_output"], axes,
        folder / "model.onnx",
    )  # fmt: skip


def export_unet(models: torch.nn.ModuleDict, folder: Path, length: int) -> float:
    """sample (batch, c, h, w), timestep (batch) float32, encoder_hidden_states -> out_sample, which
    is shaped as sample.

    The map of the caption is part of the graph; config.json tells of the graph's own inputs.
    """
    import torch

    unet: Any = models["unet"]
    config = unet.config
    channels, side = int(config.out_channels), int(config.sample_size)

    def call(
        sample: torch.Tensor, timestep: torch.Tensor, encoder_hidden_states: torch.Tensor
    ) -> torch.Tensor:
        return denoise(models, sample, timestep, encoder_hidden_states)

    generator = torch.Generator().manual_seed(0)
    inputs = {
        "sample": torch.randn(2, channels, side, side, generator=generator),
        "timestep": torch.tensor([999.0, 20.0]),
        "encoder_hidden_states": torch.randn(
            2, length, int(config.cross_attention_dim), generator=generator
        ),
    }
    free = {0: "batch", 2: "height", 3: "width"}
    axes: Axes = {
        "sample": free,
        "timestep": {0: "batch"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "out_sample": free,
    }
    unet.register_to_config(in_channels=channels)
    unet.save_config(folder)
    return export_graph(call, models, inputs, ["out_sample"], axes, folder / "model.onnx")


def export_vae(
    model: AutoencoderKL, decoder: torch.nn.Module, root: Path, size: int
) -> tuple[float, float]:
    """vae_decoder: latent_sample -> sample; vae_encoder: sample -> latent_parameters (mean and log
    variance).

    ``size`` is that of the pictures that ``model`` knows; ``decoder`` makes them twice as large,
    and the encoder takes them so: each mean of four pixels is one that ``model`` knows.
    """
    import torch

    def decode(latent_sample: torch.Tensor) -> Any:
        return decoder(latent_sample)

    def encode(sample: torch.Tensor) -> Any:
        small = torch.nn.functional.avg_pool2d(sample, 2)
        return model.quant_conv(model.encoder(small))

    generator = torch.Generator().manual_seed(0)
    side = size // 2 ** (len(model.config.block_out_channels) - 1)
    latent = torch.randn(1, int(model.config.latent_channels), side, side, generator=generator)
    picture = torch.rand(1, 3, 2 * size, 2 * size, generator=generator) * 2 - 1
    free = {0: "batch", 2: "height", 3: "width"}
    outer = {0: "batch", 2: "out_height", 3: "out_width"}
    described = copy.deepcopy(model)
    # One level more: pipelines read from it how many pixels a latent is wide.
    described.register_to_config(
        sample_size=2 * size,
        **{
            name: (model.config[name][0], *model.config[name])
            for name in ("block_out_channels", "down_block_types", "up_block_types")
        },
    )
    for name in ("vae_decoder", "vae_encoder"):
        described.save_config(root / name)
    return (
        export_graph(
            decode, decoder, {"latent_sample": latent}, ["sample"],
            {"latent_sample": free, "sample": outer}, root / "vae_decoder" / "model.onnx",
        ),
        export_graph(
            encode, model, {"sample": picture}, ["latent_parameters"],
            {"sample": free, "latent_parameters": outer}, root / "vae_encoder" / "model.onnx",
        ),
    )  # fmt: skip


def export_alpha(model: AlphaNet, folder: Path, size: int, channels: Sequence[int]) -> float:
    """sample (batch, 3, h, w) in [-1, 1] -> alpha (batch, 1, h, w) in [0, 1]; each level of the
    U-Net, whose ``channels`` are told, halves height and width, the first one as well."""
    import torch

    def call(sample: torch.Tensor) -> Any:
        return model.opacity(sample)

    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, size, size, generator=generator) * 2 - 1
    free = {0: "batch", 2: "height", 3: "width"}
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "_class_name": type(model).__name__,
        "in_channels": 3,
        "out_channels": 1,
        "block_out_channels": list(channels),
        "sample_size": size,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    return export_graph(
        call, model, {"sample": picture}, ["alpha"], {"sample": free, "alpha": free},
        folder / "model.onnx",
    )  # fmt: skip


def write_pipeline_files(root: Path, scheduler: Any = None) -> None:
    """model_index.json and the default scheduler: DPM-Solver++ (2M) with the schedule of the
    training, or a given one of diffusers'."""
    import diffusers
    from diffusers import DPMSolverMultistepScheduler

    scheduler = scheduler or DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.save_config(root / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", type(scheduler).__name__],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (root / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def export(
    models: torch.nn.ModuleDict,
    vae: AutoencoderKL,
    decoder: torch.nn.Module,
    root: Path,
    *,
    size: int,
    length: int,
    scaling_factor: float,
) -> dict[str, float]:
    """Write all but tokenizer and cut-out; gives each graph's largest difference to torch.

    ``models`` as `diffusion.build_models` has them, ``decoder`` as `decoder.Decoder`; ``size`` is
    that of the pictures that ``vae`` knows.
    """
    vae.register_to_config(scaling_factor=scaling_factor)
    write_pipeline_files(root)
    text: Any = models["text"]
    figures = {
        "text_encoder": export_text_encoder(text, root / "text_encoder", length),
        "unet": export_unet(models, root / "unet", length),
    }
    figures["vae_decoder"], figures["vae_encoder"] = export_vae(vae, decoder, root, size)
    return figures
