"""Tiny real voices: the published classes and graph signatures, small, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz '-"


def vits_config(**changes: Any) -> Any:
    """The shape of MMS-TTS, made small."""
    from transformers import VitsConfig

    shape: dict[str, Any] = {
        "vocab_size": len(LETTERS) + 2, "hidden_size": 16, "ffn_dim": 32, "flow_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "spectrogram_bins": 33,
        "upsample_initial_channel": 32, "upsample_rates": [8, 8, 2, 2],
        "upsample_kernel_sizes": [16, 16, 4, 4], "resblock_kernel_sizes": [3, 7],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]], "wavenet_dilation_rate": 1,
        "posterior_encoder_num_wavenet_layers": 2, "sampling_rate": 16_000,
    }  # fmt: skip
    return VitsConfig(**shape | changes)


def make(folder: Path, **changes: Any) -> Path:
    """A VITS in transformers' layout, with the vocabulary of an English MMS voice."""
    import torch
    from transformers import VitsModel

    torch.manual_seed(0)
    model = VitsModel(vits_config(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Freshly made, much of it is zero or nearly so, and hides mistakes.
            parameter.add_(torch.randn_like(parameter) * 0.02)
        model.decoder.conv_post.weight.mul_(0.1)  # below full scale
    model.save_pretrained(folder)
    vocabulary = {"<pad>": 0, **{c: i + 1 for i, c in enumerate(LETTERS)}}
    vocabulary["<unk>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    settings = {"language": "eng", "add_blank": True, "normalize": True, "phonemize": False,
                "is_uroman": False, "tokenizer_class": "VitsTokenizer"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder
