"""EnCodec: sound as a few rows of code numbers and back, in pieces of any length.

Défossez et al. 2022, "High Fidelity Neural Audio Compression". Each direction is two graphs, cut at
the LSTM: what is convolution sees only its neighbourhood, so long sounds go through it piece by
piece with some of their surroundings, to the same numbers as in one go; the LSTM, which remembers
everything, runs over the whole at the slow rate of the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.engine.audio.weights import place_at, plain
from studio.engine.graphs import Architecture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort
    import torch

    from studio.engine.image.standins import Brake

    Codes = npt.NDArray[np.int64]
    """(codebooks, frames)"""
    Wave = npt.NDArray[np.float32]
    """(samples,), one channel"""

READ, SOUND, HEAR, WRITE = "encodec-read", "encodec-sound", "encodec-hear", "encodec-write"
"""The graphs: codes to features, features to sound, sound to features, features to codes."""
MARGIN = 4
"""Frames of surroundings on each side of a piece: more than the convolutions can see."""
PIECE = 240
"""Frames of one piece, five seconds at 50 frames a second."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the numbers of a codec mean."""

    rate: int
    """Samples a second."""
    hop: int
    """Samples of one frame."""
    codebooks: int
    size: int
    """Codes of one codebook."""

    @property
    def frame_rate(self) -> float:
        return self.rate / self.hop


def shape(config: Mapping[str, Any]) -> Shape:
    """The shape of a codec by its configuration.

    Raises ValueError for one that codes sound in other pieces than MusicGen can use, whatever a
    configuration class raises for nonsense.
    """
    settings = _settings(config)
    if settings.normalize or settings.chunk_length_s is not None or settings.audio_channels != 1:
        raise ValueError("a codec of several pieces, levels or channels")
    if settings.norm_type != "weight_norm":
        raise ValueError(f"norm_type {settings.norm_type}")
    quantizers = _quantizers(settings)
    if not (0 < quantizers <= 64 and settings.hop_length > 0 and settings.sampling_rate > 0):
        raise ValueError(f"{quantizers} codebooks, {settings.hop_length} samples")
    return Shape(
        rate=int(settings.sampling_rate),
        hop=int(settings.hop_length),
        codebooks=quantizers,
        size=int(settings.codebook_size),
    )


def architectures(config: Mapping[str, Any], path: str) -> dict[str, Architecture]:
    """The four graphs of a codec by their names; `path` is where the model has it, as a module."""
    settings = _settings(config)
    quantizers, hop = _quantizers(settings), int(settings.hop_length)
    features = (1, settings.num_filters * 2 ** len(settings.upsampling_ratios), 24)
    frames, samples = {2: "frames"}, {2: "samples"}
    codes = partial(_zeros, (quantizers, 1, 24))

    def part(name: str, example: partial[Any], given: str, made: str) -> Architecture:
        axes = {"codes": frames, "features": frames, "sound": samples}
        return Architecture(
            name=name,
            config={"codec": dict(config), "path": path},
            build=partial(_build, name, dict(config), path),
            example=example,
            inputs=(given,),
            outputs=(made,),
            dynamic={given: axes[given], made: axes[made]},
        )

    return {
        READ: part(READ, codes, "codes", "features"),
        SOUND: part(SOUND, partial(_noise, features), "features", "sound"),
        HEAR: part(HEAR, partial(_noise, (1, 1, 24 * hop)), "sound", "features"),
        WRITE: part(WRITE, partial(_noise, features), "features", "codes"),
    }


class Codec:
    """A codec's sessions, by their names; those for the other direction may be missing."""

    def __init__(
        self, shape: Shape, sessions: Mapping[str, ort.InferenceSession], brake: Brake
    ) -> None:
        self.shape = shape
        self.sessions, self._brake = dict(sessions), brake

    def _run(self, part: str, value: Any) -> Any:
        session = self.sessions[part]
        return self._brake.run(session, {session.get_inputs()[0].name: value})[0]

    def decode(self, codes: Codes) -> Iterator[Wave]:
        """The sound of codes (codebooks, frames), piece by piece; in all frames * hop samples."""
        features = self._run(READ, codes[:, None, :])
        for first, last, left, right in pieces(codes.shape[1]):
            made = self._run(SOUND, features[:, :, left:right])[0, 0]
            start = (first - left) * self.shape.hop
            yield made[start : start + (last - first) * self.shape.hop]

    def encode(self, sound: Wave) -> Codes:
        """The codes (codebooks, frames) of a sound; what is no whole frame at its end is left."""
        import numpy as np

        hop = self.shape.hop
        frames = len(sound) // hop
        heard = []
        for first, last, left, right in pieces(frames):
            piece = np.ascontiguousarray(sound[left * hop : right * hop], dtype=np.float32)
            found = self._run(HEAR, piece[None, None])
            heard.append(found[:, :, first - left : last - left])
        codes: Codes = self._run(WRITE, np.concatenate(heard, axis=2))[:, 0]
        return codes


