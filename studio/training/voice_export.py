"""The voice as one ONNX graph in the layout of a Piper voice: `x.onnx` with `x.onnx.json`.

The graph has Piper's inputs (`input`, `input_lengths`, `scales`, `sid`) and one more, `pitch`, in
semitones. Of the scales the first is how much the melody moves, the second how long everything
lasts, the third how much the rhythm varies: 1 is as it was learned.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.training.voice import MIDDLE, AcousticTrainee
from studio.training.voice_features import BANDS, FFT, HOP
from studio.training.voice_labels import ALIASES, NUMBERS, STRESSES
from studio.training.voice_model import TAPER, Acoustic, Vocoder, VoiceConfig, places
from studio.training.voice_teachers import RATE

OPSET = 18
NAME = "voice"


class PlainVocoder(Vocoder):
    """A vocoder whose transforms are products with matrices, which every runtime has."""

    there: Tensor
    back: Tensor
    breathless = False
    """Whether it makes no noise, which cannot be compared."""

    def __init__(self, vocoder: Vocoder, config: VoiceConfig) -> None:
        super().__init__(config)
        self.load_state_dict(vocoder.state_dict())
        bins = torch.arange(FFT // 2 + 1).double()
        angles = bins[None] * torch.arange(TAPER).double()[:, None] * (2 * math.pi / FFT)
        there = torch.cat([angles.cos(), -angles.sin()], dim=1)
        angles = bins[:, None] * torch.arange(FFT).double()[None] * (2 * math.pi / FFT)
        weight = torch.full((FFT // 2 + 1, 1), 2.0).double() / FFT
        weight[0] = weight[-1] = 1.0 / FFT
        back = torch.cat([weight * angles.cos(), -weight * angles.sin()])
        self.register_buffer("there", there.float())
        self.register_buffer("back", back.float().unsqueeze(1))

    def noise(self, like: Tensor) -> Tensor:
        """As Vocoder's, but for comparisons."""
        return torch.zeros_like(like) if self.breathless else super().noise(like)

    def spectra(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """As Vocoder's."""
        real, imaginary = (frames @ self.there).chunk(2, dim=-1)
        return real, imaginary

    def joined(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """As Vocoder's."""
        spectra = torch.cat([real, imaginary], dim=-1).transpose(1, 2)
        return functional.conv_transpose1d(spectra, self.back, stride=HOP).squeeze(1)


class Speaking(nn.Module):
    """Both networks from the numbers of symbols to sound, as the graph has them."""

    lasting: Tensor
    typical: Tensor

    def __init__(
        self, config: VoiceConfig, acoustic: Acoustic, vocoder: Vocoder, typical: Tensor
    ) -> None:
        """`typical` (voices, symbols + 1) are the usual durations of phonemes as ln(1 + frames), 0
        where there are none."""
        super().__init__()
        self.acoustic, self.vocoder = acoustic, PlainVocoder(vocoder, config)
        silent = torch.ones(acoustic.symbols.num_embeddings)
        silent[[0, *(NUMBERS[s] for s in STRESSES)]] = 0.0
        self.register_buffer("lasting", silent)
        self.register_buffer("typical", typical)

    def forward(
        self, symbols: Tensor, lengths: Tensor, scales: Tensor, voice: Tensor, semitones: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sound (1, 1, 1, samples), and for each symbol the sample at which it ends (1, n)."""
        symbols = symbols[:, : lengths[0]]
        told = self.acoustic.tell(symbols, voice)
        usual = self.typical[voice][:, symbols[0]]
        free = told.durations
        length = torch.where(usual > 0, usual + scales[2] * (free - usual), free)
        length = length.exp().sub(1.0).clamp(min=0.0) * self.lasting[symbols] * scales[1]
        # Rounded where symbols end, not one by one: the error does not add up.
        ends = length.cumsum(1).round().long()
        ends = torch.cat([ends[:, :-1], ends[:, -1:].clamp(min=1)], dim=1)
        durations = torch.cat([ends[:, :1], ends[:, 1:] - ends[:, :-1]], dim=1)
        heard = (durations > 0).float().unsqueeze(-1)
        melody = torch.stack([scales[0], torch.ones_like(scales[0])])
        prosody = told.prosody * heard * melody
        total: Any = ends[0, -1]
        index = (torch.arange(total)[:, None] >= ends[0][None]).long().sum(1).unsqueeze(0)
        mask = torch.ones_like(index).float().unsqueeze(-1)
        found = self.acoustic.frames(
            told.hidden, prosody, index, places(durations, ends, index), mask
        )
        pitch = (found[..., BANDS] + semitones / 12.0).clamp(min=-2.0, max=2.5)
        sound = self.vocoder(
            found[..., :BANDS],
            pitch,
            found[..., BANDS + 1].sigmoid(),
            MIDDLE * (math.log(2.0) * pitch).exp(),
        )
        return sound.unsqueeze(0).unsqueeze(0), ends * HOP


def typical_durations(trainee: AcousticTrainee) -> Tensor:
    """(voices, symbols + 1): the mean ln(1 + frames) of every phoneme; 0 for marks and gaps."""
    shape = (trainee.config.voices, len(NUMBERS) + 1)
    total, count = np.zeros(shape), np.zeros(shape)
    for example in trainee.train:
        np.add.at(total[example.voice], example.symbols, np.log1p(example.durations))
        np.add.at(count[example.voice], example.symbols, 1)
    found = np.where(count >= 20, total / np.maximum(count, 1), 0.0)
    phonemes = [number for symbol, number in NUMBERS.items() if symbol.isalpha()]
    kept = np.zeros(shape)
    kept[:, phonemes] = found[:, phonemes]
    return torch.from_numpy(kept).float()


def settings(names: Sequence[str]) -> dict[str, Any]:
    """The voice's settings as Piper writes them."""
    numbers = {symbol: [number] for symbol, number in NUMBERS.items()}
    numbers |= {alias: numbers[symbol] for alias, symbol in ALIASES.items()}
    return {
        "audio": {"sample_rate": RATE, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US", "family": "en", "region": "US", "name_english": "English"},
        "dataset": "triptych",
        "inference": {"noise_scale": 1.0, "length_scale": 1.0, "noise_w": 1.0},
        "phoneme_type": "misaki",
        "num_symbols": len(NUMBERS) + 1,
        "num_speakers": len(names),
        "speaker_id_map": {name: number for number, name in enumerate(names)},
        "phoneme_id_map": numbers,
        "hop_length": HOP,
    }


def export(trainee: AcousticTrainee, vocoder: Vocoder, names: Sequence[str], folder: Path) -> float:
    """Write `voice.onnx` and its settings; gives the largest difference to torch without noise."""
    folder.mkdir(parents=True, exist_ok=True)
    module = Speaking(trainee.config, trainee.model, vocoder, typical_durations(trainee)).eval()
    symbols = trainee.held_out[0].symbols[None]
    given = (
        torch.from_numpy(symbols), torch.tensor([symbols.shape[1]]), torch.ones(3),
        torch.zeros(1, dtype=torch.long), torch.zeros(1),
    )  # fmt: skip
    inputs = ["input", "input_lengths", "scales", "sid", "pitch"]
    path = folder / f"{NAME}.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporter warns of being the older one; that lengths stay free is checked
        # below with another sentence.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, given, str(path), input_names=inputs, output_names=["output", "ends"],
            dynamic_axes={"input": {1: "symbols"}, "output": {3: "samples"},
                          "ends": {1: "symbols"}},
            opset_version=OPSET, do_constant_folding=True, dynamo=False,
        )  # fmt: skip
    (folder / f"{NAME}.onnx.json").write_text(
        json.dumps(settings(names), ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    other = trainee.held_out[-1].symbols[None]
    return difference(module, path, other, len(names) - 1)


def difference(module: Speaking, path: Path, symbols: Any, voice: int) -> float:
    """The largest difference of the sounds of graph and networks, both without noise."""
    import onnxruntime as ort
    from onnx import helper, load

    graph = load(str(path))
    for node in graph.graph.node:
        if node.op_type == "RandomNormalLike":
            node.attribute.append(helper.make_attribute("scale", 1e-12))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    scales = np.array([0.8, 1.1, 0.9], np.float32)
    feed = {
        "input": symbols, "input_lengths": np.array([symbols.shape[1]]), "scales": scales,
        "sid": np.array([voice]), "pitch": np.array([1.0], np.float32),
    }  # fmt: skip
    found = session.run(["output"], feed)[0]
    module.vocoder.breathless = True
    with torch.no_grad():
        made, _ = module(*(torch.from_numpy(np.asarray(v)) for v in feed.values()))
    return float(np.abs(found - made.numpy()).max())
