"""SpeechT5 and HiFi-GAN as graphs without weights.

Ao et al., "SpeechT5: Unified-Modal Encoder-Decoder Pre-Training for Spoken Language Processing",
ACL 2022; Kong, Kim and Bae, "HiFi-GAN", NeurIPS 2020. The encoder also gives the keys and values of
the cross-attention, once; the decoder makes one step, its own keys and values going in and out,
and so do the masks of the dropout that its prenet has in speaking as in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.engine.audio.weights import plain
from studio.engine.graphs import Architecture

if TYPE_CHECKING:
    import torch

ENCODER, DECODER, POSTNET, VOCODER = (
    "speecht5-encoder", "speecht5-decoder", "speecht5-postnet", "hifigan",
)  # fmt: skip


def settings_of(config: Mapping[str, Any]) -> Any:
    """The configuration as transformers' own. Raises whatever it says to nonsense."""
    from transformers import SpeechT5Config

    settings = SpeechT5Config(**{k: v for k, v in config.items() if not k.startswith("_")})
    settings._attn_implementation = "eager"
    return settings


def vocoder_settings(config: Mapping[str, Any]) -> Any:
    """The vocoder's configuration as transformers' own."""
    from transformers import SpeechT5HifiGanConfig

    return SpeechT5HifiGanConfig(**{k: v for k, v in config.items() if not k.startswith("_")})


def crossed(settings: Any) -> tuple[str, ...]:
    """The names of the keys and values of the text, layer by layer."""
    return tuple(f"text.{n}.{w}" for n in range(settings.decoder_layers) for w in ("key", "value"))


def past(settings: Any) -> tuple[str, ...]:
    """The names of the keys and values of what was spoken, layer by layer."""
    return tuple(f"past.{n}.{w}" for n in range(settings.decoder_layers) for w in ("key", "value"))


def masks(settings: Any) -> tuple[str, ...]:
    return tuple(f"mask.{n}" for n in range(settings.speech_decoder_prenet_layers))


def architectures(config: Mapping[str, Any]) -> dict[str, Architecture]:
    """The three graphs of a SpeechT5 by their names."""
    settings = settings_of(config)
    kept = {"speecht5": dict(config)}
    text, own = crossed(settings), past(settings)
    after = tuple(n.replace("past", "present") for n in own)
    build = partial(_build, config=dict(config))
    example = partial(_example, config=dict(config))
    return {
        ENCODER: Architecture(
            name=ENCODER,
            config=kept,
            build=partial(build, ENCODER),
            example=partial(example, ENCODER),
            inputs=("ids",),
            outputs=text,
            dynamic={"ids": {1: "letters"}, **{n: {2: "letters"} for n in text}},
        ),
        DECODER: Architecture(
            name=DECODER,
            config=kept,
            build=partial(build, DECODER),
            example=partial(example, DECODER),
            inputs=("frame", "speaker", "position", *masks(settings), *text, *own),
            outputs=("spectrum", "stop", *after),
            dynamic={
                **{n: {2: "letters"} for n in text},
                **{n: {2: "spoken"} for n in own},
                **{n: {2: "spoken_now"} for n in after},
            },
        ),
        POSTNET: Architecture(
            name=POSTNET,
            config=kept,
            build=partial(build, POSTNET),
            example=partial(example, POSTNET),
            inputs=("spectra",),
            outputs=("finished",),
            dynamic={"spectra": {1: "frames"}, "finished": {1: "frames"}},
        ),
    }


def vocoder(config: Mapping[str, Any]) -> Architecture:
    """The graph of a HiFi-GAN that makes sound of spectra (1, frames, bands)."""
    return Architecture(
        name=VOCODER,
        config={"hifigan": dict(config)},
        build=partial(_vocoder, dict(config)),
        example=partial(_spectra, int(vocoder_settings(config).model_in_dim)),
        inputs=("spectra",),
        outputs=("sound",),
        dynamic={"spectra": {1: "frames"}, "sound": {1: "samples"}},
    )


def _vocoder(config: Mapping[str, Any]) -> torch.nn.Module:
    from transformers import SpeechT5HifiGan

    return plain(SpeechT5HifiGan(vocoder_settings(config)))


def _spectra(bands: int) -> tuple[torch.Tensor, ...]:
    import torch

    return (torch.rand(1, 40, bands) - 0.5,)


