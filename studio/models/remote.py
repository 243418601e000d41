"""What a hub tells of models and how a download stands: the words that cross to the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from studio.core.family import Kind
from studio.core.speed import Speed

FitLevel = Literal["good", "slow", "tight", "no"]
DownloadState = Literal[
    "waiting", "starting", "running", "paused", "verifying", "done", "failed", "cancelled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What models have to fit into."""

    memory: int
    """Bytes of main memory."""
    gpu: str = ""
    """The name of the device that the engine really uses; empty for the processor."""
    gpu_memory: int = 0
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    """Those whose trial run went well."""
    cores: int = 1
    speed: Speed | None = None
    """What an engine has measured of the first provider here; None where nothing was."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model suits this machine, in one honest sentence."""

    level: FitLevel
    sentence: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository at one revision."""

    path: str
    """With `/`, inside the repository; checked: no `..`, nothing absolute, no device names."""
    size: int
    blob: str
    """The ETag and the name in the cache: sha256 (64 hex digits) for LFS, git's sha1 (40) else."""

    @property
    def lfs(self) -> bool:
        return len(self.blob) == 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to have a model: a precision, a device, with the files that belong to it."""

    id: str
    """Short and stable, as `cpu-int4` or `fp16`; `""` for the plain one (see `variants`)."""
    title: str
    folder: str
    """The subfolder of the repository that is the model's folder; empty for its root."""
    layout: str
    """As `InstalledModel.facts["layout"]`: genai, diffusers, transformers, transformers.js, …"""
    precision: str
    files: tuple[RemoteFile, ...]
    families: tuple[str, ...] = ()
    """Ids of the families that will run it."""
    providers: tuple[str, ...] = ()
    """Those a graph is limited to; empty for any."""
    problem: str = ""
    """Why it cannot be had or run here, in a sentence; empty where it can."""
    hint: str = ""
    fit: Fit | None = None
    role: str = ""
    """As `InstalledModel.role`: empty for a model of its own, else "lora", "controlnet", …"""
    pipeline: str = ""
    """diffusers' name of its pipeline, where it has one."""
    converter: str = ""
    """The engine's converter that makes it faster, or runnable at all, once it is here."""
    add: str = ""
    """What of it has to be added, as files of one's own are, before it runs: a path in the
    repository, "." for its folder; empty where it runs as it lies."""

    @property
    def size(self) -> int:
        return sum(f.size for f in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A line of a search, or of the catalogue."""

    repo: str
    """`owner/name`."""
    title: str
    kind: Kind | None
    task: str = ""
    """The hub's pipeline tag."""
    author: str = ""
    licence: str = ""
    downloads: int | None = None
    likes: int | None = None
    updated: str = ""
    """ISO date."""
    size: int | None = None
    """Bytes of the variant for this machine, once the hub has told; never invented."""
    gated: bool = False
    private: bool = False
    families: tuple[str, ...] = ()
    """Families that would run it, as far as its tags tell."""
    words: str = ""
    """What it makes, in the project's own words; of catalogue entries only."""
    fit: Fit | None = None
    recommended: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """All that is told of one repository at one revision."""

    found: Found
    revision: str
    """The commit, 40 hex digits: what is downloaded from here on."""
    card: str
    """Markdown below the front matter, with nothing that would load from the network."""
    variants: tuple[Variant, ...]
    """Those that can be run first; the one for this machine has `best`."""
    best: str = ""
    base_models: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    """Prompts that its card or the catalogue gives."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Files that are never taken, with the reason: pickles, code, names that lead out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """How one download stands; told again whenever it changed, at most ten times a second."""

    id: str
    repo: str
    revision: str
    variant: str
    title: str
    kind: Kind | None
    state: DownloadState
    done: int = 0
    """Bytes that lie on the disk, those of earlier runs included."""
    total: int = 0
    speed: float = 0.0
    """Bytes a second, over the last few seconds."""
    files_done: int = 0
    files: int = 0
    message: str = ""
    """Why it failed or waits, in a sentence."""
    hint: str = ""
    model: str = ""
    """The id of the installed model, when it is done."""
    began: str = ""
    """ISO time; the order of the list."""
    behind: bool = False
    """Others go before it, as long as it goes on by itself."""

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.speed if self.speed > 0 else None


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in at the hub."""

    name: str
    """As the hub says; empty where nobody is, or the hub was not asked."""
    source: str = ""
    """Where the token is from: "keyring", "run" (this run of the program only), "environment";
    empty where there is none, so that nobody is signed in."""
    note: str = ""
    """What a person should know about that, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A newer revision of something installed; it is never taken unasked."""

    model: str
    """The id of the installed model."""
    repo: str
    variant: str
    installed: str
    """The commit that is here."""
    newest: str
    """The commit that the hub has."""
