"""What is measured of speech: mel spectra, the pitch and the loudness, frame by frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from studio.training.voice_teachers import RATE

HOP, WINDOW, FFT, BANDS = 200, 800, 1024, 80
"""Samples between frames (12.5 ms), of a window, of a transform; bands of a mel spectrum."""
FLOOR = 1e-5
_CANDIDATES = 6
_UNVOICED = 0.45
"""Likeness of a frame to itself a period later, below which nothing is voiced."""
_JUMP, _SWITCH = 2.5, 0.25
"""Cost of an octave between two frames, and of voice setting in or ending."""

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def mel_filters() -> Floats:
    """(BANDS, FFT/2 + 1): triangles of equal area on Slaney's mel scale, 0 to 8 kHz."""
    top = RATE / 2

    def to_mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        high = 15.0 + np.log(np.maximum(hertz, 1.0) / 1000.0) * 27.0 / np.log(6.4)
        return np.where(hertz < 1000.0, hertz * 3.0 / 200.0, high)

    def to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        high = 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0))
        return np.where(mel < 15.0, mel * 200.0 / 3.0, high)

    edges = to_hertz(np.linspace(0.0, float(to_mel(np.array(top))), BANDS + 2))
    bins = np.linspace(0.0, top, FFT // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)


def frames_of(samples: Floats, window: int, count: int) -> Floats:
    """(count, window): frames around every HOP-th sample, from the first on."""
    padded = np.pad(samples, (window // 2, window + HOP))
    view = np.lib.stride_tricks.sliding_window_view(padded, window)
    return view[: count * HOP : HOP]


def frame_count(samples: Floats) -> int:
    """How many frames a sound has."""
    return len(samples) // HOP


def log_mel(samples: Floats) -> Floats:
    """(frames, BANDS): natural logarithms of the magnitudes in mel bands."""
    taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    spectra = np.abs(np.fft.rfft(frames_of(samples, WINDOW, frame_count(samples)) * taper, FFT))
    return np.log(np.maximum(spectra @ mel_filters().T, FLOOR)).astype(np.float32)


def pitch(samples: Floats, lowest: float, highest: float) -> Floats:
    """(frames,) in Hertz, 0 where nothing is voiced.

    Peaks of the normalized autocorrelation (Boersma, "Accurate short-term analysis of the
    fundamental frequency", IFA Proceedings 17, 1993), the cheapest way through them.
    """
    count = frame_count(samples)
    window = int(3.0 * RATE / lowest) // 2 * 2
    size = 1 << (2 * window - 1).bit_length()
    taper = np.hanning(window + 2)[1:-1]
    frames = frames_of(samples, window, count).astype(np.float64)
    loud = np.sqrt(np.mean(frames**2, axis=1))
    frames = (frames - frames.mean(axis=1, keepdims=True)) * taper
    first, last = int(RATE / highest), int(np.ceil(RATE / lowest)) + 1
    alike = _autocorrelation(frames, size, last + 1)
    own = _autocorrelation(taper[None], size, last + 1)
    alike = alike / np.maximum(alike[:, :1], 1e-12) / (own / own[:, :1])
    part = alike[:, first : last + 1]
    middle = part[:, 1:-1]
    peak = (middle > part[:, :-2]) & (middle >= part[:, 2:]) & (middle > 0.2)
    score = np.where(peak, middle - 0.02 * np.log2(np.arange(middle.shape[1]) / first + 1.0), -1.0)
    best = np.argsort(-score, axis=1)[:, :_CANDIDATES]
    strength = np.take_along_axis(score, best, axis=1)
    lag = best + first + 1
    around = [np.take_along_axis(alike, lag + d, axis=1) for d in (-1, 0, 1)]
    bend = around[0] - 2.0 * around[1] + around[2]
    exact = lag + np.where(bend < -1e-9, 0.5 * (around[0] - around[2]) / np.minimum(bend, -1e-9), 0)
    hertz = RATE / np.clip(exact, first, last)
    quiet = loud < max(1e-4, 0.02 * float(loud.max(initial=0.0)))
    strength = np.where((strength < 0) | quiet[:, None], -1e3, strength)
    return _cheapest(hertz, strength)


def filled(hertz: Floats) -> Floats:
    """The logarithm of a pitch (frames,), led in straight lines through what is not voiced."""
    places = np.flatnonzero(hertz)
    if not len(places):
        return np.zeros_like(hertz)
    found = np.interp(np.arange(len(hertz)), places, np.log(hertz[places]))
    return found.astype(np.float32)


def _autocorrelation(frames: npt.NDArray[np.float64], size: int, lags: int) -> Floats:
    spectra = np.abs(np.fft.rfft(frames, size)) ** 2
    found: Floats = np.fft.irfft(spectra, size)[:, :lags].astype(np.float32)
    return found


def _cheapest(hertz: npt.NDArray[np.float64], strength: npt.NDArray[np.float64]) -> Floats:
    """The best way through the candidates (frames, n), the unvoiced one among them (Viterbi)."""
    count, n = hertz.shape
    octaves = np.log2(hertz)
    gains = np.concatenate([strength, np.full((count, 1), _UNVOICED)], axis=1)
    total = gains[0] if count else np.zeros(n + 1)
    back = np.zeros((count, n + 1), np.int64)
    moves = np.zeros((n + 1, n + 1))
    moves[n, :n] = moves[:n, n] = _SWITCH
    for t in range(1, count):
        moves[:n, :n] = np.minimum(_JUMP * np.abs(octaves[t - 1][:, None] - octaves[t]), 1.0)
        ways = total[:, None] - moves
        back[t] = ways.argmax(axis=0)
        total = ways.max(axis=0) + gains[t]
    found = np.zeros(count, np.float32)
    at = int(total.argmax())
    for t in range(count - 1, -1, -1):
        found[t] = hertz[t, at] if at < n else 0.0
        at = int(back[t, at])
    return found
