"""The models that the studio recommends, in its own words; sizes and hashes come from the hub.

What the hub tells of them the first time is pinned: kept in a small file of the person's, so that
what is downloaded later is what was shown, and a size can be told without asking again.
"""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec, Kind
from studio.core.files import write_atomic
from studio.core.paths import resources
from studio.models import fit
from studio.models.headers import parse_json
from studio.models.remote import Fit, Found, Machine, ModelPage, RemoteFile, Variant

NAME = "catalogue.json"
PINS = "catalogue-pins.json"
MAX_PINS = 4 << 20
"""Bytes of the file of pins that are read."""
_BYTES = {"int4": 0.6, "int8": 1.05, "fp16": 2.0, "bf16": 2.0, "fp32": 4.0}
"""Bytes of a parameter, to judge a model by before the hub has told its size: never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to have a model of the catalogue: `Variant` as far as it is known beforehand."""

    id: str
    layout: str
    precision: str
    files: tuple[str, ...]
    """Patterns of names in the repository (`fnmatch`); `*` goes over folders as well."""
    providers: tuple[str, ...] = ()
    pipeline: str = ""
    role: str = ""
    converter: str = ""

    def takes(self, name: str) -> bool:
        """Whether a file of that name belongs to it."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model of the catalogue."""

    repo: str
    title: str
    kind: Kind
    task: str
    words: str
    licence: str
    """Empty where its maker does not say."""
    parameters: int
    families: tuple[str, ...]
    ways: tuple[Way, ...]
    """The preferred first."""
    gated: bool = False
    examples: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """Where it was seen that the repository is there and laid out like this."""


