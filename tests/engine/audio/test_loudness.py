"""The meters against the standard's own figures, and the level of what is finished with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studio.engine.audio import loudness
from studio.engine.audio.signal import (
    BLOCK,
    HOP,
    RATE,
    Convolver,
    Floats,
    Stereo,
    gain,
    rise,
    semitones_to_hz,
)


def sine(hertz: float, seconds: float, level: float = 0.0, phase: float = 0.0) -> Floats:
    angle = 2.0 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE + phase
    return np.asarray(np.sin(angle) * gain(level))


def both(mono: Floats) -> Stereo:
    return np.stack([mono, mono], axis=1)


def test_a_full_scale_sine_on_one_channel_is_the_standard_s_example() -> None:
    # BS.1770-4, annex 1: 997 Hz at 0 dBFS in one front channel reads -3.01 LKFS.
    mono = sine(997.0, 5.0)
    one = np.stack([mono, np.zeros_like(mono)], axis=1)
    assert loudness.measure(one) == pytest.approx(-3.01, abs=0.02)
    assert loudness.measure(both(mono)) == pytest.approx(0.0, abs=0.02)


def test_ebu_test_signals() -> None:
    # EBU Tech 3341, cases 1 to 3: 1000 Hz in both channels.
    loud, faint = both(sine(1000.0, 20.0, -23.0)), both(sine(1000.0, 10.0, -36.0))
    assert loudness.measure(loud) == pytest.approx(-23.0, abs=0.1)
    assert loudness.measure(both(sine(1000.0, 20.0, -33.0))) == pytest.approx(-33.0, abs=0.1)
    # The faint part falls under the relative gate.
    assert loudness.measure(np.concatenate([faint, loud, faint])) == pytest.approx(-23.0, abs=0.1)


def test_the_filters_are_those_of_the_table_for_48_khz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudness, "RATE", 48_000)
    (shelf_above, shelf_below), (cut_above, cut_below) = loudness.k_weighting()
    assert shelf_above == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285])
    assert shelf_below == pytest.approx([1.0, -1.69065929318241, 0.73248077421585])
    assert cut_above == pytest.approx([1.0, -2.0, 1.0])
    assert cut_below == pytest.approx([1.0, -1.99004745483398, 0.99007225036621])


def test_silence_has_no_loudness_and_stays_silence() -> None:
    nothing = np.zeros((BLOCK, 2))
    assert loudness.measure(nothing) == -math.inf
    meter = loudness.Meter()
    meter.hear(nothing)
    assert np.array_equal(loudness.levels(meter.energy, nothing), np.ones(BLOCK // HOP + 1))


def test_peaks_between_the_samples_are_seen() -> None:
    # A quarter of the sample rate, its peaks halfway between the samples: 3 dB are missed.
    mono = sine(RATE / 4.0, 0.5, 0.0, math.pi / 4.0)
    inner = mono * np.concatenate([rise(4000), np.ones(len(mono) - 8000), rise(4000)[::-1]])
    assert np.abs(inner).max() == pytest.approx(math.sqrt(0.5), abs=1e-3)
    assert loudness.true_peak(both(inner)) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_the_limiter_never_lets_a_peak_through(seed: int) -> None:
    random = np.random.default_rng(seed)
    peaks = random.exponential(0.4, 3000) ** 2
    turned = loudness.limiter(peaks)
    assert len(turned) == len(peaks) + 1
    ceiling = gain(loudness.CEILING)
    # Within a frame the gain lies between the values at its two ends.
    assert np.all(peaks * np.maximum(turned[:-1], turned[1:]) <= ceiling * (1 + 1e-9))
    assert np.all(turned > 0)
    assert np.all(loudness.limiter(np.full(500, 0.1)) == pytest.approx(1.0))


@pytest.mark.parametrize("level", [-30.0, -10.0, 6.0])
def test_any_level_becomes_the_target(level: float) -> None:
    random = np.random.default_rng(1)
    count = 20 * BLOCK
    sound = both(random.normal(0.0, 0.1, count) * gain(level))
    sound[::9000] *= 6.0  # some sharp peaks
    meter = loudness.Meter()
    for start in range(0, count, BLOCK):
        meter.hear(sound[start : start + BLOCK])
    knots = loudness.levels(meter.energy, sound)
    turned = np.interp(np.arange(count) / HOP, np.arange(len(knots)), knots)
    finished = sound * turned[:, None]
    assert loudness.measure(finished) == pytest.approx(-16.0, abs=0.5)
    assert loudness.true_peak(finished) < gain(-1.0)


def test_convolution_in_blocks_is_convolution() -> None:
    random = np.random.default_rng(2)
    response = random.normal(size=(2, BLOCK + 1234))
    sound = random.normal(size=3 * BLOCK)
    convolver = Convolver(response)
    made = np.concatenate(
        [convolver(sound[None, at : at + BLOCK]) for at in range(0, len(sound), BLOCK)], axis=1
    )
    size = 1 << (len(sound) + response.shape[1]).bit_length()
    for channel in range(2):
        whole = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response[channel], size), size)
        assert made[channel] == pytest.approx(whole[: len(sound)], abs=1e-8)
    with pytest.raises(ValueError, match="block"):
        convolver(np.zeros((1, 5)))


def test_small_things() -> None:
    assert gain(-6.0206) == pytest.approx(0.5, rel=1e-4)
    assert semitones_to_hz(69) == pytest.approx(440.0)
    assert semitones_to_hz(np.array([57, 81])) == pytest.approx([220.0, 880.0])
    assert np.all(np.diff(rise(50)) > 0)
    assert 0.0 < rise(50)[0] < rise(50)[-1] < 1.0
