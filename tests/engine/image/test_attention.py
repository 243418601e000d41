"""Attention in one node: the graph that is exported has it, and computes what torch computes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from diffusers.models.attention_processor import Attention

from studio.engine.image import attention

SHAPES: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...] | None]] = {
    "self": ({"query_dim": 16, "heads": 2, "dim_head": 8}, (2, 10, 16), None),
    "cross": (
        {"query_dim": 16, "cross_attention_dim": 12, "heads": 4, "dim_head": 4},
        (2, 9, 16),
        (2, 5, 12),
    ),
    "picture": (
        {
            "query_dim": 16,
            "heads": 1,
            "dim_head": 16,
            "norm_num_groups": 4,
            "residual_connection": True,
            "bias": True,
            "rescale_output_factor": 2.0,
        },
        (2, 16, 3, 4),
        None,
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_one_node_computes_what_diffusers_does(kind: str, tmp_path: Path) -> None:
    settings, shape, seen = SHAPES[kind]
    torch.manual_seed(0)
    module = Attention(**settings).eval()
    inputs = [torch.randn(shape)] + ([torch.randn(seen)] if seen else [])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own future
        wanted = module(*inputs).numpy()
        attention.fuse(module)
        assert np.abs(module(*inputs).numpy() - wanted).max() < 1e-5
        names = ["states", "seen"][: len(inputs)]
        torch.onnx.export(
            module, tuple(inputs), str(tmp_path / "g.onnx"), dynamo=False, input_names=names,
            opset_version=18,
        )  # fmt: skip
    operators = [n.op_type for n in onnx.load(tmp_path / "g.onnx").graph.node]
    assert operators.count("MultiHeadAttention") == 1
    assert "Softmax" not in operators
    session = ort.InferenceSession(tmp_path / "g.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {n: t.numpy() for n, t in zip(names, inputs, strict=True)})
    assert np.abs(found - wanted).max() < 1e-5


def test_a_mask_is_refused() -> None:
    module = Attention(query_dim=8, heads=1, dim_head=8)
    attention.fuse(module)
    with pytest.raises(ValueError, match="mask"):
        module(torch.randn(1, 4, 8), attention_mask=torch.zeros(1, 4, 4))
