"""What the shipped voice is worth: understood words, distance from its teacher, speed, edges."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.core.errors import StudioError
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.training.voice_data import Example, VoiceData
from studio.training.voice_export import NAME
from studio.training.voice_features import BANDS, Floats, log_mel
from studio.training.voice_teachers import RATE

CEPSTRA = 24
_EDGE = 0.005
"""Seconds at each end of a sentence that are to be silent."""
_WARPED = 30
"""Sentences of each voice that are compared with their teacher's."""


class Speaker:
    """The voice of a folder, one sentence at a time on one core."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            str(folder / f"{NAME}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._ids: dict[str, list[int]] = json.loads(
            (folder / f"{NAME}.onnx.json").read_text("utf-8")
        )["phoneme_id_map"]
        self._reading = Reading(Pronunciations())

    def say(self, text: str, voice: int, *, speed: float = 1.0, semitones: float = 0.0) -> Floats:
        """A sentence (samples,) at RATE."""
        said = self._reading.phonemes(text, "en-us", "misaki")
        ids = [number for sign in f"^{said}$" for number in self._ids.get(sign, [])]
        feed: dict[str, npt.NDArray[Any]] = {
            "input": np.array([ids]),
            "input_lengths": np.array([len(ids)]),
            "scales": np.array([1.0, 1.0 / speed, 1.0], np.float32),
            "sid": np.array([voice]),
            "pitch": np.array([semitones], np.float32),
        }
        found: Floats = self._session.run(["output"], feed)[0].reshape(-1)
        return found


def words(text: str) -> list[str]:
    """The words of a text as a recognizer writes them."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words that must be put in, left out or changed to get from one to the other."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        new = [number]
        for place, other in enumerate(heard, 1):
            new.append(min(row[place] + 1, new[-1] + 1, row[place - 1] + (word != other)))
        row = new
    return row[-1]


def recognizer() -> Callable[[npt.NDArray[np.int16]], str]:
    """What hears English. Raises StudioError where pocketsphinx is not installed."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise StudioError(
            "The voice is judged by a recognizer that is not installed.", "pip install pocketsphinx"
        ) from error
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    quiet = np.zeros(RATE // 5, np.int16)

    def hear(samples: npt.NDArray[np.int16]) -> str:
        decoder.start_utt()
        decoder.process_raw(np.concatenate([quiet, samples, quiet]).tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return hear


def cepstra(samples: Floats) -> Floats:
    """(frames, CEPSTRA): the mel cepstrum without its first coefficient, in decibels' measure."""
    mel = log_mel(samples)
    angles = math.pi / BANDS * (np.arange(BANDS)[:, None] + 0.5) * np.arange(1, CEPSTRA + 1)
    found: Floats = (mel @ np.cos(angles) * (2.0 / BANDS)).astype(np.float32)
    return found


def distortion(made: Floats, true: Floats) -> float:
    """Mel-cepstral distortion in dB along the best alignment of two sounds (dynamic time
    warping); after Kubichek, "Mel-cepstral distance measure", 1993."""
    a, b = cepstra(made), cepstra(true)
    # The cepstrum of a spectrum in natural logarithms, whence 10 / ln 10 and the root of two.
    cost = (
        10.0
        / math.log(10.0)
        * np.sqrt(np.maximum(0.0, ((a[:, None] - b[None]) ** 2).sum(-1) / 2.0))
    )
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    steps = np.zeros_like(total)
    total[0, 0] = 0.0
    for sum_of in range(2, len(a) + len(b) + 1):  # one diagonal at a time
        i = np.arange(max(1, sum_of - len(b)), min(len(a), sum_of - 1) + 1)
        j = sum_of - i
        ways = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        gone = np.stack([steps[i - 1, j - 1], steps[i - 1, j], steps[i, j - 1]])
        best = ways.argmin(0)
        here = np.arange(len(i))
        total[i, j] = ways[best, here] + cost[i - 1, j - 1]
        steps[i, j] = gone[best, here] + 1
    return float(total[-1, -1] / steps[-1, -1])


def judge(folder: Path, data: VoiceData) -> dict[str, float | str]:
    """The figures of the card."""
    hear = recognizer()
    speaker = Speaker(folder)
    figures: dict[str, float | str] = {}
    seconds = took = first = edge = 0.0
    for voice, name in enumerate(data.names):
        held = [e for e in data.held_out if e.voice == voice]
        wrong = teacher = count = 0
        distances = []
        for number, example in enumerate(held):
            began = time.perf_counter()
            made = speaker.say(example.text, voice)
            here = time.perf_counter() - began
            seconds, took = seconds + len(made) / RATE, took + here
            first = max(first, here)
            ends = round(_EDGE * RATE)
            edge = max(edge, float(np.abs(made[[*range(ends), *range(-ends, 0)]]).max()))
            said = words(example.text)
            count += len(said)
            whole = (np.clip(made, -1.0, 1.0) * 32767).astype(np.int16)
            wrong += errors(said, words(hear(whole)))
            teacher += errors(said, words(hear(example.samples)))
            if number < _WARPED:
                distances.append(distortion(made, taught(example)))
        figures[f"{name}: words misheard of {count}, %"] = 100.0 * wrong / count
        figures[f"{name}: of the synthesizer it learned from, %"] = 100.0 * teacher / count
        figures[f"{name}: mel-cepstral distortion, dB"] = float(np.mean(distances))
    figures["seconds of work for a second of speech, one core"] = took / seconds
    figures["longest wait for a sentence, s"] = first
    figures["loudest at a sentence's edge, dB of full scale"] = 20.0 * math.log10(edge + 1e-9)
    return figures


def taught(example: Example) -> Floats:
    """The teacher's own sound."""
    found: Floats = (example.samples / 32768.0).astype(np.float32)
    return found
