"""The voice's networks: symbols to mel spectrum and pitch, and those to sound.

The first is a convolutional FastSpeech 2 (Ren and others, "FastSpeech 2: fast and high-quality
end-to-end text to speech", ICLR 2021; blocks of ConvNeXt, Liu and others, CVPR 2022). The second
is a neural homomorphic vocoder (Liu, Chen and Yu, "Neural homomorphic vocoder", Interspeech 2020):
a pulse train and noise, each through a filter of minimum phase whose complex cepstrum is predicted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.training.voice_features import BANDS, FFT, HOP, mel_filters
from studio.training.voice_labels import SYMBOLS
from studio.training.voice_teachers import RATE

CEPSTRUM = 80
"""Coefficients of a filter."""
TAPER = 2 * HOP
"""Samples of the excitation that one filter shapes."""
_NOISE_LEVEL = -1.5
"""Where the noise begins beside the pulses, a natural logarithm."""


@dataclass(frozen=True)
class VoiceConfig:
    """Sizes of both networks."""

    voices: int = 2
    width: int = 160
    layers: int = 4
    decoder_width: int = 224
    decoder_layers: int = 5
    vocoder_width: int = 160
    vocoder_layers: int = 4
    kernel: int = 7


class Block(nn.Module):
    """A ConvNeXt block over time, (batch, time, width)."""

    def __init__(self, width: int, kernel: int, depth: int) -> None:
        super().__init__()
        self.around = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1.0 / depth))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.around(x.transpose(1, 2)).transpose(1, 2))
        found: Tensor = self.narrow(functional.gelu(self.wide(y), approximate="tanh"))
        return x + self.scale * found


class Stack(nn.Module):
    """Blocks one after another; what is padding stays zero between them."""

    def __init__(self, width: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, kernel, layers) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x) * mask
        found: Tensor = self.norm(x)
        return found


class Predictor(nn.Module):
    """Duration, pitch and energy of each symbol: two convolutions, as FastSpeech has them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 5, padding=2)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.out = nn.Linear(width, 3)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            x = norm(functional.relu(convolution((x * mask).transpose(1, 2)).transpose(1, 2)))
        found: Tensor = self.out(x)
        return found


@dataclass(frozen=True)
class Told:
    """What the acoustic network says of the symbols, (batch, symbols), and its own state."""

    hidden: Tensor
    durations: Tensor
    """ln(1 + frames)"""
    prosody: Tensor
    """(batch, symbols, 2): pitch and energy"""


