"""Loudness and true peak as broadcasters measure them, and the level of the finished sound.

ITU-R BS.1770-4: K-weighting, gated blocks of 400 ms (annex 1), and peaks between the samples by
fourfold oversampling (annex 2).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from studio.engine.audio.signal import BLOCK, HOP, RATE, Convolver, Floats, Floats32, Stereo, gain

TARGET = -16.0
"""LUFS integrated: what streaming services use for music on small devices."""
CEILING = -1.5
"""dB full scale: half a decibel of room for what the fourfold oversampling cannot see."""
_SEGMENT = RATE // 10
"""Gating blocks of 400 ms overlap by 75 %, so that they are made of parts of 100 ms."""
_TAPS = 8192
_SIDE = 8
"""Samples to either side of a place that the value between two samples is computed from."""
_SMOOTH = 28
"""Frames over which the limiter turns down and up again, 41 ms each way."""
_MOST = 40.0
"""dB by which a faint sound is made louder at most."""


def k_weighting() -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """The two filters of annex 1 as (numerator, denominator), for RATE instead of 48 kHz.

    The standard gives coefficients for 48 kHz alone; their analogue originals, a shelf at 1682 Hz
    and a high-pass at 38 Hz, are transformed anew (as libebur128 does).
    """
    centre, shelf_gain, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * centre / RATE)
    high = 10.0 ** (shelf_gain / 20.0)
    band = high**0.4996667741545416
    a0 = 1.0 + k / quality + k * k
    shelf = (
        np.array(
            [
                high + band * k / quality + k * k,
                2.0 * (k * k - high),
                high - band * k / quality + k * k,
            ]
        )
        / a0,
        np.array([a0, 2.0 * (k * k - 1.0), 1.0 - k / quality + k * k]) / a0,
    )
    centre, quality = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * centre / RATE)
    a0 = 1.0 + k / quality + k * k
    low_cut = (
        np.array([1.0, -2.0, 1.0]),
        np.array([a0, 2.0 * (k * k - 1.0), 1.0 - k / quality + k * k]) / a0,
    )
    return shelf, low_cut


@lru_cache(maxsize=1)
def _k_response() -> Floats:
    """The impulse response of both filters, cut where it has died away (-140 dB)."""
    angle = np.exp(-2j * np.pi * np.arange(4 * _TAPS // 2 + 1) / (4 * _TAPS))
    spectrum = np.ones_like(angle)
    for above, below in k_weighting():
        spectrum = spectrum * np.polyval(above[::-1], angle) / np.polyval(below[::-1], angle)
    return np.asarray(np.fft.irfft(spectrum, 4 * _TAPS)[:_TAPS])


class Meter:
    """Listens to a stream of stereo blocks and tells its integrated loudness."""

    def __init__(self) -> None:
        response = _k_response()
        self._filter = Convolver(np.stack([response, response]))
        self._left = np.zeros(0)
        self._energy: list[Floats] = []

    def hear(self, block: Stereo) -> None:
        """Take the next BLOCK samples, (BLOCK, 2)."""
        power = np.sum(self._filter(block.T) ** 2, axis=0)
        power = np.concatenate([self._left, power])
        whole = len(power) // _SEGMENT * _SEGMENT
        self._energy.append(power[:whole].reshape(-1, _SEGMENT).mean(axis=1))
        self._left = power[whole:]

    @property
    def energy(self) -> Floats:
        """Mean square of the K-weighted channels together, for every 100 ms."""
        return np.concatenate([*self._energy, np.zeros(0)])


def integrated(energy: Floats) -> float:
    """Gated loudness in LUFS of segments of 100 ms (annex 1, equation 7); -inf for silence."""
    if len(energy) < 4:
        energy = np.concatenate([energy, np.zeros(4 - len(energy))])
    block = (energy[:-3] + energy[1:-2] + energy[2:-1] + energy[3:]) / 4.0
    heard = block[block > 10.0 ** ((-70.0 + 0.691) / 10.0)]
    if not len(heard):
        return -math.inf
    heard = heard[heard > np.mean(heard) * 0.1]
    return float(-0.691 + 10.0 * np.log10(np.mean(heard)))


def measure(samples: Stereo) -> float:
    """Integrated loudness in LUFS of a whole sound, (n, 2)."""
    meter = Meter()
    padded = np.pad(samples, ((0, -len(samples) % BLOCK), (0, 0)))
    for start in range(0, len(padded), BLOCK):
        meter.hear(padded[start : start + BLOCK])
    # Silence that was only put behind is no part of the sound.
    return integrated(meter.energy[: max(1, -(-len(samples) // _SEGMENT))])


@lru_cache(maxsize=1)
def _oversampling() -> Floats:
    """What turns HOP samples and their neighbours into the three values between each two.

    (HOP + 2·_SIDE, 3·HOP); sinc under a Kaiser window.
    """
    taps = np.arange(-_SIDE + 1, _SIDE + 1)
    matrix = np.zeros((HOP + 2 * _SIDE, 3 * HOP))
    for part in range(3):
        distance = taps - (part + 1) / 4.0
        window = np.i0(7.0 * np.sqrt(np.maximum(0.0, 1.0 - (distance / _SIDE) ** 2))) / np.i0(7.0)
        weights = np.sinc(distance) * window
        for place in range(HOP):
            start = place + 1
            matrix[start : start + 2 * _SIDE, 3 * place + part] = weights
    return matrix


def frame_peaks(samples: Floats32 | Stereo, threshold: float = 0.0) -> Floats:
    """The true peak of every HOP samples of a sound (n, 2), n a multiple of HOP.

    Where the samples stay below `threshold` their own peak is given: nothing between them matters.
    """
    frames = len(samples) // HOP
    framed = samples.reshape(frames, -1)
    peaks: Floats = np.maximum(framed.max(axis=1), -framed.min(axis=1)).astype(np.float64)
    matrix = _oversampling()
    chosen = np.flatnonzero(peaks > threshold)
    for some in np.array_split(chosen, len(chosen) // 512 + 1):
        places = some[:, None] * HOP + np.arange(-_SIDE, HOP + _SIDE)[None, :]
        # Beyond its ends a sound goes on as it began and ended.
        places = np.clip(places, 0, len(samples) - 1)
        for channel in range(2):
            if len(some):
                between = np.abs(samples[places, channel] @ matrix).max(axis=1)
                peaks[some] = np.maximum(peaks[some], between)
    return peaks


def true_peak(samples: Stereo) -> float:
    """The true peak of a whole sound (n, 2), full scale 1."""
    short = -len(samples) % HOP
    return float(np.max(frame_peaks(np.pad(samples, ((0, short), (0, 0)))), initial=0.0))


def limiter(peaks: Floats) -> Floats:
    """A gain for every frame, and one more at the end, that keeps all peaks below the ceiling.

    It looks ahead: the least gain that is needed nearby, smoothed by a Hann window no wider than
    "nearby", can never be more than what is needed (Giannoulis, Massberg and Reiss, JAES 60, 2012).
    """
    needed = np.minimum(1.0, gain(CEILING) / np.maximum(peaks, 1e-9))
    needed = np.concatenate([needed[:1], needed, needed[-1:]])
    # A frame's samples lie between two values of the gain: both have to be low enough.
    needed = np.minimum(needed[:-1], needed[1:])
    reach = _SMOOTH
    padded = np.pad(needed, reach, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(least, reach, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))


def levels(energy: Floats, samples: Floats32 | Stereo, rate: int = RATE) -> Floats:
    """The gain at every HOP samples (one more at the end) that brings a sound to TARGET.

    `energy` is what a Meter heard of it. Length of `samples`: a multiple of HOP, `rate` of them a
    second. Silence stays.
    """
    loudness = integrated(energy)
    frames = len(samples) // HOP
    if loudness == -math.inf:
        return np.ones(frames + 1)
    wanted = gain(min(_MOST, TARGET - loudness))
    peaks = frame_peaks(samples, threshold=0.5 * gain(CEILING) / wanted)
    moments = (np.arange(len(energy)) + 0.5) * rate / 10 / HOP
    for _ in range(6):
        # What the limiter takes away is given back, until loudness and peaks are both right.
        reduction = limiter(peaks * wanted)
        heard = np.interp(moments, np.arange(frames + 1), reduction) * wanted
        missing = TARGET - integrated(energy * heard**2)
        if abs(missing) < 0.05:
            break
        wanted *= gain(max(-6.0, min(6.0, missing)))
    return limiter(peaks * wanted) * wanted
