"""Keeping what is installed: remove it and have it back, move it, look whether it is still whole.

Everything here works without the network, blocks until it is done, and raises StudioError; what a
running job uses is refused. What the hub's cache holds for others stays: blobs that another
revision or another model needs, and files of other programs.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from studio.core.errors import StudioError
from studio.core.files import cannot_read, cannot_write
from studio.models import cache, trash, views
from studio.models.aside import KEEPING, alone, sweep
from studio.models.cache import Entry, Repository, Snapshot
from studio.models.inspect import PICKLED, WEIGHTS
from studio.models.installed import InstalledModel
from studio.models.moving import Moved, Told, finish_moves, go_on, move_files, nothing
from studio.models.trash import Undo
from studio.models.variants import split
from studio.models.verify import FileReport, Report, verify

__all__ = [
    "FileReport",
    "Report",
    "Undo",
    "empty_trash",
    "freed_by",
    "keep_revision",
    "move",
    "recover",
    "remove",
    "removed",
    "set_aside",
    "undo",
    "uses",
    "verify",
]

DAYS = 30.0
"""So long what was removed can be had back, where nobody empties it before."""
_FOREIGN = (*WEIGHTS, *PICKLED, ".msgpack", ".ot", ".tflite", ".mlmodel", ".xml")
"""Weights: what of them the studio does not run is some other program's."""

Busy = Callable[[str], bool]
"""Whether a running job uses the model of that name."""


def nobody(model: str) -> bool:
    """No job uses any model."""
    return False


def remove(model: InstalledModel, *, busy: Busy = nobody, revision: str = "") -> Undo:
    """Take a model away, with all its revisions or only one; it can be had back.

    Raises StudioError where it cannot be: then nothing has changed.
    """
    _check(model, busy, "removed")
    place = model.place or model.path.parent
    trash.recover(place)
    with alone(model.title, (place, _folder_of(model))):
        return _remove(model, place, revision)


def undo(token: str) -> str:
    """Have back what was removed; gives the model's name. Raises StudioError."""
    lies, folders = trash.of(token)
    with alone(lies.title, *((lies.place, name) for name in folders)):
        return trash.undo(token)


def _remove(model: InstalledModel, place: Path, revision: str = "") -> Undo:
    if not model.repo:
        return trash.put_aside(
            place,
            [model.path.name],
            model=model.id,
            title=model.title,
            size=max(0, model.size - model.shared),
        )
    try:
        belongings = _belongings(place, model.repo, model.variant, revision)
    except OSError as error:
        raise cannot_read(model.path, error) from error
    if not belongings.steps:
        raise StudioError(f"“{model.id}” is not there any more.", "Look at the list again.")
    done = _put_aside(place, belongings, model.id, model.title)
    views.drop(model)
    return done


def freed_by(model: InstalledModel, revision: str = "") -> int:
    """Bytes that removing a model for good would give back. Raises StudioError."""
    if not model.repo or model.place is None:
        return max(0, model.size - model.shared)
    place = model.place
    try:
        return _belongings(place, model.repo, model.variant, revision).size
    except OSError as error:
        raise cannot_read(model.path, error) from error


def removed(places: Iterable[Path]) -> list[Undo]:
    """What can be had back from these places, the latest first."""
    return trash.removed(places)


def empty_trash(places: Iterable[Path], *, days: float = 0.0) -> int:
    """Delete for good what was removed that many days ago; gives the bytes freed."""
    return trash.empty(places, days=days)


def recover(places: Iterable[Path]) -> None:
    """Put right what a program that died in the middle has left. Never raises."""
    for place in places:
        finish_moves(place, _take_away)
        trash.recover(place)
        sweep(place / KEEPING)


def move(
    model: InstalledModel,
    place: Path,
    told: Told = nothing,
    cancelled: Callable[[], bool] = go_on,
    *,
    busy: Busy = nobody,
) -> None:
    """Put a model with all its revisions into another folder of models, on any disk.

    It is copied, compared, shown in its new place and only then taken from the old one. Raises
    StudioError, when `cancelled` says so as well; then it is where it was.
    """
    _check(model, busy, "moved")
    here = model.place or model.path.parent
    if place == here:
        raise StudioError(f"“{model.id}” lies in {place} already.", "Choose another folder.")

    def take_away() -> Undo:
        _check(model, busy, "taken away")  # a job may have begun meanwhile
        return _remove(model, here)

    name = _folder_of(model)
    with alone(model.title, (here, name), (place, name)):
        move_files(model, place, take_away, told, cancelled)