def entries(folder: Path) -> tuple[Entry, ...]:
    """The catalogue in a folder of resources. Raises StudioError where it is damaged."""
    path = folder / NAME
    try:
        told = parse_json(path.read_bytes())
        return tuple(_entry(said) for said in (told or {})["models"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StudioError(
            "The catalogue of models that came with Triptych cannot be read.",
            "Install Triptych again; models can still be searched for.",
        ) from error


def entry_of(repo: str, folder: Path | None = None) -> Entry | None:
    """What the catalogue says of a repository; None where it is not in it. Raises StudioError."""
    return next((e for e in entries(folder or resources()) if e.repo == repo), None)


def recommended(
    machine: Machine,
    specs: Sequence[FamilySpec],
    pins: Pins | None = None,
    folder: Path | None = None,
) -> tuple[Found, ...]:
    """The catalogue as far as the families here run it: what suits this machine best comes first.

    For each task one model is marked, the most able of those that go well. Raises StudioError.
    """
    able = {spec.id for spec in specs}
    found: list[tuple[Found, Entry]] = []
    for entry in entries(folder or resources()):
        if able.intersection(entry.families):
            found.append((_found(entry, machine, pins), entry))
    marked: dict[str, str] = {}
    for one, entry in sorted(found, key=lambda pair: _merit(*pair)):
        if one.fit is not None and one.fit.level != "no" and not entry.ways[0].role:
            marked.setdefault(entry.task, entry.repo)
    first = set(marked.values())
    told = [(replace(one, recommended=True) if one.repo in first else one) for one, _ in found]
    return tuple(sorted(told, key=lambda one: (not one.recommended, _level(one.fit) > 2)))


def way_for(entry: Entry, machine: Machine, pins: Pins | None = None) -> tuple[Way, Fit]:
    """The way to have it that suits a machine, and how it will go."""
    judged = [
        (way, fit.judge(_stand_in(entry, way, pins), entry.kind, machine)) for way in entry.ways
    ]
    return min(judged, key=lambda pair: _level(pair[1]))


class Pins:
    """What the hub told of catalogue models when it was first asked: revisions, sizes, hashes.

    Safe to use from several threads. A file that is lost or damaged is begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._repos: dict[str, dict[str, Any]] | None = None

    def revision(self, repo: str) -> str:
        """The commit that was seen first; empty where none was."""
        with self._lock:
            revision = self._read().get(repo, {}).get("revision", "")
            return revision if isinstance(revision, str) else ""

    def size(self, repo: str, variant: str) -> int | None:
        """Bytes of a variant as the hub told them; None where it was not asked yet."""
        files = self.files(repo, variant)
        return sum(f.size for f in files) if files else None

    def files(self, repo: str, variant: str) -> tuple[RemoteFile, ...]:
        """The files of a variant with their hashes, as they were first told."""
        with self._lock:
            ways = self._read().get(repo, {}).get("variants")
            listed = ways.get(variant) if isinstance(ways, dict) else None
        if not isinstance(listed, list):
            return ()
        found = [_file(said) for said in listed]
        return tuple(f for f in found if f is not None) if all(found) else ()

    def pin(self, page: ModelPage, entry: Entry) -> bool:
        """Keep what a page tells of an entry's variants, if nothing is kept yet.

        Gives whether it was. A variant with other files than the entry's is not that variant.
        Raises StudioError where nothing can be written.
        """
        ways = {way.id: way for way in entry.ways}
        kept = {
            v.id: [[f.path, f.size, f.blob] for f in v.files]
            for v in page.variants
            if v.id in ways and not v.problem and all(ways[v.id].takes(f.path) for f in v.files)
        }
        with self._lock:
            repos = self._read()
            if not kept or page.found.repo in repos:
                return False
            repos[page.found.repo] = {"revision": page.revision, "variants": kept}
            self._write(repos)
        return True

    def forget(self, repo: str) -> None:
        """Let the next page be the one that is kept: the person wants the newest revision.

        Raises StudioError where nothing can be written.
        """
        with self._lock:
            repos = self._read()
            if repos.pop(repo, None) is not None:
                self._write(repos)

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._repos is None:
            raw = b""
            try:
                with self.path.open("rb") as file:
                    raw = file.read(MAX_PINS + 1)
            except OSError:
                pass  # nothing is pinned yet
            told = (parse_json(raw) or {}).get("repos") if len(raw) <= MAX_PINS else None
            listed = told if isinstance(told, dict) else {}
            self._repos = {r: said for r, said in listed.items() if isinstance(said, dict)}
        return self._repos

    def _write(self, repos: Mapping[str, Any]) -> None:
        text = json.dumps({"version": 1, "repos": repos}, ensure_ascii=False, indent=1) + "\n"
        write_atomic(self.path, text.encode("utf-8", "replace"))


def _entry(said: Any) -> Entry:
    """Raises KeyError, TypeError or ValueError for anything that is no entry."""
    if said["kind"] not in KINDS or not said["variants"] or not said["families"]:
        raise ValueError(f"{said['repo']} is no entry")
    return Entry(
        repo=_text(said["repo"]),
        title=_text(said["title"]),
        kind=said["kind"],
        task=_text(said["task"]),
        words=_text(said["words"]),
        licence=_text(said["licence"]),
        parameters=int(said["parameters"]),
        families=_texts(said["families"]),
        ways=tuple(_way(way) for way in said["variants"]),
        gated=bool(said.get("gated", False)),
        examples=_texts(said.get("examples", [])),
        seen=_texts(said["seen"]),
    )


def _way(said: Any) -> Way:
    return Way(
        id=_text(said["id"]),
        layout=_text(said["layout"]),
        precision=_text(said["precision"]),
        files=_texts(said["files"]),
        providers=_texts(said.get("providers", [])),
        pipeline=_text(said.get("pipeline", "")),
        role=_text(said.get("role", "")),
        converter=_text(said.get("converter", "")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(_text(v) for v in values)


def _merit(found: Found, entry: Entry) -> tuple[int, bool, int]:
    """What is marked first: what goes well, what need not be converted, what is most able."""
    return _level(found.fit), entry.ways[0].converter == "text.genai", -entry.parameters


def _stand_in(entry: Entry, way: Way, pins: Pins | None) -> Variant:
    """A variant to be judged: until the hub has told its size, that is a guess."""
    size = pins.size(entry.repo, way.id) if pins is not None else None
    guess = int(entry.parameters * _BYTES.get(way.precision, 4.0))
    return Variant(
        id=way.id,
        title=way.id,
        folder="",
        layout=way.layout,
        precision=way.precision,
        files=(RemoteFile("weights", size or guess, ""),),
        families=entry.families,
        providers=way.providers,
        role=way.role,
        pipeline=way.pipeline,
        converter=way.converter,
    )


def _found(entry: Entry, machine: Machine, pins: Pins | None) -> Found:
    way, suits = way_for(entry, machine, pins)
    return Found(
        repo=entry.repo,
        title=entry.title,
        kind=entry.kind,
        task=entry.task,
        author=entry.repo.partition("/")[0],
        licence=entry.licence,
        size=pins.size(entry.repo, way.id) if pins is not None else None,
        gated=entry.gated,
        families=entry.families,
        words=entry.words,
        fit=suits,
    )


def _level(suits: Fit | None) -> int:
    return fit.LEVELS.index(suits.level) if suits is not None else 0


def _file(said: object) -> RemoteFile | None:
    """A file as it was pinned; None where somebody wrote something else there."""
    if not isinstance(said, list) or len(said) != 3:
        return None
    path, size, blob = said
    if not (isinstance(path, str) and type(size) is int and size >= 0 and isinstance(blob, str)):
        return None
    return RemoteFile(path, size, blob)
