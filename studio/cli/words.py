"""Answers for a person: what --json prints, in lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.core.controls import AnyControl, Choice, Number, Text


def in_words(answer: Mapping[str, Any]) -> str:
    """An answer for a person: paths of what was made, or an indented list."""
    if "files" in answer:
        lines = list(answer["files"])
        if "identical" in answer:
            lines.append(
                "Identical, byte for byte." if answer["identical"] else "Not the same bytes."
            )
            if answer["edited"]:
                lines.append("The file was edited by hand after it was made.")
            for model in answer["other_revisions"]:
                lines.append(f"Another revision of “{model}” is installed than it was made with.")
        return "\n".join(lines)
    if "already" in answer:
        model = answer["model"]
        told = "It is here already" if answer["already"] else "Added"
        return f"{told}: {model['id']} ({answer['what']})\n{model['path']}"
    return "\n".join(_lines(answer, 0))


def _lines(value: Any, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(value, Mapping):
        result = []
        for key, inner in value.items():
            if isinstance(inner, Mapping | list) and inner:
                result += [f"{pad}{key}:", *_lines(inner, depth + 1)]
            elif isinstance(inner, Mapping | list):
                result.append(f"{pad}{key}: none")
            else:
                result.append(f"{pad}{key}: {_plain(key, inner)}")
        return result
    if isinstance(value, list):
        result = []
        for inner in value:
            lines = _lines(inner, depth + 1)
            lines[0] = f"{pad}- {lines[0].lstrip()}"
            result += lines
        return result
    return [f"{pad}{value}"]


def _plain(key: str, value: object) -> str:
    big = isinstance(value, int) and not isinstance(value, bool) and value > 1 << 20
    if big and isinstance(value, int) and key != "seed":
        return f"{value / 2**30:.1f} GiB" if value >= 1 << 30 else f"{value / 2**20:.0f} MiB"
    return str(value)


def describe(control: AnyControl) -> dict[str, Any]:
    """A setting as --json tells it."""
    result: dict[str, Any] = {
        "name": control.name,
        "label": control.label,
        "type": type(control).__name__.lower(),
        "help": control.help,
    }
    if isinstance(control, Number):
        result |= {"minimum": control.minimum, "maximum": control.maximum, "unit": control.unit}
    if isinstance(control, Choice):
        result["options"] = [o.value for o in control.options]
    if isinstance(control, Text):
        result["max_length"] = control.max_length
    if hasattr(control, "default"):
        result["default"] = control.default
    return result
