"""What was found when models were last looked at, kept on the disk: a start need not read them all,
and those on a disk that is away are still told.

It may be deleted at any time; everything in it is found again by looking.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from studio import __version__
from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.files import write_atomic
from studio.models.installed import InstalledModel

FORMAT = 2
MAX_FILE = 64 << 20
MAX_TEXT = 256 << 20
FILE = "models.json.gz"


@dataclass(frozen=True, slots=True)
class Described:
    """The models of one folder, and what the folder looked like then."""

    stamp: str
    """As `stamp_of` makes it."""
    models: tuple[InstalledModel, ...]


Places = Mapping[Path, Mapping[Path, Described]]
"""Place -> folder of a model or a repository -> what is in it."""


def stamp_of(seen: object) -> str:
    """A short word for all that would change if the folder did."""
    return hashlib.sha256(repr(seen).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def load(folder: Path) -> dict[Path, dict[Path, Described]]:
    """What was kept by this version of the studio; nothing where that cannot be used."""
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_FILE:
            return {}
        with gzip.open(path) as file:
            text = file.read(MAX_TEXT)
        data = json.loads(text.decode("utf-8"))
        if data["version"] != _version():
            return {}
        return {
            Path(place): {
                Path(where): Described(str(said["stamp"]), tuple(map(_model, said["models"])))
                for where, said in inside.items()
            }
            for place, inside in data["places"].items()
        }
    except (
        *(OSError, EOFError, zlib.error),
        *(ValueError, TypeError, KeyError, AttributeError, RecursionError),
    ):
        return {}


def save(folder: Path, places: Places) -> None:
    """Keep it. What cannot be written is found again by looking."""
    data = {
        "version": _version(),
        "places": {
            str(place): {
                str(where): {"stamp": d.stamp, "models": [_words(m) for m in d.models]}
                for where, d in inside.items()
            }
            for place, inside in places.items()
        },
    }
    text = json.dumps(data, separators=(",", ":"), default=list).encode("ascii")
    try:
        write_atomic(folder / FILE, gzip.compress(text, 1, mtime=0))
    except StudioError:
        pass


def _version() -> str:
    return f"{__version__} {FORMAT}"


def _words(model: InstalledModel) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for one in fields(InstalledModel):
        value = getattr(model, one.name)
        if isinstance(value, Path):
            value = str(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        said[one.name] = value
    return said


def _model(said: Mapping[str, Any]) -> InstalledModel:
    """Raises ValueError, TypeError, KeyError or AttributeError for anything that is no model."""
    words: dict[str, Any] = dict(said)
    if words["kind"] is not None and words["kind"] not in KINDS:
        raise ValueError("no kind")
    words["path"] = Path(words["path"])
    words["place"] = None if words["place"] is None else Path(words["place"])
    words["facts"] = {str(k): str(v) for k, v in words["facts"].items()}
    words["names"] = {str(k): tuple(map(str, v)) for k, v in words["names"].items()}
    for name in ("tags", "files", "older"):
        words[name] = tuple(map(str, words[name]))
    for one in fields(InstalledModel):
        plain = {"str": str, "int": int, "bool": bool}.get(str(one.type))
        if plain is not None and type(words[one.name]) is not plain:
            raise TypeError(one.name)
    return InstalledModel(**words)
