"""The graphs of MusicGen without its weights: words to attention's keys and values, and one step.

The names of inputs and outputs are those of the exports that transformers.js uses, so that one
loop runs both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.engine.audio import encodec
from studio.engine.audio.weights import place_at
from studio.engine.believable import believable
from studio.engine.graphs import Architecture

if TYPE_CHECKING:
    import torch

WORDS, STEP = "musicgen-words", "musicgen-step"


def architectures(config: Mapping[str, Any]) -> dict[str, Architecture]:
    """All graphs of a MusicgenForConditionalGeneration by its configuration.

    Raises whatever a configuration class raises for nonsense.
    """
    believable(config)
    settings = _settings(config)
    layers = range(int(settings.decoder.num_hidden_layers))
    return {
        WORDS: _words(config, layers),
        STEP: _step(config, layers),
        **encodec.architectures(config["audio_encoder"], "audio_encoder"),
    }


def past(layers: range, kind: str, side: str) -> tuple[str, ...]:
    """The names of keys and values: `kind` is past_key_values or present, `side` whose they are."""
    return tuple(f"{kind}.{i}.{side}.{what}" for i in layers for what in ("key", "value"))


def _settings(config: Mapping[str, Any]) -> Any:
    from transformers import MusicgenConfig

    return MusicgenConfig(**{k: v for k, v in config.items() if not k.startswith("_")})


def _words(config: Mapping[str, Any], layers: range) -> Architecture:
    """Text ids and mask to every layer's keys and values of the words."""
    outputs = past(layers, "present", "encoder")
    text = {0: "batch", 1: "words"}
    kept = {k: dict(config[k]) for k in ("text_encoder", "decoder")}
    return Architecture(
        name=WORDS,
        config=kept,
        build=partial(_text, kept),
        example=_text_example,
        inputs=("input_ids", "attention_mask"),
        outputs=outputs,
        dynamic={"input_ids": text, "attention_mask": text}
        | {name: {0: "batch", 2: "words"} for name in outputs},
    )


def _text_example() -> tuple[torch.Tensor, ...]:
    import torch

    return torch.ones(2, 7, dtype=torch.int64), torch.ones(2, 7, dtype=torch.int64)


