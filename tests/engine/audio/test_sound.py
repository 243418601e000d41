"""How the instruments sound, as far as numbers can tell: in tune, without clicks, evenly loud."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from studio.core.abc import Tempo, parse
from studio.core.score import perform
from studio.engine.audio import loudness
from studio.engine.audio.accompany import melody
from studio.engine.audio.arrange import Arrangement, arrange
from studio.engine.audio.drums import Drums
from studio.engine.audio.instruments import INSTRUMENTS, MELODY
from studio.engine.audio.mixer import TAIL, Mixer, Part, Sounding, peaks, to_wav
from studio.engine.audio.performer import Clock, octaves
from studio.engine.audio.plan import Plan
from studio.engine.audio.signal import BLOCK, HOP, RATE, Floats, gain, semitones_to_hz
from studio.engine.audio.strings import Notes, Strings, damped, pluck
from studio.engine.audio.voices import Singer, Voice
from tests.core.test_abc import AULD_LANG_SYNE, DROWSY_MAGGIE, KESH

EACH = pytest.mark.parametrize("name", MELODY)


def alone(name: str, midi: int, seconds: float = 1.5, velocity: float = 0.75) -> Floats:
    """One long note without room and final level."""
    model = INSTRUMENTS[name].model
    assert not isinstance(model, Drums)
    if isinstance(model, Strings):
        return Notes(model).touch(midi, velocity, seconds)
    note = Sounding(0.0, seconds, midi, velocity)
    singer = Singer(model, [note], seconds + 0.5, np.random.Generator(np.random.PCG64(1)))
    return singer.sing(0, int((seconds + 0.3) * RATE) // HOP * HOP)


def partial(sound: Floats, low: float, high: float) -> tuple[float, float]:
    """Frequency and level of the strongest partial between two frequencies."""
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    hertz = np.fft.rfftfreq(size, 1.0 / RATE)
    inside = np.flatnonzero((hertz > low) & (hertz < high))
    best = inside[np.argmax(spectrum[inside])]
    return float(hertz[best]), float(spectrum[best])


def plan_for(text: str, name: str, accompaniment: str = "full", times: int = 1) -> Plan:
    tune = parse(text)
    return Plan(
        kind=tune.rhythm or "tune",
        metre=tune.metre,
        unit=tune.unit,
        key=tune.key,
        tempo=tune.tempo or Tempo(tune.metre.beat, 112.0),
        bars=0,
        times=times,
        instrument=name,
        accompaniment=accompaniment,
    )


def arranged(text: str, name: str, accompaniment: str = "full") -> Arrangement:
    return arrange(parse(text), plan_for(text, name, accompaniment), 5)


@EACH
@pytest.mark.parametrize("midi", [62, 74, 81])
def test_notes_are_in_tune(name: str, midi: int) -> None:
    wanted = float(semitones_to_hz(midi))
    found, _ = partial(alone(name, midi), wanted * 0.94, wanted * 1.06)
    assert abs(1200.0 * np.log2(found / wanted)) < 15.0, "cents"


@EACH
def test_one_note_alone_has_no_click(name: str) -> None:
    for midi in (60, 76, 88):
        sound = alone(name, midi, 0.4)
        assert np.all(np.isfinite(sound))
        assert abs(float(sound[0])) < 0.003
        assert abs(float(sound[-1])) < 0.003
        # From one sample to the next a wave can move by 2·π·f/rate of its height, and its
        # partials by as much again; a click moves by the height itself.
        assert np.abs(np.diff(sound)).max() < 0.6 * np.abs(sound).max()


@EACH
def test_played_harder_it_is_louder_and_brighter(name: str) -> None:
    def centroid(sound: Floats) -> float:
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float(np.sum(power * np.fft.rfftfreq(len(sound), 1 / RATE)) / np.sum(power))

    soft, hard = alone(name, 72, 1.0, 0.35), alone(name, 72, 1.0, 0.95)
    assert np.sqrt(np.mean(hard**2)) > 1.5 * np.sqrt(np.mean(soft**2))
    if name != "music box":  # whose teeth are plucked by pins that know no touch
        assert centroid(hard) > centroid(soft)


def test_damped_partials_are_what_the_formula_says() -> None:
    frequency, rate, level = np.array([440.0, 1000.0]), np.array([3.0, 8.0]), np.array([1.0, 0.5])
    made = damped(frequency, rate, level, 0.5)
    times = np.arange(len(made)) / RATE
    expected = sum(
        a * np.exp(-r * times) * np.sin(2 * np.pi * f * times)
        for f, r, a in zip(frequency, rate, level, strict=True)
    )
    assert made == pytest.approx(expected, abs=1e-9)


def test_strings_ring_as_long_as_they_are_said_to() -> None:
    model = Strings(place=0.2, ring=1.0, ring_slope=0.0, damping=0.0)
    sound = pluck(model, 57, True)
    early = float(np.sqrt(np.mean(sound[2000:6000] ** 2)))
    late = float(np.sqrt(np.mean(sound[2000 + RATE // 2 : 6000 + RATE // 2] ** 2)))
    assert 20 * np.log10(early / late) == pytest.approx(30.0, abs=1.5)


def test_a_voice_in_pieces_is_the_voice_in_one() -> None:
    model = INSTRUMENTS["fiddle"].model
    assert isinstance(model, Voice)
    notes = [Sounding(0.05, 0.5, 69, 0.7), Sounding(0.5, 1.0, 71, 0.7, slurred=True)]
    whole, pieces = (
        Singer(model, notes, 2.0, np.random.Generator(np.random.PCG64(3))) for _ in range(2)
    )
    one = whole.sing(0, 4 * BLOCK)
    two = np.concatenate([pieces.sing(at * BLOCK, BLOCK) for at in range(4)])
    assert two == pytest.approx(one, abs=1e-9)


def test_a_slur_glides_and_a_new_attack_does_not() -> None:
    model = INSTRUMENTS["fiddle"].model
    assert isinstance(model, Voice)

    def dip(slurred: bool) -> float:
        notes = [Sounding(0.0, 0.5, 69, 0.7), Sounding(0.5, 1.0, 76, 0.7, slurred=slurred)]
        singer = Singer(model, notes, 1.5, np.random.Generator(np.random.PCG64(3)))
        sound = np.abs(singer.sing(0, RATE // HOP * HOP))
        middle = int(0.5 * RATE)
        return float(sound[middle - 300 : middle + 300].max() / sound[5000:20000].max())

    assert dip(True) > 2.0 * dip(False)


@EACH
def test_a_whole_tune_meets_the_level(name: str) -> None:
    mixer = Mixer(arranged(KESH, name).parts, 5)
    blocks = list(mixer)
    samples = mixer.finish()
    assert len(blocks) == mixer.blocks
    assert all(block.shape == (BLOCK, 2) and np.all(np.isfinite(block)) for block in blocks)
    assert len(samples) == pytest.approx(mixer.seconds * RATE, abs=1)
    sound = samples / 32768.0
    assert loudness.measure(sound) == pytest.approx(-16.0, abs=0.5)
    assert loudness.true_peak(sound) < gain(-1.0)
    assert np.abs(np.mean(sound)) < 1e-3
    assert np.abs(np.diff(sound, axis=0)).max() < 0.35
    # It begins and ends in silence, and both sides are heard.
    assert np.abs(sound[: RATE // 50]).max() < 1e-3
    assert np.abs(sound[-100:]).max() < 2e-4
    left, right = np.sqrt(np.mean(sound**2, axis=0))
    assert 0.5 < left / right < 2.0


def test_sound_is_decided_by_the_seed_alone() -> None:
    short = AULD_LANG_SYNE[: AULD_LANG_SYNE.index("|d3")] + "|]"
    parts = arranged(short, "harp").parts
    made = []
    for seed in (5, 5, 6):
        mixer = Mixer(parts, seed)
        for _ in mixer:
            pass
        made.append(mixer.finish().tobytes())
    assert made[0] == made[1]
    flute = []
    for seed in (5, 6):
        mixer = Mixer(arranged(short, "flute", "none").parts, seed)
        for _ in mixer:
            pass
        flute.append(mixer.finish().tobytes())
    assert flute[0] != flute[1], "vibrato is drawn from the seed"


def test_the_accompaniment_stays_behind_the_tune() -> None:
    parts = arranged(DROWSY_MAGGIE, "fiddle").parts
    assert [part.instrument for part in parts] == ["fiddle", "guitar", "bass"]
    heard = []
    for some in (parts[:1], parts[1:]):
        mixer = Mixer(some, 1)
        meter = loudness.Meter()
        for block in mixer:
            meter.hear(block)
        heard.append(loudness.integrated(meter.energy))
    assert 2.0 < heard[0] - heard[1] < 12.0, "dB"


def test_nothing_to_play_is_silence() -> None:
    mixer = Mixer([Part("flute", ())], 1)
    for _ in mixer:
        pass
    samples = mixer.finish()
    assert mixer.seconds == TAIL
    assert not samples.any()


def test_the_wave_file_opens() -> None:
    samples = np.array([[0, 1], [-32768, 32767], [5, -5]], dtype=np.int16)
    with wave.open(io.BytesIO(to_wav(samples))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        read = np.frombuffer(file.readframes(3), dtype="<i2").reshape(-1, 2)
    assert np.array_equal(read, samples)


def test_peaks() -> None:
    sound = np.zeros((1000, 2))
    sound[500, 1] = -0.5
    sound[999, 0] = 2.0
    assert peaks(sound, 10, 1.0) == bytes([0, 0, 0, 0, 0, 128, 0, 0, 0, 255])
    assert len(peaks(np.zeros((3, 2)), 200, 1.0)) == 200


def test_the_clock() -> None:
    straight = Clock(quarter=0.5, length=32.0, bar=4.0, pickup=0.0, step=0.5)
    times = [straight(Fraction(n, 2)) for n in range(65)]
    assert np.diff(times[:56]) == pytest.approx(0.25)
    assert all(a < b for a, b in pairwise(times))
    assert np.diff(times)[-1] > 0.26, "the last bar slows down"
    swung = Clock(quarter=0.5, length=320.0, bar=4.0, pickup=0.5, step=0.5, lilt=(1.2, 0.8))
    at = [swung(Fraction(n, 2)) for n in range(12)]
    assert np.diff(at)[1::2] == pytest.approx(0.3)
    assert np.diff(at)[2::2] == pytest.approx(0.2)


@EACH
def test_a_tune_is_moved_by_octaves_into_reach(name: str) -> None:
    hits = melody(perform(parse(KESH)))
    shift = octaves(name, hits)
    assert shift % 12 == 0
    pitches = [p + shift for hit in hits for p in hit.pitches]
    assert INSTRUMENTS[name].low <= min(pitches)
    assert max(pitches) <= INSTRUMENTS[name].high
