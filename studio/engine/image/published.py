"""The configurations of Stable Diffusion 1.5 and XL as their publishers wrote them.

A checkpoint in one file has none; and the graphs that the studio ships are made from these.
"""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

UNET: Config = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 64,
}
UNET_XL: Config = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 2048,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "projection_class_embeddings_input_dim": 2816,
    "sample_size": 128,
    "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": True,
}
VAE: Config = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 512,
    "scaling_factor": 0.18215,
}
VAE_XL: Config = {**VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True}
CLIP: Config = {
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-05,
    "projection_dim": 768,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
}
CLIP_G: Config = {
    **CLIP,
    "architectures": ["CLIPTextModelWithProjection"],
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_attention_heads": 20,
    "num_hidden_layers": 32,
    "hidden_act": "gelu",
    "projection_dim": 1280,
}
_BETAS: Config = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
SCHEDULER: Config = {
    "_class_name": "PNDMScheduler",
    **_BETAS,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
SCHEDULER_XL: Config = {"_class_name": "EulerDiscreteScheduler", **_BETAS}

INPAINTING = 9
"""Channels of a UNet that is also shown the mask and the picture around it."""


def stable_diffusion(*, inpainting: bool = False, velocity: bool = False) -> dict[str, Config]:
    """Stable Diffusion 1.5: file in the model's folder -> what is in it."""
    return {
        "model_index.json": {
            "_class_name": "StableDiffusionInpaintPipeline"
            if inpainting
            else "StableDiffusionPipeline"
        },
        "unet/config.json": UNET | ({"in_channels": INPAINTING} if inpainting else {}),
        "vae/config.json": VAE,
        "text_encoder/config.json": CLIP,
        "scheduler/scheduler_config.json": SCHEDULER | _prediction(velocity),
    }


def stable_diffusion_xl(*, inpainting: bool = False, velocity: bool = False) -> dict[str, Config]:
    """Stable Diffusion XL: file in the model's folder -> what is in it."""
    return {
        "model_index.json": {
            "_class_name": "StableDiffusionXLInpaintPipeline"
            if inpainting
            else "StableDiffusionXLPipeline",
            "force_zeros_for_empty_prompt": True,
        },
        "unet/config.json": UNET_XL | ({"in_channels": INPAINTING} if inpainting else {}),
        "vae/config.json": VAE_XL,
        "text_encoder/config.json": CLIP,
        "text_encoder_2/config.json": CLIP_G,
        "scheduler/scheduler_config.json": SCHEDULER_XL | _prediction(velocity),
    }


def _prediction(velocity: bool) -> Config:
    """A model that predicts velocities was trained down to pure noise, which asks for the rest."""
    if not velocity:
        return {}
    return {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }
