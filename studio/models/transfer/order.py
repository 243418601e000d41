"""One download while the program runs: what waits, what comes, and how it stands."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from studio.core.errors import StudioError
from studio.core.locks import FileLock
from studio.models.remote import Download, DownloadState, RemoteFile
from studio.models.transfer.fetch import Fetch
from studio.models.transfer.journal import Checked, Entry
from studio.models.transfer.layout import Layout
from studio.models.transfer.plan import TransferPlan

Stage = Literal["look", "bring", "install", "clean", "rest"]
SPEED_SECONDS = 4.0
LIVE: frozenset[DownloadState] = frozenset(["waiting", "starting", "running", "verifying"])


@dataclass(eq=False)
class Order:
    """A plan and all that is known of it; guarded by the lock of `Transfers`."""

    plan: TransferPlan
    began: str
    rank: int = 0
    """As `Entry.rank`."""
    state: DownloadState = "waiting"
    stage: Stage = "rest"
    message: str = ""
    hint: str = ""
    lock: FileLock | None = None
    """Held while this program works on it."""
    waiting: deque[RemoteFile] = field(default_factory=deque)
    """Files that have yet to come, one for each blob."""
    active: dict[str, Fetch] = field(default_factory=dict)
    """Those that somebody works on, by blob."""
    busy: bool = False
    """Somebody looks, installs or cleans."""
    checked: dict[str, Checked] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    """Bytes of what is not whole, while nobody works on it."""
    received: int = 0
    """Over the network, by fetches that have ended."""
    rounds: int = 0
    """How often it was looked at since it began."""
    later: dict[str, float] = field(default_factory=dict)
    """Blobs that another program is bringing, and when to look again (monotonic seconds)."""
    forgotten: bool = False
    """To be taken off the list when it has been cleaned up."""
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.layout = Layout(self.plan.cache, self.plan.repo)
        self.blobs = {file.blob: file for file in self.plan.files}
        self.total = sum(file.size for file in self.blobs.values())
        self._paths = Counter(file.blob for file in self.plan.files)
        self._whole = self._files_done = 0

    @property
    def place(self) -> tuple[int, str]:
        """Its place in the list."""
        return self.rank, self.began

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def done(self) -> int:
        """Bytes that lie on the disk."""
        coming = sum(fetch.part.offset for fetch in self.active.values())
        return min(self.total, self._whole + coming + sum(self.parts.values()))

    def looked(self, checked: Mapping[str, Checked], parts: Mapping[str, int]) -> None:
        """What lies on the disk, as far as is known without reading it."""
        self.checked, self.parts = dict(checked), dict(parts)
        self._whole = sum(self.blobs[blob].size for blob in checked)
        self._files_done = sum(self._paths[blob] for blob in checked)
        missing = [file for blob, file in self.blobs.items() if blob not in checked]
        # The longest first: at the end nothing large is left to wait for alone.
        self.waiting = deque(sorted(missing, key=lambda file: -file.size))

    def arrived(self, file: RemoteFile, one: Checked) -> None:
        """A file is whole and right."""
        self.checked[file.blob] = one
        self.parts.pop(file.blob, None)
        self._whole += file.size
        self._files_done += self._paths[file.blob]

    def entry(self) -> Entry:
        state: DownloadState = "waiting" if self.live else self.state
        return Entry(
            plan=self.plan,
            state=state,
            began=self.began,
            message=self.message,
            hint=self.hint,
            rank=self.rank,
        )

    def fail(self, error: StudioError) -> None:
        """It cannot go on by itself."""
        self.state, self.stage = "failed", "rest"
        self.message, self.hint = error.message, error.hint

    def told(self) -> Download:
        """How it stands, for a person."""
        plan, message, hint, state = self.plan, self.message, self.hint, self.state
        if state == "running" and self.active and all(f.reading for f in self.active.values()):
            state = "verifying"
        troubles = [fetch.trouble for fetch in self.active.values()]
        if state == "running" and troubles and troubles[0] and all(troubles):
            message, hint = troubles[0].message, troubles[0].hint
        elif state == "running" and self.later and not troubles:
            message = "Another program is downloading the same file; this waits for it."
        return Download(
            id=plan.id,
            repo=plan.repo,
            revision=plan.revision,
            variant=plan.variant,
            title=plan.title,
            kind=plan.kind,
            state=state,
            done=self.total if state == "done" else self.done,
            total=self.total,
            speed=self.speed() if self.live else 0.0,
            files_done=len(plan.files) if state == "done" else self._files_done,
            files=len(plan.files),
            message=message,
            hint=hint,
            model=plan.id if state == "done" else "",
            began=self.began,
        )

    def sample(self) -> None:
        """Remember how much has come by now, for the speed."""
        now = time.monotonic()
        coming = sum(fetch.received for fetch in self.active.values())
        self.samples.append((now, self.received + coming))
        while self.samples[0][0] < now - SPEED_SECONDS:
            self.samples.popleft()

    def speed(self) -> float:
        """Bytes a second over the last few seconds."""
        if len(self.samples) < 2:
            return 0.0
        (start, before), (end, after) = self.samples[0], self.samples[-1]
        return max(0.0, (after - before) / (end - start)) if end > start else 0.0
