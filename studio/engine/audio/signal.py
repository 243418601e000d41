"""What all sound here is made with: sample rate, decibels, smooth ramps, fast convolution."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Stereo = npt.NDArray[np.float64]
"""Samples by channels: (n, 2), full scale 1."""
Floats32 = npt.NDArray[np.float32]
"""Samples of one or more channels, kept in half the memory."""

RATE = 44_100
"""Samples a second."""
BLOCK = 16_384
"""Samples made between two looks at whether the person still wants them: 0.37 s of sound."""
HOP = 64
"""Samples between two values of a slow curve (pitch, loudness), 1.45 ms."""


def gain(decibels: float) -> float:
    """The factor of an amplitude for a level in dB."""
    return float(10.0 ** (decibels / 20.0))


def rise(length: int) -> Floats:
    """A smooth way from 0 to 1 (half a raised cosine) in `length` steps, without a corner."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))


def semitones_to_hz(midi: Floats | float) -> Floats:
    """Equal temperament at A4 = 440 Hz for MIDI note numbers, fractions included."""
    return np.asarray(440.0 * 2.0 ** ((np.asarray(midi, dtype=np.float64) - 69.0) / 12.0))


class Convolver:
    """Convolution of a stream with impulse responses, in blocks of BLOCK samples.

    Uniformly partitioned overlap-save: the response is cut into blocks whose spectra meet those of
    the blocks heard before (Gardner, "Efficient convolution without input-output delay", JAES 43,
    1995, the part without its small first blocks).
    """

    def __init__(self, responses: Floats) -> None:
        """`responses`: (channels out, taps)."""
        channels, taps = responses.shape
        parts = max(1, -(-taps // BLOCK))
        padded = np.pad(responses, ((0, 0), (0, parts * BLOCK - taps)))
        self._spectra = np.fft.rfft(padded.reshape(channels, parts, BLOCK), 2 * BLOCK, axis=2)
        self._heard: deque[npt.NDArray[np.complex128]] = deque(maxlen=parts)
        self._before = np.zeros((1, BLOCK))

    def __call__(self, samples: Floats) -> Floats:
        """The next block: (1, BLOCK) into every response, or (channels, BLOCK) each into its own.

        Gives (channels, BLOCK).
        """
        if samples.shape[-1] != BLOCK:
            raise ValueError(f"a block has {BLOCK} samples")
        before = np.broadcast_to(self._before, samples.shape)
        self._heard.appendleft(np.fft.rfft(np.concatenate([before, samples], axis=1), axis=1))
        self._before = samples
        spectrum = sum(
            (heard * self._spectra[:, part] for part, heard in enumerate(self._heard)),
            np.zeros((1, 1), dtype=np.complex128),
        )
        return np.asarray(np.fft.irfft(spectrum, 2 * BLOCK, axis=1)[:, BLOCK:])
