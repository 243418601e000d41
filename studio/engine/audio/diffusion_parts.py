"""The parts of an audio diffusion pipeline as modules without layers, over ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studio.engine.image.standins import Graph, complete, standin

if TYPE_CHECKING:
    import torch

TILE, OVERLAP = 128, 16
"""Latents that are decoded at once, and those on each side of them; Oobleck's decoder sees 12."""


def t5(config: Mapping[str, Any], graph: Graph) -> Any:
    """A T5EncoderModel."""
    import torch
    from transformers import T5Config, T5EncoderModel
    from transformers.modeling_outputs import BaseModelOutput

    def forward(
        self: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **others: Any,
    ) -> Any:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        found = graph(input_ids=input_ids, attention_mask=mask)[0]
        return BaseModelOutput(last_hidden_state=found.float())

    return standin(T5EncoderModel, T5Config(**config), forward)


def stable_audio(config: Mapping[str, Any], graph: Graph) -> Any:
    """A StableAudioDiTModel."""
    from diffusers.models.modeling_outputs import Transformer2DModelOutput
    from diffusers.models.transformers.stable_audio_transformer import StableAudioDiTModel

    def forward(
        self: Any,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        global_hidden_states: torch.Tensor,
        rotary_embedding: tuple[torch.Tensor, torch.Tensor],
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        cos, sin = rotary_embedding
        predicted = graph(
            hidden_states=hidden_states,
            timestep=timestep,
            encoder_hidden_states=encoder_hidden_states,
            global_hidden_states=global_hidden_states,
            rotary_cos=cos,
            rotary_sin=sin,
        )[0].to(hidden_states.dtype)
        return Transformer2DModelOutput(sample=predicted) if return_dict else (predicted,)

    return standin(StableAudioDiTModel, complete(StableAudioDiTModel, config), forward)


def oobleck(
    config: Mapping[str, Any],
    decode: Graph,
    encode: Callable[[], Graph],
    told: Callable[[], None],
) -> Any:
    """An AutoencoderOobleck whose encoder and decoder are graphs; it goes tile by tile.

    `encode` gives the encoder's graph when it is first needed; `told` hears of every tile.
    """
    import math

    import torch
    from diffusers.models.autoencoders.autoencoder_oobleck import AutoencoderOobleck

    def decoded(self: Any, latents: torch.Tensor) -> torch.Tensor:
        sound = decode(latent_sample=latents)[0].to(latents.dtype)
        told()
        return sound

    def encoded(self: Any, sound: torch.Tensor) -> torch.Tensor:
        moments = encode()(sample=sound)[0].to(sound.dtype)
        told()
        return moments

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        raise NotImplementedError("it is encoded and decoded, never both at once")

    settings = complete(AutoencoderOobleck, config)
    hop = math.prod(settings["downsampling_ratios"])
    return standin(
        AutoencoderOobleck,
        settings,
        forward,
        encoder=standin(torch.nn.Module, None, encoded),
        decoder=standin(torch.nn.Module, None, decoded),
        hop_length=hop,
        sampling_rate=settings["sampling_rate"],
        use_slicing=False,
        # All convolution: with enough of its surroundings a tile is the same as in the whole.
        use_tiling=True,
        tile_latent_min_length=TILE,
        tile_latent_overlap=OVERLAP,
        tile_sample_min_length=TILE * hop,
        tile_sample_overlap=OVERLAP * hop,
    )


def projection(config: Mapping[str, Any], weights: Mapping[str, Any]) -> Any:
    """The library's own StableAudioProjectionModel: a few small layers, not worth a graph."""
    import numpy as np
    import torch
    from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel

    module = StableAudioProjectionModel.from_config(dict(config))
    state = {k: torch.from_numpy(np.array(weights[k], dtype=np.float32)) for k in weights}
    module.load_state_dict(state)
    return module.eval()


def qwen(config: Mapping[str, Any], embed: Graph, encode: Graph) -> Any:
    """A Qwen3Model, ACE-Step's text encoder; its table of embeddings is a graph of its own."""
    from transformers import Qwen3Config, Qwen3Model
    from transformers.modeling_outputs import BaseModelOutput

    def embedded(ids: torch.Tensor) -> torch.Tensor:
        return embed(input_ids=ids)[0].float()

    def forward(self: Any, input_ids: torch.Tensor, **others: Any) -> Any:
        found = encode(inputs_embeds=embedded(input_ids))[0]
        return BaseModelOutput(last_hidden_state=found.float())

    settings = Qwen3Config(**config)
    return standin(Qwen3Model, settings, forward, get_input_embeddings=lambda: embedded)


def conditions(config: Mapping[str, Any], graph: Graph, weights: Mapping[str, Any]) -> Any:
    """An AceStepConditionEncoder for one prompt; silence and nothing are taken from its weights."""
    import numpy as np
    import torch
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepConditionEncoder

    def forward(
        self: Any,
        text_hidden_states: torch.Tensor,
        lyric_hidden_states: torch.Tensor,
        refer_audio_acoustic_hidden_states_packed: torch.Tensor,
        **masks: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        states = graph(
            text_hidden_states=text_hidden_states,
            lyric_hidden_states=lyric_hidden_states,
            timbre_hidden_states=refer_audio_acoustic_hidden_states_packed,
        )[0]
        return states, torch.ones(states.shape[:2], dtype=torch.bool)

    kept = {
        name: torch.from_numpy(np.array(weights[name], dtype=np.float32))
        for name in ("silence_latent", "null_condition_emb")
        if name in weights or name == "silence_latent"  # turbo models need no nothing
    }
    settings = complete(AceStepConditionEncoder, config)
    return standin(AceStepConditionEncoder, settings, forward, **kept)


def ace_step(config: Mapping[str, Any], graph: Graph) -> Any:
    """An AceStepTransformer1DModel."""
    import torch
    from diffusers.models.modeling_outputs import Transformer2DModelOutput
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel

    settings = complete(AceStepTransformer1DModel, config)

    def forward(
        self: Any,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        timestep_r: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        context_latents: torch.Tensor,
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        frames = hidden_states.shape[1]
        # Whole patches: the graph was traced with them. The library fills up with zeros, too.
        short = (0, 0, 0, -frames % int(settings["patch_size"]))
        predicted = graph(
            hidden_states=torch.nn.functional.pad(hidden_states, short),
            timestep=timestep,
            timestep_r=timestep_r,
            encoder_hidden_states=encoder_hidden_states,
            context_latents=torch.nn.functional.pad(context_latents, short),
        )[0][:, :frames].to(hidden_states.dtype)
        return Transformer2DModelOutput(sample=predicted) if return_dict else (predicted,)

    return standin(AceStepTransformer1DModel, settings, forward)
