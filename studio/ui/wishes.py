"""What is asked for, checked against what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QCoreApplication

from studio.core.controls import complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Unavailable
from studio.core.recipe import Recipe
from studio.models import InstalledModel, Store

translate = QCoreApplication.translate


def completed(
    recipe: Recipe, families: Sequence[FamilySpec], unavailable: Sequence[Unavailable]
) -> Recipe:
    """The recipe with every value checked and there.

    Raises StudioError for bad values and for a family that cannot be run.
    """
    spec = next((f for f in families if f.id == recipe.family), None)
    if spec is None:
        reasons = {u.id: u.reason for u in unavailable}
        raise StudioError(
            translate("Wishes", "“{family}” cannot be run here.").format(family=recipe.family[:60]),
            reasons.get(recipe.family)
            or translate("Wishes", "Choose another model, or update Triptych."),
        )
    return replace(recipe, values=complete(spec.controls, recipe.values))


def installed(store: Store, model_id: str) -> InstalledModel:
    """The model of that id. Raises StudioError where it is not installed or cannot be used."""
    model = store.find(model_id)
    if model is None:
        raise StudioError(
            translate("Wishes", "The model “{model}” is not installed.").format(
                model=model_id[:60]
            ),
            translate("Wishes", "Choose another model."),
        )
    if model.problem:
        raise StudioError(
            translate("Wishes", "The model “{model}” cannot be used: {why}").format(
                model=model_id[:60], why=model.problem
            ),
            model.hint or translate("Wishes", "Choose another model."),
        )
    return model
