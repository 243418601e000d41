"""A model's context: what fits into it, and what is said of what does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from studio.core.errors import StudioError


class Reads(Protocol):
    """An opened model that reads tokens."""

    @property
    def name(self) -> str:
        """As a person knows it."""

    @property
    def context(self) -> int:
        """Tokens, prompt and answer together."""

    @property
    def vocabulary(self) -> int:
        """Ids from 0 to below this are tokens."""


def room(loaded: Reads, ids: Sequence[int]) -> int:
    """How many tokens can be written after a prompt.

    Raises StudioError where it fills the context, or where its ids are not the model's.
    """
    left = loaded.context - len(ids)
    if left < 1:
        raise too_long(loaded, len(ids))
    if not ids or min(ids) < 0 or max(ids) >= loaded.vocabulary:
        raise foreign_tokenizer(loaded)
    return left


def too_long(loaded: Reads, count: int, what: str = "it") -> StudioError:
    """What is said of a prompt of that many tokens; `what` it is that may be shortened."""
    return StudioError(
        f"This is too long for “{loaded.name}”: {count:,} tokens, and it reads "
        f"{loaded.context:,} at most.",
        f"Shorten {what}, or choose a model with a larger context.",
    )


def foreign_tokenizer(loaded: Reads) -> StudioError:
    """What is said where a tokenizer gives numbers that the model does not know."""
    return StudioError(
        f"The model “{loaded.name}” cannot be used: its tokenizer belongs to another model.",
        "Install it again, or choose another model.",
    )