class Acoustic(nn.Module):
    """Symbols and a voice to frames of mel spectrum, pitch and voicing."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        width, wide = config.width, config.decoder_width
        self.symbols = nn.Embedding(len(SYMBOLS) + 1, width, padding_idx=0)
        self.voices = nn.Embedding(config.voices, width)
        self.encoder = Stack(width, config.layers, config.kernel)
        self.predictor = Predictor(width)
        self.prosody = nn.Conv1d(2, width, 3, padding=1)
        self.place = nn.Linear(4, wide)
        self.enter = nn.Linear(width, wide)
        self.decoder = Stack(wide, config.decoder_layers, config.kernel)
        self.leave = nn.Linear(wide, BANDS + 2)

    def tell(self, symbols: Tensor, voice: Tensor) -> Told:
        """From (batch, symbols) and (batch,): what each symbol is to sound like."""
        mask = (symbols > 0).unsqueeze(-1).to(self.voices.weight.dtype)
        x = (self.symbols(symbols) + self.voices(voice)[:, None]) * mask
        x = self.encoder(x, mask)
        told = self.predictor(x, mask)
        return Told(x, told[..., 0], told[..., 1:])

    def frames(
        self, hidden: Tensor, prosody: Tensor, index: Tensor, place: Tensor, mask: Tensor
    ) -> Tensor:
        """(batch, frames, BANDS + 2): mel, pitch, voicing.

        prosody (batch, symbols, 2) is pitch and energy; index (batch, frames) the symbol of each
        frame, place (batch, frames, 4) where in it the frame lies, mask (batch, frames, 1).
        """
        x = hidden + self.prosody(prosody.transpose(1, 2)).transpose(1, 2)
        x = self.enter(x)
        x = torch.gather(x, 1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
        found: Tensor = self.leave(self.decoder((x + self.place(place)) * mask, mask))
        return found


def places(durations: Tensor, ends: Tensor, index: Tensor) -> Tensor:
    """(batch, frames, 4): how far each frame is into its symbol, and how long that is."""
    length = torch.gather(durations, 1, index).float()
    since = torch.arange(index.shape[1]).float() + 0.5 - (torch.gather(ends, 1, index) - length)
    share = since / length.clamp(min=1.0)
    return torch.stack(
        [share, (math.pi * share).sin(), since.clamp(max=20.0) / 10, length.clamp(max=20.0) / 10],
        dim=-1,
    )


def prior() -> Tensor:
    """(CEPSTRUM, BANDS): what takes a log mel spectrum to the filter that has about its shape."""
    filters = mel_filters().astype(np.float64)
    centres = (filters * np.arange(FFT // 2 + 1)).sum(1) / filters.sum(1)
    spectra = np.stack([np.interp(np.arange(FFT // 2 + 1), centres, row) for row in np.eye(BANDS)])
    # The real cepstrum folded onto its causal half is the cepstrum of minimum phase.
    cepstra = np.fft.irfft(spectra, axis=1)[:, :CEPSTRUM]
    cepstra[:, 1:] *= 2.0
    return torch.from_numpy(cepstra.T.copy()).float()


class Vocoder(nn.Module):
    """Mel spectrum, pitch and voicing to sound."""

    shape: Tensor
    cosines: Tensor
    sines: Tensor
    taper: Tensor

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        width = config.vocoder_width
        self.enter = nn.Conv1d(BANDS + 2, width, 3, padding=1)
        self.body = Stack(width, config.vocoder_layers, config.kernel)
        self.leave = nn.Linear(width, 2 * CEPSTRUM)
        self.register_buffer("shape", prior(), persistent=False)
        nn.init.normal_(self.leave.weight, std=0.01)
        with torch.no_grad():
            self.leave.bias.zero_()
            self.leave.bias[CEPSTRUM] = _NOISE_LEVEL
        angles = torch.arange(FFT // 2 + 1)[None] * torch.arange(CEPSTRUM)[:, None]
        angles = angles.double() * (2.0 * math.pi / FFT)
        self.register_buffer("cosines", angles.cos().float(), persistent=False)
        self.register_buffer("sines", angles.sin().float(), persistent=False)
        taper = torch.hann_window(TAPER, dtype=torch.float64).float()
        self.register_buffer("taper", taper, persistent=False)

    def cepstra(self, mel: Tensor, pitch: Tensor, voicing: Tensor) -> Tensor:
        """(batch, frames, 2, CEPSTRUM), of a log mel spectrum (batch, frames, BANDS), the pitch in
        octaves about 150 Hz and voicing from 0 to 1 (batch, frames)."""
        x = torch.cat([(mel + 5.0) / 2.0, torch.stack([pitch, voicing], dim=-1)], dim=-1)
        x = self.enter(x.transpose(1, 2)).transpose(1, 2)
        found: Tensor = self.leave(self.body(x, torch.ones_like(x[..., :1]))).float()
        return found.reshape(found.shape[0], -1, 2, CEPSTRUM) + (mel @ self.shape.T).unsqueeze(2)

    def noise(self, like: Tensor) -> Tensor:
        """Noise as long as a sound."""
        return torch.randn_like(like)

    def filters(self, cepstra: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of the filters' spectra, (..., FFT/2 + 1)."""
        size = (cepstra @ self.cosines).clamp(max=8.0).exp()
        phase = cepstra @ self.sines
        return size * phase.cos(), -size * phase.sin()

    def spectra(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of the spectra of (..., TAPER) samples."""
        found = torch.fft.rfft(frames, FFT)
        return found.real, found.imag

    def joined(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """(batch, samples): spectra (batch, frames, FFT/2 + 1) as sound, overlapped and added."""
        frames = torch.fft.irfft(torch.complex(real, imaginary), FFT)
        length = (frames.shape[1] - 1) * HOP + FFT
        sound = functional.fold(frames.transpose(1, 2), (1, length), (1, FFT), stride=(1, HOP))
        return sound.reshape(frames.shape[0], length)

    def forward(self, mel: Tensor, pitch: Tensor, voicing: Tensor, hertz: Tensor) -> Tensor:
        """(batch, frames x HOP) samples; `hertz` (batch, frames) is what the pulses follow."""
        tone = pulses(hertz)
        real, imaginary = self.shaped(self.cepstra(mel, pitch, voicing), (tone, self.noise(tone)))
        begin = TAPER // 2
        return self.joined(real, imaginary)[:, begin : begin + hertz.shape[1] * HOP]

    def shaped(self, cepstra: Tensor, sources: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The spectra, real and imaginary, of sources through their filters, added."""
        reals, imaginaries = [], []
        for number, source in enumerate(sources):
            a, b = self.filters(cepstra[:, :, number])
            c, d = self.spectra(self.pieces(source))
            reals.append(a * c - b * d)
            imaginaries.append(a * d + b * c)
        return torch.stack(reals).sum(0), torch.stack(imaginaries).sum(0)

    def pieces(self, source: Tensor) -> Tensor:
        """(batch, frames, TAPER): the tapered surroundings of every HOP-th sample."""
        padded = functional.pad(source, (HOP, HOP))
        halves = padded.reshape(source.shape[0], -1, HOP)
        return torch.cat([halves[:, :-2], halves[:, 1:-1]], dim=-1) * self.taper


def pulses(hertz: Tensor) -> Tensor:
    """(batch, frames x HOP): all harmonics below half the rate, of unit power together."""
    later = torch.cat([hertz[:, 1:], hertz[:, -1:]], dim=1)
    share = torch.arange(HOP) / HOP
    each = hertz.unsqueeze(-1) * (1.0 - share) + later.unsqueeze(-1) * share
    each = each.flatten(1).clamp(min=20.0)
    turns = (each.double() / RATE).cumsum(1)
    turns = (turns - turns.floor()).float()
    count = (0.49 * RATE / each).floor()
    # The sum of count cosines in closed form (Dirichlet's kernel).
    below = (math.pi * turns).sin()
    near = below.abs() < 1e-3
    kernel = ((2.0 * count + 1.0) * math.pi * turns).sin() / torch.where(near, 1.0, 2.0 * below)
    total = torch.where(near, count, kernel - 0.5)
    return total * (2.0 / count).sqrt()


def octaves(hertz: Tensor) -> Tensor:
    """The pitch as the networks take it."""
    return (hertz / 150.0).log2()
