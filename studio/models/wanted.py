"""The names that recipes have for models, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.models import cache
from studio.models.installed import InstalledModel

_AT = re.compile(r"(.+)@([0-9a-f]{7,40})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model's name, taken apart."""

    id: str
    repo: str
    variant: str
    revision: str

    @classmethod
    def of(cls, model_id: str) -> Wanted:
        at = _AT.fullmatch(model_id)
        name, revision = (at[1], at[2]) if at else (model_id, "")
        repo, _, variant = name.partition(":")
        return cls(model_id, repo, variant, revision)

    @property
    def folder(self) -> str:
        """The name of the repository's folder in a cache."""
        return cache.repository_folder(Path(), self.repo).name

    def among(self, models: Iterable[InstalledModel]) -> list[InstalledModel]:
        """Those that go by the name, whatever its case; for a bare repository its first whole
        one, where there is no plain one."""
        found = list(models)
        named = [m for m in found if m.id.casefold() == self.id.casefold()]
        if not named and not self.variant:
            of_repo = [m for m in found if m.repo == self.repo]
            named = sorted(of_repo, key=lambda m: bool(m.problem))[:1]
        return named

    def means(self, model: InstalledModel) -> bool:
        """Whether the name says this model, not only one that differs by case."""
        return model.id == self.id or bool(model.repo and model.repo == self.repo)
