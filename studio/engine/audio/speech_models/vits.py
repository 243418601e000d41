"""VITS and MMS in transformers' layout: letters (or phonemes) to sound in one model.

Kim, Kong and Son, "Conditional Variational Autoencoder with Adversarial Learning for End-to-End
Text-to-Speech", ICML 2021. Three graphs without weights: text to durations and means, the flow, and
the decoder; what is random and what speed is lies between them, in our hands, and the decoder is
run piece by piece, so that the first sound comes early.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.recipe import Job
from studio.engine import graphs
from studio.engine.audio.speech_models.base import (
    CHARACTERS,
    Manner,
    Told,
    loading,
    noise,
    number_of,
    read_json,
    unusable,
)
from studio.engine.audio.speech_models.letters import Letters
from studio.engine.audio.weights import Plain, plain
from studio.engine.graphs import Architecture
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]

TEXT, FLOW, SOUND = "vits-text", "vits-flow", "vits-sound"
PIECE = 400
"""Frames that are decoded at once: 6.4 s at 16 kHz and 256 samples a frame."""
FIRST = 24
"""Frames of the first piece of a sentence, which somebody is waiting for."""
_MOST_FRAMES = 60_000
"""Of one sentence; more come of weights that are not those of a voice."""


class Vits:
    """A loaded VITS."""

    pitched = False

    def __init__(self, job: Job, bench: Workbench, brake: Brake, told: Told) -> None:
        """Raises StudioError where the folder is not a whole model of this kind."""
        folder = job.model
        config = read_json(folder / "config.json", folder)
        try:
            settings = _settings(config)
            self.rate = int(settings.sampling_rate)
            self._hop = math.prod(settings.upsample_rates)
            self._margin = margin(settings)
            self._channels = int(settings.flow_size)
            parts = architectures(config)
        except Exception as error:  # whatever a configuration class says to nonsense
            raise unusable(folder, "its configuration is not one of VITS") from error
        if not 4_000 <= self.rate <= 192_000 or not 1 <= self._hop <= 10_000:
            raise unusable(folder, f"its sample rate is {self.rate}")
        self._noise = float(settings.noise_scale)
        self._duration_noise = float(settings.noise_scale_duration)
        self._length = 1.0 / float(settings.speaking_rate)
        self._random_durations = bool(settings.use_stochastic_duration_prediction)
        self._letters = Letters(folder, int(settings.vocab_size))
        speakers = int(settings.num_speakers)
        self._several = speakers > 1
        self.names = tuple(str(n) for n in range(speakers)) if self._several else ()
        self.language, self.longest = self._letters.language, CHARACTERS
        self.brake = brake
        self.notes: set[str] = set()
        weights = Plain(graphs.safetensors_of(folder))
        self._sessions = {}
        for number, (name, part) in enumerate(parts.items()):
            heard = loading(told, number, len(parts))
            self._sessions[name] = graphs.open_bound(job, bench, part, weights, heard)
            told(number + 1, len(parts))
        self.provider = bench.provider

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        import numpy as np

        speaker = number_of(name, self.names)
        ids = self._letters.ids(text, reading)
        if not ids:
            return
        who = {"speaker": np.array([speaker], np.int64)} if self._several else {}
        feed: dict[str, Any] = {"ids": np.array([ids], np.int64), **who}
        if self._random_durations:
            scale = np.float32(self._duration_noise * manner.liveliness)
            feed["noise"] = noise(manner, 0, (1, 2, len(ids))) * scale
        means, deviations, lengths = self.brake.run(self._sessions[TEXT], feed)
        frames = durations(lengths[0, 0], self._length / manner.speed)
        total = int(frames.sum())
        if not 0 < total <= _MOST_FRAMES:
            raise unusable(Path(self._letters.folder), "its weights give no lengths of sounds")
        latent = np.repeat(means[0], frames, axis=0).T
        spread = np.exp(np.repeat(deviations[0], frames, axis=0).T)
        scale = np.float32(self._noise * manner.liveliness)
        latent = latent + noise(manner, 1, latent.shape) * spread * scale
        (latent,) = self.brake.run(self._sessions[FLOW], {"latent": latent[None], **who})
        for first, last in pieces(total):
            left, right = max(0, first - self._margin), min(total, last + self._margin)
            part = {"latent": np.ascontiguousarray(latent[:, :, left:right]), **who}
            made = self.brake.run(self._sessions[SOUND], part)[0][0, 0]
            start = (first - left) * self._hop
            yield made[start : start + (last - first) * self._hop]


def durations(lengths: Any, scale: float) -> Any:
    """Frames of each letter from the logarithms of their lengths, as VITS rounds them: upwards."""
    import numpy as np

    with np.errstate(over="ignore"):
        frames = np.ceil(np.exp(lengths.astype(np.float32)) * np.float32(scale))
    return np.nan_to_num(frames, posinf=_MOST_FRAMES).clip(0, _MOST_FRAMES).astype(np.int64)


def pieces(frames: int) -> Iterator[tuple[int, int]]:
    """(first, last) of the pieces in which a sentence is decoded: a short one, then long ones."""
    first, size = 0, FIRST
    while first < frames:
        last = min(first + size, frames)
        if frames - last < FIRST:
            last = frames
        yield first, last
        first, size = last, PIECE


def margin(settings: Any) -> int:
    """Frames to either side that one frame's sound depends on (the decoder's receptive field)."""
    field, rate = 3.0, 1.0
    blocks = zip(settings.resblock_kernel_sizes, settings.resblock_dilation_sizes, strict=True)
    reach = max(sum((k - 1) // 2 * (d + 1) for d in dilations) for k, dilations in blocks)
    for up, kernel in zip(settings.upsample_rates, settings.upsample_kernel_sizes, strict=True):
        field += (kernel / (2 * up) + 1) / rate
        rate *= up
        field += reach / rate
    return math.ceil(field + 3 / rate) + 1


def architectures(config: Mapping[str, Any]) -> dict[str, Architecture]:
    """The three graphs of a VITS by their names."""
    settings = _settings(config)
    several, chance = settings.num_speakers > 1, settings.use_stochastic_duration_prediction
    kept = {"vits": dict(config)}
    channels = int(settings.flow_size)
    speaker = ("speaker",) if several else ()
    frames, letters = {2: "frames"}, {1: "letters"}
    return {
        TEXT: Architecture(
            name=TEXT,
            config=kept,
            build=partial(_build, TEXT, dict(config)),
            example=partial(_example, TEXT, several, chance, channels),
            inputs=("ids", *speaker, *(("noise",) if chance else ())),
            outputs=("means", "deviations", "lengths"),
            dynamic={
                "ids": letters, "noise": {2: "letters"}, "means": letters,
                "deviations": letters, "lengths": {2: "letters"},
            },
        ),
        FLOW: Architecture(
            name=FLOW,
            config=kept,
            build=partial(_build, FLOW, dict(config)),
            example=partial(_example, FLOW, several, chance, channels),
            inputs=("latent", *speaker),
            outputs=("flowed",),
            dynamic={"latent": frames, "flowed": frames},
        ),
        SOUND: Architecture(
            name=SOUND,
            config=kept,
            build=partial(_build, SOUND, dict(config)),
            example=partial(_example, SOUND, several, chance, channels),
            inputs=("latent", *speaker),
            outputs=("sound",),
            dynamic={"latent": frames, "sound": {2: "samples"}},
        ),
    }  # fmt: skip


def _settings(config: Mapping[str, Any]) -> Any:
    from transformers import VitsConfig

    settings = VitsConfig(**{k: v for k, v in config.items() if not k.startswith("_")})
    settings._attn_implementation = "eager"
    return settings


def _example(name: str, several: bool, chance: bool, channels: int) -> tuple[torch.Tensor, ...]:
    import torch

    speaker = (torch.zeros(1, dtype=torch.int64),) if several else ()
    if name != TEXT:
        return (torch.rand(1, channels, 40) - 0.5, *speaker)
    ids = torch.ones(1, 21, dtype=torch.int64)
    return (ids, *speaker, *((torch.rand(1, 2, 21),) if chance else ()))


def _build(name: str, config: Mapping[str, Any]) -> torch.nn.Module:
    """One part of a VitsModel that keeps the names of its weights."""
    import torch
    from torch import nn
    from transformers import VitsModel

    settings = _settings(config)
    model: Any = plain(VitsModel(settings)).eval()
    several, chance = settings.num_speakers > 1, settings.use_stochastic_duration_prediction

    class Part(nn.Module):
        """The layers of one part, and the speakers where there are several."""

        embed_speaker: nn.Module
        text_encoder: nn.Module
        duration_predictor: nn.Module
        flow: nn.Module
        decoder: nn.Module

        def __init__(self) -> None:
            super().__init__()
            if several:
                self.embed_speaker = model.embed_speaker
            if name == TEXT:
                self.text_encoder = model.text_encoder
                self.duration_predictor = model.duration_predictor
                if chance:
                    for unused in (
                        "post_conv_pre",
                        "post_conv_proj",
                        "post_conv_dds",
                        "post_flows",
                    ):
                        delattr(self.duration_predictor, unused)
            elif name == FLOW:
                self.flow = model.flow
            else:
                self.decoder = model.decoder

        def forward(self, value: torch.Tensor, *rest: torch.Tensor) -> Any:
            who = self.embed_speaker(rest[0]).unsqueeze(-1) if several else None
            if name == SOUND:
                return self.decoder(value, who)
            if name == FLOW:
                return self.flow(value, torch.ones_like(value[:, :1]), who, reverse=True)
            mask = torch.ones_like(value).unsqueeze(-1).to(torch.float32)
            read = self.text_encoder(input_ids=value, padding_mask=mask, return_dict=True)
            states, mask = read.last_hidden_state.transpose(1, 2), mask.transpose(1, 2)
            if chance:
                lengths = self._chance(states, mask, who, rest[-1])
            else:
                lengths = self.duration_predictor(states, mask, who)
            return read.prior_means, read.prior_log_variances, lengths

        def _chance(
            self, states: torch.Tensor, mask: torch.Tensor, who: Any, chance: torch.Tensor
        ) -> torch.Tensor:
            """VitsStochasticDurationPredictor in reverse, its noise being given."""
            predictor: Any = self.duration_predictor
            states = predictor.conv_pre(states)
            if who is not None:
                states = states + predictor.cond(who)
            states = predictor.conv_proj(predictor.conv_dds(states, mask)) * mask
            flows = list(reversed(predictor.flows))
            for flow in [*flows[:-2], flows[-1]]:
                chance = torch.flip(chance, [1])
                chance, _ = flow(chance, mask, global_conditioning=states, reverse=True)
            return chance[:, :1]

    return Part()
