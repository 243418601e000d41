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
        "num_hidden_layers": 1, "num_attention_heads": 2, "spectrogram_bins": 33,
        "prior_encoder_num_flows": 2, "prior_encoder_num_wavenet_layers": 2,
        "duration_predictor_num_flows": 2, "speaking_rate": 8.0,
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
        for name, parameter in model.named_parameters():
            # Freshly made, much of it is zero or nearly so, and hides mistakes.
            amount = 0.003 if "duration" in name else 0.02
            parameter.add_(torch.randn_like(parameter) * amount)
        model.decoder.conv_post.weight.mul_(0.02)  # below full scale
    model.save_pretrained(folder)
    vocabulary = {"<pad>": 0, **{c: i + 1 for i, c in enumerate(LETTERS)}}
    vocabulary["<unk>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    settings = {"language": "eng", "add_blank": True, "normalize": True, "phonemize": False,
                "is_uroman": False, "tokenizer_class": "VitsTokenizer"}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def make_speecht5(folder: Path) -> Path:
    """A SpeechT5 in transformers' layout, with its vocoder and one speaker."""
    import numpy as np
    import torch
    from transformers import (
        SpeechT5Config,
        SpeechT5ForTextToSpeech,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
    )

    torch.manual_seed(0)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyzA.,'"]
    config = SpeechT5Config(
        vocab_size=len(pieces), hidden_size=32, encoder_layers=2, encoder_attention_heads=2,
        encoder_ffn_dim=48, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=48,
        num_mel_bins=8, speech_decoder_prenet_units=16, speech_decoder_postnet_units=16,
        speech_decoder_postnet_layers=3, speaker_embedding_dim=12, max_speech_positions=300,
        max_text_positions=300, conv_dim=(16, 16), conv_stride=(5, 2), conv_kernel=(10, 3),
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    model = SpeechT5ForTextToSpeech(config).eval()
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=8, upsample_initial_channel=16, upsample_rates=[4, 4],
            upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3]],
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        for parameter in (*model.parameters(), *vocoder.parameters()):
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for buffer in vocoder.buffers():
            buffer.add_(torch.rand_like(buffer) * 0.1)
        model.speech_decoder_postnet.prob_out.bias.sub_(2.0)  # it does not stop at once
    model.save_pretrained(folder)
    vocoder.save_pretrained(folder / "vocoder")
    (folder / "spm_char.model").write_bytes(b"".join(_piece(p) for p in pieces))
    (folder / "speakers").mkdir()
    np.save(folder / "speakers" / "ann.npy", np.random.default_rng(0).random(12, np.float32))
    return folder


def _piece(text: str) -> bytes:
    """One piece of a SentencePiece model, with a likelihood as they have it."""
    raw = text.encode("utf-8")
    message = b"\x0a" + bytes([len(raw)]) + raw + b"\x15\0\0\0\0"
    return b"\x0a" + bytes([len(message)]) + message


def make_piper(folder: Path, *, speakers: int = 1, kind: str = "espeak") -> Path:
    """A Piper voice: a tiny VITS in one graph with Piper's inputs, and its settings."""
    import torch
    from transformers import VitsModel

    folder.mkdir(parents=True)
    torch.manual_seed(0)
    signs = ["_", "^", "$", " ", *".,;:!?\"'-()", *"abdefhijklmnprstuvwzæðŋɑɔəɚɛɜɡɪɹɾʃʊʌʒθˈˌːᵻɐ"]
    several = {"num_speakers": speakers, "speaker_embedding_size": 8} if speakers > 1 else {}
    model: Any = VitsModel(vits_config(vocab_size=len(signs), **several)).eval()
    with torch.no_grad():
        model.decoder.conv_post.weight.mul_(0.05)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, lengths: Any, scales: Any, *sid: Any) -> Any:
            model.noise_scale, model.noise_scale_duration = scales[0], scales[2]
            made = model(
                ids, speaker_id=sid[0] if sid else None, speaking_rate=1.0 / scales[1],
                return_dict=True,
            )  # fmt: skip
            return made.waveform.unsqueeze(1) + 0 * lengths.sum()

    ids = torch.ones(1, 21, dtype=torch.int64)
    who = (torch.zeros(1, dtype=torch.int64),) if speakers > 1 else ()
    _export(
        Whole(), (ids, torch.tensor([21]), torch.tensor([0.667, 1.0, 0.8]), *who),
        folder / "voice.onnx", ["input", "input_lengths", "scales", *(["sid"] if who else [])],
        ["output"], {"input": {1: "phonemes"}, "output": {2: "time"}},
    )  # fmt: skip
    settings = {
        "audio": {"sample_rate": 16_000},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 0.125, "noise_w": 0.8},
        "phoneme_type": kind,
        "phoneme_id_map": {sign: [number] for number, sign in enumerate(signs)},
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{n}": n for n in range(speakers)} if speakers > 1 else {},
    }
    (folder / "voice.onnx.json").write_text(json.dumps(settings), "utf-8")
    return folder


