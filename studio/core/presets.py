"""Presets: tasks as small files that fill a form; what ships and what a person adds."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.controls import Value
from studio.core.family import KINDS, Kind

MAX_FILE = 200_000
"""Bytes; a larger file is no preset."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A task: what it is called, and the values that it puts into the form of its kind."""

    id: str
    title: str
    description: str
    kind: Kind
    values: Mapping[str, Value] = field(default_factory=dict)


def load(folders: Sequence[Path]) -> tuple[tuple[Preset, ...], tuple[str, ...]]:
    """The presets in some folders, and a sentence for each file that could not be read.

    Where an id is in two folders, the later folder's counts. Never raises for what is in a file.
    """
    found: dict[str, Preset] = {}
    faults: list[str] = []
    for folder in folders:
        try:
            files = sorted(p for p in folder.glob("*.toml") if p.is_file())
        except OSError:
            continue
        for file in files:
            try:
                found[file.stem] = _read(file)
            except OSError as error:
                faults.append(f"The preset “{file.name}” cannot be read: {error.strerror}.")
            except ValueError as error:
                faults.append(f"The preset “{file.name}” cannot be read: {error}.")
    return tuple(sorted(found.values(), key=lambda p: p.title.casefold())), tuple(faults)


def _read(file: Path) -> Preset:
    if file.stat().st_size > MAX_FILE:
        raise ValueError("it is too large")
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("it is not a text in UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    kind = next((k for k in KINDS if k == data.get("kind", "text")), None)
    title, about, values = data.get("title"), data.get("description", ""), data.get("values", {})
    if not isinstance(title, str) or not title.strip():
        raise ValueError("it has no title")
    if kind is None or not isinstance(about, str) or not isinstance(values, dict):
        raise ValueError("its kind, description or values are none")
    if not all(isinstance(v, str | int | float | bool) for v in values.values()) or any(
        isinstance(v, float) and not math.isfinite(v) for v in values.values()
    ):
        raise ValueError("its values have to be words, numbers, true or false")
    return Preset(file.stem, title.strip(), about.strip(), kind, dict(values))
