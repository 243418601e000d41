"""A model's own chat template: how a wish is put so that this model understands it.

Templates are Jinja as transformers renders it (`apply_chat_template`): sandboxed, with
`trim_blocks`, `lstrip_blocks`, loop controls, `tojson` and `raise_exception`. What would make the
same recipe give another text tomorrow, the date, is the same day always.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from studio.core.errors import StudioError
from studio.engine.genai import read_settings

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

Message = Mapping[str, str]

_A_DAY = datetime.date(2026, 1, 1)
_MAX_TEMPLATE = 1 << 20


def find(folder: Path) -> str | None:
    """The chat template of a model folder: a file of its own, or in the tokenizer's settings."""
    try:
        path = folder / "chat_template.jinja"
        if path.stat().st_size <= _MAX_TEMPLATE:
            return path.read_text("utf-8")
    except (OSError, ValueError):
        pass
    found = read_settings(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(found, list):  # several, each with a name
        named = {t.get("name"): t.get("template") for t in found if isinstance(t, dict)}
        found = named.get("default")
    return found if isinstance(found, str) and found else None


def special_tokens(folder: Path) -> dict[str, str]:
    """`bos_token`, `eos_token` and their like, which templates call by name."""
    result: dict[str, str] = {}
    for name, value in read_settings(folder / "tokenizer_config.json").items():
        token = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(token, str):
            result[name] = token
    return result


class ChatTemplate:
    """A template made ready once, for one model's special tokens."""

    def __init__(self, text: str, tokens: Mapping[str, str]) -> None:
        """Raises StudioError where `text` is no template."""
        from jinja2 import TemplateError

        self._tokens = dict(tokens)
        try:
            self._template = _environment().from_string(text)
        except (TemplateError, RecursionError, ValueError) as error:
            raise _unusable() from error

    def render(self, messages: Sequence[Message], *, think: bool = False) -> str:
        """The text that the model goes on from; with `think` it may think aloud first.

        A model that knows no system message gets it at the start of the first message instead.
        Raises StudioError where the template cannot put these messages.
        """
        from jinja2 import TemplateError

        try:
            try:
                return self._render(messages, think)
            except TemplateError:
                if messages[0]["role"] != "system":
                    raise
                first = {**messages[1], "content": _joined(messages[0], messages[1])}
                return self._render([first, *messages[2:]], think)
        except (
            TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError,
            AttributeError,
        ) as error:  # fmt: skip
            raise _unusable() from error

    def _render(self, messages: Sequence[Message], think: bool) -> str:
        return self._template.render(
            messages=[dict(m) for m in messages],
            add_generation_prompt=True,
            enable_thinking=think,
            tools=None,  # templates ask whether these are none, as transformers has them be
            documents=None,
            **self._tokens,
        )


def render(template: str, messages: Sequence[Message], tokens: Mapping[str, str]) -> str:
    """`messages` in a template that is needed once. Raises StudioError for one that is none."""
    return ChatTemplate(template, tokens).render(messages)


def _unusable() -> StudioError:
    return StudioError(
        "The chat template of this model cannot be used.",
        "Install the model again, or choose another one.",
    )


def _joined(*messages: Message) -> str:
    return "\n\n".join(m["content"] for m in messages)


def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks the answers for training; here it is only passed through."""

        tags = {"generation"}  # noqa: RUF012  # Jinja's own way to name them

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> NoReturn:
        raise TemplateError(message)

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _A_DAY.strftime
    return environment
