"""Tiny Stable Audio and ACE-Step models with random weights, in diffusers' layout."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

RATE, HOP, LATENTS = 800, 8, 200
"""A model of two seconds: more than one tile of its autoencoder."""
SCHEDULERS = {
    "stable": {
        "_class_name": "CosineDPMSolverMultistepScheduler",
        "sigma_min": 0.3,
        "sigma_max": 50,
        "sigma_data": 1.0,
        "sigma_schedule": "exponential",
        "solver_order": 2,
        "prediction_type": "v_prediction",
    },
    "ace": {
        "_class_name": "FlowMatchEulerDiscreteScheduler",
        "num_train_timesteps": 1,
        "shift": 1.0,
    },
}
NAMES = {"stable": "StableAudioPipeline", "ace": "AceStepPipeline"}


@functools.cache
def modules(kind: str, *, turbo: bool = False) -> dict[str, Any]:
    """The parts on torch, as the pipeline calls them: what the models are written from."""
    import torch
    from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck

    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # diffusers' own, on weight normalisation
        vae = AutoencoderOobleck(
            encoder_hidden_size=8,
            downsampling_ratios=[2, 4],
            channel_multiples=[1, 2],
            decoder_channels=8,
            decoder_input_channels=4,
            audio_channels=2,
            sampling_rate=RATE,
        )
    made = {"vae": vae, **(_stable() if kind == "stable" else _ace(turbo))}
    with torch.no_grad():
        for module in made.values():
            for weight in module.parameters():
                weight.add_(torch.randn_like(weight) * 0.05)
            module.eval()
    return made


def make(folder: Path, kind: str = "stable", *, turbo: bool = False) -> Path:
    """Write a model into `folder` as diffusers does, in safetensors."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    for part, module in modules(kind, turbo=turbo).items():
        module.save_pretrained(folder / part)
    tokenizer().save_pretrained(folder / "tokenizer")
    _write(folder / "model_index.json", {"_class_name": NAMES[kind]})
    _write(folder / "scheduler" / "scheduler_config.json", SCHEDULERS[kind])
    return folder


def make_exported(folder: Path) -> Path:
    """Write the Stable Audio model into `folder` with its parts as ONNX graphs."""
    import torch

    from studio.engine import graphs
    from studio.engine.audio import diffusion_model
    from studio.engine.audio.weights import Plain

    make(folder)
    for name, architecture in diffusion_model.architectures_of(folder).items():
        part = "vae" if name.startswith("oobleck") else diffusion_model.FOLDERS[name]
        weights = Plain(graphs.safetensors_of(folder / part))
        module = architecture.build()
        found = {n: torch.from_numpy(weights[architecture.bare(n)].copy())
                 for n in module.state_dict() if architecture.bare(n) in weights}  # fmt: skip
        module.load_state_dict(found, strict=False)
        path = folder / diffusion_model.FOLDERS[name] / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter says much, to those who maintain it
            torch.onnx.export(
                module,
                architecture.example(),
                str(path),
                dynamo=False,
                opset_version=18,
                input_names=list(architecture.inputs),
                output_names=list(architecture.outputs),
                dynamic_axes={k: dict(v) for k, v in architecture.dynamic.items()},
            )
    for part in ("text_encoder", "transformer", "vae"):
        for weights_file in (folder / part).glob("*.safetensors"):
            weights_file.unlink()
    return folder


def tokenizer() -> Any:
    """Letters as tokens; prompts of Stable Audio are filled up to 20."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "</s>", "<unk>", *(chr(c) for c in range(32, 127))]
    rust = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>"))
    rust.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        model_max_length=20,
    )  # fmt: skip


def _stable() -> dict[str, Any]:
    from diffusers.models.transformers.stable_audio_transformer import StableAudioDiTModel
    from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel
    from transformers import T5Config, T5EncoderModel

    return {
        "text_encoder": T5EncoderModel(
            T5Config(vocab_size=100, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=3)
        ),
        "projection_model": StableAudioProjectionModel(24, 16, 0, 512),
        "transformer": StableAudioDiTModel(
            sample_size=LATENTS,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            num_key_value_attention_heads=2,
            out_channels=4,
            cross_attention_dim=16,
            time_proj_dim=16,
            global_states_input_dim=32,
            cross_attention_input_dim=16,
        ),
    }


def _ace(turbo: bool) -> dict[str, Any]:
    import torch
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepConditionEncoder
    from transformers import Qwen3Config, Qwen3Model

    shape = {
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 5,
    }  # fmt: skip
    conditions = AceStepConditionEncoder(
        **shape,
        text_hidden_dim=24,
        timbre_hidden_dim=4,
        num_lyric_encoder_hidden_layers=2,
        num_timbre_encoder_hidden_layers=2,
    )
    conditions.silence_latent = torch.randn(conditions.silence_latent.shape)
    return {
        "text_encoder": Qwen3Model(
            Qwen3Config(
                vocab_size=100, hidden_size=24, intermediate_size=32, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            )
        ),
        "condition_encoder": conditions,
        "transformer": AceStepTransformer1DModel(
            **shape, num_hidden_layers=2, in_channels=12, audio_acoustic_hidden_dim=4,
            is_turbo=turbo,
        ),
    }  # fmt: skip


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
