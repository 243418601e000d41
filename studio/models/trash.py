"""What was removed lies aside on its own disk until it is emptied, and can be had back exactly.

A list of what is moved is on the disk before anything is; a program that dies on the way leaves
what `recover` puts right: either all of it is back, or all of it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.files import PART, cannot_write, sync_folder, write_atomic
from studio.models import payloads
from studio.models.aside import busy, is_below, locked, sweep

REMOVED = ".triptych-removed"
"""Where things lie aside, in the folder or cache that they were in; no store looks there."""
MANIFEST = "manifest.json"
FILES = "files"
KEPT = "shared"
"""Second names of what repositories share: nobody else's tidying can take it away meanwhile."""
MAX_MANIFEST = 64 << 20
PATIENCE = 10.0
"""Seconds that another program is waited for which is at what has to go."""

Held = Callable[[str], AbstractContextManager[object]]
"""Holds what other programs must not touch while one thing is moved; raises StudioError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Something that was removed and can be had back."""

    token: str
    """What `undo` wants: the folder in which it lies aside."""
    model: str
    title: str
    place: Path
    """The folder or cache that it was in."""
    when: str
    """An ISO time in UTC."""
    size: int
    """Bytes that emptying the trash gives back."""


@dataclass(slots=True)
class _Aside:
    """One removal: its folder, its list, and how far it is."""

    folder: Path
    undo: Undo
    state: str
    steps: list[str]
    """Names below the place, with `/`, in the order in which they go."""
    shared: list[str]
    """Names of the blobs behind them that repositories share."""

    def save(self, state: str) -> None:
        """Raises StudioError."""
        self.state = state
        u = self.undo
        data = {
            "version": 1,
            "state": state,
            "model": u.model,
            "title": u.title,
            "when": u.when,
            "size": u.size,
            "steps": self.steps,
            "shared": self.shared,
        }
        write_atomic(self.folder / MANIFEST, json.dumps(data, indent=1).encode("ascii"))

    @property
    def place(self) -> Path:
        return self.undo.place


def put_aside(
    place: Path,
    steps: Sequence[str],
    *,
    model: str,
    title: str,
    size: int,
    held: Held = lambda step: nullcontext(),
    check: Callable[[], Iterable[str]] = tuple,
) -> Undo:
    """Move what `steps` name below `place` aside, in that order; all of it or nothing.

    `check` names steps that somebody has come to need meanwhile: they go back at once. Raises
    StudioError; then everything is where it was.
    """
    folder = place / REMOVED / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    when = datetime.now(UTC).isoformat(timespec="seconds")
    undo = Undo(token=str(folder), model=model, title=title, place=place, when=when, size=size)
    aside = _Aside(folder, undo, "removing", list(steps), payloads.behind(place, steps))
    if not all(map(_may_be, steps)):
        raise ValueError(f"not below {place}: {steps}")  # could not be had back
    with locked(folder) as ours:
        if not ours:
            raise busy(title)
        try:
            folder.mkdir(parents=True)
            aside.save("removing")
            payloads.keep(place, aside.shared, folder / KEPT)
            for step in steps:
                with held(step):
                    _rename(place / step, folder / FILES / step)
            for step in check():
                _rename(folder / FILES / step, place / step)
                aside.steps.remove(step)
            _sync(aside)
            _tidy(place, steps)
            aside.save("removed")
        except OSError as error:
            _restore(aside)
            raise cannot_write(place / steps[0], error) from error
        except BaseException:
            _restore(aside)
            raise
    return undo


def of(token: str) -> tuple[Undo, tuple[str, ...]]:
    """What lies aside under a token, and the folders of its place that it is from.

    Raises StudioError.
    """
    aside = _read(Path(token))
    if aside is None:
        raise _gone()
    return aside.undo, tuple(sorted({Path(step).parts[0] for step in aside.steps}))


def undo(token: str) -> str:
    """Have back what lies aside; gives the model's name. Raises StudioError."""
    folder = Path(token)
    if _read(folder) is None:
        raise _gone()
    with locked(folder) as ours:
        aside = _read(folder)
        if aside is None:
            raise _gone()
        if not ours:
            raise busy(aside.undo.title)
        _check_free(aside)
        try:
            aside.save("restoring")
            _restore(aside)
        except OSError as error:
            raise cannot_write(aside.place / aside.steps[0], error) from error
    return aside.undo.model


def removed(places: Iterable[Path]) -> list[Undo]:
    """What lies aside in these places, the latest first. What cannot be read is not told."""
    found = [
        aside.undo
        for place in places
        for folder in _folders(place)
        if (aside := _read(folder)) is not None and aside.state == "removed"
    ]
    return sorted(found, key=lambda u: (u.when, u.token), reverse=True)


def recover(place: Path) -> None:
    """Finish what a program that died has left: what was half removed is back. Never raises."""
    for folder in _folders(place):
        with contextlib.suppress(OSError, StudioError), locked(folder) as ours:
            if not ours:
                continue  # another program is at it
            for part in folder.glob(f".*{PART}"):
                part.unlink()  # a list that was not written to its end
            aside = _read(folder)
            if aside is None:
                # The list comes first: without one nothing was moved.
                if not (folder / FILES).exists():
                    shutil.rmtree(folder, ignore_errors=True)
            elif aside.state in ("removing", "restoring"):
                _restore(aside)
            elif aside.state == "emptying":
                _empty(aside)
    sweep(place / REMOVED)


