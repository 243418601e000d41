"""Bytes from a hub on the loopback into the cache, against huggingface_hub's snapshot_download.

Each download is made in a fresh process that has brought a tiny one before, into an empty cache
on the disk; ours and theirs take turns, with the same number of connections. The hub runs in a
process of its own. Theirs does not look at what came; reading it again for its hash is told apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report
from tests.hub.content import Noise
from tests.hub.control import HubProcess

ROUNDS = 3
CONNECTIONS = 8
"""As many as snapshot_download takes by itself."""
MB = 1_000_000
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bench/one": ("download: one file of 1 GB", {"model.safetensors": Noise(1000 * MB, 1)}),
    "bench/some": (
        "download: 20 files, 1 GB",
        {f"model-{n:02}.safetensors": Noise(50 * MB, n) for n in range(20)},
    ),
    "bench/many": (
        "download: 1,000 files of 4 kB",
        {f"voices/{n:04}.json": f"[{n}]" * 600 for n in range(1000)},
    ),
}
LARGE = {"model.safetensors": Noise(4000 * MB, 1)}


def main() -> None:
    """Print each figure beside its peer's."""
    with HubProcess() as hub, tempfile.TemporaryDirectory() as folder:
        hub.add("bench/tiny", {"config.json": "{}"})
        for repo, (what, files) in CASES.items():
            hub.add(repo, files)
            told = _in_turns(hub, repo, folder)
            ours = min(run["seconds"] for run in told["ours"])
            theirs = min(run["seconds"] for run in told["theirs"])
            verified = min(run["seconds"] + run["hashing"] for run in told["theirs"])
            report.duration(
                what,
                ours,
                {"snapshot_download": theirs, "snapshot_download, then sha256": verified},
                {"snapshot_download": 1.0},
            )
        hub.add("bench/large", LARGE)
        large = _in_turns(hub, "bench/large", folder)
    ours, theirs = (min(run["seconds"] for run in large[kind]) for kind in KINDS)
    report.duration(
        "download: one file of 4 GB",
        ours,
        {"snapshot_download": theirs},
        {"snapshot_download": 1.0},
    )
    ours, theirs = (max(run["memory"] for run in large[kind]) / MB for kind in KINDS)
    report.size(
        "download: memory over idle, 4 GB file",
        ours,
        {"snapshot_download": theirs, "what is allowed": 100.0},
        {"what is allowed": 1.0},
    )


def ours(endpoint: str, repo: str, cache: str) -> None:
    """One download through Triptych."""
    from studio.models.net import Net
    from studio.models.remote import Download, RemoteFile
    from studio.models.transfer import TransferPlan, Transfers

    ended: dict[str, threading.Event] = {}

    def told(download: Download) -> None:
        if download.state == "failed":
            raise SystemExit(download.message)
        if download.state == "done":
            ended[download.id].set()

    net = Net(endpoint)
    transfers = Transfers(
        Path(cache, "state"), net, told, connections=lambda: CONNECTIONS, bandwidth=lambda: 0
    )

    def get(repo: str) -> None:
        ended[repo] = threading.Event()
        info = net.api().model_info(repo, files_metadata=True)
        files = tuple(
            RemoteFile(f.rfilename, f.size or 0, f.lfs.sha256 if f.lfs else f.blob_id or "")
            for f in info.siblings or ()
        )
        plan = TransferPlan(
            id=repo, repo=repo, revision=info.sha or "", files=files, cache=Path(cache)
        )
        transfers.add(plan)
        if not ended[repo].wait(600):
            raise SystemExit("It does not end.")

    get("bench/tiny")
    _measured(lambda: get(repo))
    transfers.close()


def theirs(endpoint: str, repo: str, cache: str) -> None:
    """One download through huggingface_hub, and what reading it for its hashes takes."""
    from huggingface_hub import snapshot_download

    def get(repo: str) -> str:
        return snapshot_download(repo, cache_dir=cache, endpoint=endpoint, max_workers=CONNECTIONS)

    get("bench/tiny")
    found: list[str] = []
    _measured(lambda: found.append(get(repo)), lambda: _hash(Path(found[0])))


KINDS = ("ours", "theirs")


def _hash(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")


def _measured(call: Callable[[], object], after: Callable[[], object] = lambda: None) -> None:
    """Tell the seconds of a call, the memory that it took at its peak, and the seconds after it."""
    import psutil

    process = psutil.Process()
    idle = process.memory_info().rss
    most = [idle]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    call()
    seconds = time.perf_counter() - began
    over.set()
    watcher.join()
    began = time.perf_counter()
    after()
    hashing = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "memory": most[0] - idle, "hashing": hashing}))


def _in_turns(hub: HubProcess, repo: str, folder: str) -> dict[str, list[dict[str, float]]]:
    """Several downloads of each kind, so that the moods of the machine meet both."""
    told: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        for kind, runs in told.items():
            runs.append(_fresh(kind, hub, repo, folder))
    return told


def _fresh(kind: str, hub: HubProcess, repo: str, folder: str) -> dict[str, float]:
    """Run one download in a process of its own, into a cache of its own."""
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0"}
    cache = Path(folder, "cache")
    call = f"from bench.download import {kind}; {kind}(*{(hub.endpoint, repo, str(cache))!r})"
    done = subprocess.run(
        [sys.executable, "-c", call],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
        env=environment,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    shutil.rmtree(cache)
    hub.forget()
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


if __name__ == "__main__":
    main()
