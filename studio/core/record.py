"""What stands in a file about its making: the recipe, and the mark that a model made it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from studio import __version__
from studio.core.errors import StudioError
from studio.core.recipe import Recipe, load_json

SOFTWARE = f"Triptych {__version__}"
AI_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for "made by a model", which search engines and viewers look for."""

# JSON allows these raw; YAML and line-based formats take some of them for the end of a line.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PROVIDER = re.compile(r"[\w .:+()/-]{0,100}")


@dataclass(frozen=True, slots=True)
class Record:
    """The recipe of a file, on what it was run, and whether a person has changed the result."""

    recipe: Recipe
    provider: str
    """The ONNX Runtime execution provider that was really in use."""
    edited: bool = False
    mark_ai: bool = True
    """Say in the file, for machines to read, that a model made it."""

    def to_json(self) -> str:
        """One line without any time: the same making gives the same bytes.

        Printable throughout, so that it can stand in YAML and in comment lines as it is.
        """
        data: dict[str, Any] = {
            "software": SOFTWARE,
            "recipe": self.recipe.to_dict(),
            "provider": self.provider,
            "edited": self.edited,
        }
        if self.mark_ai:
            data["digital_source_type"] = AI_SOURCE
        return _dump(data)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record that `to_json` wrote; keys of newer versions are passed over.

        Raises StudioError for anything that is not a record this studio can read.
        """
        data = load_json(text)
        if not isinstance(data, dict) or "recipe" not in data:
            raise StudioError(
                "There is no recipe in this file.",
                "Choose a file that was made with Triptych and saved with its recipe.",
            )
        provider, edited = data.get("provider", ""), data.get("edited", False)
        source = data.get("digital_source_type")
        if not (isinstance(provider, str) and _PROVIDER.fullmatch(provider)):
            raise _odd()
        if not isinstance(edited, bool) or not isinstance(source, str | None):
            raise _odd()
        return cls(Recipe.from_dict(data["recipe"]), provider, edited, source is not None)


def mark_json() -> str:
    """What stays in a file that is given away without its recipe: that a model made it."""
    return _dump({"software": SOFTWARE, "digital_source_type": AI_SOURCE})


def _dump(data: dict[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    # A lone surrogate can be written in JSON and in nothing else.
    return text.encode("utf-8", "replace").decode("utf-8")


def _odd() -> StudioError:
    return StudioError(
        "The recipe in this file cannot be read.", "Choose a file that was made with Triptych."
    )
