"""Repositories in a cache of the Hugging Face hub, as they lie there: read, never written.

The layout is huggingface_hub's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache):
`models--owner--name` with `blobs` named by their hash, `refs` that name commits, and `snapshots` of
links into `blobs`; where links cannot be made, the snapshots hold the files themselves. A blob may
be a link into a store that all repositories of the cache share (`<cache>/blobs/ab/<hash>`).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

HUB = "https://huggingface.co/"
"""Where people look a repository up."""
REPOSITORY = "models--"
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REVISION = re.compile(r"[0-9a-f]{5,40}")
"""A commit, whole or as people shorten it."""
SHARED = "blobs"
SHARED_MARK = ".huggingface-shared-blobs"
UNFINISHED = (".incomplete", ".triptych.part")
"""Ends of the names of what huggingface_hub and the studio are downloading."""
OWN = ".triptych"
"""The studio's own folder in a repository: what it can make again at any time."""
MAX_REF = 256
MAX_ENTRIES = 20_000
"""Files of a snapshot."""
_XET = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a snapshot."""

    name: str
    """Below the snapshot, with `/`."""
    path: Path
    size: int
    """Bytes; -1 where what it leads to is not there."""
    time: int
    """Nanoseconds, of the last change."""
    blob: str = ""
    """The name in `blobs` that it is a link to; empty for a file of its own."""
    strange: bool = False
    """A link that leads out of the repository."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A revision of a repository, as far as it lies here."""

    revision: str
    folder: Path
    entries: tuple[Entry, ...]
    time: int


@dataclass(frozen=True)
class Repository:
    """All that lies here of one repository."""

    folder: Path
    snapshots: tuple[Snapshot, ...]
    """The one of `refs/main` first, the others by age, the youngest first."""
    refs: dict[str, str] = field(default_factory=dict)
    """Branches and tags -> commits."""
    unfinished: tuple[str, ...] = ()
    """Names in `blobs` of downloads that have begun."""
    whole: tuple[str, ...] = ()
    """Names in `blobs` of those that are done."""

    @property
    def id(self) -> str:
        """`owner/name`; old repositories have no owner."""
        return repository_id(self.folder)

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def stamp(self) -> str:
        """The same as long as nothing has changed here."""
        entries = [
            (s.revision, e.name, e.size, e.time, e.blob, e.strange)
            for s in self.snapshots
            for e in s.entries
        ]
        return repr((entries, sorted(self.refs.items()), self.unfinished))

    @cached_property
    def users(self) -> dict[str, set[tuple[str, str]]]:
        """Which files need a blob: its name -> (revision, name)."""
        found: dict[str, set[tuple[str, str]]] = {}
        for snapshot in self.snapshots:
            for entry in snapshot.entries:
                if entry.blob:
                    found.setdefault(entry.blob, set()).add((snapshot.revision, entry.name))
        return found

    def snapshot(self, revision: str) -> Snapshot | None:
        return next((s for s in self.snapshots if s.revision == revision), None)


def repository_id(folder: Path) -> str:
    """What the hub calls the repository in a folder."""
    return folder.name.removeprefix(REPOSITORY).replace("--", "/")


def repository_folder(place: Path, repo: str) -> Path:
    """Where a repository lies in a cache."""
    return place / (REPOSITORY + repo.replace("/", "--"))


def is_repository(folder: Path) -> bool:
    """Whether a folder is named as the cache names repositories of models."""
    return folder.name.startswith(REPOSITORY) and len(folder.name) > len(REPOSITORY)


def read(folder: Path) -> Repository:
    """What lies in a repository's folder. Raises OSError where it cannot be read."""
    refs = _refs(folder / "refs")
    main = refs.get("main", "")
    found = []
    for path in _folders(folder / "snapshots"):
        entries = tuple(sorted(_entries(folder, path), key=lambda e: e.name))
        found.append(Snapshot(path.name, path, entries, path.stat().st_mtime_ns))
    found.sort(key=lambda s: (s.revision != main, -s.time, s.revision))
    names = [e.name for e in _listed(folder / "blobs")]
    unfinished = tuple(n for n in names if n.endswith(UNFINISHED))
    whole = tuple(n for n in names if HASH.fullmatch(n))
    return Repository(folder, tuple(found), refs, unfinished, whole)


