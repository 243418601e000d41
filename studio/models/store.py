"""The models on this computer: folders in the ecosystem's own layouts, known by their contents, and
what lies in caches of the Hugging Face hub."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from studio.core.family import FamilySpec
from studio.models import cache, remembered, views
from studio.models.inspect import INDEXES
from studio.models.installed import (
    NOT_STATED,
    InstalledModel,
    describe,
    families,
    fits,
    kind_in_words,
    nameable,
    suits,
    told_of,
)
from studio.models.notes import Notes
from studio.models.remembered import Described, stamp_of
from studio.models.snapshots import at_revision, models_of
from studio.models.wanted import Wanted

__all__ = [
    "NOT_STATED",
    "InstalledModel",
    "Store",
    "describe",
    "families",
    "fits",
    "kind_in_words",
    "nameable",
    "suits",
]

PATIENCE = 10.0
"""Seconds that a disk may be silent; what it says later is heard the next time."""
_FOREIGN = ("datasets--", "spaces--", "kernels--")

Inside = dict[Path, Described]


class _Reading(threading.Thread):
    """One look at one place: apart, because a disk may not answer at all."""

    def __init__(self, store: Store, place: Path, before: Inside) -> None:
        super().__init__(name="models", daemon=True)
        self.place = place
        self.inside: Inside = {}
        self.error: OSError | None = None
        self._store, self._before = store, before
        self._heard = time.monotonic()
        self.start()

    def run(self) -> None:
        try:
            self.inside = self._store.look(self.place, self._before, self._hear)
        except OSError as error:
            self.error = error

    def settle(self) -> None:
        """Wait for its end, or until the disk has not been heard of for long."""
        while self.is_alive() and time.monotonic() - self._heard < PATIENCE:
            self.join(min(0.2, PATIENCE))

    def _hear(self) -> None:
        self._heard = time.monotonic()


class Store:
    """The models in some folders; where a name is in two of them, the first folder's counts.

    Safe to use from several threads. All but `glance` look at disks: not for the main thread.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        caches: Sequence[Path] = (),
        *,
        memory: Path | None = None,
        notes: Notes | None = None,
    ) -> None:
        """In `folders` every folder is taken for a model; in `caches`, the repositories of a hub
        and those folders that say that they are models. The first folder is the program's own.

        `memory` is a folder in which is kept what was seen, so that the next start need not read
        everything; None keeps it for this run.
        """
        self.folders = tuple(folders)
        self.caches = tuple(dict.fromkeys(c for c in caches if c not in self.folders))
        self.notes = notes or Notes(None)
        self._memory = memory
        self._lock = threading.Lock()
        """Of what follows; never held while a disk is read."""
        self._looking = threading.Lock()
        """One look at everything at a time; who comes meanwhile gets the next one."""
        self._known: dict[Path, Inside] | None = None
        self._readings: dict[Path, _Reading] = {}
        self._silent: set[Path] = set()
        """Places that did not answer."""
        self._listed: tuple[InstalledModel, ...] = ()
        self._saved = ""

    def look_in(self, caches: Sequence[Path]) -> None:
        """Look into these caches from now on, instead of those before."""
        self.caches = tuple(dict.fromkeys(c for c in caches if c not in self.folders))

    @property
    def places(self) -> tuple[Path, ...]:
        """All that is looked at, in the order that counts."""
        return (*self.folders, *self.caches)

    def installed(self) -> list[InstalledModel]:
        """Every model as it is now, those that cannot be used with their problem.

        Models of a disk that is away or does not answer are told as they were, and that they are
        away.
        """
        self.notes.refresh()
        with self._looking:
            known = self._remembered()
            readings = [(p, self._reading(p, known.get(p, {}))) for p in self.places]
            now: dict[Path, Inside] = {}
            told: list[list[InstalledModel]] = []
            for place, reading in readings:
                reading.settle()
                inside, models = self._outcome(place, reading, known.get(place, {}))
                now[place] = inside
                told.append(models)
            listed = self._merged(told)
            with self._lock:
                self._known, self._listed = now, tuple(listed)
            self._save(now)
        return listed

    def remembered(self) -> list[InstalledModel]:
        """What was there when it was last looked at; no model's folder is read for it."""
        known = self._remembered()
        told = [
            [m for d in known.get(place, {}).values() for m in d.models] for place in self.places
        ]
        return self._merged(told)

    def glance(self, model_id: str) -> InstalledModel | None:
        """The model of that name as it was at the last look; touches no disk at all.

        None where there was none, or nobody has looked yet (see `looked`).
        """
        return next((m for m in self._listed if m.id == model_id), None)

    @property
    def looked(self) -> bool:
        """Whether `glance` knows what is installed."""
        return bool(self._listed)

    def find(self, model_id: str) -> InstalledModel | None:
        """The model that a recipe calls `model_id`, usable or not; None where there is none.

        `owner/name` is the first of its variants where there is no plain one, and
        `owner/name@revision` that revision, where it is still here.
        """
        # Its own folder alone is read: this is asked for at every press of Make.
        self.notes.refresh()
        known = self._remembered()
        wanted = Wanted.of(model_id)
        first: InstalledModel | None = None
        for place in self.places:
            for model in self._called(place, wanted, known.get(place, {})):
                if first is None or (first.id == model.id and _better(model, first)):
                    first = model
                elif model.id == model_id != first.id:
                    return _twin(model)  # their names differ by case alone
        if first is None or not wanted.means(first):
            return None
        return replace(first, last_used=self.notes.last_used(first.id))

    def opened(self, model: InstalledModel) -> Path:
        """The folder that a job runs a model from; it notes that the model is used.

        Raises StudioError where its files lie so that no program could run them.
        """
        self.notes.use(model.id)
        return views.folder_for(model)

    def fitting(self, spec: FamilySpec) -> list[InstalledModel]:
        """The models that a family can run, the starter models first."""
        return [m for m in self.installed() if fits(spec, m)]

    def default_for(self, spec: FamilySpec) -> InstalledModel | None:
        """What a family runs when nobody has chosen; no more places are read than it takes."""
        for place in self.places:
            if place in self._silent:
                continue
            before = self._remembered().get(place, {})
            try:
                inside = self.look(place, before, lambda: None)
            except OSError:
                continue
            self._note(place, inside)
            for described in inside.values():
                for model in described.models:
                    if fits(spec, model):
                        return replace(model, last_used=self.notes.last_used(model.id))
        return None

    @staticmethod
    def fits(spec: FamilySpec, model: InstalledModel) -> bool:
        """Whether a family can run a model: the function `fits`, for those who hold a store."""
        return fits(spec, model)

    def look(self, place: Path, before: Inside, heard: Callable[[], None]) -> Inside:
        """What lies in one place now; what has not changed since `before` is not read again.

        `heard` is called whenever the disk has answered. Raises OSError where the place itself
        cannot be read.
        """
        inside: Inside = {}
        for path in self._within(place):
            inside[path] = self._read(place, path, before.get(path))
            heard()
        return inside

    def forget(self, model: InstalledModel) -> None:
        """Do not tell of a model that is away any more."""
        with self._looking:
            known = {p: dict(inside) for p, inside in self._remembered().items()}
            for inside in known.values():
                for path, said in list(inside.items()):
                    kept = tuple(m for m in said.models if m.path != model.path or m.id != model.id)
                    if not kept:
                        del inside[path]
                    elif len(kept) < len(said.models):
                        inside[path] = Described("", kept)
            with self._lock:
                self._known = known
            self._save(known)
        self.notes.forget(model.id)

    def _remembered(self) -> dict[Path, Inside]:
        with self._lock:
            if self._known is None:
                self._known = remembered.load(self._memory) if self._memory else {}
            return self._known

    def _save(self, known: dict[Path, Inside]) -> None:
        stamp = stamp_of([(p, w, d.stamp) for p, i in known.items() for w, d in i.items()])
        if self._memory is not None and stamp != self._saved:
            self._saved = stamp
            remembered.save(self._memory, known)

    def _reading(self, place: Path, before: Inside) -> _Reading:
        """A look at a place, or the one that has not come back yet."""
        reading = self._readings.get(place)
        if reading is None:
            reading = self._readings[place] = _Reading(self, place, before)
        return reading

    def _outcome(
        self, place: Path, reading: _Reading, before: Inside
    ) -> tuple[Inside, list[InstalledModel]]:
        """What a look has shown; of a place that is away, what was there before."""
        if reading.is_alive():
            self._silent.add(place)
            return before, _away(before, f"The disk with {place} does not answer.")
        del self._readings[place]
        self._silent.discard(place)
        if reading.error is None:
            return reading.inside, [m for d in reading.inside.values() for m in d.models]
        if isinstance(reading.error, FileNotFoundError | NotADirectoryError):
            return before, _away(before, f"The folder {place} is not there just now.")
        return before, _away(before, _unreadable(place, reading.error))

    def _within(self, place: Path) -> list[Path]:
        """The folders of models and repositories in a place. Raises OSError."""
        inside = sorted(place.iterdir(), key=lambda p: p.name.casefold())
        return [p for p in inside if not p.name.startswith((".", *_FOREIGN)) and self._is_model(p)]

    def _is_model(self, path: Path) -> bool:
        return _is_cached(path) or self._plain(path)

    def _plain(self, path: Path) -> bool:
        if not path.is_dir():
            return False
        return path.parent in self.folders or any((path / name).is_file() for name in INDEXES)

    def _called(self, place: Path, wanted: Wanted, before: Inside) -> list[InstalledModel]:
        """The models of one place that go by that name, whatever its case."""
        if place in self._silent:  # who asks it once more may wait for ever
            return wanted.among(_away(before, f"The disk with {place} does not answer."))
        names = {n.casefold() for n in (wanted.id, wanted.repo, wanted.folder)}
        try:
            paths = [
                place / name
                for name in sorted(os.listdir(place))  # noqa: PTH208 - names are all that is needed
                if name.casefold() in names
            ]
            models: list[InstalledModel] = []
            exact: list[InstalledModel] = []
            for path in paths:
                if wanted.revision and _is_cached(path):
                    found = self._at(path, wanted)
                    exact += [found] if found else []
                elif self._is_model(path):
                    models += self._noted(place, path).models
            return exact or wanted.among(models)
        except FileNotFoundError:
            return wanted.among(_away(before, f"The folder {place} is not there just now."))
        except OSError as error:
            return wanted.among(_away(before, _unreadable(place, error)))

    def _at(self, path: Path, wanted: Wanted) -> InstalledModel | None:
        repository = cache.read(path)
        return at_revision(repository, wanted.variant, wanted.revision)

    def _noted(self, place: Path, path: Path) -> Described:
        """What lies in a folder of a place now, and it is remembered."""
        inside = self._remembered().get(place, {})
        now = self._read(place, path, inside.get(path))
        self._note(place, {**inside, path: now})
        return now

    def _note(self, place: Path, inside: Inside) -> None:
        with self._lock:
            if self._known is not None:
                self._known = {**self._known, place: inside}

    def _read(self, place: Path, path: Path, before: Described | None) -> Described:
        """What lies in a model's folder or a repository."""
        try:
            if _is_cached(path):
                return self._repository(path, before)
            files = tuple(sorted(p for p in path.rglob("*") if p.is_file()))
            stats = [(p.relative_to(path).as_posix(), p.stat()) for p in files]
            stamp = stamp_of([(n, s.st_size, s.st_mtime_ns, s.st_nlink) for n, s in stats])
            if before is not None and before.stamp == stamp:
                return before
            starter = place == self.folders[0] if self.folders else False
            size = sum(s.st_size for _, s in stats)
            model = told_of(path, files, size, id=path.name, starter=starter)
            linked = sum(s.st_size for _, s in stats if s.st_nlink > 1)
            return Described(stamp, (replace(model, place=place, shared=linked),))
        except OSError as error:
            model = told_of(path, (), 0, id=cache.repository_id(path))
            model = replace(
                model,
                place=place,
                problem=f"It cannot be read ({error.strerror or error or type(error).__name__}).",
                hint="Check the permissions of its folder.",
            )
            return Described("", (model,))

    def _repository(self, path: Path, before: Described | None) -> Described:
        repository = cache.read(path)
        kept = self.notes.kept_in(repository.id)
        stamp = stamp_of((repository.stamp, sorted(kept.items())))
        if before is not None and before.stamp == stamp:
            return before
        return Described(stamp, tuple(models_of(repository, kept)))

    def _merged(self, told: Iterable[Iterable[InstalledModel]]) -> list[InstalledModel]:
        """The models of all places in order; of two with one name, the first that is whole."""
        found: dict[str, InstalledModel] = {}
        twins: list[InstalledModel] = []
        for models in told:
            for model in models:
                # Two names that differ by case are one on most systems.
                name = model.id.casefold()
                model = replace(model, last_used=self.notes.last_used(model.id))
                other = found.get(name)
                if other is None:
                    found[name] = model
                elif _better(model, other):
                    found[name] = model
                    twins.append(other)
                else:
                    twins.append(_twin(model))
        return [*found.values(), *twins]


def _away(before: Inside, why: str) -> list[InstalledModel]:
    hint = "Connect its disk; until then it cannot be used, and nothing of it is lost."
    return [
        replace(m, away=True, problem=why, hint=hint) for d in before.values() for m in d.models
    ]


def _better(model: InstalledModel, other: InstalledModel) -> bool:
    """Whether of one model in two caches this is the one to run."""
    return bool(other.repo and other.problem and not model.problem)


def _twin(model: InstalledModel) -> InstalledModel:
    if model.repo:
        hint = "It lies in two places; remove one of them."
    else:
        hint = "Rename one of the two folders."
    return replace(model, problem=f"There is another model called “{model.id}”.", hint=hint)


def _unreadable(place: Path, error: OSError) -> str:
    return f"The folder {place} cannot be read just now ({error.strerror or error})."


def _is_cached(path: Path) -> bool:
    """Whether a folder is a repository as a cache has it, whatever its place."""
    inside = ("snapshots", "blobs")
    return cache.is_repository(path) and any((path / name).is_dir() for name in inside)
