"""What crosses the pipe between the window and the courier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.paths import Paths
from studio.core.settings import Settings
from studio.models.remote import Download, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a courier begins with."""

    paths: Paths
    settings: Settings
    machine: Machine | None = None
    specs: tuple[FamilySpec, ...] = ()
    token: str = field(default="", repr=False)
    """One that holds for this run of the program, where a person has signed in during it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Do an action of `Manager`, and answer with a Reply of this number."""

    id: int
    action: str
    args: tuple[Any, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """Give up what was asked with this number, where that can be done."""

    id: int


@dataclass(frozen=True, slots=True)
class Use:
    """The settings have changed."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Equip:
    """What models have to fit into, and the families that there are."""

    machine: Machine
    specs: tuple[FamilySpec, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Write down how far everything is, and leave."""


Order = Ask | Stop | Use | Equip | Close


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question: what the action gave, or the StudioError that it raised."""

    id: int
    value: Any
    detail: str = field(default="", repr=False)
    """For the log: a fault of ours, with its trace."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far the action of this number is, in bytes; `total` is 0 while nobody knows."""

    id: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Changed:
    """All downloads as they are now, in their order; at most ten times a second."""

    downloads: tuple[Download, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """A line for the log."""

    level: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The courier is gone; what was asked and not answered will not be."""

    error: StudioError
    asked: tuple[int, ...] = ()
    gave_up: bool = False
    """It has died too often to be started again unasked."""


Heard = Reply | Step | Changed | Ended