def payload(blob: Path) -> Path | None:
    """The file in the cache's shared store that a blob is a link to; None where it is none.

    Told from the names alone, and never believed of a link that leads anywhere else.
    """
    try:
        if not stat.S_ISLNK(blob.lstat().st_mode):
            return None
        target = os.path.normpath(blob.parent / os.readlink(blob))  # noqa: PTH115
    except OSError:
        return None
    store = blob.parents[2] / SHARED
    path = Path(target)
    named = _XET.fullmatch(path.name) and path.parent.name == path.name[:2]
    if not named or path.parent.parent != Path(os.path.normpath(store)):
        return None
    return path if (store / SHARED_MARK).is_file() else None


def stays_within(path: Path, folder: Path) -> bool:
    """Whether a file really lies in a model's folder, or in the blobs of the repository that the
    folder is a snapshot of."""
    real, home = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    if home in real.parents:
        return True
    for above in home.parents:
        if is_repository(above) and "snapshots" in home.relative_to(above).parts[:1]:
            if real.parent == Path(os.path.realpath(above / "blobs")):
                return True
            store = Path(os.path.realpath(above.parent / SHARED))
            inside = real.parent.parent == store and _XET.fullmatch(real.name)
            return bool(inside) and (store / SHARED_MARK).is_file()
    return False


def _refs(folder: Path) -> dict[str, str]:
    """The branches and tags; what cannot be read says nothing."""
    found: dict[str, str] = {}
    for where, _, names in os.walk(folder):
        for name in sorted(names)[:MAX_REF]:
            path = Path(where) / name
            try:
                with path.open("rb") as file:
                    commit = file.read(MAX_REF).decode("ascii").strip()
            except (OSError, ValueError):
                continue
            if REVISION.fullmatch(commit):
                found[path.relative_to(folder).as_posix()] = commit
        if len(found) > MAX_REF:
            break
    return found


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing where there is none. Raises OSError for one that is there."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folders(folder: Path) -> list[Path]:
    return [
        Path(e.path)
        for e in _listed(folder)
        if e.is_dir(follow_symlinks=False) and REVISION.fullmatch(e.name)
    ]


def _entries(folder: Path, snapshot: Path) -> Iterator[Entry]:
    """The files of a snapshot, whatever they lead to."""
    waiting, count = [snapshot], 0
    plain = os.path.normpath(folder / "blobs")
    blobs = (plain, os.path.realpath(plain))
    while waiting:
        here = waiting.pop()
        for entry in _listed(here):
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
                continue
            count += 1
            if count > MAX_ENTRIES:
                raise OSError(f"there are more than {MAX_ENTRIES} files in it")
            name = Path(entry.path).relative_to(snapshot).as_posix()
            yield _entry(name, entry, here, blobs)


def _entry(name: str, entry: os.DirEntry[str], here: Path, blobs: tuple[str, ...]) -> Entry:
    path = Path(entry.path)
    blob, strange = "", False
    if entry.is_symlink():
        target = os.path.normpath(here / os.readlink(path))  # noqa: PTH115
        blob = Path(target).name
        strange = str(Path(target).parent) not in blobs
        if not strange and Path(target).is_symlink():
            strange = payload(Path(target)) is None
    try:
        seen = entry.stat()
        regular = stat.S_ISREG(seen.st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return Entry(name, path, -1, 0, blob, strange)
    except OSError:
        if not entry.is_symlink():
            raise
        return Entry(name, path, -1, 0, blob, strange)  # a link to itself, as an instance
    size = seen.st_size if regular else -1
    return Entry(name, path, size, seen.st_mtime_ns, blob, strange)
