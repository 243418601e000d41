"""The window's side of the courier: what is asked of the hub, and how the downloads stand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, QTimer, Signal

from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec
from studio.core.paths import Paths
from studio.core.settings import Settings
from studio.models.courier import Changed, Courier, Ended, Heard, Reply, Start, Step
from studio.models.machine import machine_of
from studio.models.net import HUB
from studio.models.remote import Download, Machine, ModelPage, Variant
from studio.ui.engine import Engine
from studio.ui.mailbox import Mailbox

RUNNING = ("starting", "running", "verifying")
"""States in which something is going on."""
OPEN = (*RUNNING, "waiting")
"""States that go on by themselves."""
MATTERS = (
    "stay_offline", "endpoint", "download_connections", "download_kb", "downloads_folder",
    "models_folder", "model_folders",
)  # fmt: skip
"""Settings that the courier goes by."""

Then = Callable[[Any], object]
Refused = Callable[[StudioError], object]
Told = Callable[[int, int], object]
"""Bytes done, bytes in all (0 while nobody knows)."""


class Link(Protocol):
    """What the window needs of a courier; `Courier` is the one that there is."""

    def start(self) -> None: ...
    def ask(self, action: str, *args: object) -> int: ...
    def stop(self, number: int) -> None: ...
    def use(self, settings: Settings) -> None: ...
    def equip(self, machine: Machine, specs: Sequence[FamilySpec]) -> None: ...
    def close(self) -> None: ...


Begin = Callable[[Start, Callable[[Heard], None]], Link]
"""Makes a courier that tells what it hears on a thread of its own; it is not started yet."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who waits for an answer."""

    then: Then | None
    failed: Refused | None
    told: Told | None


