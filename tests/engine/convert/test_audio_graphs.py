"""The graphs of sound models exported ahead of time: nothing is left to export when they run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Convert, Output
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import diffusion, music, speech
from studio.engine.convert import audio_graphs
from studio.engine.workbench import Workbench
from tests.engine import tiny_music, tiny_sound, tiny_speech


def order(folder: Path, cache: Path | None) -> Convert:
    return Convert("order", "audio.graphs", folder, folder, cache=cache)


def kept(cache: Path) -> set[str]:
    return {p.name for p in (cache / "graphs").iterdir()} if cache.exists() else set()


MADE: list[tuple[str, Any, Callable[[Path], Path], set[str]]] = [
    (
        "audio.music",
        music,
        tiny_music.make,
        {
            *("encodec-hear", "encodec-read", "encodec-sound", "encodec-write"),
            *("musicgen-step", "musicgen-words"),
        },
    ),
    (
        "audio.diffusion",
        diffusion,
        tiny_sound.make,
        {"oobleck-decoder", "oobleck-encoder", "stable-audio-transformer", "t5-masked"},
    ),
    (
        "audio.diffusion",
        diffusion,
        lambda folder: tiny_sound.make(folder, "ace"),
        {
            *("ace-step-conditions", "ace-step-transformer", "oobleck-decoder"),
            *("oobleck-encoder", "qwen3-embedding", "qwen3-encoder"),
        },
    ),
    ("audio.speech", speech, tiny_speech.make, {"vits-text", "vits-flow", "vits-sound"}),
    (
        "audio.speech",
        speech,
        tiny_speech.make_speecht5,
        {"speecht5-encoder", "speecht5-decoder", "speecht5-postnet", "hifigan"},
    ),
]


@pytest.mark.parametrize(
    ("family", "module", "make", "names"), MADE, ids=("music", "stable", "ace", "vits", "speecht5")
)
def test_every_graph_of_a_model_is_exported(
    family: str, module: Any, make: Callable[[Path], Path], names: set[str], tmp_path: Path
) -> None:
    folder, cache = make(tmp_path / "model"), tmp_path / "cache"
    news = list(audio_graphs.run(order(folder, cache)))
    fractions = [n.fraction for n in news]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    before = kept(cache)
    assert {n.rpartition("-")[0] for n in before} == names
    # Now the family exports none of its own.
    values: dict[str, Value] = {"prompt": "a", "seconds": 1, "steps": 1}
    known = [c.name for c in module.SPEC.controls]
    recipe = Recipe("audio", family, "tiny", 1, {k: v for k, v in values.items() if k in known})
    (tmp_path / "job").mkdir()
    job = Job("job", recipe, tmp_path / "job", folder, device=DeviceChoice("cpu", 1), cache=cache)
    assert any(isinstance(s, Output) for s in module.run(job, Workbench()))
    assert kept(cache) == before


def test_a_model_that_brings_its_graphs_needs_none(tmp_path: Path) -> None:
    exported = tiny_sound.make_exported(tmp_path / "sound")
    script = tiny_music.make_script(tmp_path / "music")
    for folder in (exported, script):
        assert not audio_graphs.architectures_of(folder)
        assert list(audio_graphs.run(order(folder, tmp_path / "cache")))[-1].fraction == 1.0


def test_closing_at_any_yield_leaves_no_half_of_a_graph(tmp_path: Path) -> None:
    folder = tiny_music.make(tmp_path / "model")
    before = set(threading.enumerate())
    for stop in range(1, 12):
        cache = tmp_path / f"cache{stop}"
        news = audio_graphs.run(order(folder, cache))
        for _, _ in zip(range(stop), news, strict=False):
            pass
        news.close()  # type: ignore[attr-defined]  # a generator
        assert not [n for n in kept(cache) if "part" in n]
        assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("config.json", {"model_type": "bert"}, "of a kind"),
        ("config.json", {"model_type": "musicgen", "decoder": 1}, r"config\.json"),
        ("model_index.json", {"_class_name": "ShapEPipeline"}, "of a kind"),
        ("model_index.json", {"_class_name": "StableAudioPipeline"}, "is missing"),
    ],
)
def test_what_cannot_be_run_is_told(file: str, data: object, said: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(json.dumps(data), "utf-8")
    with pytest.raises(StudioError, match=said):
        list(audio_graphs.run(order(tmp_path, tmp_path / "cache")))