def keep_revision(
    store_notes: Callable[[str, str], None], model: InstalledModel, revision: str
) -> None:
    """Keep to an older revision of a model, or to the newest again (empty).

    `store_notes` is `Notes.keep`. Raises StudioError where that revision is not here.
    """
    here = (model.revision, *model.older)
    if revision and revision not in here:
        raise StudioError(
            f"“{model.id}” is not here at the revision {revision[:12]}.",
            "Download that revision first.",
        )
    store_notes(model.id, revision)


def uses(model: InstalledModel, counts: Mapping[str, int]) -> int:
    """How many items of the library were made with a model; `counts` are theirs by the names that
    recipes have for models."""
    names = {model.id}
    if model.repo:
        names.add(model.repo)  # as recipes call it where it is its repository's only one
    found = 0
    for name, count in counts.items():
        plain = re.sub(r"@[0-9a-f]{7,40}$", "", name)
        found += count if plain in names else 0
    return found


def set_aside(report: Report) -> Undo:
    """Move the broken files of a report aside, so that a download brings them anew."""
    model = report.model
    place = model.place
    broken = [f for f in report.files if f.state == "broken" and f.blob]
    if place is None or not model.repo or not broken:
        raise StudioError(
            f"There is nothing in “{model.id}” that could be got again by itself.",
            "Remove the model and get it again.",
        )
    folder = cache.repository_folder(place, model.repo)
    return trash.put_aside(
        place,
        sorted({f"{folder.name}/blobs/{f.blob}" for f in broken}),
        model=model.id,
        title=model.title,
        size=sum(f.size for f in broken),
        held=_locks(place, folder),
    )


@dataclass(frozen=True, slots=True)
class _Belongings:
    """What goes when a model goes."""

    folder: Path
    steps: list[str]
    size: int


def _folder_of(model: InstalledModel) -> str:
    """The folder of its place that a model lies in."""
    return cache.repository_folder(Path(), model.repo).name if model.repo else model.path.name


def _take_away(moved: Moved) -> None:
    """Take what lies in another place now from where it was. Raises StudioError.

    It can be had back: who knows what has come there since.
    """
    trash.recover(moved.place)
    if moved.name:
        there = moved.place / moved.name
        if there.is_dir():
            trash.put_aside(moved.place, [moved.name], model=moved.model, title=moved.title, size=0)
        return
    try:
        belongings = _belongings(moved.place, moved.repo, moved.variant, "")
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_read(moved.place, error) from error
    if belongings.steps:
        _put_aside(moved.place, belongings, moved.model, moved.title)


def _put_aside(place: Path, belongings: _Belongings, model: str, title: str) -> Undo:
    return trash.put_aside(
        place,
        belongings.steps,
        model=model,
        title=title,
        size=belongings.size,
        held=_locks(place, belongings.folder),
        check=lambda: _missed(belongings),
    )


def _check(model: InstalledModel, busy: Busy, what: str) -> None:
    if model.starter:
        raise StudioError(
            f"“{model.title}” comes with Triptych and cannot be {what}.", "It can stay unused."
        )
    if model.away:
        raise StudioError(f"“{model.title}” cannot be {what}: {model.problem}", model.hint)
    if busy(model.id) or (model.repo and busy(model.repo)):
        raise StudioError(
            f"“{model.title}” cannot be {what} while a job uses it.",
            "Wait until the job is done, or cancel it.",
        )


