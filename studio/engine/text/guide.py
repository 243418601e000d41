"""Answers held to a form: only tokens that a JSON schema or a regular expression still allows.

The grammars are those of llguidance, which onnxruntime-genai uses for its own guidance as well;
genai applies it only within its own sampling, and here the sampler is ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from studio.core.errors import StudioError

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

    from studio.engine.genai import Loaded
    from studio.engine.sampling import Ids

FORMATS = ("none", "json", "regex")
_GAPS: JsonCompileOptions = {"whitespace_pattern": r"\n?[ \t]{0,32}"}
"""Between the parts of JSON: small models go on with blank lines until they are cut off."""


class Guide:
    """What may come next in an answer of a given form."""

    def __init__(self, loaded: Loaded, form: str, schema: str) -> None:
        """`form`: json or regex. An empty JSON schema allows any JSON object.

        Raises StudioError for a schema or expression that is none, and for a tokenizer whose
        tokens cannot be told apart by their bytes.
        """
        import numpy as np
        from llguidance import LLMatcher, LLTokenizer

        self._stops = np.array(sorted(loaded.stops), dtype=np.intp)
        self._vocabulary = loaded.vocabulary
        grammar = _grammar(form, schema)
        try:
            text = (loaded.folder / "tokenizer.json").read_text("utf-8")
            tokenizer = LLTokenizer(text, eos_token=sorted(loaded.stops) or None)
        except Exception as error:  # whatever the library says of a tokenizer it does not know
            raise StudioError(
                f"“{loaded.name}” cannot be held to a form.",
                "Choose another model, or no form for the answer.",
            ) from error
        self._matcher = LLMatcher(tokenizer, grammar, log_level=0)
        if self._matcher.is_error():
            raise _bad(form, self._matcher.get_error())

    def allowed(self) -> Ids:
        """The ids that may come next; only those that end the answer where it is complete."""
        import numpy as np

        if self._matcher.is_stopped():
            return self._stops
        bits = np.unpackbits(
            np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little"
        )
        ids = np.flatnonzero(bits[: self._vocabulary])
        if self._matcher.is_error():
            raise StudioError(
                "The form of the answer is too complicated to be kept to.", "Make it simpler."
            )
        if self._matcher.is_accepting():
            ids = np.union1d(ids, self._stops)
        return ids if len(ids) else self._stops

    def take(self, token: int) -> None:
        """Go on with a token that was allowed."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)


def _grammar(form: str, schema: str) -> str:
    from llguidance import LLMatcher

    if form == "regex":
        if not schema.strip():
            raise StudioError(
                "There is no regular expression to keep to.", "Write one, or choose no form."
            )
        return LLMatcher.grammar_from_regex(schema.strip("\r\n"))
    try:
        parsed = json.loads(schema) if schema.strip() else {"type": "object"}
        if not isinstance(parsed, dict):
            raise ValueError("not an object")
        return LLMatcher.grammar_from_json_schema(json.dumps(parsed), defaults=_GAPS)
    except (ValueError, RecursionError) as error:
        raise _bad(form, str(error)) from error


def _bad(form: str, why: str) -> StudioError:
    name = "regular expression" if form == "regex" else "JSON schema"
    first = " ".join(why.split("\n")[0].split())[:160].rstrip(".")
    return StudioError(
        f"The {name} cannot be used: {first}.", "Correct it, or choose no form for the answer."
    )
