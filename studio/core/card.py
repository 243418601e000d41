"""The model card: a README.md whose YAML front matter says what a model is (Hugging Face hub)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FINGERPRINT = "triptych_fingerprint"
MAX_CARD = 1 << 20
MAX_FRONT = 64 << 10
"""Characters of front matter; YAML is slow to read, and no honest card needs more."""
MAX_BRACKETS = 1000
"""Of `[` and `{` there; the time to read nested ones grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says, as far as it can be read."""

    title: str = ""
    licence: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    pipeline_tag: str = ""
    fingerprint: str = ""
    """Of what the studio made the model from, where it did."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Settings to run it with, as the hub's own runner takes them (`inference: parameters:`)."""
    text: str = ""
    """The Markdown below the front matter."""
    problem: str = ""
    """Why the front matter could not be read, for a person; empty where all is well."""

    @classmethod
    def read(cls, folder: Path) -> Card:
        """The card of a model's folder; an empty one where there is none. Never raises."""
        try:
            with (folder / "README.md").open("rb") as file:
                return cls.parse(file.read(MAX_CARD).decode("utf-8", "replace"))
        except OSError:
            return cls()

    @classmethod
    def parse(cls, text: str) -> Card:
        """Whatever of `text` makes sense. Never raises."""
        front, body = _split(text.replace("\r\n", "\n").removeprefix("\ufeff"))
        data, problem = _yaml(front)
        return cls(
            title=_first(data, "title", "model_name") or _heading(body),
            # `license: other` goes with the real name in `license_name`.
            licence=_first(data, "license_name", "license", "licence"),
            source=_first(data, "source", "repository", "url"),
            tags=_words(data.get("tags")),
            pipeline_tag=_first(data, "pipeline_tag"),
            fingerprint=_first(data, FINGERPRINT),
            parameters=_numbers(data.get("inference")),
            text=body.strip(),
            problem=problem,
        )


def _split(text: str) -> tuple[str, str]:
    if not text.startswith("---\n"):
        return "", text
    end = text.find("\n---", 3)
    if end < 0 or text[end + 4 : end + 5] not in ("", "\n"):
        return "", text
    return text[4 : end + 1], text[end + 5 :]


def _yaml(front: str) -> tuple[Mapping[str, Any], str]:
    import yaml

    if not front:
        return {}, ""
    if len(front) > MAX_FRONT or front.count("[") + front.count("{") > MAX_BRACKETS:
        return {}, "The front matter of its model card is too long to be read."
    try:
        data = yaml.load(front, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # ValueError and its like come out of PyYAML's own constructors of dates and numbers.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}, "The front matter of its model card is not valid YAML."
    if not isinstance(data, dict):
        return {}, "The front matter of its model card is not a list of names and values."
    return data, ""


def _first(data: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = data.get(name)
        if isinstance(value, list):
            value = ", ".join(_words(value))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            text = " ".join(_clean(str(value)).split())[:200]
            if text:
                return text
    return ""


def _numbers(inference: object) -> dict[str, float]:
    """The numbers among the parameters; `inference: false` is usual as well."""
    parameters = inference.get("parameters") if isinstance(inference, dict) else None
    if not isinstance(parameters, dict):
        return {}
    return {
        name: float(value)
        for name, value in parameters.items()
        if isinstance(name, str)
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 1e6  # no NaN either
    }


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return ()
    return tuple(_clean(word)[:100] for word in value[:200] if isinstance(word, str) and word)


def _clean(text: str) -> str:
    return text.encode("utf-8", "ignore").decode("utf-8").replace("\0", "")


def _heading(body: str) -> str:
    for line in body.split("\n", 50)[:50]:
        if line.startswith("# "):
            return line[2:].strip()[:200]
    return ""
