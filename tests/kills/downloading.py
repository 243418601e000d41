"""A download that is killed at random moments: `python -m tests.kills.downloading --kills 200`.

The parent is the hub and counts what it sends; the child downloads, and is killed. What was
fetched twice is told apart by whether it had come in the last second of a life.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from studio.models.net import Net
from studio.models.remote import Download, RemoteFile
from studio.models.transfer import TransferPlan, Transfers
from studio.models.transfer.journal import Journal
from studio.models.transfer.part import is_right
from tests.hub import Hub, Noise, Repo

ROOT = Path(__file__).resolve().parents[2]
SECOND = 1.0
DONE, FAILED = 0, 3
"""How a child ends by itself."""


@dataclass
class Figures:
    """What came of it."""

    kills: int = 0
    in_work: int = 0
    """Kills while bytes had come in that life."""
    size: int = 0
    sent: int = 0
    twice: int = 0
    beyond: int = 0
    """Bytes that came twice though they had come more than a second before the kill."""
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.in_work} while bytes came) in {self.seconds:.0f} s:"
            f" {self.size / 1e6:.0f} MB of files, {self.sent / 1e6:.0f} MB sent,"
            f" {self.twice / 1e6:.1f} MB twice ({self.twice / self.size:.2%}), of which"
            f" {self.beyond / 1e6:.3f} MB ({self.beyond / self.size:.3%}) beyond the last second"
        )


Spans = dict[str, list[tuple[int, int]]]


class Meter:
    """How much the hub had sent for each request at each moment."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._seen: list[tuple[float, list[int]]] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def wait_for_bytes(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not any(s.sent for s in self._hub.log.all()):
            time.sleep(0.005)

    def life(self, died: float) -> tuple[Spans, Spans]:
        """What was sent of each file since the last call, and what of it well before `died`."""
        self._hub.log.idle()
        before = [amounts for at, amounts in self._seen if at <= died - SECOND]
        early = before[-1] if before else []
        sent: Spans = {}
        safe: Spans = {}
        for number, seen in enumerate(self._hub.log.all()):
            if seen.stage == "bytes" and seen.status in (200, 206):
                sent.setdefault(seen.path, []).append((seen.start, seen.start + seen.sent))
                amount = early[number] if number < len(early) else 0
                safe.setdefault(seen.path, []).append((seen.start, seen.start + amount))
        with self._lock:
            self._hub.log.clear()
            self._seen = []
        return sent, safe

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            with self._lock:
                self._seen.append((time.monotonic(), [s.sent for s in self._hub.log.all()]))


def kill_downloads(
    folder: Path, *, kills: int, sizes: list[int], rate: int, longest: float, seed: int
) -> Figures:
    """Download files of these sizes at `rate` bytes a second, with so many lives cut short.

    A life lasts up to `longest` seconds from the first byte on, or a little from its start.
    Afterwards one more goes to the end. Raises AssertionError where anything is wrong, at any
    moment.
    """
    rng = random.Random(seed)
    figures = Figures(size=sum(sizes))
    began = time.monotonic()
    with Hub(rate=rate, buffer=64 << 10) as hub:
        files = {f"part{n % 5}/{n:02}.onnx": Noise(size, n) for n, size in enumerate(sizes)}
        repo = hub.add("owner/name", dict(files))
        (folder / "plan.json").write_text(json.dumps(_plan(repo, folder / "hub").to_dict()))
        command = [sys.executable, "-m", "tests.kills.downloading", "--child"]
        command += [str(folder), hub.endpoint]
        checked: set[str] = set()
        meter = Meter(hub)
        all_sent: Spans = {}
        all_safe: Spans = {}
        while figures.kills <= kills:
            last = figures.kills == kills
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            if last:
                hub.rate = 0
            else:
                if rng.random() < 0.9:  # else it dies while it starts
                    meter.wait_for_bytes(process)
                time.sleep(rng.uniform(0.0, longest))
                process.kill()
            died = time.monotonic()
            code = process.wait()
            assert code != FAILED
            assert (code == DONE) == last, f"it ended with {code} after {figures.kills} kills"
            figures.kills += 1
            sent, safe = meter.life(died)
            figures.in_work += bool(sent) and not last
            figures.sent += _length(sent)
            figures.twice += _overlap(sent, all_sent)
            figures.beyond += _overlap(sent, all_safe)
            _merge(all_sent, sent)
            _merge(all_safe, safe)
            _check(repo, folder, checked, whole=last)
        figures.kills -= 1
        meter.stop()
    figures.seconds = time.monotonic() - began
    return figures


