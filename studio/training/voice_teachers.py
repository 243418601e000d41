"""The synthesizers that the voice learns from: sentences spoken by them, with the time of every
phoneme.

Both are built on recordings that Carnegie Mellon University shares for any use (CMU ARCTIC): flite
through its C library, Festival with an HTS voice through its command line.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from studio.core.errors import StudioError

RATE = 16_000
PAUSE = "pau"
_ITEM = "R:SylStructure.parent"
_WORD = f"{_ITEM}.parent"


@dataclass(frozen=True)
class Segment:
    """One phoneme as it was spoken."""

    phone: str
    """In the notation of CMUdict, lower case; `pau` is silence."""
    end: float
    """Seconds from the beginning of the sound."""
    stress: bool
    word: int
    """Which word it belongs to, from 0; -1 for silence."""


@dataclass(frozen=True)
class Spoken:
    """One sentence as a synthesizer says it."""

    samples: npt.NDArray[np.int16]
    segments: tuple[Segment, ...]


class Teacher(Protocol):
    """A synthesizer with one voice."""

    name: str
    """What the voice is called by those who choose it."""
    pitch: tuple[float, float]
    """Hertz between which the voice speaks."""
    gain: float
    """What brings its sound to the common loudness."""

    def speak(self, sentences: Sequence[str]) -> Iterator[Spoken]:
        """Every sentence in its turn. Raises StudioError where the synthesizer fails."""
        ...


class _Wave(ctypes.Structure):
    """flite's cst_wave."""

    _fields_ = (
        ("type", ctypes.c_char_p), ("sample_rate", ctypes.c_int), ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int), ("samples", ctypes.POINTER(ctypes.c_short)),
    )  # fmt: skip


class Flite:
    """A voice of flite (a statistical one), in this process."""

    def __init__(self, name: str, voice: str, pitch: tuple[float, float], gain: float) -> None:
        """Raises StudioError where the library or the voice is not installed."""
        self.name, self.pitch, self.gain = name, pitch, gain
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        try:
            for part in ("flite", "flite_usenglish", "flite_cmulex"):
                ctypes.CDLL(_library(part), mode=ctypes.RTLD_GLOBAL)
            flite = ctypes.CDLL(_library("flite"))
            register = getattr(ctypes.CDLL(_library(f"flite_{voice}")), f"register_{voice}")
        except (OSError, AttributeError) as error:
            raise _missing("flite") from error
        for function, result, arguments in (
            ("flite_synth_text", pointer, [text, pointer]),
            ("utt_relation", pointer, [pointer, text]),
            ("utt_wave", ctypes.POINTER(_Wave), [pointer]),
            ("relation_head", pointer, [pointer]),
            ("item_next", pointer, [pointer]),
            ("item_as", pointer, [pointer, text]),
            ("item_parent", pointer, [pointer]),
            ("item_feat_float", ctypes.c_float, [pointer, text]),
            ("flite_ffeature_string", text, [pointer, text]),
            ("delete_utterance", None, [pointer]),
        ):
            found = getattr(flite, function)
            found.restype, found.argtypes = result, arguments
        register.restype, register.argtypes = pointer, [text]
        flite.flite_init()
        self._flite, self._voice = flite, register(None)

    def speak(self, sentences: Sequence[str]) -> Iterator[Spoken]:
        for sentence in sentences:
            utterance = self._flite.flite_synth_text(sentence.encode("ascii"), self._voice)
            if not utterance:
                raise StudioError(f"flite could not say “{sentence[:40]}”.", "Leave it out.")
            sound = self._flite.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(sound.samples, (sound.num_samples,)).copy()
            segments = tuple(self._segments(utterance))
            self._flite.delete_utterance(utterance)
            yield Spoken(samples, segments)

    def _segments(self, utterance: int) -> Iterator[Segment]:
        words: dict[int, int] = {}
        item = self._flite.relation_head(self._flite.utt_relation(utterance, b"Segment"))
        while item:
            said = self._flite.item_as(item, b"SylStructure")
            word = -1
            if said:
                place = self._flite.item_parent(self._flite.item_parent(said))
                word = words.setdefault(place, len(words))
            yield Segment(
                self._flite.flite_ffeature_string(item, b"name").decode(),
                float(self._flite.item_feat_float(item, b"end")),
                self._flite.flite_ffeature_string(item, f"{_ITEM}.stress".encode()) == b"1",
                word,
            )
            item = self._flite.item_next(item)


