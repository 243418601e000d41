"""A model on its way to another folder or disk: copied, compared, shown there, and taken from here.

Until all of it is there and right, nothing in either place has changed; from then on a program
that dies is followed by one that finishes (`finish_moves`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from studio.core.errors import StudioError
from studio.core.files import cannot_read, cannot_write, sync_folder, write_atomic
from studio.core.sizes import size_words
from studio.models import cache, trash
from studio.models.add import SPARE
from studio.models.aside import alone, is_below, locked, sweep
from studio.models.installed import InstalledModel
from studio.models.snapshots import entries_of
from studio.models.trash import Undo
from studio.models.verify import PIECE, Told, go_on, hash_of, nothing

__all__ = ["Moved", "Told", "finish_moves", "go_on", "move_files", "nothing"]

MOVING = ".triptych-moving"
"""Where what is on its way lies, in the place that it goes to; no store looks there."""
JOURNAL = "journal.json"
MAX_JOURNAL = 64 << 20


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, as far as is needed to take it from where it was."""

    model: str
    title: str
    place: Path
    """Where it was."""
    name: str
    """The model's own folder there; empty for one of a hub."""
    repo: str = ""
    variant: str = ""


@dataclass(slots=True)
class _Load:
    """All that has to be brought."""

    moved: Moved
    files: dict[str, Path] = field(default_factory=dict)
    """Name in the folder of what is on its way -> the file, wherever it really lies."""
    sizes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Name in the new place -> what of `files` it is a link to; of repositories alone."""
    refs: dict[str, str] = field(default_factory=dict)
    """Branch or tag -> commit."""

    @property
    def target(self) -> str:
        """The folder in the new place that it comes to."""
        return self.moved.name or cache.repository_folder(Path(), self.moved.repo).name


def move_files(
    model: InstalledModel,
    place: Path,
    take_away: Callable[[], Undo],
    told: Told,
    cancelled: Callable[[], bool],
) -> None:
    """Bring a model to `place`, and have it taken from where it was. Raises StudioError."""
    try:
        load = _load(model)
    except OSError as error:
        raise cannot_read(model.path, error) from error
    if not load.files:
        raise StudioError(f"“{model.id}” is not there any more.", "Look at the list again.")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place / load.target, error) from error
    way = place / MOVING / uuid.uuid4().hex
    with locked(way) as ours:
        assert ours
        try:
            _check_free(load, place)
            way.mkdir(parents=True)
            _note(way, load, "copying")
            _bring(load, way, told, cancelled)
            _note(way, load, "copied")
            _show(load, way, place)
        except BaseException as error:
            shutil.rmtree(way, ignore_errors=True)
            if isinstance(error, OSError):
                raise cannot_write(place / load.target, error) from error
            raise
        try:
            trash.drop(take_away().token)
        except StudioError as error:
            raise StudioError(
                f"“{model.title}” lies in {place} now, but could not be taken from where it was: "
                f"{error.message}",
                error.hint,
            ) from error
        finally:
            shutil.rmtree(way, ignore_errors=True)


def finish_moves(place: Path, take_away: Callable[[Moved], None]) -> None:
    """Finish what programs that died have left on its way to a place. Never raises.

    `take_away` removes what was moved from where it was; raising StudioError puts that off.
    """
    try:
        folders = [p for p in (place / MOVING).iterdir() if p.is_dir()]
    except OSError:
        return
    for folder in folders:
        with contextlib.suppress(OSError, StudioError), locked(folder) as ours:
            if not ours:
                continue
            load = _noted(folder)
            if load is not None:
                moved = load.moved
                with alone(moved.title, (moved.place, load.target), (place, load.target)):
                    _show(load, folder, place)
                    take_away(moved)
            shutil.rmtree(folder, ignore_errors=True)
    sweep(place / MOVING)


def _load(model: InstalledModel) -> _Load:
    """Raises OSError."""
    place = model.place or model.path.parent
    if not model.repo:
        load = _Load(Moved(model.id, model.title, place, model.path.name))
        for where, folders, names in os.walk(model.path):
            if any((Path(where) / f).is_symlink() for f in folders):
                raise StudioError(
                    f"“{model.title}” cannot be moved: there is a link to another folder in it.",
                    "Put the folder itself in the place of the link.",
                )
            for name in names:
                path = Path(where) / name
                said = f"{model.path.name}/{path.relative_to(model.path).as_posix()}"
                load.files[said], load.sizes[said] = path, path.stat().st_size
        return load
    moved = Moved(model.id, model.title, place, "", model.repo, model.variant)
    load = _Load(moved)
    repository = cache.read(cache.repository_folder(place, model.repo))
    for snapshot in repository.snapshots:
        for entry in entries_of(repository, snapshot.revision, model.variant):
            if entry.size < 0 or entry.strange:
                continue
            shown = f"{load.target}/snapshots/{snapshot.revision}/{entry.name}"
            own = f"{load.target}/blobs/{entry.blob}" if entry.blob else shown
            load.files[own], load.sizes[own] = entry.path, entry.size
            load.links[shown] = own
    commits = {PurePosixPath(name).parts[2] for name in load.links}
    load.refs = {n: c for n, c in repository.refs.items() if c in commits}
    return load


def _check_free(load: _Load, place: Path) -> None:
    """Raises StudioError where there is something in its place already, or no room; OSError."""
    taken = {p.name.casefold() for p in place.iterdir()}
    if load.moved.name and load.target.casefold() in taken:
        raise StudioError(f"There is another “{load.target}” in {place}.", "Choose another folder.")
    needed = sum(load.sizes.values())
    if _near(load, place):
        return
    if needed + SPARE > shutil.disk_usage(place).free:
        raise StudioError(
            f"There is not enough room in {place}: {size_words(needed)} have to be copied.",
            "Make room there, or choose another disk.",
        )


def _near(load: _Load, place: Path) -> bool:
    """Whether it stays on its disk."""
    return all(
        os.stat(path).st_dev == os.stat(place).st_dev  # noqa: PTH116 - a link's file counts
        for path in load.files.values()
    )


def _bring(load: _Load, folder: Path, told: Told, cancelled: Callable[[], bool]) -> None:
    """Copy what cannot be linked, and compare it. Raises StudioError, OSError."""
    total, done = 2 * sum(load.sizes.values()), 0

    def pass_on(count: int) -> None:
        nonlocal done
        if cancelled():
            raise StudioError("Moving was cancelled.", "The model is where it was.")
        done += count
        told(min(done, total), total)

    for name, source in load.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        pass_on(0)
        try:
            os.link(os.path.realpath(source), target)
            pass_on(2 * load.sizes[name])
            continue
        except (OSError, NotImplementedError):
            pass  # another disk, or one that knows no links
        digest = _copy(source, target, pass_on)
        blob = PurePosixPath(name).name if "/blobs/" in name else ""
        known = cache.HASH.fullmatch(blob) is not None
        if hash_of(target, load.sizes[name], blob if known else "", pass_on) != (
            blob if known else digest
        ):
            raise StudioError(
                f"“{load.moved.title}” was not moved: a copy of {PurePosixPath(name).name[:80]} "
                "is not what it should be.",
                "Verify the model, and check both disks.",
            )
    for where, _, _ in os.walk(folder):
        sync_folder(Path(where))


def _copy(source: Path, target: Path, pass_on: Callable[[int], None]) -> str:
    """Copy one file to the disk; gives its sha256. Raises OSError."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while piece := reader.read(PIECE):
            writer.write(piece)
            digest.update(piece)
            pass_on(len(piece))
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, target)
    return digest.hexdigest()


