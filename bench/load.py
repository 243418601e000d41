"""From a file to the first output of a large UNet: cold, from the graph cache, and on torch.

Once as an ONNX graph with its weights, once as safetensors of 16 bits bound to a graph without.
The first output is part of it: torch maps its weights from the disk and reads them only then.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.graphs import Architecture
from studio.engine.workbench import Workbench

CHANNELS = (160, 320, 640)


def make(folder: Path) -> tuple[Path, Path, float]:
    """A UNet in two forms, an ONNX graph and a diffusers folder, and its size in parameters."""
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=CHANNELS,
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()
    peer, graph = folder / "torch", folder / "onnx" / "model.onnx"
    unet.save_pretrained(peer)
    graph.parent.mkdir()

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet = unet

        def forward(
            self, sample: torch.Tensor, timestep: torch.Tensor, states: torch.Tensor
        ) -> torch.Tensor:
            out: torch.Tensor = self.unet(sample, timestep, states, return_dict=False)[0]
            return out

    with torch.no_grad():
        torch.onnx.export(
            Plain().eval(),
            (torch.randn(2, 4, 32, 32), torch.tensor([1, 1]), torch.randn(2, 77, 768)),
            str(graph),
            dynamo=False,
            opset_version=18,
            input_names=["sample", "timestep", "encoder_hidden_states"],
            output_names=["out_sample"],
            dynamic_axes={"sample": {0: "b", 2: "h", 3: "w"}, "timestep": {0: "b"}},
        )
    return peer, graph, sum(p.numel() for p in unet.parameters()) / 1e6


def left_to_onnxruntime(architecture: Architecture, cache: Path, part: Path) -> Any:
    """What ONNX Runtime does by itself: it optimizes the graph together with its weights."""
    import onnxruntime as ort

    from studio.engine.graphs import ensure, safetensors_of

    graph = ensure(architecture, cache)
    names = json.loads((graph.parent / "weights.json").read_text())
    weights = safetensors_of(part)
    values = {n: weights[e["names"][0]].astype("float32") for n, e in names.items()}
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_external_initializers(
        list(values), [ort.OrtValue.ortvalue_from_numpy(v) for v in values.values()]
    )
    return ort.InferenceSession(str(graph), options, ["CPUExecutionProvider"])


def bound(folder: Path, peer: Path) -> None:
    """Weights in 16 bits, bound to a graph without: its first time, and every other one."""
    import shutil

    import torch
    from diffusers import UNet2DConditionModel

    from studio.engine.graphs import open_bound, safetensors_of
    from studio.engine.image.architectures import of_config

    unet = UNet2DConditionModel.from_pretrained(peer)
    architecture = of_config("unet", dict(unet.config))
    peer = folder / "half"
    unet.half().save_pretrained(peer)
    del unet
    recipe = Recipe("image", "image.diffusion", "bench", 0)
    cache = folder / "bound"
    job = Job("bench", recipe, folder, peer, device=DeviceChoice("cpu", 1), cache=cache)
    feed = {
        name: tensor.numpy()
        for name, tensor in zip(
            architecture.inputs,
            (torch.randn(2, 4, 8, 8), torch.ones(2), torch.randn(2, 77, 768)),
            strict=True,
        )
    }

    def ours() -> None:
        open_bound(job, Workbench(), architecture, safetensors_of(peer)).run(None, feed)

    def with_export() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        ours()

    def optimized_each_time() -> None:
        left_to_onnxruntime(architecture, cache, peer).run(None, feed)

    def on_torch() -> None:
        loaded = UNet2DConditionModel.from_pretrained(peer, torch_dtype=torch.float32).eval()
        with torch.inference_mode():
            loaded(*(torch.from_numpy(v) for v in feed.values()))

    first = report.best(with_export, 1)
    cached, torch_load = report.best(ours), report.best(on_torch)
    plain = report.best(optimized_each_time, 1)
    peers = {"diffusers on torch": torch_load, "optimized each time": plain}
    report.duration("load: the same in safetensors, first", first, peers)
    report.duration("load: the same in safetensors, cached", cached, peers | {"first": first})


def main() -> None:
    import torch
    from diffusers import UNet2DConditionModel

    from studio.engine.sessions import open_session

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer, graph, millions = make(folder)
        recipe = Recipe("image", "image.diffusion", "bench", 0)
        job = Job(
            "bench", recipe, folder, graph.parent, device=DeviceChoice("cpu", 1), cache=folder / "c"
        )
        inputs = (torch.randn(2, 4, 8, 8), torch.tensor([1, 1]), torch.randn(2, 77, 768))
        names = ("sample", "timestep", "encoder_hidden_states")
        feed = {n: t.numpy() for n, t in zip(names, inputs, strict=True)}

        def ours() -> None:
            open_session(job, graph, Workbench()).run(None, feed)

        def on_torch() -> None:
            with torch.inference_mode():
                UNet2DConditionModel.from_pretrained(peer).eval()(*inputs)

        cold, cached, torch_load = report.best(ours, 1), report.best(ours), report.best(on_torch)
        bound(folder, peer)
    what = f"load: UNet of {millions:.0f}M and one step"
    report.duration(f"{what}, cold", cold, {"diffusers on torch": torch_load})
    report.duration(f"{what}, cached", cached, {"diffusers on torch": torch_load, "cold": cold})


if __name__ == "__main__":
    main()