class Festival:
    """A voice of Festival, spoken by its command in batches."""

    BATCH = 100

    def __init__(self, name: str, voice: str, pitch: tuple[float, float], gain: float) -> None:
        """Raises StudioError where Festival or the voice is not installed."""
        self.name, self.pitch, self.gain, self._voice = name, pitch, gain, voice
        command = shutil.which("festival")
        if command is None:
            raise _missing("festival")
        self._command = command

    def speak(self, sentences: Sequence[str]) -> Iterator[Spoken]:
        for start in range(0, len(sentences), self.BATCH):
            with tempfile.TemporaryDirectory() as folder:
                yield from self._batch(Path(folder), sentences[start : start + self.BATCH])

    def _batch(self, folder: Path, sentences: Sequence[str]) -> Iterator[Spoken]:
        features = " ".join(
            f'(item.feat s "{feature}")'
            for feature in ("name", "end", f"{_ITEM}.stress", f"{_WORD}.id")
        )
        lines = [f"(voice_{self._voice})"]
        for number, sentence in enumerate(sentences):
            quoted = sentence.replace("\\", "").replace('"', '\\"')
            lines += [
                f'(set! u (SynthText "{quoted}"))',
                f"(utt.wave.resample u {RATE})",
                f'(utt.save.wave u "{(folder / f"{number}.wav").as_posix()}")',
                f'(set! f (fopen "{(folder / f"{number}.txt").as_posix()}" "w"))',
                f'(mapcar (lambda (s) (format f "%s %f %s %s\\n" {features}))'
                " (utt.relation.items u 'Segment))",
                "(fclose f)",
            ]
        script = folder / "batch.scm"
        script.write_text("\n".join(lines) + "\n", "ascii")
        done = subprocess.run(
            [self._command, "-b", str(script)], capture_output=True, text=True, check=False
        )
        for number, sentence in enumerate(sentences):
            sound = folder / f"{number}.wav"
            if not sound.is_file():
                raise StudioError(
                    f"Festival could not say “{sentence[:40]}”: {done.stderr.strip()[:200]}",
                    "Install festvox-us-slt-hts, or leave the sentence out.",
                )
            with wave.open(str(sound)) as stream:
                samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2")
            segments = parse_segments((folder / f"{number}.txt").read_text("ascii"))
            yield Spoken(samples.astype(np.int16), segments)


def parse_segments(text: str) -> tuple[Segment, ...]:
    """Segments of lines `phone end stress word`, where a word is named by anything but `0`."""
    words: dict[str, int] = {}
    found = []
    for line in text.splitlines():
        phone, end, stress, word = line.split()
        number = -1 if word == "0" else words.setdefault(word, len(words))
        found.append(Segment(phone, float(end), stress == "1", number))
    return tuple(found)


def teachers() -> tuple[Teacher, ...]:
    """The voices that are learned, in the order of their numbers. Raises StudioError where a
    synthesizer is missing."""
    return (
        Festival("clara", "cmu_us_slt_arctic_hts", (110.0, 330.0), 1.2),
        Flite("ruben", "cmu_us_rms", (50.0, 220.0), 0.8),
    )


def _library(name: str) -> str:
    return ctypes.util.find_library(name) or f"lib{name}.so.1"


def _missing(name: str) -> StudioError:
    return StudioError(
        f"The synthesizer {name} is not installed, which the voice learns from.",
        "On Debian: apt install flite festival festvox-us-slt-hts",
    )
