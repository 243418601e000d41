"""What crosses the pipe between the program and an engine process: plain data, pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.core.controls import Value
from studio.core.family import FamilySpec, Kind, Unavailable
from studio.core.recipe import DeviceChoice, Job, Recipe


@dataclass(frozen=True, slots=True)
class Run:
    """Do this job; a lane does one at a time."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this job at its next step."""

    job: str


@dataclass(frozen=True, slots=True)
class Unload:
    """Let go of every model that is kept loaded."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Try every provider for real, and say what was found."""


@dataclass(frozen=True, slots=True)
class Convert:
    """Make what somebody brought into a model that can be run: reported and cancelled like a job.

    `folder` is the new model's folder, not yet under its final name; the files that are taken as
    they are lie in it already.
    """

    id: str
    converter: str
    """An id of `studio.engine.convert.registry.CONVERTERS`."""
    folder: Path
    source: Path
    """What the person gave: a folder or a file."""
    options: Mapping[str, Value] = field(default_factory=dict)
    device: DeviceChoice = field(default_factory=DeviceChoice)
    cache: Path | None = None


Order = Run | Cancel | Unload | Probe | Convert


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """The truth about the machine as the engine found it, not what a library claims."""

    providers: tuple[str, ...]
    """The ONNX Runtime execution providers that can really be used, best first."""
    name: str
    """The GPU's name, or the processor's."""
    detail: str = ""
    """Why there is no GPU, where there is none."""
    memory: int = 0
    """Bytes that the GPU has of its own; 0 where there is none, or nobody tells."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The engine stands: what it can run."""

    lane: Kind
    families: tuple[FamilySpec, ...]
    unavailable: tuple[Unavailable, ...]
    device: DeviceReport


Phase = Literal[
    "starting",
    "loading",
    "reading",
    "writing",
    "drawing",
    "decoding",
    "composing",
    "sounding",
    "saving",
    "converting",
    "speaking",
]


@dataclass(frozen=True, slots=True)
class Progress:
    """Step `step` of `total` in a phase, of the whole job: `fraction` never goes back."""

    phase: Phase
    step: int
    total: int
    fraction: float
    """0 to 1, over the whole job."""


@dataclass(frozen=True, slots=True)
class TextPreview:
    """More of the text, to be put after what came before."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePreview:
    """The picture as it is now: RGB, 8 bits, rows from the top, `width * height * 3` bytes."""

    index: int
    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class AudioPreview:
    """More of the waveform: peaks (0-255, absolute), `rate` of them a second."""

    rate: float
    peaks: bytes
    total_seconds: float
    """How long the whole will be, as far as is known."""
    samples: bytes = b""
    """The sound itself, where it can be heard as it comes: 16 bits, one channel, little-endian."""
    sample_rate: int = 0


Preview = TextPreview | ImagePreview | AudioPreview


@dataclass(frozen=True, slots=True)
class Output:
    """One finished item: its files (the main one first) and what a list shows of it."""

    files: tuple[Path, ...]
    recipe: Recipe
    """What makes this very item again; in a batch it differs from the job's by the seed."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """text: excerpt, words · image: width, height · audio: seconds, peaks, title.

    Of any kind: note (a sentence for the person). Chat: context_used, context_size (tokens).
    Suggestions: suggestions (a list of texts, best first), scores.
    """


Step = Progress | TextPreview | ImagePreview | AudioPreview | Output


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished; `provider` is the one that was really in use."""

    provider: str
    seconds: float
    note: str = ""
    """What the person should know of how it ran, as that it did not run where it was meant to."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job was stopped because the person wanted it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed: two sentences for the person, the traceback for the log."""

    message: str
    hint: str
    detail: str = ""
    ours: bool = False
    """True where the fault is the program's and not the request's."""


Ending = Done | Cancelled | Failed
News = Step | Ending


@dataclass(frozen=True, slots=True)
class Report:
    """News of one job."""

    job: str
    news: News


@dataclass(frozen=True, slots=True)
class Memory:
    """What a lane holds: resident bytes and the models kept loaded."""

    resident: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """What a session really ran on, provider by provider, and the versions of what runs it."""

    providers: Mapping[str, str]
    """Execution provider -> "" where it works, else why it does not."""
    versions: Mapping[str, str]


Answer = Hello | Report | Memory | Probed
