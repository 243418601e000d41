"""The voice's training data: spoken by the synthesizers, measured, kept in parts on disk."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from studio.core.errors import StudioError
from studio.training.voice_features import HOP, Floats, filled, log_mel, pitch
from studio.training.voice_labels import NUMBERS, Labels, known, label
from studio.training.voice_sentences import Sentence, choose
from studio.training.voice_teachers import RATE, Spoken, Teacher

SENTENCES, HELD_OUT = 3_000, 100
"""Each voice has its own; the held-out ones are the same for all."""
PART = 100
"""Sentences of one file."""
LEAD, TAIL = 0.05, 0.10
"""Seconds of silence that are left before and behind a sentence."""


@dataclass(frozen=True)
class Example:
    """One sentence by one voice; everything a frame each but for the symbols."""

    text: str
    voice: int
    symbols: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    """Frames of each symbol."""
    mel: npt.NDArray[np.float16]
    """(frames, bands)"""
    pitch: Floats
    """(frames,) in Hertz, 0 where nothing is voiced."""
    samples: npt.NDArray[np.int16]
    """HOP for each frame"""


@dataclass
class VoiceData:
    """What was made of the text data."""

    names: tuple[str, ...]
    train: list[Example]
    held_out: list[Example]

    def hours(self) -> float:
        """Of the speech that is trained on."""
        return sum(len(e.samples) for e in self.train) / RATE / 3600


def measured(text: str, voice: int, spoken: Spoken, labels: Labels, teacher: Teacher) -> Example:
    """A spoken sentence with its labels, its edges trimmed."""
    ends = np.array(labels.ends)
    begin = max(0.0, ends[0] - LEAD)
    # The last symbols share the closing silence, which is heard in the first of them.
    last = next(i for i in range(len(ends) - 1, -1, -1) if ends[i] < ends[-1])
    ends[last + 1 :] = min(ends[-1], ends[last] + TAIL)
    samples = spoken.samples[round(begin * RATE) : round(ends[-1] * RATE)] * teacher.gain
    count = len(samples) // HOP
    whole = np.clip(samples, -32767, 32767).astype(np.int16)
    heard = (whole / 32768.0).astype(np.float32)
    places = np.minimum(np.round((ends - begin) * RATE / HOP).astype(np.int64), count)
    places[-1] = count
    return Example(
        text,
        voice,
        np.array([NUMBERS[s] for s in labels.symbols]),
        np.diff(places, prepend=0),
        log_mel(heard).astype(np.float16),
        pitch(heard, *teacher.pitch),
        whole[: count * HOP],
    )


def make_part(path: Path, sentences: Sequence[Sentence], voice: int, teacher: Teacher) -> None:
    """Speak and measure some sentences and write them; what does not fit its reading is left
    out."""
    found: list[Example] = []
    for sentence, spoken in zip(sentences, teacher.speak([s.text for s in sentences]), strict=True):
        labels = label(sentence.read, spoken.segments) if known(spoken.segments) else None
        if labels is not None:
            found.append(measured(sentence.text, voice, spoken, labels, teacher))
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        np.savez(
            stream,
            texts=np.array(json.dumps([e.text for e in found])),
            symbol_counts=np.array([len(e.symbols) for e in found]),
            frame_counts=np.array([len(e.mel) for e in found]),
            symbols=np.concatenate([e.symbols for e in found]).astype(np.uint8),
            durations=np.concatenate([e.durations for e in found]).astype(np.uint16),
            mel=np.concatenate([e.mel for e in found]),
            pitch=np.concatenate([e.pitch for e in found]),
            samples=np.concatenate([e.samples for e in found]),
        )
    part.replace(path)


def read_part(path: Path, voice: int) -> Iterator[Example]:
    """The sentences of a file. Raises StudioError where it cannot be read."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        texts = json.loads(str(found["texts"]))
        symbol = frame = 0
        for text, symbols, frames in zip(
            texts, found["symbol_counts"].tolist(), found["frame_counts"].tolist(), strict=True
        ):
            here, now = slice(symbol, symbol + symbols), slice(frame, frame + frames)
            yield Example(
                text,
                voice,
                found["symbols"][here].astype(np.int64),
                found["durations"][here].astype(np.int64),
                found["mel"][now],
                found["pitch"][now],
                found["samples"][frame * HOP : (frame + frames) * HOP],
            )
            symbol, frame = symbol + symbols, frame + frames
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StudioError(
            f"The spoken sentences {path.name} cannot be read.", "Delete the file and train again."
        ) from error


def load(
    data: Path,
    folder: Path,
    teachers: Sequence[Teacher],
    say: Callable[[str], None],
    count: int = SENTENCES,
    held_out: int = HELD_OUT,
) -> VoiceData:
    """Speak what is not yet spoken into `folder`, and read all of it.

    The files there belong to one choice of sentences; a stopped run goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / f"sentences-{count}-{held_out}.json"
    if listed.is_file():
        chosen = [Sentence(*pair) for pair in json.loads(listed.read_text("utf-8"))]
    else:
        say("choosing sentences")
        chosen = choose(data, count * len(teachers) + held_out)
        text = json.dumps([(s.text, s.read) for s in chosen], ensure_ascii=False)
        part = listed.with_name(listed.name + ".part")
        part.write_text(text, "utf-8")
        part.replace(listed)
    made = VoiceData(tuple(t.name for t in teachers), [], [])
    for voice, teacher in enumerate(teachers):
        own = chosen[held_out + voice : held_out + count * len(teachers) : len(teachers)]
        for kind, sentences, into in (
            ("held", chosen[:held_out], made.held_out),
            ("train", own, made.train),
        ):
            for number, some in enumerate(_parts(sentences)):
                path = folder / f"{teacher.name}-{kind}-{count}-{held_out}-{number:03d}.npz"
                if not path.is_file():
                    say(f"{teacher.name} speaks {kind} sentences from {number * PART} on")
                    make_part(path, some, voice, teacher)
                into += read_part(path, voice)
    return made


def contour(example: Example) -> Floats:
    """(frames,): the logarithm of the pitch, through what is not voiced too."""
    return filled(example.pitch)


def _parts(sentences: Sequence[Sentence]) -> Iterator[Sequence[Sentence]]:
    for start in range(0, len(sentences), PART):
        yield sentences[start : start + PART]