def empty(places: Iterable[Path], *, days: float = 0.0) -> int:
    """Delete for good what was removed that many days ago; gives the bytes that were freed.

    What cannot be deleted now is tried again the next time.
    """
    now, freed = datetime.now(UTC), 0
    for place in places:
        recover(place)
        for folder in _folders(place):
            with contextlib.suppress(OSError, StudioError), locked(folder) as ours:
                aside = _read(folder) if ours else None
                if aside is None or aside.state != "removed":
                    continue
                age = now - datetime.fromisoformat(aside.undo.when)
                if age.total_seconds() >= days * 86400:
                    aside.save("emptying")
                    _empty(aside)
                    freed += aside.undo.size
    return freed


def drop(token: str) -> None:
    """Delete one thing for good: it lies elsewhere now. Raises StudioError."""
    folder = Path(token)
    if _read(folder) is None:
        return
    # Whoever looks for what the dead have left holds it for a moment: then it is waited for, or
    # what lies elsewhere now could be had back beside it.
    with locked(folder, PATIENCE) as ours:
        aside = _read(folder) if ours else None
        if aside is not None:
            aside.save("emptying")
            _empty(aside)


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(p for p in (place / REMOVED).iterdir() if p.is_dir())
    except OSError:
        return []


def _read(folder: Path) -> _Aside | None:
    """What a folder's list says; None where there is none that can be believed."""
    if folder.parent.name != REMOVED:
        return None
    try:
        path = folder / MANIFEST
        if path.stat().st_size > MAX_MANIFEST:
            return None
        data = json.loads(path.read_bytes().decode("utf-8"))
        if data["version"] != 1 or not all(map(_may_be, data["steps"])):
            return None
        shared = [str(name) for name in data["shared"] if payloads.HASH.fullmatch(str(name))]
        words = {k: str(data[k]) for k in ("model", "title", "when")}
        datetime.fromisoformat(words["when"]).astimezone(UTC)
        found = Undo(
            token=str(folder), place=folder.parent.parent, size=int(data["size"]), **_strs(words)
        )
        return _Aside(folder, found, str(data["state"]), list(map(str, data["steps"])), shared)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def _strs(words: dict[str, str]) -> dict[str, Any]:
    return dict(words)


def _may_be(step: object) -> bool:
    return is_below(step) and Path(str(step)).parts[0] != REMOVED


def _check_free(aside: _Aside) -> None:
    """Raises StudioError where a model of a folder would come where another one is."""
    for step in aside.steps:
        whole = "/" not in step and not step.startswith("models--")
        if whole and os.path.lexists(aside.place / step) and _there(aside, step):
            raise StudioError(
                f"“{aside.undo.title}” cannot be had back: there is another “{step}” in its place.",
                "Rename or remove that one first.",
            )


def _there(aside: _Aside, step: str) -> bool:
    return os.path.lexists(aside.folder / FILES / step)


def _restore(aside: _Aside) -> None:
    """Put everything back, and away with the folder. Raises OSError."""
    payloads.give_back(aside.place, aside.shared, aside.folder / KEPT)
    for step in reversed(aside.steps):
        source = aside.folder / FILES / step
        if os.path.lexists(source):
            _merge(source, aside.place / step)
    if aside.shared:
        payloads.refer(aside.place, aside.steps)
    _sync(aside)
    for where, _, _ in list(os.walk(aside.folder / FILES, topdown=False)):
        Path(where).rmdir()  # what no list names is nobody's to delete
    (aside.folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(aside.folder, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    """Put something where it was. What has come there meanwhile stays: in a cache the same name
    is the same thing."""
    if not os.path.lexists(target):
        _rename(source, target)
        return
    if source.is_dir() and not source.is_symlink() and target.is_dir():
        for inner in list(source.iterdir()):
            _merge(inner, target / inner.name)
        source.rmdir()
    else:
        source.unlink()


def _rename(source: Path, target: Path) -> None:
    """Move a name within a disk; over a broken link as over nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def _sync(aside: _Aside) -> None:
    """See that the new names are on the disk before the list says so."""
    folders = {(aside.place / s).parent for s in aside.steps}
    folders |= {(aside.folder / FILES / s).parent for s in aside.steps}
    for folder in folders:
        sync_folder(folder)


def _tidy(place: Path, steps: Iterable[str]) -> None:
    """Away with folders that hold nothing any more, up to the repository's own."""
    for step in steps:
        for folder in (place / step).parents:
            if folder == place or folder.parent == place or folder.name in ("blobs", "snapshots"):
                break
            try:
                folder.rmdir()
            except OSError:
                break


def _empty(aside: _Aside) -> None:
    """Delete it; the list goes last. Raises OSError."""
    for inner in (FILES, KEPT):
        if (aside.folder / inner).exists():
            _delete(aside.folder / inner)
    payloads.sweep(aside.place, aside.shared)
    shutil.rmtree(aside.folder)


def _delete(folder: Path) -> None:
    """Delete a folder, files that may not be written to as well."""

    def allow(function: Callable[..., object], path: str, error: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(path, 0o700)  # noqa: PTH101
            function(path)

    shutil.rmtree(folder, onerror=allow)


def _gone() -> StudioError:
    return StudioError(
        "What was removed is not there any more: its trash was emptied, or its disk is away.",
        "Get the model again.",
    )
