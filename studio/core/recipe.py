"""What was asked for: enough to make the same thing again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from studio.core.controls import MAX_SEED, Value
from studio.core.errors import StudioError
from studio.core.family import KINDS, Kind

VERSION = 1
MAX_JSON = 4_000_000
"""In characters; a recipe from a stranger's file is not read beyond it."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@:+ -]{0,199}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SHA = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class InputRef:
    """A file that went in, by its content; `name` is only what the person called it."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything needed to make the same output again."""

    kind: Kind
    family: str
    model: str
    seed: int
    values: Mapping[str, Value] = field(default_factory=dict)
    inputs: Mapping[str, InputRef] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    """The commits of what it was run with, by the names it has for models from a hub."""

    def to_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "version": VERSION,
            "kind": self.kind,
            "family": self.family,
            "model": self.model,
            "seed": self.seed,
            "values": dict(sorted(self.values.items())),
            "inputs": {
                k: {"name": v.name, "sha256": v.sha256} for k, v in sorted(self.inputs.items())
            },
        }
        # Recipes without any are as they always were, to the byte.
        return said | (
            {"revisions": dict(sorted(self.revisions.items()))} if self.revisions else {}
        )

    def to_json(self) -> str:
        """The recipe on one line, keys sorted: the same recipe gives the same text."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Raises StudioError for anything that is not a recipe this studio can read."""
        return cls.from_dict(load_json(text))

    @classmethod
    def from_dict(cls, data: object) -> Recipe:
        """Raises StudioError for anything that is not a recipe this studio can read."""
        if not isinstance(data, dict):
            raise _unreadable()
        version = data.get("version", VERSION)
        if isinstance(version, int) and version > VERSION:
            raise StudioError(
                "This recipe was made by a newer version of Triptych.", "Update Triptych."
            )
        kind, family, model, seed = (data.get(k) for k in ("kind", "family", "model", "seed"))
        values, inputs = data.get("values", {}), data.get("inputs", {})
        if version != VERSION or kind not in KINDS:
            raise _unreadable()
        if not (isinstance(family, str) and _ID.fullmatch(family)):
            raise _unreadable()
        if not (isinstance(model, str) and _ID.fullmatch(model)):
            raise _unreadable()
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise _unreadable()
        revisions = data.get("revisions", {})
        if not all(isinstance(d, dict) for d in (values, inputs, revisions)):
            raise _unreadable()
        return cls(
            kind=kind,
            family=family,
            model=model,
            seed=seed,
            values={_name(k): _value(v) for k, v in values.items()},
            inputs={_name(k): _input(v) for k, v in inputs.items()},
            revisions=dict(_revision(k, v) for k, v in revisions.items()),
        )

    def with_values(self, **values: Value) -> Recipe:
        return replace(self, values={**self.values, **values})


Provider = Literal["auto", "cpu", "cuda", "tensorrt", "directml", "coreml"]


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where a person wants things to be run; `threads` 0 leaves it to the engine."""

    provider: Provider = "auto"
    threads: int = 0
    memory_mb: int = 4096
    """How much a lane may keep loaded between jobs."""
    cuda_graphs: bool = False
    """Record a graph's kernels once for each size and replay them (CUDA only)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A recipe with its paths resolved; the engine writes into `folder` and nowhere else."""

    id: str
    recipe: Recipe
    folder: Path
    model: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    extras: Mapping[str, Path] = field(default_factory=dict)
    """The folders of the further models that the recipe's values name, by their ids."""
    device: DeviceChoice = DeviceChoice()
    cache: Path | None = None
    """Where optimized graphs may be kept; None keeps none."""
    mark_ai: bool = True


def load_json(text: str) -> object:
    """JSON from a stranger. Raises StudioError instead of anything the parser may raise."""
    if len(text) > MAX_JSON:
        raise _unreadable()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable() from None


def _unreadable() -> StudioError:
    return StudioError(
        "The recipe in this file cannot be read.", "Choose a file that was made with Triptych."
    )


def _name(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise _unreadable()


def _value(value: object) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise _unreadable()
    if isinstance(value, str):
        # A lone surrogate can be written in JSON and in nothing else.
        return value.encode("utf-8", "ignore").decode("utf-8")
    if isinstance(value, bool | int | float):
        return value
    raise _unreadable()


def _input(value: object) -> InputRef:
    if isinstance(value, dict):
        name, sha = value.get("name"), value.get("sha256")
        named = isinstance(name, str) and len(name) < 300
        if named and isinstance(sha, str) and _SHA.fullmatch(sha):
            return InputRef(str(name), sha)
    raise _unreadable()


def _revision(model: object, commit: object) -> tuple[str, str]:
    named = isinstance(model, str) and _ID.fullmatch(model)
    if named and isinstance(commit, str) and _COMMIT.fullmatch(commit):
        return str(model), commit
    raise _unreadable()