def _show(load: _Load, folder: Path, place: Path) -> None:
    """Put what was brought in its place; as often as it takes. Raises OSError."""
    if load.moved.name:
        if (folder / load.target).is_dir():
            (folder / load.target).rename(place / load.target)
            sync_folder(place)
        return
    for name in load.files:
        if (folder / name).exists():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / name).replace(target)
    # Settings come last: without them nothing is taken for a model.
    for name in sorted(load.links, key=lambda n: (n.endswith(".json"), n)):
        _point(place / name, place / load.links[name])
    home = place / load.target
    for path in (home / "blobs", home / "snapshots", home):
        sync_folder(path)
    for ref, commit in load.refs.items():
        target = home / "refs" / ref
        if not target.exists():
            # Not beside it: whatever lies in refs is a branch to huggingface_hub.
            write_atomic(folder / "ref", commit.encode("ascii"))
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "ref").replace(target)


def _point(link: Path, blob: Path) -> None:
    if link == blob or link.exists():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)  # one that leads nowhere
    try:
        link.symlink_to(os.path.relpath(blob, link.parent))
    except (OSError, NotImplementedError):
        # As huggingface_hub does it where links cannot be made.
        part = link.with_name(f".{uuid.uuid4().hex[:8]}")
        shutil.copyfile(blob, part)
        part.replace(link)


def _note(folder: Path, load: _Load, state: str) -> None:
    moved = load.moved
    data = {
        "version": 1,
        "state": state,
        "moved": {
            "model": moved.model,
            "title": moved.title,
            "place": str(moved.place),
            "name": moved.name,
            "repo": moved.repo,
            "variant": moved.variant,
        },
        "files": list(load.files),
        "links": load.links,
        "refs": load.refs,
    }
    write_atomic(folder / JOURNAL, json.dumps(data).encode("ascii"))


def _noted(folder: Path) -> _Load | None:
    """What has been brought and compared; None where that had not come to its end."""
    try:
        if (folder / JOURNAL).stat().st_size > MAX_JOURNAL:
            return None
        data: Any = json.loads((folder / JOURNAL).read_bytes().decode("ascii"))
        if data["version"] != 1 or data["state"] != "copied":
            return None
        said = {k: str(v) for k, v in data["moved"].items()}
        moved = Moved(
            model=said["model"],
            title=said["title"],
            place=Path(said["place"]),
            name=said["name"],
            repo=said["repo"],
            variant=said["variant"],
        )
        names = [*data["files"], *data["links"], *data["links"].values()]
        names += [f"refs/{ref}" for ref in data["refs"]]
        if not all(map(is_below, names)) or not all(map(_is_commit, data["refs"].values())):
            return None
        files = {name: Path() for name in data["files"]}
        return _Load(moved, files, {}, dict(data["links"]), dict(data["refs"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_commit(text: object) -> bool:
    return isinstance(text, str) and cache.REVISION.fullmatch(text) is not None
