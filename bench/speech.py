"""Seconds of computing for a second of speech: our engine against transformers on torch.

VITS at the published size of MMS-TTS (36 million parameters) with random weights, one thread each:
the same letters and the same lengths, so that both make the same sound.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench import report
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

LETTERS = "_abcdefghijklmnopqrstuvwxyz '-–"
TEXT = "The quick brown fox jumps over the lazy dog and runs away into the deep dark forest."
FRAMES = 4.0
"""Of one letter, blanks between them counted: about as fast as people speak."""


def make(folder: Path) -> Path:
    """A voice in transformers' layout."""
    import torch
    from transformers import VitsConfig, VitsModel

    torch.manual_seed(0)
    model: Any = VitsModel(VitsConfig()).eval()
    model.save_pretrained(folder)
    vocabulary = {c: n for n, c in enumerate(LETTERS)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    settings = {"language": "eng", "phonemize": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def main() -> None:
    import torch
    from transformers import VitsModel

    from studio.engine.audio.speech_models import opening, vits
    from studio.engine.audio.speech_models.base import Manner
    from studio.engine.speech.own import Pronunciations
    from studio.engine.speech.reading import Reading

    torch.set_num_threads(1)
    reading = Reading(Pronunciations())
    with tempfile.TemporaryDirectory() as name:
        folder = make(Path(name) / "voice")
        recipe = Recipe("audio", "audio.speech", "voice", 1)
        job = Job(
            "bench", recipe, Path(name), folder, device=DeviceChoice("cpu", 1),
            cache=Path(name) / "cache",
        )  # fmt: skip
        start = time.perf_counter()
        opening.load(job, Workbench(), lambda part, of: None)
        exported = time.perf_counter() - start
        start = time.perf_counter()
        voice: Any = opening.load(job, Workbench(), lambda part, of: None)
        loaded = time.perf_counter() - start
        ids = torch.tensor([voice._letters.ids(TEXT, reading)])
        frames = round(ids.shape[1] * FRAMES)
        model: Any = VitsModel.from_pretrained(folder).eval()

        def lengths(logarithms: Any, scale: float) -> Any:
            return np.full(ids.shape[1], round(FRAMES), np.int64)

        def ours() -> float:
            begin, first = time.perf_counter(), 0.0
            for piece in voice.speak(TEXT, "", reading, Manner()):
                first = first or time.perf_counter() - begin
                assert np.isfinite(piece).all()
            return first

        def even(states: Any, *rest: Any, **named: Any) -> Any:
            predictor(states, *rest, **named)
            return torch.full((1, 1, states.shape[2]), float(np.log(FRAMES - 0.5)))

        predictor = model.duration_predictor.forward

        def theirs() -> None:
            with torch.inference_mode():
                made = model(ids).waveform
            assert made.shape[1] == frames * 256

        # Random weights would make each letter of some other length: both take the same one, after
        # computing what they would have taken.
        with (
            mock.patch.object(vits, "durations", lengths),
            mock.patch.object(model.duration_predictor, "forward", even),
        ):
            ours()
            theirs()
            ratios = [(report.best(ours, 1), report.best(theirs, 1)) for _ in range(4)]
            first = min(ours() for _ in range(3))
    seconds = frames * 256 / voice.rate
    mine, peer = (min(r[n] for r in ratios) for n in (0, 1))
    name = "transformers torch float32"
    what = f"speech: VITS 36M, {seconds:.1f} s of sound"
    report.duration(what, mine, {name: peer}, {name: 1 / 0.85})
    print(f"{'speech: real-time factor':<44} {mine / seconds:10.4f}")
    print(f"{'speech: the first sound of a sentence':<44} {first:10.4f} s")
    print(f"{'speech: loading, the graphs exported':<44} {exported:10.4f} s")
    print(f"{'speech: loading after that':<44} {loaded:10.4f} s")


if __name__ == "__main__":
    main()
