"""The room around the instruments: a reverberation that is the same in every place of the music."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from studio.engine.audio.signal import RATE, Convolver, Floats, rise

SECONDS = 1.6
"""Length of the room's answer."""
_DECAY = ((125.0, 1.35), (500.0, 1.5), (2000.0, 1.15), (6000.0, 0.65), (16_000.0, 0.3))
"""(Hz, reverberation time T60 in seconds): a wooden chamber with people in it."""
_BEFORE = 0.014
"""Seconds until the dense part begins."""
_EARLY = ((0.0071, 0.42, 0.9), (0.0113, 0.9, 0.38), (0.0173, 0.34, 0.62), (0.0231, 0.55, 0.3))
"""First echoes: (seconds, level left, level right)."""


@lru_cache(maxsize=1)
def response() -> Floats:
    """The answers of the room left and right to an impulse, (2, taps), energy 1 each.

    Exponentially decaying noise, which Moorer found to sound more natural than any network of
    delays ("About this reverberation business", Computer Music Journal 3, 1979), decaying faster
    the higher it is, with a few early echoes in front.
    """
    size = 1 << 17
    taps = int(SECONDS * RATE)
    random = np.random.Generator(np.random.PCG64(20_012))
    frequency = np.fft.rfftfreq(size, 1.0 / RATE)
    times = np.arange(taps) / RATE
    hertz, seconds = (np.array(column) for column in zip(*_DECAY, strict=True))
    # Bands an octave wide, each with its own decay, that add up to all frequencies.
    octave = np.log2(np.maximum(frequency, 20.0))
    centres = np.arange(np.log2(60.0), np.log2(20_000.0), 1.0)
    result = np.zeros((2, taps))
    for channel in range(2):
        noise = np.fft.rfft(random.normal(size=size))
        for centre in centres:
            share = np.clip(1.0 - np.abs(octave - centre), 0.0, 1.0)
            share[0] = 0.0
            band = np.fft.irfft(noise * share, size)[:taps]
            decay = float(np.interp(centre, np.log2(hertz), seconds))
            result[channel] += band * 10.0 ** (-3.0 * times / decay)
        start = int(_BEFORE * RATE)
        result[channel] = np.roll(result[channel], start)
        result[channel, :start] = 0.0
        result[channel, start : start + 256] *= rise(256)
        scale = float(np.max(np.abs(result[channel])))
        for delay, *levels in _EARLY:
            result[channel, int(delay * RATE)] += 1.6 * scale * levels[channel]
        result[channel, -4096:] *= rise(4096)[::-1]
        result[channel] /= np.sqrt(np.sum(result[channel] ** 2))
    return result


def reverb() -> Convolver:
    """A fresh room: mono blocks in, what comes back left and right out."""
    return Convolver(response())
