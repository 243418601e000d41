"""Configurations of strangers: what models have is believed, what would never end is not."""

from __future__ import annotations

from typing import Any

import pytest

from studio.engine.believable import believable

REAL: dict[str, Any] = {
    "num_layers": 19, "num_single_layers": 38, "num_attention_heads": 24, "sample_size": 2_097_152,
    "block_out_channels": [320, 640, 1280, 1280], "transformer_layers_per_block": [1, 2, 10],
    "upsampling_ratios": [8, 5, 4, 4], "vocab_size": 256_300, "use_quant_conv": True,
    "text_encoder": {"num_hidden_layers": 24, "layer_norm_eps": 1e-6, "hidden_act": "gelu"},
}  # fmt: skip


def test_real_configurations_are_believed() -> None:
    believable(REAL)


@pytest.mark.parametrize(
    "change",
    [
        {"num_layers": 513}, {"layers_per_block": [2, 10_000]}, {"num_encoder_blocks": (600,)},
        {"num_single_layers": 1 << 40}, {"num_attention_heads": -5_000}, {"hidden_size": 1 << 23},
        {"text_encoder": {"num_hidden_layers": 9_999}}, {"channels": [1] * 600},
    ],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_what_would_never_end_is_not(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        believable(REAL | change)
