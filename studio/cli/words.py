"""Answers for a person: what --json prints, in lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.core.controls import AnyControl, Choice, Number, Text
from studio.core.sizes import size_words


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
    if "found" in answer:
        return "\n".join(_found(f) for f in answer["found"]) or "Nothing was found."
    if "page" in answer:
        return _page(answer["page"])
    if "seconds" in answer and "repo" in answer:
        return f"Installed: {answer['model']}\n{answer['path']}"
    if "verified" in answer:
        lines = [line for r in answer["verified"] for line in (r["words"], r["hint"]) if line]
        lines += [f"Downloaded anew: {name}" for name in answer["repaired"]]
        return "\n".join(lines) or "There is nothing from the hub to verify."
    if "undo" in answer:
        if answer["removed"] is None:
            return "Nothing was removed."
        return f"Removed: {answer['removed']}\nTo have it back: triptych models undo"
    for name, told in (("restored", "It is back"), ("moved", "Moved")):
        if name in answer:
            return f"{told}: {answer[name]}" + (f"\n{answer['path']}" if "path" in answer else "")
    if "signed_in" in answer:
        name = answer["signed_in"]
        return "Signed out." if name is None else f"Signed in as {name}."
    return "\n".join(_lines(answer, 0))


def _found(found: Mapping[str, Any]) -> str:
    """A model of the hub in one line."""
    loads = "" if found["downloads"] is None else f", {found['downloads']:,} downloads"
    closed = ", gated" if found["gated"] else ""
    licence = found["licence"] or "licence not stated"
    return f"{found['repo']} ({found['kind'] or 'unknown'}, {licence}{loads}{closed})"


def _page(page: Mapping[str, Any]) -> str:
    """What a person has to know before a download."""
    sell = {
        "yes": "You may sell what you make with it.",
        "conditions": "You may sell what you make with it, under conditions.",
        "no": "You may not sell what you make with it.",
        "ask": "Whether you may sell what you make with it is not clear.",
    }
    lines = [
        _found(page),
        f"by {page['author']}, revision {page['revision'][:12]}",
        f"{page['licence_name'] or 'No licence'}: {sell[page['sell']]} {page['licence_words']}",
        "variants:" if page["variants"] else "Triptych cannot run anything that is in it.",
    ]
    for variant in page["variants"]:
        mark = "*" if variant["id"] == page["best"] and not variant["problem"] else " "
        name = variant["id"] or "the model"
        size, title = size_words(variant["bytes"]), variant["title"] or "as it is"
        lines.append(f"{mark} {name}: {size}, {title}")
        told = variant["problem"] or variant["fit_words"]
        lines += [f"    {told}"] if told else []
    if page["best"] or page["variants"]:
        lines.append("* is the one for this machine.")
    lines += [f"not taken: {name} ({why})" for name, why in page["refused"].items()]
    return "\n".join(lines)


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
        return size_words(value)
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