def _length(spans: Spans) -> int:
    return sum(stop - start for of_file in spans.values() for start, stop in of_file)


def _merge(known: Spans, more: Spans) -> None:
    """Put spans to those of earlier lives, as few and none twice."""
    for path, spans in more.items():
        merged: list[tuple[int, int]] = []
        for start, stop in sorted([*known.get(path, []), *spans]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        known[path] = merged


def _overlap(new: Spans, known: Spans) -> int:
    """Bytes of `new` that are in `known`, which has none twice."""
    return sum(
        max(0, min(stop, end) - max(start, begin))
        for path, spans in new.items()
        for start, stop in spans
        for begin, end in known.get(path, [])
    )


def _plan(repo: Repo, cache: Path) -> TransferPlan:
    files = tuple(RemoteFile(p, b.content.size, b.etag) for p, b in repo.head.files.items())
    return TransferPlan(id=repo.id, repo=repo.id, revision=repo.head.sha, files=files, cache=cache)


def _check(repo: Repo, folder: Path, checked: set[str], *, whole: bool) -> None:
    """Nothing wrong stands under a final name; with `whole`, everything is there."""
    home = folder / "hub" / "models--owner--name"
    files = {f.blob: f for f in _plan(repo, folder).files}
    for blob in (home / "blobs").glob("*"):
        if blob.name in files and blob.name not in checked:
            assert is_right(blob, files[blob.name], lambda: None), f"{blob.name} is wrong"
            checked.add(blob.name)
    snapshot = home / "snapshots" / repo.head.sha
    if whole:
        for file in files.values():
            assert is_right(snapshot / file.path, file, lambda: None)
        assert {p.name for p in (home / "blobs").iterdir()} == set(files)
        assert (home / "refs" / "main").read_text() == repo.head.sha
    else:
        assert not (home / "refs").exists() or snapshot.exists()


def child(folder: Path, endpoint: str) -> int:
    """Download what `plan.json` says, or go on with it; 0 when it is done."""
    ended = threading.Event()
    states: list[str] = []

    def told(download: Download) -> None:
        states.append(download.state)
        if download.state in ("done", "failed"):
            ended.set()

    state = folder / "state"
    transfers = Transfers(state, Net(endpoint), told, connections=lambda: 4, bandwidth=lambda: 0)
    plan = TransferPlan.from_dict(json.loads((folder / "plan.json").read_text()))
    if Journal(state).load():
        transfers.resume_all()
    else:
        transfers.add(plan)
    ended.wait(600)
    transfers.close()
    return DONE if states[-1:] == ["done"] else FAILED


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "ENDPOINT"))
    options = parser.parse_args()
    if options.child:
        return child(Path(options.child[0]), options.child[1])
    rng = random.Random(options.seed)
    sizes = [rng.choice((20_000, 2_000_000, 15_000_000, 40_000_000)) for _ in range(50)]
    scale = options.kills * 6_000_000 / sum(sizes)
    with tempfile.TemporaryDirectory() as folder:
        figures = kill_downloads(
            Path(folder),
            kills=options.kills,
            sizes=[max(1000, int(size * scale)) for size in sizes],
            rate=4_000_000,
            longest=3.0,
            seed=options.seed,
        )
    print(figures)  # noqa: T201
    return 0 if figures.beyond <= figures.size // 100 else 1


if __name__ == "__main__":
    sys.exit(main())
