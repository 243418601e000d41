"""What a family says about itself: how a kind of model is run, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from studio.core.controls import AnyControl, Value

Kind = Literal["text", "image", "audio"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Example:
    """A wish to click that works with the starter models."""

    title: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySpec:
    """A family's id, what it makes, its settings, and what its model folder must hold."""

    id: str
    title: str
    kind: Kind
    controls: tuple[AnyControl, ...]
    needs: tuple[str, ...]
    """Glob patterns, relative to the model's folder, each of which must match a file."""
    tags: tuple[str, ...] = ()
    """Words that the model card's tags or pipeline_tag must hold, all of them."""
    any_tags: tuple[str, ...] = ()
    """Words of which the card must hold at least one; empty asks for none."""
    without_tags: tuple[str, ...] = ()
    """Words that the model card must not hold."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Facts of the model's own configuration (`InstalledModel.facts`), each one of these values."""
    models: str = ""
    """Which published models it runs, for the list in the README."""
    proved: str = ""
    """How that was proved, for the same list."""
    outputs: tuple[str, ...] = ()
    """Suffixes of the files of one item, the main one first."""
    examples: tuple[Example, ...] = field(default=())

    def control(self, name: str) -> AnyControl | None:
        return next((c for c in self.controls if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A family that could not be loaded, and why, in words for a person."""

    id: str
    kind: Kind
    reason: str
