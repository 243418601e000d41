"""A conversation with a chat model: its turns, and how they travel in a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from studio.core.recipe import Recipe

Role = Literal["user", "assistant"]

CHAT = "chat"
"""The kind of text that is said and answered."""
HISTORY = "history"
"""The setting that holds what was said before: a JSON list of {"role", "content"}."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one of the two has said."""

    role: Role
    content: str


def history_of(turns: Sequence[Turn]) -> str:
    """The turns as the value of the setting `history`; empty for none."""
    if not turns:
        return ""
    return json.dumps([{"role": t.role, "content": t.content} for t in turns], ensure_ascii=False)


def turns_of(history: object) -> tuple[Turn, ...]:
    """The turns in a value of the setting `history`; what is none of ours is left out."""
    try:
        data = json.loads(str(history)) if history else []
    except (ValueError, RecursionError):
        return ()
    turns: list[Turn] = []
    for entry in data if isinstance(data, list) else []:
        role = entry.get("role") if isinstance(entry, dict) else None
        content = entry.get("content") if isinstance(entry, dict) else None
        if isinstance(content, str) and (role == "user" or role == "assistant"):
            turns.append(Turn(role, content))
    return tuple(turns)


def is_chat(recipe: Recipe | None) -> bool:
    """Whether it makes a turn of a conversation."""
    return recipe is not None and recipe.values.get("kind") == CHAT


def asked(recipe: Recipe) -> tuple[Turn, ...]:
    """The conversation up to the turn that the recipe answers."""
    said = Turn("user", str(recipe.values.get("prompt", "")))
    return (*turns_of(recipe.values.get(HISTORY, "")), said)


def attached(recipe: Recipe) -> str:
    """What the document is called that goes with the first turn; empty where there is none."""
    return next((ref.name for name, ref in recipe.inputs.items() if name == "document"), "")


def as_markdown(turns: Sequence[Turn], you: str, model: str) -> str:
    """The whole of it as it is given to other programs."""
    names = {"user": you, "assistant": model}
    return "\n\n".join(f"**{names[t.role]}:** {t.content.strip()}" for t in turns) + "\n"
