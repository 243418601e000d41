"""Piper voices: `x.onnx` with `x.onnx.json` beside it, a VITS that reads phonemes or letters.

The starter voice is one too. It reads the phonemes of the studio's own dictionary (`phoneme_type`
misaki) whether espeak-ng is there or not, and has one more input, `pitch`, in semitones.

The layout is that of rhasspy/piper: inputs `input`, `input_lengths`, `scales` (noise, length, noise
of lengths) and, with several speakers, `sid`; every sign has its numbers in `phoneme_id_map`, with
^ before, $ behind and _ between.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.recipe import Job
from studio.engine.audio.speech_models.base import (
    CHARACTERS,
    Manner,
    Told,
    names_by_number,
    number_of,
    read_json,
    unusable,
    whole,
)
from studio.engine.audio.speech_models.seeded import SeededSession
from studio.engine.speech import espeak
from studio.engine.speech.languages import is_english, short
from studio.engine.speech.reading import Alphabet, Reading
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]

BEGIN, END, BETWEEN = "^", "$", "_"
# Signs that stand in for others where a voice does not know those.
_LIKE = {"ɡ": "g", "g": "ɡ", "ɚ": "əɹ", "ɹ": "r", "ɾ": "t", "ɐ": "ə", "ᵻ": "ɪ", "…": ".", "—": ",",
         "“": '"', "”": '"', ";": ",", ":": ","}  # fmt: skip


def config_of(folder: Path) -> Path | None:
    """The settings of the Piper voice in a folder, None where there is none."""
    found = sorted(p for p in folder.glob("*.onnx.json") if p.with_suffix("").is_file())
    return found[0] if found else None


class Piper:
    """A loaded Piper voice."""

    def __init__(self, job: Job, bench: Workbench, brake: Brake, told: Told) -> None:
        """Raises StudioError where the folder is not a whole voice of this kind."""
        folder = job.model
        path = config_of(folder)
        if path is None:
            raise unusable(folder, "there is no .onnx file with its .onnx.json")
        config = read_json(path, folder)
        audio, inference = _part(config, "audio"), _part(config, "inference")
        self.rate = whole(audio.get("sample_rate"), 22_050, 4_000, 192_000, folder, "sample rate")
        speakers = whole(config.get("num_speakers"), 1, 1, 100_000, folder, "number of speakers")
        self._scales = [
            _number(inference, key, default)
            for key, default in (("noise_scale", 0.667), ("length_scale", 1.0), ("noise_w", 0.8))
        ]
        self._ids = _id_map(config.get("phoneme_id_map"), folder)
        kind = config.get("phoneme_type", "espeak")
        self._alphabet: Alphabet | None = kind if kind in ("espeak", "misaki") else None
        voice = _part(config, "espeak").get("voice") or _part(config, "language").get("code")
        self.language = short(str(voice or "en-us"))
        if self._alphabet and not is_english(self.language) and not espeak.present():
            raise espeak.missing(self.language)
        named = names_by_number(config.get("speaker_id_map"))
        self._several = speakers > 1
        if len(named) != speakers:
            named = tuple(str(n) for n in range(speakers)) if self._several else ()
        self.names, self.longest = named, CHARACTERS
        self.brake = brake
        self.notes: set[str] = set()
        self._folder = folder
        self._session = SeededSession(job, bench, path.with_suffix(""), brake)
        wanted = {"input", "input_lengths", "scales"} | ({"sid"} if self._several else set())
        if not wanted <= set(self._session.inputs) <= wanted | {"sid", "pitch"}:
            raise unusable(folder, "its graph has other inputs than a Piper voice")
        self.pitched = "pitch" in self._session.inputs
        self.provider = bench.provider
        told(1, 1)

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        import numpy as np

        speaker = number_of(name, self.names)
        ids = self._numbers(text, reading)
        if not ids:
            return
        noise, length, lengths_noise = self._scales
        scales = [
            noise * manner.liveliness, length / manner.speed, lengths_noise * manner.liveliness
        ]  # fmt: skip
        feed: dict[str, Any] = {
            "input": np.array([ids]),
            "input_lengths": np.array([len(ids)]),
            "scales": np.array(scales),
        }
        if "sid" in self._session.inputs:
            feed["sid"] = np.array([speaker])
        if self.pitched:
            feed["pitch"] = np.array([manner.pitch])
        yield self._session.run(feed, manner.seed)[0].reshape(-1).astype(np.float32)

    def _numbers(self, text: str, reading: Reading) -> list[int]:
        """The ids of a sentence; empty where it holds nothing that the voice knows."""
        if self._alphabet:
            said = reading.phonemes(text, self.language, self._alphabet)
        else:
            said = reading.words(text, self.language).lower()
        ids = [*self._ids[BEGIN], *self._ids.get(BETWEEN, [])]
        known = 0
        for sign in unicodedata.normalize("NFC", said):
            for one in self._like(sign):
                ids += [*self._ids[one], *self._ids.get(BETWEEN, [])]
                known += one.isalpha()
        return [*ids, *self._ids[END]] if known else []

    def _like(self, sign: str) -> str:
        """The sign itself, or those that the voice knows instead; nothing where it knows none."""
        # Decomposed, as voices are taught: marks like the tilde over a vowel have own numbers.
        apart = unicodedata.normalize("NFD", sign)
        if all(c in self._ids for c in apart):
            return apart
        other = sign if sign in self._ids else _LIKE.get(sign, "")
        return other if all(c in self._ids for c in other) else ""


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = config.get(name)
    return part if isinstance(part, dict) else {}


def _number(config: Mapping[str, Any], name: str, default: float) -> float:
    value = config.get(name, default)
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
    return float(value) if good else default


def _id_map(found: object, folder: Path) -> dict[str, list[int]]:
    if not isinstance(found, dict) or not {BEGIN, END} <= set(found):
        raise unusable(folder, "its settings have no phoneme_id_map")
    ids: dict[str, list[int]] = {}
    for sign, numbers in found.items():
        numbers = numbers if isinstance(numbers, list) else [numbers]
        if not all(type(n) is int and 0 <= n < 100_000 for n in numbers):
            raise unusable(folder, "its phoneme_id_map holds something else than numbers")
        ids[sign] = numbers
    return ids