class Hub(QObject):
    """Asks the courier, and hears it on the main thread. The courier begins with the first wish.

    Answers come to `then` or `failed`, also when the courier has died before it could answer.
    """

    changed = Signal()
    """Downloads came or went, or one is in another state."""
    progressed = Signal()
    """As `changed`, and also when they only are further."""
    finished = Signal(Download)
    """It is there and can be used."""
    broken = Signal(Download)
    """It has failed by itself."""

    def __init__(
        self,
        engine: Engine,
        paths: Paths,
        settings: Settings,
        begin: Begin = Courier,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._settings = settings
        self._mail = Mailbox(self._heard, self)
        start = Start(paths=paths, settings=settings, machine=self.machine, specs=self.specs)
        self._link = begin(start, self._post)
        engine.hello.connect(lambda _lane: self._link.equip(self.machine, self.specs))
        self._started = False
        self._closed = False
        self._asked: dict[int, _Asked] = {}
        self._to_add: dict[tuple[str, str], str] = {}
        self._downloads: tuple[Download, ...] = ()
        self._listed = False
        """The courier has told of its downloads once."""
        # Ten downloads tell of themselves a hundred times a second; nobody reads that fast.
        self._later = QTimer(self, singleShot=True, interval=80)
        self._later.timeout.connect(self.progressed)

    # What it goes by

    @property
    def machine(self) -> Machine:
        """What models have to fit into, as far as the engines have told by now."""
        return machine_of(self._engine.device())

    @property
    def specs(self) -> tuple[FamilySpec, ...]:
        """The families that the engines have told of by now."""
        return tuple(spec for kind in KINDS for spec in self._engine.families(kind))

    @property
    def endpoint(self) -> str:
        """The address of the hub that is asked."""
        return (self._settings.endpoint or os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")

    @property
    def host(self) -> str:
        """Its name, for sentences."""
        return urlsplit(self.endpoint).netloc or self.endpoint

    @property
    def offline(self) -> bool:
        """The person wants no network."""
        return self._settings.stay_offline

    def use(self, settings: Settings) -> None:
        """The settings have changed; what is none of the courier's business is not told."""
        before, self._settings = self._settings, settings
        if any(getattr(before, name) != getattr(settings, name) for name in MATTERS):
            self._link.use(settings)

    # Downloads

    @property
    def started(self) -> bool:
        """Whether there is a courier."""
        return self._started

    @property
    def downloads(self) -> tuple[Download, ...]:
        """All of them, in their order."""
        return self._downloads

    @property
    def open(self) -> tuple[Download, ...]:
        """Those that run or will by themselves."""
        return tuple(d for d in self._downloads if d.state in OPEN)

    @property
    def speed(self) -> float:
        """Bytes a second, of all together."""
        return sum(d.speed for d in self._downloads if d.state == "running")

    @property
    def seconds_left(self) -> float | None:
        """Until all that run or wait are there."""
        missing = sum(max(0, d.total - d.done) for d in self.open)
        return missing / self.speed if self.speed > 0 else None

    @property
    def fraction(self) -> float:
        """How much of what runs or waits is there, 0 to 1."""
        total = sum(d.total for d in self.open)
        return sum(d.done for d in self.open) / total if total else 0.0

    def of(self, repo: str, variant: str) -> Download | None:
        """The download of a variant that is not over."""
        for download in self._downloads:
            same = (download.repo, download.variant) == (repo, variant)
            if same and download.state not in ("done", "cancelled"):
                return download
        return None

    def get(self, page: ModelPage, variant: Variant, then: Then, failed: Refused) -> None:
        """Begin to download what a page shows; `then` gets the Download."""
        self._to_add[page.found.repo, variant.id] = variant.add
        where = (page.found.repo, variant.id, None, page.revision)
        self.ask("get", *where, then=then, failed=failed)

    def to_add(self, download: Download) -> str:
        """What of a download has to be added before it runs, as `Variant.add`; empty where it
        runs as it lies, or was begun by an earlier run of the program."""
        return self._to_add.get((download.repo, download.variant), "")

    def begin(self) -> None:
        """Have the courier at work, for what a person left running."""
        if not self._started and not self._closed:
            self._started = True
            self._link.start()

    # Asking

    def ask(
        self,
        action: str,
        *args: object,
        then: Then | None = None,
        failed: Refused | None = None,
        told: Told | None = None,
    ) -> int:
        """Ask for an action of `Manager` by its name; gives a number to forget the answer by."""
        if self._closed:
            return 0
        self.begin()
        number = self._link.ask(action, *args)
        self._asked[number] = _Asked(then, failed, told)
        return number

    def forget(self, number: int) -> None:
        """Nobody wants the answer any more."""
        self._asked.pop(number, None)

    def stop(self, number: int) -> None:
        """Give up what was asked; it answers as what was cancelled answers."""
        self._link.stop(number)

    def close(self) -> None:
        """End the courier. What is being fetched is paused and goes on at the next start."""
        self._closed = True
        self._mail.close()
        self._later.stop()
        self._asked.clear()
        if self._started:
            self._link.close()

    # Hearing

    def _post(self, news: Heard) -> None:  # on the courier's thread
        key: object = None
        if isinstance(news, Changed):
            key = "downloads"
        elif isinstance(news, Step):
            key = news.id
        self._mail.post(news, key=key)

    def _heard(self, news: object) -> None:
        if isinstance(news, Reply):
            self._answered(news)
        elif isinstance(news, Step):
            asked = self._asked.get(news.id)
            if asked is not None and asked.told is not None:
                asked.told(news.done, news.total)
        elif isinstance(news, Changed):
            self._take(news.downloads)
        elif isinstance(news, Ended):
            self._died(news)

    def _answered(self, reply: Reply) -> None:
        asked = self._asked.pop(reply.id, None)
        if asked is None:
            return
        if isinstance(reply.value, StudioError):
            if asked.failed is not None:
                asked.failed(reply.value)
        elif asked.then is not None:
            asked.then(reply.value)

    def _take(self, downloads: tuple[Download, ...]) -> None:
        before = {d.id: d.state for d in self._downloads}
        order = [(d.id, d.state) for d in self._downloads]
        self._downloads = downloads
        if order != [(d.id, d.state) for d in downloads]:
            self.changed.emit()
            self.progressed.emit()
        elif not self._later.isActive():
            self._later.start()
        known, self._listed = self._listed, True
        for download in downloads:
            # A small one may begin and end between two looks; what an earlier run had is no news.
            begun = known or (download.repo, download.variant) in self._to_add
            if before.get(download.id, "" if begun else download.state) == download.state:
                continue
            if download.state == "done":
                self.finished.emit(download)
            elif download.state == "failed":
                self.broken.emit(download)

    def _died(self, ended: Ended) -> None:
        for number in ended.asked:
            asked = self._asked.pop(number, None)
            if asked is not None and asked.failed is not None:
                asked.failed(ended.error)
