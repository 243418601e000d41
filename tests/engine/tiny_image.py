"""A tiny Stable Diffusion model with random weights, in diffusers' layout with ONNX parts."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCHEDULER = {
    "_class_name": "DPMSolverMultistepScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
LENGTH = 24


def make(folder: Path) -> Path:
    """Write the model into `folder`, 32 x 32 pixels with latents of 16 x 16."""
    from transformers import CLIPTokenizer

    tokenizer, text_encoder, unet, vae = modules()
    _write(folder / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    _write(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    assert isinstance(tokenizer, CLIPTokenizer)
    tokenizer.save_pretrained(folder / "tokenizer")
    for part, module in (
        ("text_encoder", text_encoder),
        ("unet", unet),
        ("vae_decoder", vae),
        ("vae_encoder", vae),
    ):
        config = module.config.to_dict() if part == "text_encoder" else dict(module.config)
        _write(folder / part / "config.json", config)
        export(part, module, folder / part / "model.onnx")
    return folder


@functools.cache
def modules() -> tuple[Any, Any, Any, Any]:
    """Tokenizer, text encoder, UNet and autoencoder on torch: what the model is exported from."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    names = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={t: i for i, t in enumerate(names)}, merges=[], model_max_length=LENGTH
    )
    torch.manual_seed(1)
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(names),
            hidden_size=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=2,
            max_position_embeddings=LENGTH,
            bos_token_id=len(names) - 2,
            eos_token_id=len(names) - 1,
            pad_token_id=len(names) - 1,
        )
    ).eval()
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
    ).eval()
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        norm_num_groups=8,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=32,
    ).eval()
    return tokenizer, text_encoder, unet, vae


def export(part: str, module: Any, path: Path) -> None:
    """One graph by torch's legacy exporter, with the names that exports usually have."""
    import torch
    from torch.jit._trace import TracerWarning

    class Plain(torch.nn.Module):
        """The module behind a function of positional tensors."""

        def __init__(self, call: Callable[..., Any]) -> None:
            super().__init__()
            self.module, self.call = module, call

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.call(*tensors)

    def text(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = module(input_ids=ids)
        return found.last_hidden_state, found.pooler_output

    def moments(pixels: torch.Tensor) -> Any:
        return module.quant_conv(module.encoder(pixels))

    square = {0: "batch", 2: "height", 3: "width"}
    calls: dict[str, tuple[Callable[..., Any], dict[str, torch.Tensor], list[str]]] = {
        "text_encoder": (
            text,
            {"input_ids": torch.zeros(2, LENGTH, dtype=torch.int64)},
            ["last_hidden_state", "pooler_output"],
        ),
        "unet": (
            lambda x, t, states: module(x, t, states, return_dict=False)[0],
            {
                "sample": torch.randn(2, 4, 16, 16),
                "timestep": torch.tensor([1.0, 1.0]),
                "encoder_hidden_states": torch.randn(2, LENGTH, 16),
            },
            ["out_sample"],
        ),
        "vae_decoder": (
            lambda z: module.decode(z, return_dict=False)[0],
            {"latent_sample": torch.randn(1, 4, 16, 16)},
            ["sample"],
        ),
        "vae_encoder": (moments, {"sample": torch.randn(1, 3, 32, 32)}, ["latent_parameters"]),
    }
    call, inputs, outputs = calls[part]
    axes = {n: square if t.ndim == 4 else {0: "batch"} for n, t in inputs.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter is the one that knows these models, is on its way out, and says much.
        warnings.filterwarnings("ignore", module=r"torch\.onnx")
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            Plain(call).eval(),
            tuple(inputs.values()),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
        )


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2, default=str) + "\n", "utf-8")
