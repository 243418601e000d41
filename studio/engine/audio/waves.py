"""Sounds of any sample rate: read from files, brought to another rate, levelled, written as WAV."""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from studio.core.errors import StudioError
from studio.engine.audio import loudness
from studio.engine.audio.signal import BLOCK, HOP, RATE, Floats32

LONGEST = 600.0
"""Seconds of a given sound that are read at most."""
_CROSSINGS = 16
"""Zero crossings of the resampling filter to either side."""
_BETA = 9.0
"""Of its Kaiser window: some 90 dB of what is above the new rate's half are taken away."""


def read(path: Path, *, last: float = LONGEST) -> tuple[Floats32, int]:
    """The `last` seconds of a sound file, (n, channels) at full scale 1, and its sample rate.

    WAV, FLAC, MP3 and OGG, by their content. Raises StudioError for anything else.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = int(file.samplerate), int(file.frames)
            if not 1_000 <= rate <= 768_000 or frames <= 0 or file.channels > 64:
                raise ValueError(f"{frames} frames, {file.channels} channels at {rate} Hz")
            file.seek(max(0, frames - round(min(last, LONGEST) * rate)))
            samples: Floats32 = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError, OSError) as error:
        raise StudioError(
            f"“{path.name}” cannot be read as a sound.",
            "Choose a WAV, FLAC, MP3 or OGG file that plays elsewhere.",
        ) from error
    if not len(samples) or not np.isfinite(samples).all():
        raise StudioError(f"“{path.name}” holds no sound.", "Choose another file.")
    return samples, rate


def channels(samples: Floats32, count: int) -> Floats32:
    """A sound (n, channels) with `count` channels, 1 or 2: mixed down, or the same on both."""
    if samples.shape[1] == count:
        return samples
    if count == 1 or samples.shape[1] != 1:
        samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    return np.repeat(samples, count, axis=1)


def resample(samples: npt.NDArray[np.floating], rate: int, wanted: int) -> Floats32:
    """A sound (n, channels) at `wanted` samples a second.

    A windowed sinc, one filter for each place between two samples (Smith, "Digital Audio
    Resampling", 1984).
    """
    if rate == wanted:
        return samples.astype(np.float32)
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    cutoff = min(1.0, up / down) * 0.96
    half = math.ceil(_CROSSINGS / cutoff)
    length = -(-len(samples) * up // down)
    padded = np.pad(samples.astype(np.float64), ((half, 2 * half + down), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half, axis=0)
    result = np.empty((length, samples.shape[1]), dtype=np.float32)
    taps = np.arange(-half + 1, half + 1)
    for phase in range(min(up, length)):
        place = phase * down
        distance = taps - (place % up) / up
        window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / half) ** 2)))
        kernel = cutoff * np.sinc(cutoff * distance) * window / np.i0(_BETA)
        count = len(range(phase, length, up))
        first = place // up + 1
        result[phase::up] = windows[first : first + count * down : down][:count] @ kernel
    return result


def finish(samples: Floats32, rate: int) -> npt.NDArray[np.int16]:
    """A sound (n, 1 or 2 channels) at its final loudness, its peaks below the ceiling, 16 bits.

    Raises StudioError where it is no sound at all.
    """
    if not len(samples) or not np.isfinite(samples).all():
        raise StudioError(
            "The model lost the sound on the way: its numbers ran out of bounds.",
            "Choose a lower guidance or temperature, or another model.",
        )
    stereo = channels(samples, 2)
    meter = loudness.Meter()
    heard = resample(stereo, rate, RATE).astype(np.float64)
    heard = np.pad(heard, ((0, -len(heard) % BLOCK), (0, 0)))
    for start in range(0, len(heard), BLOCK):
        meter.hear(heard[start : start + BLOCK])
    padded = np.pad(stereo, ((0, -len(stereo) % HOP), (0, 0)))
    segments = max(1, math.ceil(len(samples) * 10 / rate))
    levels = loudness.levels(meter.energy[:segments], padded, rate)
    curve = np.interp(np.arange(len(samples)) / HOP, np.arange(len(levels)), levels)
    return np.clip(np.rint(samples * curve[:, None] * 32767.0), -32768, 32767).astype(np.int16)


def to_wav(samples: npt.NDArray[np.int16], rate: int) -> bytes:
    """A RIFF WAVE file of 16-bit samples (n, channels)."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()
