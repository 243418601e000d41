"""What a person looks for on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio.core.family import Kind

Sort = Literal["downloads", "likes", "updated", "new", "trending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search; empty words find what comes first in the order that is asked for."""

    words: str = ""
    kind: Kind | None = None
    task: str = ""
    """The hub's pipeline tag; empty for all of the kind's."""
    sort: Sort = "downloads"
    sell: bool = False
    """Only what is made with it may be sold, with conditions or without."""
    limit: int = 30
