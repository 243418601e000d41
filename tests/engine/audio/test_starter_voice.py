"""The voice that ships: both speakers, its settings, and quiet joins between sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from studio.core.messages import AudioPreview
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import speech
from studio.engine.audio.speech_models import opening
from studio.engine.audio.speech_models.base import Manner
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench
from studio.training import voice_features

STARTER = resources() / "models" / "triptych-voice"
READING = Reading(Pronunciations())
TEXT = "The fox ran home at 5:30. Did she really? “Yes!” he said; it cost $3.50, as usual."


def job_of(folder: Path, **values: Any) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("audio", "audio.speech", STARTER.name, 1, {"prompt": TEXT, **values})
    return Job("job", recipe, folder, STARTER, device=DeviceChoice("cpu", 1), cache=folder)


def heard(folder: Path, **values: Any) -> Any:
    job = job_of(folder, **values)
    steps = list(speech.run(job, Workbench()))
    return steps, soundfile.read(folder / "speech.wav", dtype="float32")[0]


def test_a_woman_and_a_man_speak_as_fast_and_as_high_as_asked(tmp_path: Path) -> None:
    middles = {}
    for name, values in (
        ("clara", {}), ("ruben", {"voice": "ruben"}), ("high", {"pitch": 5.0}),
        ("fast", {"speed": 1.6}), ("even", {"liveliness": 0.0}),
    ):  # fmt: skip
        _, sound = heard(tmp_path / name, **values)
        hertz = voice_features.pitch(sound, 60.0, 400.0)
        hertz = hertz[hertz > 0]
        middles[name] = (float(np.median(hertz)), len(sound), float(np.std(np.log2(hertz))))
    clara, ruben = middles["clara"], middles["ruben"]
    assert 140.0 < clara[0] < 220.0
    assert 70.0 < ruben[0] < 130.0
    assert middles["high"][0] == pytest.approx(clara[0] * 2 ** (5 / 12), rel=0.06)
    assert middles["high"][1] == pytest.approx(clara[1], rel=0.01)
    assert middles["fast"][1] < 0.75 * clara[1]
    assert middles["even"][2] < clara[2]


def test_sentences_begin_and_end_in_silence(tmp_path: Path) -> None:
    voice = opening.load(job_of(tmp_path), Workbench(), lambda part, of: None)
    for name in voice.names:
        for text in ("Hello!", "Is it you?", "He ran, and ran, and fell."):
            (sound,) = voice.speak(text, name, READING, Manner())
            edges = np.abs(np.concatenate([sound[:80], sound[-80:]]))
            assert float(edges.max()) < 0.01 * float(np.abs(sound).max())


def test_it_is_heard_sentence_by_sentence(tmp_path: Path) -> None:
    steps, sound = heard(tmp_path / "all")
    heard_parts = [s for s in steps if isinstance(s, AudioPreview)]
    assert len(heard_parts) >= 3
    assert np.isfinite(sound).all()
    assert float(np.abs(sound).max()) <= 1.0


def test_everything_that_english_is_read_as_has_a_number() -> None:
    known = json.loads((STARTER / "voice.onnx.json").read_text("utf-8"))["phoneme_id_map"]
    texts = [
        "The quick brown fox jumps over lazy dogs; vision, thing, azure, joy, church, thou.",
        "Button, little, bottle, rhythm, hour, fire, poor, beer, bear, bird, photograph, uh-oh.",
        "Zorbified quuxing; naïve café: 3rd of May 1999 – $4.50, 7 kg, 10 % … e.g. Dr. Who!",
    ]
    for text in texts:
        said = READING.phonemes(text, "en-us", "misaki")
        assert {c for c in said if c not in known} <= set('"“”()'), said
