"""Prompts cut to what a text encoder reads, with the style kept at their end."""

from __future__ import annotations

from collections.abc import Callable


def fit(words: str, style: str, limit: int, count: Callable[[str], int]) -> tuple[str, bool]:
    """The prompt with its style, and whether words had to be left out.

    `limit` is in tokens and `count` tells a text's, both with the marks around it. What is too
    much is taken off before the style: pipelines would cut the style away first.
    """
    tail = f", {style}" if style else ""
    words = " ".join(words.split())
    if count(words + tail) <= limit:
        return words + tail, False
    fits, fails = 0, len(words)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if count(words[:middle] + tail) <= limit:
            fits = middle
        else:
            fails = middle
    kept = words[:fits]
    if " " in kept and not words[fits : fits + 1].isspace():
        kept = kept[: kept.rindex(" ")]  # no half word
    return kept.rstrip(" ,;.:") + tail, True


def title(words: str, limit: int = 60) -> str:
    """What a list shows of a prompt: its beginning on one line."""
    words = " ".join(words.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"
