"""A courier in the window's own process, for tests: answers that a test gives, downloads that it
moves, and models as a hub would tell of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.core.settings import Settings
from studio.models.courier import Changed, Ended, Heard, Reply, Start, Step
from studio.models.remote import (
    Account,
    Download,
    DownloadState,
    Fit,
    FitLevel,
    Found,
    Machine,
    ModelPage,
    RemoteFile,
    Variant,
)

REVISION = "0123456789abcdef0123456789abcdef01234567"
GB = 1_000_000_000
Act = Callable[..., object]


class StandIn:
    """Does what a courier does as the window sees it, by the actions in `acts`.

    An act gets what was asked with; what it gives is the answer, and a StudioError that it raises
    too. Answers come from a thread of its own, as those of the courier do. Actions without an act
    are kept in `open` until a test answers them.
    """

    def __init__(self, start: Start, hear: Callable[[Heard], None]) -> None:
        self.begun = start
        self.hear = hear
        self.acts: dict[str, Act] = {
            "signed_in": lambda: Account(""),
            "pause": self._state("paused"),
            "resume": self._state("running"),
            "cancel": self._gone,
            "forget": self._gone,
            "get": self._get,
        }
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self.open: dict[int, str] = {}
        self.downloads: tuple[Download, ...] = ()
        self.settings: list[Settings] = []
        self.specs: tuple[FamilySpec, ...] = ()
        self.started = 0
        self.stopped: list[int] = []
        self.closed = False
        self._numbers = itertools.count(1)

    # What the window calls

    def start(self) -> None:
        self.started += 1

    def ask(self, action: str, *args: object) -> int:
        number = next(self._numbers)
        self.asked.append((action, args))
        act = self.acts.get(action)
        if act is None:
            self.open[number] = action
        else:
            self._elsewhere(lambda: self._act(number, act, args))
        return number

    def stop(self, number: int) -> None:
        self.stopped.append(number)
        if number in self.open:
            self.answer(self.open[number], StudioError("It was cancelled.", "Begin again."))

    def use(self, settings: Settings) -> None:
        self.settings.append(settings)

    def equip(self, machine: Machine, specs: Sequence[FamilySpec]) -> None:
        self.specs = tuple(specs)

    def close(self) -> None:
        self.closed = True

    # What a test calls

    def actions(self) -> list[str]:
        """What was asked for, in order."""
        return [action for action, _ in self.asked]

    def answer(self, action: str, value: object) -> None:
        """Answer the oldest question of that name that is open."""
        number = next(n for n, a in self.open.items() if a == action)
        del self.open[number]
        self._elsewhere(lambda: self.hear(Reply(number, value)))

    def step(self, action: str, done: int, total: int) -> None:
        """Tell how far an open one is."""
        number = next(n for n, a in self.open.items() if a == action)
        self._elsewhere(lambda: self.hear(Step(number, done, total)))

    def tell(self, *downloads: Download) -> None:
        """These are the downloads now."""
        self.downloads = downloads
        self._elsewhere(lambda: self.hear(Changed(downloads)))

    def change(self, id: str, **fields: Any) -> None:
        """One of them is different now."""
        self.tell(*(replace(d, **fields) if d.id == id else d for d in self.downloads))

    def die(self) -> None:
        """As when the courier is killed: nothing open is answered."""
        lost, self.open = tuple(self.open), {}
        error = StudioError("The part of Triptych that speaks with the hub has stopped.", "Again.")
        self._elsewhere(lambda: self.hear(Ended(error, lost)))

    # Inside

    def _act(self, number: int, act: Act, args: tuple[object, ...]) -> None:
        try:
            value = act(*args)
        except StudioError as error:
            value = error
        self.hear(Reply(number, value))

    def _elsewhere(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(1)  # in the order in which they were meant

    def _state(self, state: DownloadState) -> Act:
        return lambda id: self.change(id, state=state, speed=0.0, message="", hint="")

    def _gone(self, id: str) -> None:
        self.tell(*(d for d in self.downloads if d.id != id))

    def _get(self, repo: str, variant: str, place: object, revision: str) -> Download:
        new = download(repo, variant=variant, state="starting", done=0)
        self.tell(*self.downloads, new)
        return new


class Stand:
    """What `build(courier=…)` takes; keeps the stand-in that it made."""

    def __init__(self) -> None:
        self.link: StandIn | None = None
        self.acts: dict[str, Act] = {}

    def __call__(self, start: Start, hear: Callable[[Heard], None]) -> StandIn:
        self.link = StandIn(start, hear)
        self.link.acts.update(self.acts)
        return self.link


def found(repo: str = "lake/heron", kind: Kind | None = "text", **more: Any) -> Found:
    """A line of a search."""
    owner, _, name = repo.partition("/")
    tasks = {"text": "text-generation", "image": "text-to-image", "audio": "text-to-speech"}
    said: dict[str, Any] = {
        "title": name.replace("-", " ").title(),
        "author": owner,
        "task": tasks.get(kind or "", ""),
        "licence": "apache-2.0",
        "downloads": 1_234_567,
        "likes": 812,
        "updated": "2026-03-14T09:26:53Z",
    }
    return Found(repo=repo, kind=kind, **{**said, **more})


def variant(
    id: str = "int4",
    size: int = 2 * GB,
    level: FitLevel = "good",
    sentence: str = "",
    files: int = 4,
    **more: Any,
) -> Variant:
    """One way to have a model."""
    said = (
        sentence
        or {
            "good": "It fits into the memory of this computer and answers quickly.",
            "slow": "It fits, and will be slow on this processor: about two words a second.",
            "tight": "It takes nearly all memory of this computer; close other programs first.",
            "no": "It needs 48 GB of memory, and this computer has 16.",
        }[level]
    )
    parts = tuple(
        RemoteFile(f"onnx/{id}/part-{n:05}.onnx", size // files, f"{n:064x}") for n in range(files)
    )
    more.setdefault("title", id)
    more.setdefault("precision", id)
    more.setdefault("families", ("text.chat",))
    return Variant(
        id=id,
        folder="",
        layout="genai",
        files=parts,
        fit=Fit(level, said),
        **more,
    )


def page(of: Found | None = None, *variants: Variant, **more: Any) -> ModelPage:
    """All of one repository."""
    said: dict[str, Any] = {
        "revision": REVISION,
        "card": "# Heron\n\nA small model that answers **briefly**.\n\n| size | score |\n"
        "| --- | --- |\n| 1.7B | 41.2 |\n",
        "best": variants[0].id if variants else "int4",
        "examples": ("Write a limerick about a heron.", "Explain tides to a child."),
        "base_models": ("lake/heron-base",),
        "refused": {"pytorch_model.bin": "It could run a stranger's code when it is opened."},
    }
    return ModelPage(found=of or found(), variants=variants or (variant(),), **{**said, **more})


def download(repo: str = "lake/heron", **more: Any) -> Download:
    """How a download stands."""
    said: dict[str, Any] = {
        "revision": REVISION,
        "variant": "int4",
        "title": repo.partition("/")[2].replace("-", " ").title(),
        "kind": "text",
        "state": "running",
        "done": GB // 2,
        "total": 2 * GB,
        "speed": 12_500_000.0,
        "files": 4,
        "files_done": 1,
        "began": "2026-11-23T08:00:00",
    }
    said.update(more)
    return Download(id=f"{repo}:{said['variant']}", repo=repo, **said)
