"""The graphs of diffusion models of sound: Stable Audio Open's parts and ACE-Step's, weightless."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.engine.audio.weights import plain
from studio.engine.believable import believable
from studio.engine.graphs import Architecture

if TYPE_CHECKING:
    import torch

Sizes = Mapping[str, tuple[tuple[int, ...], Mapping[int, str]]]
"""By input: the shape of its example, and the axes without a fixed size."""

PREFIX = "model."
_TEXT = ("batch", "tokens")


def architectures(part: str, config: Mapping[str, Any]) -> dict[str, Architecture]:
    """The graphs of a part of a model folder by its config.json, most parts being one graph.

    Raises KeyError for a part or a class that is not known, and anything for nonsense.
    """
    believable(config)
    name = str(config.get("_class_name") or (config.get("architectures") or [""])[0])
    return {made.name: made for made in _KINDS[part, name](_bare(config))}


def _bare(config: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in config.items() if not k.startswith("_")}


def _architecture(
    name: str,
    config: Mapping[str, Any],
    build: Callable[[Mapping[str, Any]], torch.nn.Module],
    sizes: Sizes,
    outputs: Mapping[str, Mapping[int, str]],
) -> Architecture:
    return Architecture(
        name=name,
        config=config,
        build=partial(build, config),
        example=partial(_example, {n: s for n, (s, _) in sizes.items()}),
        inputs=tuple(sizes),
        outputs=tuple(outputs),
        dynamic={n: axes for n, (_, axes) in sizes.items()} | dict(outputs),
        prefix=PREFIX,
    )


def _example(sizes: Mapping[str, tuple[int, ...]]) -> tuple[torch.Tensor, ...]:
    import torch

    whole = ("input_ids", "attention_mask")
    return tuple(
        torch.ones(size, dtype=torch.int64) if name in whole else torch.rand(size)
        for name, size in sizes.items()
    )


def _wrap(model: Any, call: Callable[..., Any]) -> torch.nn.Module:
    """A model behind a function of positional tensors."""
    from torch import nn

    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> Any:
            return call(*tensors)

    return Part().eval()


# -- T5, Stable Audio's text encoder ------------------------------------------------------------


def _t5(config: Mapping[str, Any]) -> list[Architecture]:
    size = ((2, 7), dict(enumerate(_TEXT)))
    return [
        _architecture(
            "t5-masked",
            config,
            _build_t5,
            {"input_ids": size, "attention_mask": size},
            {"last_hidden_state": dict(enumerate(_TEXT))},
        )
    ]


def _build_t5(config: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import T5Config, T5EncoderModel

    settings = T5Config(**config)
    settings._attn_implementation = "eager"
    model = T5EncoderModel(settings).eval()
    return _wrap(model, lambda ids, mask: model(ids, attention_mask=mask).last_hidden_state)


# -- the diffusion transformer of Stable Audio --------------------------------------------------


def _stable_audio(config: Mapping[str, Any]) -> list[Architecture]:
    settings = _settings("StableAudioDiTModel", config)
    batch, turned = {0: "batch"}, settings["attention_head_dim"] // 2
    latents = (2, settings["in_channels"], 12)
    sizes: Sizes = {
        "hidden_states": (latents, batch | {2: "frames"}),
        "timestep": ((1,), {}),
        "encoder_hidden_states": (
            (2, 7, settings["cross_attention_input_dim"]),
            batch | {1: "tokens"},
        ),
        "global_hidden_states": ((2, 1, settings["global_states_input_dim"]), batch),
        "rotary_cos": ((13, turned), {0: "places"}),
        "rotary_sin": ((13, turned), {0: "places"}),
    }
    # Its length is the pipeline's affair: the graph takes any.
    kept = {k: v for k, v in settings.items() if k != "sample_size"}
    outputs = {"out_sample": batch | {2: "frames"}}
    return [_architecture("stable-audio-transformer", kept, _build_stable_audio, sizes, outputs)]


def _build_stable_audio(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers.models.transformers.stable_audio_transformer import StableAudioDiTModel

    model = StableAudioDiTModel(**config).eval()

    def call(
        sample: torch.Tensor,
        timestep: torch.Tensor,
        states: torch.Tensor,
        whole: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
    ) -> Any:
        return model(sample, timestep, states, whole, (cos, sin), return_dict=False)[0]

    return _wrap(model, call)


# -- Oobleck, the autoencoder of both -----------------------------------------------------------


def _oobleck(config: Mapping[str, Any]) -> list[Architecture]:
    import math

    settings = _settings("AutoencoderOobleck", config)
    hop = math.prod(settings["downsampling_ratios"])
    frames, samples = {0: "batch", 2: "frames"}, {0: "batch", 2: "samples"}
    latents = ((1, settings["decoder_input_channels"], 6), frames)
    sound = ((1, settings["audio_channels"], 6 * hop), samples)
    kept = {k: v for k, v in settings.items() if k != "sampling_rate"}
    return [
        _architecture(
            "oobleck-decoder", kept, _build_decoder, {"latent_sample": latents}, {"sample": samples}
        ),
        _architecture(
            "oobleck-encoder",
            kept,
            _build_encoder,
            {"sample": sound},
            {"latent_parameters": frames},
        ),
    ]


def _build_decoder(config: Mapping[str, Any]) -> torch.nn.Module:
    model = _autoencoder(config)
    del model.encoder
    return _wrap(model, model.decoder)


def _build_encoder(config: Mapping[str, Any]) -> torch.nn.Module:
    model = _autoencoder(config)
    del model.decoder
    return _wrap(model, model.encoder)


def _autoencoder(config: Mapping[str, Any]) -> Any:
    from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck

    with warnings.catch_warnings():
        # diffusers normalises weights in the manner of torch 1; here they are plain at once.
        warnings.simplefilter("ignore", FutureWarning)
        return plain(AutoencoderOobleck(**config)).eval()


# -- ACE-Step -----------------------------------------------------------------------------------


def _qwen(config: Mapping[str, Any]) -> list[Architecture]:
    width = int(config["hidden_size"])
    text = dict(enumerate(_TEXT))
    states = {"inputs_embeds": ((1, 7, width), text)}
    return [
        _architecture(
            "qwen3-embedding", config, _build_embedding, {"input_ids": ((1, 7), text)},
            {"inputs_embeds": text},
        ),
        _architecture("qwen3-encoder", config, _build_qwen, states, {"last_hidden_state": text}),
    ]  # fmt: skip


def _build_embedding(config: Mapping[str, Any]) -> torch.nn.Module:
    from torch import nn

    model = nn.Module()
    table = nn.Embedding(int(config["vocab_size"]), int(config["hidden_size"]))
    model.add_module("embed_tokens", table)
    return _wrap(model, table)


def _build_qwen(config: Mapping[str, Any]) -> torch.nn.Module:
    import torch
    from transformers import Qwen3Config, Qwen3Model

    settings = Qwen3Config(**config)
    settings._attn_implementation = "eager"
    settings.use_cache = False
    model = Qwen3Model(settings).eval()
    del model.embed_tokens

    def call(embedded: torch.Tensor) -> Any:
        places = torch.arange(embedded.shape[1])
        never = torch.finfo(embedded.dtype).min
        mask = torch.where(places[None, :] <= places[:, None], 0.0, never)[None, None]
        masks = {"full_attention": mask}
        if "sliding_attention" in settings.layer_types:
            near = places[:, None] - places[None, :] < settings.sliding_window
            masks["sliding_attention"] = torch.where(near, mask, never)
        return model(
            inputs_embeds=embedded, attention_mask=masks, position_ids=places[None]
        ).last_hidden_state

    return _wrap(model, call)


def _conditions(config: Mapping[str, Any]) -> list[Architecture]:
    settings = _settings("AceStepConditionEncoder", config)
    text = settings["text_hidden_dim"]
    sizes: Sizes = {
        "text_hidden_states": ((1, 5, text), {1: "tokens"}),
        "lyric_hidden_states": ((1, 7, text), {1: "lyrics"}),
        "timbre_hidden_states": ((1, 9, settings["timbre_hidden_dim"]), {1: "frames"}),
    }
    outputs = {"encoder_hidden_states": {1: "states"}}
    return [_architecture("ace-step-conditions", settings, _build_conditions, sizes, outputs)]


def _build_conditions(config: Mapping[str, Any]) -> torch.nn.Module:
    import torch
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepConditionEncoder

    model = AceStepConditionEncoder(**config).eval()
    _open_attention(model)
    timbre = model.timbre_encoder
    # One reference for one piece of music: there is nothing to deal out.
    timbre.unpack_timbre_embeddings = lambda packed, order: (packed[:, None], None)

    def call(text: torch.Tensor, lyrics: torch.Tensor, heard: torch.Tensor) -> Any:
        # One prompt has no padding, so that packing is putting one behind the other.
        sung = model.lyric_encoder(inputs_embeds=lyrics, attention_mask=None)
        return torch.cat([sung, timbre(heard, None)[0], model.text_projector(text)], dim=1)

    return _wrap(model, call)


def _ace_step(config: Mapping[str, Any]) -> list[Architecture]:
    settings = _settings("AceStepTransformer1DModel", config)
    kept = {k: v for k, v in settings.items() if k not in ("is_turbo", "model_version")}
    channels = settings["audio_acoustic_hidden_dim"]
    states = settings["encoder_hidden_size"] or settings["hidden_size"]
    batch, frames = {0: "batch"}, {0: "batch", 1: "frames"}
    long = 6 * settings["patch_size"]
    sizes: Sizes = {
        "hidden_states": ((2, long, channels), frames),
        "timestep": ((2,), batch),
        "timestep_r": ((2,), batch),
        "encoder_hidden_states": ((2, 7, states), batch | {1: "states"}),
        "context_latents": ((2, long, settings["in_channels"] - channels), frames),
    }
    outputs = {"out_sample": frames}
    return [_architecture("ace-step-transformer", kept, _build_ace_step, sizes, outputs)]


def _build_ace_step(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel

    model = AceStepTransformer1DModel(**config).eval()
    _open_attention(model)
    return _wrap(model, lambda *given: model(*given, return_dict=False)[0])


def _open_attention(model: Any) -> None:
    """Attention written out: the exporter knows no heads that share their keys and values."""
    import torch
    from diffusers.models.embeddings import apply_rotary_emb
    from diffusers.models.transformers.ace_step_transformer import AceStepAttention

    def split(states: torch.Tensor, heads: int) -> torch.Tensor:
        return states.view(states.shape[0], states.shape[1], heads, -1)

    class Plain:
        """Grouped-query attention, as AceStepAttnProcessor2_0 has it."""

        def __call__(
            self,
            attn: Any,
            hidden_states: torch.Tensor,
            encoder_hidden_states: torch.Tensor | None = None,
            attention_mask: torch.Tensor | None = None,
            image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
        ) -> Any:
            crossed = attn.is_cross_attention and encoder_hidden_states is not None
            source = encoder_hidden_states if crossed else hidden_states
            query = attn.norm_q(split(attn.to_q(hidden_states), attn.heads))
            key = attn.norm_k(split(attn.to_k(source), attn.kv_heads))
            value = split(attn.to_v(source), attn.kv_heads)
            if not crossed and image_rotary_emb is not None:
                query, key = (
                    apply_rotary_emb(
                        x, image_rotary_emb, use_real=True, use_real_unbind_dim=-2, sequence_dim=1
                    )
                    for x in (query, key)
                )
            shared = attn.heads // attn.kv_heads
            query, key, value = (
                x.repeat_interleave(n, dim=2).transpose(1, 2) if n > 1 else x.transpose(1, 2)
                for x, n in ((query, 1), (key, shared), (value, shared))
            )
            scores = torch.matmul(query, key.transpose(2, 3)) * attn.scaling
            if attention_mask is not None:
                scores = scores + attention_mask
            found = torch.matmul(torch.softmax(scores, dim=-1), value)
            return attn.to_out[0](found.transpose(1, 2).flatten(2, 3))

    for module in model.modules():
        if isinstance(module, AceStepAttention):
            module.processor = Plain()


def _settings(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of diffusers with the defaults of what it leaves out, and nothing else."""
    import inspect

    import diffusers

    cls = getattr(diffusers, name)
    parameters = inspect.signature(cls.__init__).parameters
    known = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return {k: config.get(k, default) for k, default in known.items()}


_KINDS: dict[tuple[str, str], Callable[[Mapping[str, Any]], list[Architecture]]] = {
    ("text_encoder", "T5EncoderModel"): _t5,
    ("transformer", "StableAudioDiTModel"): _stable_audio,
    ("vae", "AutoencoderOobleck"): _oobleck,
    ("text_encoder", "Qwen3Model"): _qwen,
    ("text_encoder", "Qwen3ForCausalLM"): _qwen,
    ("condition_encoder", "AceStepConditionEncoder"): _conditions,
    ("transformer", "AceStepTransformer1DModel"): _ace_step,
}
