"""The further models that a recipe's values name, found on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio.core.controls import Extra, Value, parse_extras
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.models.store import InstalledModel, Store

_ROLES = {
    "lora": "a LoRA",
    "controlnet": "a ControlNet",
    "vocoder": "a vocoder",
    "preview": "a tiny autoencoder",
}


def extras(store: Store, spec: FamilySpec, values: Mapping[str, Value]) -> dict[str, Path]:
    """The folders of the models that `Extra` controls name, by those names: `Job.extras`.

    Raises StudioError where one is not installed, cannot be used, or is something else.
    """
    found = laid_over(store, spec, values)
    return {name: store.opened(model) for name, model in found.items()}


def laid_over(
    store: Store, spec: FamilySpec, values: Mapping[str, Value]
) -> dict[str, InstalledModel]:
    """The models that the values of `Extra` controls name. Raises StudioError as `extras`."""
    found: dict[str, InstalledModel] = {}
    for control in spec.controls:
        if not isinstance(control, Extra):
            continue
        for ref in parse_extras(str(values.get(control.name, ""))):
            model = store.find(ref.model)
            kind = _ROLES.get(control.role, f"a model for “{control.label}”")
            if model is None:
                known = [m.id for m in store.installed() if m.role == control.role]
                raise StudioError(
                    f"“{ref.model[:60]}” ({control.label}) is not installed.",
                    f"Installed are: {', '.join(known)[:200]}." if known else f"Add {kind} first.",
                )
            if model.problem:
                raise StudioError(
                    f"“{model.id}” ({control.label}) cannot be used: {model.problem}", model.hint
                )
            if model.role != control.role:
                raise StudioError(
                    f"“{model.id}” is not {kind}.", f"Choose {kind} for “{control.label}”."
                )
            found[ref.model] = model
    return found