def pieces(frames: int) -> Iterator[tuple[int, int, int, int]]:
    """(first, last) of each piece and (left, right) of it with its surroundings, in frames."""
    for first in range(0, frames, PIECE):
        last = min(first + PIECE, frames)
        if frames - last < MARGIN:
            last = frames  # no piece so short that its ends could not be mirrored
        yield first, last, max(0, first - MARGIN), min(frames, last + MARGIN)
        if last == frames:
            return


def _settings(config: Mapping[str, Any]) -> Any:
    from transformers import EncodecConfig

    return EncodecConfig(**{k: v for k, v in config.items() if not k.startswith("_")})


def _quantizers(settings: Any) -> int:
    """How many codebooks are used at the lowest bandwidth, which is what MusicGen is taught."""
    import math

    each = math.log2(settings.codebook_size) * settings.sampling_rate / settings.hop_length
    wanted = max(1, math.floor(settings.target_bandwidths[0] * 1000 / each))
    return int(min(wanted, settings.num_quantizers))


def _zeros(size: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    import torch

    return (torch.zeros(size, dtype=torch.int64),)


def _noise(size: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    import torch

    return (torch.rand(size) - 0.5,)


def _build(name: str, config: Mapping[str, Any], path: str) -> torch.nn.Module:
    """One part of an EncodecModel that keeps the names of its weights."""
    import torch
    from torch import nn
    from transformers import EncodecModel
    from transformers.models.encodec.modeling_encodec import (
        EncodecConv1d,
        EncodecConvTranspose1d,
        EncodecLSTM,
    )

    settings = _settings(config)
    codec: Any = plain(EncodecModel(settings)).eval()
    for module in codec.modules():
        if isinstance(module, EncodecConv1d):
            # Only whole frames come in: nothing is ever left over that had to be padded.
            module._get_extra_padding_for_conv1d = lambda states: 0
        elif isinstance(module, EncodecConvTranspose1d):
            module.conv = _spread(module.conv)
    decoding = name in (READ, SOUND)
    side = codec.decoder if decoding else codec.encoder
    layers = list(side.layers)
    cut = next(i for i, layer in enumerate(layers) if isinstance(layer, EncodecLSTM))
    # Reading takes the LSTM, and so does writing: it stays on the side of the slow rate.
    first, last = {
        READ: (0, cut + 1),
        SOUND: (cut + 1, len(layers)),
        HEAR: (0, cut),
        WRITE: (cut, len(layers)),
    }[name]
    for place in range(len(layers)):
        if not first <= place < last:
            side.layers[place] = nn.Identity()
    if decoding:
        del codec.encoder
    else:
        del codec.decoder
    if name in (SOUND, HEAR):
        del codec.quantizer
    else:
        for layer in codec.quantizer.layers:
            for taught in ("inited", "cluster_size", "embed_avg"):  # of use in training only
                delattr(layer.codebook, taught)
    quantizers = _quantizers(settings)

    class Part(nn.Module):
        def forward(self, value: torch.Tensor) -> torch.Tensor:
            if name == READ:
                value = codec.quantizer.decode(value)
            for layer in side.layers:
                value = layer(value)
            if name == WRITE:
                found = [codec.quantizer.layers[i] for i in range(quantizers)]
                codes = []
                for layer in found:
                    indices = layer.encode(value)
                    value = value - layer.decode(indices)
                    codes.append(indices)
                return torch.stack(codes)
            return value

    root: nn.Module = Part()
    place_at(root, path, codec)
    return root.eval()


def _spread(conv: Any) -> Any:
    """A transposed convolution, its kernel two strides long, as a convolution and a reordering.

    Each sample that comes in reaches two strides of what goes out: all samples of one stride are
    channels of a convolution over two (Shi et al. 2016, "Is the deconvolution layer the same as a
    convolutional layer?"). ONNX Runtime's processor kernels take half the time for it.
    """
    from torch import nn

    (stride,), (length,) = conv.stride, conv.kernel_size
    if length != 2 * stride or conv.bias is None or conv.groups != 1:
        return conv

    class Spread(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = conv.weight, conv.bias
            self.kernel_size, self.stride = conv.kernel_size, conv.stride

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            ins, outs, _ = self.weight.shape
            kernel = self.weight.view(ins, outs, 2, stride).flip(2).permute(1, 3, 0, 2)
            found = nn.functional.conv1d(value, kernel.reshape(outs * stride, ins, 2), padding=1)
            found = found.view(value.shape[0], outs, stride, -1).transpose(2, 3)
            joined: torch.Tensor = found.reshape(value.shape[0], outs, -1) + self.bias[:, None]
            return joined

    return Spread()