def _belongings(place: Path, repo: str, variant: str, revision: str) -> _Belongings:
    """The links, refs and blobs that nobody but this model needs. Raises OSError."""
    folder = cache.repository_folder(place, repo)
    repository = cache.read(folder)
    base = folder.name
    if not repository.snapshots:
        # What another program has begun, and nothing else; never what a download is to go on with.
        begun = [n for n in repository.unfinished if n.endswith(".incomplete")]
        return _Belongings(folder, [f"{base}/blobs/{name}" for name in begun], 0)
    snapshots = [s for s in repository.snapshots if revision in ("", s.revision)]
    gone: set[tuple[str, str]] = set()
    whole: list[Snapshot] = []
    for snapshot in snapshots:
        mine = _mine(snapshot, variant)
        if mine is None:
            whole.append(snapshot)
            mine = {e.name for e in snapshot.entries}
        gone |= {(snapshot.revision, name) for name in mine}
    entries = {(s.revision, e.name): e for s in repository.snapshots for e in s.entries}
    blobs = {
        blob
        for blob, users in repository.users.items()
        if users <= gone and _lies(repository.blobs / blob)
    }
    size = _bytes(
        entries[key] for key in gone if not entries[key].blob or entries[key].blob in blobs
    )
    refs = [n for n, commit in repository.refs.items() if commit in {s.revision for s in whole}]
    # Blobs that nothing links to yet are what a paused download has brought.
    coming = {*repository.unfinished, *repository.whole} - set(repository.users)
    if len(whole) == len(repository.snapshots) and not coming:
        return _Belongings(folder, [base], size)
    names = sorted(n for n in gone if n[0] not in {s.revision for s in whole})
    steps = [f"{base}/refs/{ref}" for ref in sorted(refs)]
    steps += [f"{base}/snapshots/{s.revision}" for s in whole]
    steps += [f"{base}/snapshots/{commit}/{name}" for commit, name in names]
    steps += [f"{base}/blobs/{blob}" for blob in sorted(blobs)]
    return _Belongings(folder, steps, size)


def _mine(snapshot: Snapshot, variant: str) -> set[str] | None:
    """The names of a snapshot that go with a variant; None where all of it goes."""
    parts = split(e.name for e in snapshot.entries)
    part = next((p for p in parts if p.id == variant), None)
    if part is None:
        # A repository without a model is taken away whole, one with others is left alone.
        return set() if parts else None
    needed = {name for p in parts if p is not part for name in p.files}
    rest = {e.name for e in snapshot.entries} - set(part.files)
    if not needed and not any(PurePosixPath(n).suffix.lower() in _FOREIGN for n in rest):
        return None
    mine = set(part.files) - needed
    if not needed:
        # Another program's weights lie here: its settings stay with them.
        data = {n for n in mine if "_data" in n or n.endswith((".data", ".weights"))}
        mine = {n for n in mine if PurePosixPath(n).suffix.lower() in WEIGHTS} | data
    return mine


def _lies(blob: Path) -> bool:
    """Whether a blob is there, be it only a link."""
    return blob.is_symlink() or blob.exists()


def _bytes(entries: Iterable[Entry]) -> int:
    return sum({e.blob or str(e.path): max(0, e.size) for e in entries}.values())


def _missed(belongings: _Belongings) -> list[str]:
    """The blobs that somebody has linked to while they were moved aside."""
    if belongings.steps == [belongings.folder.name]:
        return []
    try:
        repository: Repository = cache.read(belongings.folder)
    except OSError:
        return []
    base = f"{belongings.folder.name}/blobs/"
    return [
        s for s in belongings.steps if s.startswith(base) and s[len(base) :] in repository.users
    ]


def _locks(place: Path, folder: Path) -> trash.Held:
    """Holds a blob's lock as huggingface_hub takes it, while the blob is moved."""

    def held(step: str) -> AbstractContextManager[object]:
        parts = PurePosixPath(step).parts
        if len(parts) == 3 and parts[1] == "blobs":
            blob = parts[2].partition(".")[0]
            return _held(place / ".locks" / folder.name / f"{blob}.lock", folder)
        return contextlib.nullcontext()

    return held


@contextlib.contextmanager
def _held(path: Path, folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, mode=0o664, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout:
        raise StudioError(
            f"“{cache.repository_id(folder)}” is being downloaded just now.",
            "Wait until that is done, or cancel the download.",
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.release()
