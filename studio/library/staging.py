"""Where jobs write and arrivals are noted, so that a killed program leaves nothing half done."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.files import cannot_write, write_atomic
from studio.core.locks import FileLock
from studio.core.record import Record

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LOCK = ".lock"
_ARRIVALS = "arrivals"
_JOB = "job-"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Files on their way into the library: written down first, so that they cannot be lost."""

    id: str
    created: float
    record: str
    """The Record as JSON."""
    summary: str
    """As `summary_to_json` writes it."""
    sha256: str
    sources: tuple[str, ...]
    """Absolute paths, the main file first."""
    targets: tuple[str, ...]
    """Below the folder of the items, with `/`."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Arrival:
        """Raises ValueError for anything else than an arrival of ours."""
        try:
            data = json.loads(text)
            data["sources"], data["targets"] = tuple(data["sources"]), tuple(data["targets"])
            Record.from_json(data["record"])
            return cls(**data)
        except (TypeError, KeyError, StudioError) as error:
            raise ValueError("no arrival of this version") from error


class Staging:
    """The part of `.jobs` that belongs to one running program, under a lock of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.instance = uuid.uuid4().hex
        self._lock = FileLock(root / f"{self.instance}{_LOCK}")

    def open(self) -> None:
        """Raises OSError where the folder cannot be made."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock.take()

    def close(self) -> None:
        """Take away the program's own folder and its lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.free()

    @property
    def folder(self) -> Path:
        return self.root / self.instance

    def job_folder(self, job_id: str) -> Path:
        """An empty folder for a job. Raises StudioError where it cannot be made."""
        folder = self._of_job(job_id)
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def discard_job(self, job_id: str) -> None:
        """Away with what a job has left. Not an error where there is nothing."""
        # What cannot be removed now, for another program looks at it, goes at the next start.
        shutil.rmtree(self._of_job(job_id), ignore_errors=True)

    def note(self, arrival: Arrival) -> Path:
        """Write an arrival down; gives the note. Raises StudioError where that is impossible."""
        path = self.folder / _ARRIVALS / f"{arrival.id}.json"
        write_atomic(path, arrival.to_json().encode("utf-8"))
        return path

    def alive(self, instance: str) -> bool:
        """Whether the program with this instance id is running."""
        if instance == self.instance:
            return True
        path = self.root / f"{instance}{_LOCK}"
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            taken = lock.take()
        except OSError:
            return True  # nobody knows; a running program's work is not to be touched
        lock.free()
        return not taken

    def others_alive(self) -> bool:
        """Whether another program uses this library now."""
        names = [p.name.removesuffix(_LOCK) for p in self.root.glob(f"*{_LOCK}")]
        return any(self.alive(name) for name in names if name != self.instance)

    @contextmanager
    def stale(self, instance: str) -> Iterator[tuple[Arrival, ...] | None]:
        """What a dead program was taking in; its folder goes when the caller is done with it.

        None where the program lives. The caller holds the dead program's lock meanwhile.
        """
        lock = FileLock(self.root / f"{instance}{_LOCK}")
        if instance == self.instance or not lock.take():
            yield None
            return
        try:
            folder = self.root / instance
            yield tuple(_arrivals(folder / _ARRIVALS))
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            lock.free()

    def instances(self) -> list[str]:
        """Every program that has left a folder or a lock."""
        found = {p.name for p in self.root.iterdir() if p.is_dir()}
        found |= {p.name.removesuffix(_LOCK) for p in self.root.glob(f"*{_LOCK}")}
        return sorted(found)

    def _of_job(self, job_id: str) -> Path:
        if not _JOB_ID.fullmatch(job_id):
            raise StudioError(
                "This job has a name that cannot be a folder's.", "Make it again from its recipe."
            )
        return self.folder / f"{_JOB}{job_id}"


def _arrivals(folder: Path) -> Iterator[Arrival]:
    for path in sorted(folder.glob("*.json")):
        # The files of a note of another version become orphans, and are taken in as such.
        with contextlib.suppress(ValueError, OSError):
            yield Arrival.from_json(path.read_text("utf-8"))
