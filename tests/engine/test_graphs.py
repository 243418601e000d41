"""Graphs without weights, bound to safetensors: the numbers of torch, and what can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.graphs import Architecture, ensure, open_bound, safetensors_of
from studio.engine.workbench import Workbench


class Gpt2(torch.nn.Module):
    """GPT-2 with its logits as the only output; the head is tied to the embedding."""

    def __init__(self) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        super().__init__()
        self.model = GPT2LMHeadModel(
            GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=2, n_head=2)
        )

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        return self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits


def ids() -> tuple[torch.Tensor, ...]:
    mask = torch.ones(2, 7, dtype=torch.int64)
    mask[1, :3] = 0
    return torch.randint(0, 50, (2, 7)), mask


GPT2 = Architecture(
    name="gpt2",
    config={"n_embd": 16, "n_layer": 2},
    build=Gpt2,
    example=ids,
    inputs=("ids", "mask"),
    outputs=("logits",),
    dynamic={"ids": {0: "batch", 1: "tokens"}, "mask": {0: "batch", 1: "tokens"}},
    prefix="model.",
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    recipe = Recipe("image", "image.diffusion", "tiny", 1)
    folder, cache = tmp_path / "job", tmp_path / "cache"
    return Job("job", recipe, folder, tmp_path, device=DeviceChoice("cpu", 1), cache=cache)


@pytest.mark.parametrize("exporter", ["script", "dynamo"])
def test_tied_weights_are_bound_once_and_compute_as_torch_does(
    job: Job, tmp_path: Path, exporter: Any
) -> None:
    import dataclasses

    architecture = dataclasses.replace(GPT2, exporter=exporter)
    torch.manual_seed(0)
    module = Gpt2().eval()
    file = tmp_path / "model.safetensors"
    state = {k: v.contiguous() for k, v in module.model.state_dict().items() if "lm_head" not in k}
    save_file(state, file)
    session = open_bound(job, Workbench(), architecture, safetensors_of(file))
    tokens, mask = torch.randint(0, 50, (3, 5)), torch.ones(3, 5, dtype=torch.int64)
    mask[2, :2] = 0
    (ours,) = session.run(None, {"ids": tokens.numpy(), "mask": mask.numpy()})
    with torch.no_grad():
        theirs = module(tokens, mask).numpy()
    assert np.abs(ours - theirs)[mask.numpy() == 1].max() < 1e-5
