"""A voice made faster or slower at the same pitch, or higher or lower at the same speed, for
models that have no such inputs of their own.

Waveform similarity overlap-add: Verhelst and Roelands, "An overlap-add technique based on waveform
similarity (WSOLA) for high quality time-scale modification of speech", ICASSP 1993.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_WINDOW, _SEARCH = 0.03, 0.01
"""Seconds: of one grain, and how far from its place it is looked for."""


def stretch(samples: npt.NDArray[np.float32], rate: int, speed: float) -> npt.NDArray[np.float32]:
    """A sound (n,) at `speed` times its pace, 0.25 to 4; 1 gives it back as it is."""
    half = round(_WINDOW * rate / 2)
    search = round(_SEARCH * rate)
    if speed == 1.0 or len(samples) < 4 * half:
        return samples
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    length = int(len(samples) / speed)
    grains = length // half + 1
    padded = np.pad(samples, (half + search, 3 * half + 2 * search))
    result = np.zeros((grains + 1) * half, np.float32)
    weight = np.zeros_like(result)
    natural: npt.NDArray[np.float32] | None = None
    for grain in range(grains):
        place = min(round(grain * half * speed), len(samples)) + search
        if natural is not None:
            # The grain that goes on most like the one before would have gone on.
            around = padded[place - search : place + search + 2 * half]
            likeness = np.correlate(around, natural, mode="valid")
            energy = np.convolve(around**2, np.ones(2 * half), mode="valid")
            place += int(np.argmax(likeness / np.sqrt(energy + 1e-9))) - search
        piece = padded[place : place + 2 * half]
        start = grain * half
        end = min(start + 2 * half, len(result))
        result[start:end] += (piece * window)[: end - start]
        weight[start:end] += window[: end - start]
        natural = padded[place + half : place + 3 * half]
        if len(natural) < 2 * half:
            break
    result /= np.maximum(weight, 0.1)
    return result[half : half + length]


def raised(
    samples: npt.NDArray[np.float32], rate: int, semitones: float
) -> npt.NDArray[np.float32]:
    """A sound (n,) so many semitones higher, as long as before: stretched, then sampled anew."""
    factor = 2.0 ** (semitones / 12.0)
    if semitones == 0.0 or len(samples) < 2:
        return samples
    longer = stretch(samples, rate, 1.0 / factor)
    spectrum = np.fft.rfft(longer)
    bins = len(samples) // 2 + 1
    spectrum = np.pad(spectrum[:bins], (0, max(0, bins - len(spectrum))))
    found = np.fft.irfft(spectrum, len(samples)) * (len(samples) / len(longer))
    return found.astype(np.float32)
