"""What one pane tells another: the wish behind something made, in a few words."""

from __future__ import annotations

import re

from studio.core.recipe import Recipe

LONGEST = 120
"""Characters; what is asked for of a picture or a tune is short."""

_ASKING = re.compile(
    r"^\s*(?:please\s+)?(?:write|tell|make|draw|paint|compose|give)\s+(?:me\s+|us\s+)?", re.I
)
_FORM = re.compile(
    r"^(?:an?|the)\s+(?:(?:short|little|long|funny|sad|new)\s+)*"
    r"(?:story|tale|fable|poem|rhyme|picture|drawing|painting|image|tune|song)"
    r"(?:\s+for\s+\w+(?:\s+\w+)?)?\s+(?:about|of|with|on|called)\s+",
    re.I,
)
_SENTENCE = re.compile(r"^.+?[.!?…。！？](?=\s|$)", re.S)


def subject(recipe: Recipe | None, text: str = "", title: str = "") -> str:
    """What a thing is about, short enough to ask a picture or a tune of it.

    The subject words say it best, then the prompt without "write a story about", then a title,
    then the first sentence.
    """
    values = recipe.values if recipe is not None else {}
    words = _line(values.get("words", ""))
    if words:
        return _cut(words)
    asked = _line(values.get("prompt", ""))
    bare = _FORM.sub("", _ASKING.sub("", asked)).strip(" .")
    if bare:
        return _cut(bare)
    if title.strip():
        return _cut(_line(title))
    found = _SENTENCE.match(text.strip())
    return _cut(_line(found[0] if found else text))


def _line(value: object) -> str:
    return " ".join(str(value).split())


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0].rstrip(" ,;:")