def _example(name: str, config: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    import torch

    settings = settings_of(config)
    if name == ENCODER:
        return (torch.ones(1, 12, dtype=torch.int64),)
    if name == POSTNET:
        return _spectra(settings.num_mel_bins)
    heads = settings.decoder_attention_heads
    size = settings.hidden_size // heads
    mask = torch.ones(1, 1, settings.speech_decoder_prenet_units)
    return (
        torch.rand(1, 1, settings.num_mel_bins),
        torch.rand(1, settings.speaker_embedding_dim),
        torch.tensor([5]),
        *(mask.clone() for _ in masks(settings)),
        *(torch.rand(1, heads, 12, size) for _ in crossed(settings)),
        *(torch.rand(1, heads, 5, size) for _ in past(settings)),
    )


def _build(name: str, config: Mapping[str, Any]) -> torch.nn.Module:
    """One part of a SpeechT5ForTextToSpeech that keeps the names of its weights."""
    import torch
    from torch import nn
    from torch.nn import functional
    from transformers import SpeechT5ForTextToSpeech

    settings = settings_of(config)
    # Whoever initialises a weight under normalisation reads it first; nothing here needs that.
    model: Any = plain(SpeechT5ForTextToSpeech(settings)).eval()
    core, finish = model.speecht5, model.speech_decoder_postnet
    heads = settings.decoder_attention_heads
    size = settings.hidden_size // heads

    def split(states: torch.Tensor) -> torch.Tensor:
        return states.view(1, -1, heads, size).transpose(1, 2)

    def attend(layer: Any, states: torch.Tensor, keys: Any, values: Any) -> torch.Tensor:
        query = split(layer.q_proj(states) * layer.scaling)
        weights = functional.softmax(query @ keys.transpose(2, 3), dim=-1)
        joined = (weights @ values).transpose(1, 2).reshape(1, -1, heads * size)
        found: torch.Tensor = layer.out_proj(joined)
        return found

    class Part(nn.Module):
        """The layers of one part."""

        def __init__(self) -> None:
            super().__init__()
            # Only what the part computes with is registered: the rest is no weight of its graph.
            self.speecht5 = nn.Module()
            if name == ENCODER:
                self.speecht5.encoder = core.encoder
            if name != POSTNET:
                self.speecht5.decoder = core.decoder
            if name != ENCODER:
                self.speech_decoder_postnet = finish

        def forward(self, *given: torch.Tensor) -> Any:
            if name == POSTNET:
                return finish.postnet(given[0])
            layers = core.decoder.wrapped_decoder.layers
            if name == ENCODER:
                states = core.encoder(input_values=given[0], return_dict=True).last_hidden_state
                return tuple(
                    split(projection(states))
                    for layer in layers
                    for projection in (layer.encoder_attn.k_proj, layer.encoder_attn.v_proj)
                )
            return self._step(layers, *given)

        def _step(
            self, layers: Any, frame: Any, speaker: Any, position: Any, *given: torch.Tensor
        ) -> Any:
            prenet = core.decoder.prenet
            count, depth = len(prenet.layers), 2 * len(layers)
            dropped, text, own = given[:count], given[count:-depth], given[-depth:]
            states, share = frame, 1.0 - settings.speech_decoder_prenet_dropout
            for layer, mask in zip(prenet.layers, dropped, strict=True):
                states = functional.relu(layer(states)) * mask / share
            places = prenet.encode_positions
            states = prenet.final_layer(states) + places.alpha * places.pe[:, position]
            who = functional.normalize(speaker).unsqueeze(1)
            states = prenet.speaker_embeds_layer(torch.cat([states, who], dim=-1))
            states = functional.relu(states)
            present: list[torch.Tensor] = []
            for number, layer in enumerate(layers):
                keys, values = own[2 * number : 2 * number + 2]
                keys = torch.cat([keys, split(layer.self_attn.k_proj(states))], dim=2)
                values = torch.cat([values, split(layer.self_attn.v_proj(states))], dim=2)
                present += [keys, values]
                states = states + attend(layer.self_attn, states, keys, values)
                states = layer.self_attn_layer_norm(states)
                keys, values = text[2 * number : 2 * number + 2]
                states = states + attend(layer.encoder_attn, states, keys, values)
                states = layer.encoder_attn_layer_norm(states)
                states = layer.final_layer_norm(states + layer.feed_forward(states))
            last = states.squeeze(1)
            spectrum = finish.feat_out(last).view(1, settings.reduction_factor, -1)
            return spectrum, torch.sigmoid(finish.prob_out(last)), *present

    return Part()
