"""MusicGen-small's decoder and its EnCodec (32 kHz) against transformers on torch, one thread.

Published shapes, random weights: speed does not depend on what the weights say. Both sides step
with guidance (a batch of two), with little before them and with fifteen seconds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import encodec, music_graphs
from studio.engine.audio.encodec import Codec
from studio.engine.audio.stepper import Stepper
from studio.engine.audio.weights import Plain
from studio.engine.graphs import open_bound
from studio.engine.image.standins import Brake
from studio.engine.workbench import Workbench

PEER = "transformers torch fp32"
SECONDS = 8
WORDS = 12
BEFORE = (50, 750)
ENCODEC_BAR = 1 / 0.85


def main() -> None:
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe("audio", "audio.music", "bench", 0)
        job = Job("bench", recipe, Path(folder), Path(folder), device=DeviceChoice("cpu", 1))
        codec(job)
        for before in BEFORE:
            step(job, before)


def codec(job: Job) -> None:
    """Seconds of sound there and back."""
    import torch
    from transformers import EncodecConfig, EncodecModel

    config = EncodecConfig(
        sampling_rate=32_000, audio_channels=1, normalize=False, chunk_length_s=None,
        hidden_size=128, num_filters=64, upsampling_ratios=[8, 5, 4, 4], codebook_size=2048,
        codebook_dim=128, target_bandwidths=[2.2], use_causal_conv=False, use_conv_shortcut=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model: Any = EncodecModel(config).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    shape = encodec.shape(config.to_dict())
    weights = Plain({f"audio_encoder.{n}": t.numpy() for n, t in model.state_dict().items()})
    parts = encodec.architectures(config.to_dict(), "audio_encoder")
    sessions = {n: open_bound(job, Workbench(), a, weights) for n, a in parts.items()}
    ours = Codec(shape, sessions, Brake())
    codes = np.random.default_rng(0).integers(0, shape.size, (4, round(SECONDS * shape.frame_rate)))
    sound = np.random.default_rng(0).normal(0, 0.1, SECONDS * shape.rate).astype(np.float32)

    def their_decoding() -> None:
        with torch.inference_mode():
            model.decode(torch.from_numpy(codes)[None, None], [None])

    def their_encoding() -> None:
        with torch.inference_mode():
            model.encode(torch.from_numpy(sound)[None, None])

    their_decoding()
    report.duration(
        f"music: EnCodec, {SECONDS} s of sound from codes",
        report.best(lambda: list(ours.decode(codes))),
        {PEER: report.best(their_decoding)},
        {PEER: ENCODEC_BAR},
    )
    report.duration(
        f"music: EnCodec, {SECONDS} s of sound into codes",
        report.best(lambda: ours.encode(sound)),
        {PEER: report.best(their_encoding)},
        {PEER: ENCODEC_BAR},
    )


def step(job: Job, before: int) -> None:
    """One step of the decoder with `before` columns behind it."""
    import torch
    from transformers import (
        DynamicCache,
        EncoderDecoderCache,
        MusicgenConfig,
        MusicgenForCausalLM,
    )

    config = MusicgenConfig()
    settings = config.decoder
    torch.manual_seed(0)
    model: Any = MusicgenForCausalLM(settings).eval()
    weights = {f"decoder.{n}": t.numpy() for n, t in model.state_dict().items()}
    part = music_graphs.architectures(config.to_dict())[music_graphs.STEP]
    stepper = Stepper(open_bound(job, Workbench(), part, weights), Brake())
    layers, heads = range(settings.num_hidden_layers), settings.num_attention_heads
    size = settings.hidden_size // heads
    random = np.random.default_rng(0)
    text = {
        name: random.normal(size=(2, heads, WORDS, size)).astype(np.float32)
        for name in music_graphs.past(layers, "past_key_values", "encoder")
    }
    mask = np.ones((2, WORDS), dtype=np.int64)
    ids = random.integers(0, settings.vocab_size, (8, before))
    stepper.begin(text | {"encoder_attention_mask": mask}, 2)
    stepper.step(ids)

    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    words = list(text.values())
    for i in layers:
        pair = [torch.from_numpy(t) for t in words[2 * i : 2 * i + 2]]
        cache.cross_attention_cache.update(pair[0], pair[1], i)
        cache.is_updated[i] = True
    states = torch.zeros(2, WORDS, settings.hidden_size)

    def theirs(columns: Any) -> Any:
        with torch.inference_mode():
            return model(
                input_ids=torch.from_numpy(columns),
                encoder_hidden_states=states,
                encoder_attention_mask=torch.from_numpy(mask),
                past_key_values=cache,
                use_cache=True,
            ).logits

    theirs(ids)
    one = ids[:, :1]
    away = float(np.abs(stepper.step(one) - theirs(one)[:, -1].numpy()).max())
    report.duration(
        f"music: MusicGen-small, a step after {before}",
        report.median(lambda: stepper.step(one), 9),
        {PEER: report.median(lambda: theirs(one), 9)},
    )
    print(f"logits after {before} columns are at most {away:.1e} apart")


if __name__ == "__main__":
    main()
