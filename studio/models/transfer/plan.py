"""What is to be downloaded, checked so that no name leads out of the cache, and its JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from studio.core.errors import StudioError
from studio.core.family import KINDS, Kind
from studio.models.hub import names
from studio.models.net import is_repo
from studio.models.remote import RemoteFile

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPlan:
    """Files of one repository at one commit, and the cache that they go to."""

    id: str
    """The model's id when it is installed: `owner/name`, or `owner/name:variant`."""
    repo: str
    revision: str
    """The commit, 40 hex digits."""
    files: tuple[RemoteFile, ...]
    cache: Path
    """The folder that holds `models--owner--name`."""
    variant: str = ""
    title: str = ""
    kind: Kind | None = None
    ref: str = "main"
    """The branch or tag that the commit was found at; empty for none."""

    def check(self) -> TransferPlan:
        """The plan itself. Raises StudioError where a name in it could lead out of the cache."""
        if not is_repo(self.repo) or not _COMMIT.fullmatch(self.revision):
            raise _hostile(
                f"“{self.repo[:100]}” at “{self.revision[:100]}” is no revision of a model"
            )
        if self.ref and names.refusal(f"{self.ref}/file"):
            raise _hostile(f"“{self.ref[:100]}” is no name of a branch")
        if not self.files:
            raise _hostile("it has no files")
        _, refused = names.sort((f.path, f.size, f.blob) for f in self.files)
        for name, why in refused.items():
            raise _hostile(f"“{name}” cannot be taken. {why}")
        sizes: dict[str, int] = {}
        for file in self.files:
            if sizes.setdefault(file.blob, file.size) != file.size:
                raise _hostile(f"“{names.shown(file.path)}” has two sizes")
        return self

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "id": self.id,
            "repo": self.repo,
            "revision": self.revision,
            "files": [[f.path, f.size, f.blob] for f in self.files],
            "cache": str(self.cache),
            "variant": self.variant,
            "title": self.title,
            "kind": self.kind,
            "ref": self.ref,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TransferPlan:
        """The plan that `to_dict` gave, checked. Raises ValueError for anything else."""
        try:
            words = {
                n: data[n] for n in ("id", "repo", "revision", "cache", "variant", "title", "ref")
            }
            files = tuple(RemoteFile(path, size, blob) for path, size, blob in data["files"])
            kind = data["kind"]
        except (KeyError, TypeError, ValueError):
            raise ValueError("no plan of a download") from None
        typed = all(type(f.path) is type(f.blob) is str and type(f.size) is int for f in files)
        if not typed or not all(isinstance(w, str) for w in words.values()):
            raise ValueError("no plan of a download")
        if kind is not None and kind not in KINDS:
            raise ValueError("no kind of model")
        cache = Path(words.pop("cache"))
        try:
            return cls(files=files, cache=cache, kind=cast("Kind | None", kind), **words).check()
        except StudioError as error:
            raise ValueError(error.message) from None


def _hostile(why: str) -> StudioError:
    return StudioError(
        f"This model cannot be downloaded: {why.rstrip('.')}.",
        "Nothing was fetched. Tell the model's owner, or choose another model.",
    )