def _text(config: Mapping[str, Any]) -> torch.nn.Module:
    """The text encoder, and what each layer of the decoder makes of its states."""
    from torch import nn
    from transformers import T5EncoderModel

    settings = _settings(config)
    text, decoder = settings.text_encoder, settings.decoder
    text._attn_implementation = "eager"
    encoder = T5EncoderModel(text).eval()
    width, inner, heads = decoder.hidden_size, text.hidden_size, decoder.num_attention_heads
    project = nn.Linear(inner, width) if inner != width else nn.Identity()
    made: list[nn.Linear] = []

    class Words(nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            states = project(states) * mask[..., None]
            shape = (states.shape[0], states.shape[1], heads, width // heads)
            return tuple(layer(states).view(shape).transpose(1, 2) for layer in made)

    root = Words()
    place_at(root, "text_encoder", encoder)
    place_at(root, "enc_to_dec_proj", project)
    for i in range(decoder.num_hidden_layers):
        for name in ("k_proj", "v_proj"):
            made.append(nn.Linear(width, width, bias=False))
            place_at(root, f"decoder.model.decoder.layers.{i}.encoder_attn.{name}", made[-1])
    return root.eval()


def _step(config: Mapping[str, Any], layers: range) -> Architecture:
    """The next codes' logits after any number of columns, given what was attended to before."""
    own = past(layers, "past_key_values", "decoder")
    words = past(layers, "past_key_values", "encoder")
    after = past(layers, "present", "decoder")
    kept = {"decoder": dict(config["decoder"])}
    return Architecture(
        name=STEP,
        config=kept,
        build=partial(_decoder, kept),
        example=partial(_step_example, kept),
        inputs=("input_ids", "encoder_attention_mask", *own, *words),
        outputs=("logits", *after),
        dynamic={
            "input_ids": {0: "rows", 1: "columns"},
            "encoder_attention_mask": {0: "batch", 1: "words"},
            "logits": {0: "rows"},
        }
        | {name: {0: "batch", 2: "before"} for name in own}
        | {name: {0: "batch", 2: "words"} for name in words}
        | {name: {0: "batch", 2: "after"} for name in after},
    )


def _step_example(config: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    import torch

    decoder = _settings(config).decoder
    heads, before, words, columns = int(decoder.num_attention_heads), 5, 7, 3
    count, size = 2 * int(decoder.num_hidden_layers), int(decoder.hidden_size) // heads
    states = [torch.randn(2, heads, before, size) for _ in range(count)]
    text = [torch.randn(2, heads, words, size) for _ in range(count)]
    ids = torch.zeros(2 * int(decoder.num_codebooks), columns, dtype=torch.int64)
    return (ids, torch.ones(2, words, dtype=torch.int64), *states, *text)


def _decoder(config: Mapping[str, Any]) -> torch.nn.Module:
    """MusicGen's decoder as a function of its columns and of all keys and values.

    Vaswani et al. 2017 with pre-normalisation, as `transformers.MusicgenForCausalLM` computes it.
    """
    import torch
    from torch import nn
    from transformers import MusicgenForCausalLM
    from transformers.activations import ACT2FN

    settings = _settings(config).decoder
    lm = MusicgenForCausalLM(settings).eval()
    decoder = lm.model.decoder
    # The sines of the positions are computed: as a table they would be most of the graph.
    del decoder.embed_positions
    for layer in decoder.layers:
        del layer.encoder_attn.k_proj, layer.encoder_attn.v_proj
    layers, books = range(len(decoder.layers)), int(settings.num_codebooks)
    heads, width = int(settings.num_attention_heads), int(settings.hidden_size)
    size, act = width // heads, ACT2FN[settings.activation_function]
    scale = width**0.5 if settings.scale_embedding else 1.0

    def split(states: torch.Tensor) -> torch.Tensor:
        return states.view(states.shape[0], states.shape[1], heads, size).transpose(1, 2)

    def attend(module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
               mask: torch.Tensor) -> torch.Tensor:  # fmt: skip
        scores = torch.matmul(query, key.transpose(2, 3)) * size**-0.5 + mask
        found = torch.matmul(torch.softmax(scores, dim=-1), value).transpose(1, 2)
        joined: torch.Tensor = module.out_proj(found.reshape(found.shape[0], found.shape[1], width))
        return joined

    class Step(nn.Module):
        def forward(self, ids: torch.Tensor, words: torch.Tensor, *states: torch.Tensor
                    ) -> tuple[torch.Tensor, ...]:  # fmt: skip
            own, text = states[: 2 * len(layers)], states[2 * len(layers) :]
            ids = ids.view(-1, books, ids.shape[1])
            x = scale * sum(decoder.embed_tokens[b](ids[:, b]) for b in range(books))
            before, columns = own[0].shape[2], ids.shape[2]
            places = torch.arange(before + columns)
            rows = places[before:]
            x = x + _sines(rows, width)
            never = torch.finfo(x.dtype).min
            causal = torch.where(places[None, :] <= rows[:, None], 0.0, never)[None, None]
            visible = torch.where(words[:, None, None, :] > 0, 0.0, never)
            present: list[torch.Tensor] = []
            for i, layer in enumerate(decoder.layers):
                normed, attention = layer.self_attn_layer_norm(x), layer.self_attn
                key = torch.cat([own[2 * i], split(attention.k_proj(normed))], dim=2)
                value = torch.cat([own[2 * i + 1], split(attention.v_proj(normed))], dim=2)
                present += [key, value]
                x = x + attend(attention, split(attention.q_proj(normed)), key, value, causal)
                normed, attention = layer.encoder_attn_layer_norm(x), layer.encoder_attn
                query = split(attention.q_proj(normed))
                x = x + attend(attention, query, text[2 * i], text[2 * i + 1], visible)
                x = x + layer.fc2(act(layer.fc1(layer.final_layer_norm(x))))
            x = decoder.layer_norm(x[:, -1:])
            logits = torch.stack([head(x) for head in lm.lm_heads], dim=1)
            return (logits.reshape(-1, 1, logits.shape[-1]), *present)

    root = Step()
    place_at(root, "decoder", lm)
    return root.eval()


def _sines(places: torch.Tensor, width: int) -> torch.Tensor:
    """Sinusoidal positions as tensor2tensor has them: (places, width), cosines first."""
    import math

    import torch

    half = width // 2
    steps = torch.exp(torch.arange(half).float() * -(math.log(10_000) / (half - 1)))
    angles = places.float()[:, None] * steps[None, :]
    found = torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
    return torch.nn.functional.pad(found, (0, width % 2))
