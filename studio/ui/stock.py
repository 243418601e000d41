"""What is installed, as the create panes offer it: models with the families that run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from studio.core.family import FamilySpec
from studio.models import InstalledModel, Store, fits
from studio.models.installed import has


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a family can run."""

    spec: FamilySpec
    model: str
    title: str
    starter: bool = False
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The lists of names that are the model's own, as `voices`."""
    lacking: frozenset[str] = frozenset()
    """The family's settings that need a part which the model has not."""


@dataclass(frozen=True, slots=True)
class Further:
    """A model that is laid over another, as a LoRA."""

    model: str
    title: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What can be chosen in a pane."""

    offers: tuple[Offer, ...] = ()
    further: Mapping[str, tuple[Further, ...]] = field(default_factory=dict)
    """By role."""

    def of(self, family: str) -> tuple[Offer, ...]:
        """The models that a family can run."""
        return tuple(o for o in self.offers if o.spec.id == family)


def lacking(spec: FamilySpec, model: InstalledModel) -> frozenset[str]:
    """The settings of a family that have nothing to work on in a model."""
    return frozenset(c.name for c in spec.controls if c.part and not has(model.files, c.part))


def look(store: Store, specs: Iterable[FamilySpec]) -> Stock:
    """What is installed for these families. Looks at the disk: not for the main thread."""
    models = store.installed()
    offers = tuple(
        Offer(spec, m.id, m.title, m.starter, dict(m.names), lacking(spec, m))
        for spec in specs
        for m in models
        if fits(spec, m)
    )
    further: dict[str, tuple[Further, ...]] = {}
    for model in models:
        if model.role and not model.problem:
            further[model.role] = (*further.get(model.role, ()), Further(model.id, model.title))
    return Stock(offers, further)
