"""ONNX exports of other hands: names, types and shapes that differ."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio.engine.image import autoencoders, denoisers, layout, standins
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import outputs, pixels


def rename(path: Path, names: dict[str, str]) -> None:
    import onnx

    model = onnx.load(path)
    for value in model.graph.input:
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    onnx.save(model, path)


def test_inputs_of_other_names_are_bound_by_position(copy: Path, make_job: MakeJob) -> None:
    plain = outputs(make_job())[0]
    rename(
        copy / "unet" / "model.onnx",
        {"sample": "x.1", "timestep": "t.1", "encoder_hidden_states": "context"},
    )
    rename(copy / "vae_decoder" / "model.onnx", {"latent_sample": "z"})
    index = json.loads((copy / "model_index.json").read_text("utf-8"))
    index["_class_name"] = "OnnxStableDiffusionPipeline"
    (copy / "model_index.json").write_text(json.dumps(index), "utf-8")
    assert (pixels(outputs(make_job(model=copy))[0]) == pixels(plain)).all()


@pytest.mark.parametrize("shape", [[], [1], ["steps"], ["b"]], ids=str)
def test_timesteps_of_every_shape(shape: list[int | str]) -> None:
    import torch

    fed: dict[str, Any] = {}

    class Session:
        """Tells what it was fed."""

        def get_inputs(self) -> list[Any]:
            def known(name: str, kind: str, dims: list[int | str]) -> Any:
                return SimpleNamespace(name=name, type=kind, shape=dims)

            return [
                known("sample", "tensor(float16)", ["b", 4, "h", "w"]),
                known("timestep", "tensor(int64)", shape),
                known("encoder_hidden_states", "tensor(float16)", ["b", "s", 16]),
            ]

        def get_outputs(self) -> list[Any]:
            return [SimpleNamespace(name="out_sample")]

        def run(self, names: None, feed: dict[str, Any], options: Any) -> list[Any]:
            fed.update(feed)
            return [feed["sample"]]

    names = ("sample", "timestep", "encoder_hidden_states")
    session: Any = Session()
    graph = standins.Graph("unet", session, standins.Brake(), names)
    unet = denoisers.unet({}, graph)
    sample = torch.zeros(2, 4, 8, 8)
    out = unet(sample, torch.tensor(600.7), encoder_hidden_states=torch.zeros(2, 4, 16))
    assert out.sample.dtype == torch.float32
    assert fed["sample"].dtype == np.float16
    assert fed["timestep"].shape == {"[]": (), "['b']": (2,)}.get(str(shape), (1,))
    assert (fed["timestep"] == 601).all()


def test_an_encoder_that_gives_latents_is_taken_as_certain(make_job: MakeJob) -> None:
    import torch

    config = layout.read(make_job().model).vae

    def encode(**tensors: torch.Tensor) -> list[torch.Tensor]:
        return [torch.full((1, 4, 2, 2), 0.5)]

    graph: Any = encode
    found = autoencoders.kl(config, graph, lambda: graph)
    drawn_from = found.encode(torch.zeros(1, 3, 4, 4)).latent_dist.sample()
    assert torch.allclose(drawn_from, torch.full((1, 4, 2, 2), 0.5), atol=1e-4)