def make_kokoro(folder: Path, *, archive: bool = False, whole: bool = False) -> Path:
    """A graph with Kokoro's inputs and its randomness, in either of its two layouts.

    `whole`: its speed is a whole number, as some exports have it.
    """
    import numpy as np
    import torch
    from torch import nn

    folder.mkdir(parents=True)
    torch.manual_seed(0)

    class Whole(nn.Module):
        """Phonemes last 600 samples divided by the speed; tones and noise as in its source."""

        def __init__(self) -> None:
            super().__init__()
            self.embed, self.style = nn.Embedding(178, 16), nn.Linear(256, 16)
            self.out = nn.Conv1d(16, 1, 9, padding=4)

        def forward(self, ids: Any, style: Any, speed: Any) -> Any:
            states = torch.tanh(self.embed(ids) + self.style(style).unsqueeze(1)).transpose(1, 2)
            samples = (600 * ids.shape[1] / speed.float()).to(torch.int64)
            places = torch.arange(0, samples[0]) * ids.shape[1] // samples[0]
            states = states[:, :, places]
            phase = torch.rand_like(states[:, :1, :1]) + torch.cumsum(states, 2) * 0.2
            return self.out(torch.sin(phase) + 0.1 * torch.randn_like(phase))[:, 0] * 0.3

    style = torch.rand(1, 256)
    speed = torch.ones(1, dtype=torch.int32 if whole else torch.float32)
    if archive:
        graph, names = folder / "kokoro-v1.0.onnx", ["tokens", "style", "speed"]
    else:
        (folder / "onnx").mkdir()
        graph, names = folder / "onnx" / "model.onnx", ["input_ids", "style", "speed"]
    _export(
        Whole(), (torch.ones(1, 12, dtype=torch.int64), style, speed), graph, names,
        ["waveform"], {names[0]: {1: "tokens"}, "waveform": {1: "samples"}},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    voices: dict[str, Any] = {
        n: rng.random((510, 1, 256), np.float32) for n in ("am_adam", "af_heart", "bf_emma")
    }
    if archive:
        with (folder / "voices-v1.0.bin").open("wb") as file:
            np.savez(file, **voices)
        return folder
    (folder / "voices").mkdir()
    for name, rows in voices.items():
        rows.tofile(folder / "voices" / f"{name}.bin")
    (folder / "config.json").write_text('{"model_type": "style_text_to_speech_2"}', "utf-8")
    return folder


def make_whole(folder: Path) -> Path:
    """The VITS of `make` in the layout of transformers.js."""
    import torch
    from transformers import VitsModel

    make(folder)
    model: Any = VitsModel.from_pretrained(folder).eval()
    (folder / "model.safetensors").unlink()
    (folder / "onnx").mkdir()

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            made = model(input_ids=ids, attention_mask=mask, return_dict=True)
            return made.waveform, made.spectrogram

    ids = torch.ones(1, 21, dtype=torch.int64)
    _export(
        Whole(), (ids, ids), folder / "onnx" / "model.onnx", ["input_ids", "attention_mask"],
        ["waveform", "spectrogram"],
        {"input_ids": {1: "n"}, "attention_mask": {1: "n"}, "waveform": {1: "samples"}},
    )  # fmt: skip
    return folder


def _export(
    module: Any, example: Any, path: Path, inputs: list[str], outputs: list[str], dynamic: Any
) -> None:
    """As the makers of such voices export them: by the exporter of TorchScript, weights inside."""
    import warnings

    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), example, str(path), dynamo=False, opset_version=17, input_names=inputs,
            output_names=outputs, dynamic_axes=dynamic,
        )  # fmt: skip
