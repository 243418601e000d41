"""Drums: grooves that were learned, strokes that sound, and a drummer who keeps to the bar."""

from __future__ import annotations

import io
from fractions import Fraction
from random import Random

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from studio.core.abc import parse
from studio.core.rhythm import DRUMS, NOTES, learn
from studio.core.score import perform
from studio.engine.audio import drums
from studio.engine.audio.arrange import arrange, midi
from studio.engine.audio.mixer import Mixer
from studio.engine.audio.signal import RATE
from studio.training.drums import Played, cut, grooves
from tests.core.test_abc import AULD_LANG_SYNE, BUTTERFLY, DROWSY_MAGGIE, GREENSLEEVES, KESH
from tests.engine.audio.test_sound import plan_for

TUNES = {
    "reel": DROWSY_MAGGIE, "jig": KESH, "slip jig": BUTTERFLY, "air": GREENSLEEVES,
    "tune": AULD_LANG_SYNE,
}  # fmt: skip


@pytest.mark.parametrize("name", DRUMS)
def test_each_drum_sounds_as_it_should_and_without_a_click(name: str) -> None:
    sound = drums.stroke(NOTES[name])
    assert np.abs(sound).max() == pytest.approx(0.35)
    assert abs(sound[0]) < 0.01
    assert abs(sound[-1]) < 0.002
    power = np.abs(np.fft.rfft(sound)) ** 2
    middle = float(np.sum(power * np.fft.rfftfreq(len(sound), 1 / RATE)) / np.sum(power))
    low, high = {
        "kick": (40, 200), "tom": (90, 400), "snare": (300, 6000), "side": (500, 3000),
        "hat": (5000, 14000), "open": (5000, 14000), "ride": (1500, 10000),
    }[name]  # fmt: skip
    assert low < middle < high


@pytest.mark.parametrize("kind", TUNES)
def test_the_drummer_keeps_to_the_bars_and_repeats_with_the_seed(kind: str) -> None:
    played = perform(parse(TUNES[kind]))
    hits = drums.drum(played, kind, 3)
    assert hits == drums.drum(played, kind, 3)
    assert hits != drums.drum(played, kind, 4)
    step = played.metre.beat / (6 if played.metre.compound else 4)
    full = [m for m in played.measures if not m.offset and m.length == played.metre.quarters]
    for hit in hits:
        inside = [m for m in full if m.onset - step / 2 <= hit.onset < m.onset + m.length]
        assert inside, "nothing is struck in a pickup"
        place = (hit.onset - inside[-1].onset) / step
        assert abs(place - round(place)) <= Fraction(13, 100)
        assert 0 < hit.velocity <= 1
    # Every bar begins with a stroke more often than not, and no bar is left out for long.
    begun = sum(any(abs(h.onset - m.onset) < step / 2 for h in hits) for m in full)
    assert begun > 0.6 * len(full)


@pytest.mark.parametrize("kind", [*TUNES, "waltz"])
def test_the_drummer_is_heard_under_every_tune(kind: str) -> None:
    text = "X:1\nR:waltz\nM:3/4\nL:1/8\nK:G\n" + "G2 B2 d2|g4 d2|e2 d2 B2|A6|" * 4
    hits = drums.drum(perform(parse(TUNES.get(kind, text))), kind, 3)
    assert 0.45 < sum(hit.velocity for hit in hits) / len(hits) < 0.75


def test_metal_is_played_softer_than_skin() -> None:
    kit = drums.Kit(drums.Drums())
    loud = {name: np.abs(kit.touch(NOTES[name], 1.0, 1.0)).max() for name in DRUMS}
    assert loud["kick"] == loud["snare"] == pytest.approx(0.35)
    assert loud["ride"] < loud["hat"] < loud["snare"]


def test_with_a_band_there_are_drums_on_their_own_channel_and_in_the_sound() -> None:
    tune = parse(KESH)
    plan = plan_for(KESH, "flute", "band")
    band, full = arrange(tune, plan, 5), arrange(tune, plan_for(KESH, "flute", "full"), 5)
    assert [t.name for t in band.tracks][-1] == "Drums"
    assert [t.hits for t in band.tracks[:-1]] == [t.hits for t in full.tracks]
    file = mido.MidiFile(file=io.BytesIO(midi(band, tune, plan)))
    channels = {m.channel for t in file.tracks for m in t if m.type == "note_on"}
    assert channels == {0, 1, 2, 9}
    struck = {m.note for m in file.tracks[-1] if m.type == "note_on"}
    assert struck <= set(NOTES.values())
    levels = []
    for part in band.parts:
        sound = np.concatenate(list(Mixer([part], 5)))
        levels.append(10 * np.log10(np.mean(sound**2)))
    # The drums are heard, and the tune is heard above them.
    assert levels[0] - 22 < levels[-1] < levels[0] - 6


def test_what_is_learned_is_what_was_played() -> None:
    steady = {(0, "kick"): 0.9, (8, "snare"): 0.7, (4, "hat"): 0.5}
    groove = learn([[steady] * 40], 16, {(8, "snare"): [0.1] * 40})
    drawn = groove.bar(Random(1), steady, 3.0)
    assert set(drawn) == set(steady)
    assert drawn[0, "kick"] == pytest.approx(0.9, abs=0.02)
    assert groove.late["snare"][8] == pytest.approx(0.1, abs=0.02)
    other = {(2, "tom"): 0.5}
    assert groove.log_likelihood(steady, steady) > groove.log_likelihood(other, steady)


@given(st.integers(0, 10**6))
def test_shipped_grooves_have_a_pulse(seed: int) -> None:
    for name, groove in drums.grooves().items():
        if name.startswith("fill"):
            continue
        chance = Random(seed)
        bars = [groove.bar(chance, None, drums.SHARPNESS) for _ in range(4)]
        assert any(bars), name  # one may rest now and then
        assert all(0 <= step < groove.steps for bar in bars for step, _ in bar)
        assert all(0.0 < chance < 1.0 for row in groove.strike["kick"] for chance in row)


def test_recordings_are_cut_into_bars_on_the_grid() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for key, wait in ((36, 0), (42, 130), (38, 350), (36, 1440), (99, 10)):
        track.append(mido.Message("note_on", note=key, velocity=64, channel=9, time=wait))
    data = io.BytesIO()
    file.save(file=data)
    played = Played("straight", "4-4", "beat", "train")
    cut(played, data.getvalue())
    assert [sorted(bar) for bar in played.bars] == [
        [(0, "kick"), (1, "hat"), (4, "snare")], [(0, "kick")],
    ]  # fmt: skip
    late = {(step, drum): by for step, drum, by in played.late}
    assert late[1, "hat"] == pytest.approx(10 / 120)
    found, _ = grooves([played] * 4)
    assert set(found) == {"4-4 straight"}


def test_a_stroke_ends_in_silence_in_the_whole_mix() -> None:
    arrangement = arrange(parse(KESH), plan_for(KESH, "flute", "band"), 5)
    mixer = Mixer(arrangement.parts, 5)
    for _ in mixer:
        pass
    samples = mixer.finish()
    data = io.BytesIO()
    soundfile.write(data, samples, RATE, format="WAV")
    assert np.abs(samples[-100:]).max() < 40
    assert np.abs(samples).max() < 32767
