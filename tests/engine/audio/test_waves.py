"""Sounds of any rate: read, resampled, levelled, written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine.audio import loudness, waves


def sine(rate: int, seconds: float, hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)[:, None]


@pytest.mark.parametrize(
    ("rate", "wanted"), [(44_100, 32_000), (32_000, 44_100), (22_050, 32_000), (48_000, 8_000)]
)
def test_a_tone_stays_the_same_tone(rate: int, wanted: int) -> None:
    made = waves.resample(sine(rate, 1.0, 440.0), rate, wanted)
    assert len(made) == wanted
    middle = slice(wanted // 10, -wanted // 10)
    assert np.abs(made - sine(wanted, 1.0, 440.0))[middle].max() < 1e-4


def test_what_the_new_rate_cannot_hold_is_taken_away() -> None:
    made = waves.resample(sine(44_100, 1.0, 10_000.0), 44_100, 16_000)
    assert np.abs(made[1_000:-1_000]).max() < 1e-4


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(1_000, 100_000), st.integers(1_000, 100_000))
def test_any_rates_give_the_right_length(length: int, rate: int, wanted: int) -> None:
    made = waves.resample(np.ones((length, 1)), rate, wanted)
    assert len(made) == -(-length * wanted // rate)
    assert np.isfinite(made).all()


def test_channels_are_mixed_or_repeated() -> None:
    two = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    assert waves.channels(two, 1).tolist() == [[0.5], [0.5]]
    assert waves.channels(two[:, :1], 2).tolist() == [[1.0, 1.0], [0.5, 0.5]]
    assert waves.channels(two, 2) is two
    assert waves.channels(np.ones((3, 6), np.float32), 2).shape == (3, 2)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("level", [0.003, 3.0])
def test_the_finished_sound_is_as_loud_as_all_others(count: int, level: float) -> None:
    random = np.random.default_rng(1)
    noise = (random.normal(0, level, (3 * 32_000, count))).astype(np.float32)
    made = waves.finish(noise, 32_000)
    assert made.shape == noise.shape
    whole = waves.channels(np.asarray(made / 32767, dtype=np.float32), 2)
    heard = waves.resample(whole, 32_000, 44_100).astype(np.float64)
    assert abs(loudness.measure(heard) - loudness.TARGET) < 0.3
    assert loudness.true_peak(whole.astype(np.float64)) < 1.0


def test_silence_stays_silence_and_no_sound_is_told() -> None:
    assert not waves.finish(np.zeros((1_000, 1), np.float32), 8_000).any()
    with pytest.raises(StudioError, match="out of bounds"):
        waves.finish(np.full((1_000, 1), np.nan, np.float32), 8_000)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_files_are_read_by_their_content(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.bin"
    tone = 0.5 * np.repeat(sine(16_000, 1.0, 440.0), 2, axis=1)
    with path.open("wb") as file:
        soundfile.write(file, tone, 16_000, format=kind)
    samples, rate = waves.read(path)
    assert (rate, samples.shape[1]) == (16_000, 2)
    assert abs(len(samples) - 16_000) < 3_000  # MP3 fills up its frames
    assert 0.3 < np.abs(samples[4_000:12_000]).max() < 0.7
    end, _ = waves.read(path, last=0.25)
    assert len(end) == 4_000


def test_a_wave_file_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "made.wav"
    samples = np.arange(-5, 5, dtype=np.int16).reshape(5, 2)
    path.write_bytes(waves.to_wav(samples, 48_000))
    back, rate = soundfile.read(path, dtype="int16")
    assert rate == 48_000
    assert (back == samples).all()
