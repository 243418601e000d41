"""The downloads that a person asked for, on the disk, so that they outlive the program."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import quote

from studio.core.files import write_atomic
from studio.core.locks import FileLock
from studio.models.remote import DownloadState
from studio.models.transfer.plan import TransferPlan

MAX_ENTRY = 64 << 20
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of a download between two runs."""

    plan: TransferPlan
    state: DownloadState
    """`waiting` stands for all that goes on by itself when the program starts."""
    began: str
    message: str = ""
    hint: str = ""
    rank: int = 0
    """The smallest goes first; those of one rank go on together."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A blob that was found right, as it looked on the disk then."""

    size: int
    changed: int
    """mtime in nanoseconds."""
    fetched: bool
    """By this download; what was there before is not ours to take away."""


class Journal:
    """One file for each download, and beside it a list of the blobs that were found right."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> list[Entry]:
        """All that are remembered, the oldest first; what cannot be read is left alone."""
        found = [self._read(path) for path in sorted(self.folder.glob("*.json"))]
        return sorted((e for e in found if e is not None), key=lambda e: e.began)

    def read(self, id: str) -> Entry | None:
        """One of them as it stands on the disk now."""
        return self._read(self._path(id, "json"))

    def write(self, entry: Entry) -> None:
        """Remember it as it is now. Raises StudioError where the disk does not allow it."""
        said = {
            "version": _VERSION,
            "plan": entry.plan.to_dict(),
            "state": entry.state,
            "began": entry.began,
            "message": entry.message,
            "hint": entry.hint,
            "rank": entry.rank,
        }
        write_atomic(self._path(entry.plan.id, "json"), json.dumps(said).encode("ascii"))

    def remove(self, id: str) -> None:
        """Forget it. Never raises: what stays is offered again."""
        self.forget_checked(id)
        with contextlib.suppress(OSError):
            self._path(id, "json").unlink(missing_ok=True)

    def lock(self, id: str) -> FileLock:
        """Held while a program works on it."""
        return FileLock(self._path(id, "lock"))

    def checked(self, id: str) -> dict[str, Checked]:
        """The blobs that were found right, by name. A list that is damaged only costs reading."""
        found: dict[str, Checked] = {}
        try:
            lines = self._path(id, "blobs").read_text("ascii").splitlines()
        except (OSError, ValueError):
            return found
        for line in lines:
            words = line.split()
            with contextlib.suppress(ValueError):
                blob, size, changed, how = words
                if how in ("fetched", "found"):
                    found[blob] = Checked(int(size), int(changed), how == "fetched")
        return found

    def add_checked(self, id: str, blob: str, one: Checked) -> None:
        """One more. A line that a dying program did not finish is overlooked."""
        how = "fetched" if one.fetched else "found"
        path = self._path(id, "blobs")
        with contextlib.suppress(OSError), path.open("a", encoding="ascii", newline="") as file:
            file.write(f"\n{blob} {one.size} {one.changed} {how}\n")

    def forget_checked(self, id: str) -> None:
        with contextlib.suppress(OSError):
            self._path(id, "blobs").unlink(missing_ok=True)

    def _path(self, id: str, suffix: str) -> Path:
        # Readable, with a hash: some systems do not tell capital letters from small ones.
        name = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        plain = quote(id.encode("utf-8", "replace"), safe="")[:100]
        return self.folder / f"{plain}-{name}.{suffix}"

    @staticmethod
    def _read(path: Path) -> Entry | None:
        try:
            with path.open("rb") as file:
                return parse(file.read(MAX_ENTRY))
        except (OSError, ValueError):
            return None


def parse(data: bytes) -> Entry:
    """What `write` wrote. Raises ValueError for anything else."""
    try:
        said: Any = json.loads(data)
    except RecursionError:
        raise ValueError("no entry") from None
    if not isinstance(said, dict) or said.get("version") != _VERSION:
        raise ValueError("no entry of this version")
    plan, state = said.get("plan"), said.get("state")
    words = [said.get(name) for name in ("began", "message", "hint")]
    if not isinstance(plan, dict) or state not in get_args(DownloadState):
        raise ValueError("no entry")
    if not all(isinstance(word, str) for word in words):
        raise ValueError("no entry")
    began, message, hint = cast(list[str], words)
    rank = said.get("rank", 0)  # downloads of earlier versions have none
    if type(rank) is not int:
        raise ValueError("no entry")
    return Entry(
        plan=TransferPlan.from_dict(plan),
        state=cast(DownloadState, state),
        began=began,
        message=message,
        hint=hint,
        rank=rank,
    )
