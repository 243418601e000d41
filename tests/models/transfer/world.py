"""A program with downloads, a hub on the loopback, and a cache: what these tests stand on."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType

from studio.models.net import HUB, Net
from studio.models.remote import Download, RemoteFile
from studio.models.transfer import Rules, TransferPlan, Transfers
from tests.hub import Hub, Repo

QUICK = Rules(
    stall=0.6, tries=4, lost=0.0, first=0.01, most=0.05, longest=5.0, keep=0.05, reserve=0
)
PATIENCE = 30.0
"""Seconds after which a test gives up; nothing takes as long."""
OVER = ("done", "failed", "cancelled", "paused")


def files_of(repo: Repo, *paths: str) -> tuple[RemoteFile, ...]:
    """The files of a repository as its page lists them, all or some."""
    wanted = {p: b for p, b in repo.head.files.items() if not paths or p in paths}
    return tuple(RemoteFile(p, b.content.size, b.etag) for p, b in wanted.items())


def plan_of(
    repo: Repo, cache: Path, *paths: str, id: str = "", variant: str = "", ref: str = "main"
) -> TransferPlan:
    """Everything of a repository at its newest commit, or some files of it."""
    return TransferPlan(
        id=id or repo.id,
        repo=repo.id,
        revision=repo.head.sha,
        files=files_of(repo, *paths),
        cache=cache,
        variant=variant,
        title=repo.id,
        ref=ref,
    )


class Door(Net):
    """The network, with certificates that are read once for all tests: it takes a third second."""

    def tls(self) -> ssl.SSLContext:
        return _trust()


@cache
def _trust() -> ssl.SSLContext:
    return Net(HUB).tls()


class Program:
    """A program that downloads, with its memory in one folder and its cache in another."""

    def __init__(
        self,
        hub: Hub,
        folder: Path,
        *,
        state: str = "state",
        token: str | None = None,
        connections: int = 4,
        bandwidth: int = 0,
        rules: Rules = QUICK,
    ) -> None:
        self.connections = connections
        self.bandwidth = bandwidth
        self.offline = False
        self.cache = folder / "hub"
        self.told: list[Download] = []
        self._changed = threading.Condition()
        self.net = Door(hub.endpoint, lambda: token, lambda: self.offline)
        self.transfers = Transfers(
            folder / state,
            self.net,
            self._hear,
            connections=lambda: self.connections,
            bandwidth=lambda: self.bandwidth,
            rules=rules,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.transfers.close()
        self.net.close()

    def get(self, plan: TransferPlan) -> Download:
        """Download it, to its end."""
        self.transfers.add(plan)
        return self.ended(plan.id)

    def ended(self, id: str) -> Download:
        """How a download stands once it goes on no more by itself."""
        return self.until(id, lambda d: d.state in OVER)

    def until(self, id: str, true: Callable[[Download], bool]) -> Download:
        """The first word about a download of which something is true, or how it stands."""
        with self._changed:
            for _ in range(int(PATIENCE / 0.5)):
                now = next(d for d in self.transfers.all() if d.id == id)
                if true(now):
                    return now
                self._changed.wait(0.5)
        raise AssertionError(f"it stands at {now}")

    def snapshot(self, repo: Repo) -> Path:
        return self.cache / f"models--{repo.id.replace('/', '--')}" / "snapshots" / repo.head.sha

    def blobs(self, repo: Repo) -> Path:
        return self.cache / f"models--{repo.id.replace('/', '--')}" / "blobs"

    def assert_right(self, repo: Repo, *paths: str) -> None:
        """Every file is there, byte for byte, and nothing beside them."""
        for path, blob in repo.head.files.items():
            if not paths or path in paths:
                assert self.snapshot(repo).joinpath(path).read_bytes() == blob.content.read()
        left = {p.name for p in self.blobs(repo).iterdir() if "." in p.name}
        assert not left

    def assert_nothing(self, repo: Repo) -> None:
        """No file has got its final name."""
        assert not self.snapshot(repo).exists()
        named = {b.etag for b in repo.head.files.values()}
        if self.blobs(repo).exists():
            assert not named & {p.name for p in self.blobs(repo).iterdir()}

    def _hear(self, download: Download) -> None:
        with self._changed:
            self.told.append(download)
            self._changed.notify_all()
