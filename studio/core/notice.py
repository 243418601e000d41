"""Something a person is told that has stopped nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """What was noticed, and what to do about it where there is something to do."""

    message: str
    hint: str = ""
