"""What a recipe names, found on the disk and made ready for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from studio.core.family import FamilySpec
from studio.core.recipe import Recipe
from studio.models.extras import laid_over
from studio.models.installed import InstalledModel
from studio.models.store import Store


@dataclass(frozen=True, slots=True)
class Ready:
    """What a job is made of, as far as models go."""

    recipe: Recipe
    """With the revisions of what it will really be run with."""
    model: Path
    extras: Mapping[str, Path]
    """The folders of the further models, by the recipe's names for them: `Job.extras`."""


def ready(store: Store, spec: FamilySpec | None, recipe: Recipe, model: InstalledModel) -> Ready:
    """The folders that a job needs; the store notes that they are used now.

    Raises StudioError where a further model is not installed, cannot be used, or is something
    else. Looks at the disk: not for the main thread.
    """
    further = laid_over(store, spec, recipe.values) if spec is not None else {}
    named = {recipe.model: model, **further}
    revisions = {name: m.revision for name, m in named.items() if m.revision}
    return Ready(
        recipe=replace(recipe, revisions=revisions),
        model=store.opened(model),
        extras={name: store.opened(m) for name, m in further.items()},
    )


def moved_on(recipe: Recipe, now: Recipe) -> list[str]:
    """The models that a recipe was made with at another revision than the one that is run now."""
    return [
        model
        for model, commit in sorted(recipe.revisions.items())
        if now.revisions.get(model, commit) != commit
    ]


def as_made(store: Store, recipe: Recipe) -> str:
    """What to call the recipe's model so that it is the revision it was made with, where that is
    still here: `owner/name@revision`."""
    commit = recipe.revisions.get(recipe.model, "")
    model = store.find(recipe.model) if commit else None
    if commit and (model is None or model.revision != commit):
        exact = f"{recipe.model}@{commit}"
        older = store.find(exact)
        if older is not None and not older.problem:
            return exact
    return recipe.model
