"""The settings a family declares; forms and command lines are generated from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.core.errors import StudioError

Value = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What every setting has: a name in recipes, a label on screen, and its place in the form."""

    name: str
    label: str
    help: str = ""
    folded: bool = False
    """Kept under "More settings" until it is asked for."""
    hidden: bool = False
    """Kept by the pane itself, as what was said before in a chat; never in the form."""
    part: str = ""
    """A file that the chosen model has to hold for it, as a glob pattern; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Control):
    """Words. `prompt` is the one that the pane shows large."""

    default: str = ""
    max_length: int = 20_000
    """In characters."""
    lines: int = 1
    placeholder: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Control):
    """A number within bounds."""

    default: float
    minimum: float
    maximum: float
    step: float = 1.0
    whole: bool = False
    unit: str = ""
    least: str = ""
    """What the minimum is called on screen where it stands for something else, as 0 for "own"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of the values of a choice, and how it is called on screen."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Control):
    """One of several values."""

    default: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toggle(Control):
    """Yes or no."""

    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(Control):
    """A picture file given as an input; optional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound(Control):
    """A sound or score file given as an input; optional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask(Control):
    """A picture painted over another input, white where something new is to be drawn; optional."""

    over: str = "picture"
    """The name of the picture control that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Control):
    """A text document given as an input (txt, md, docx, pdf, epub); optional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Control):
    """One of the names that the chosen model itself lists, as voices; empty takes its first."""

    of: str
    """Which of the model's lists: a key of `InstalledModel.names`."""
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra(Control):
    """Further models that are laid over the chosen one, each with a strength: `id:0.8, other`."""

    role: str
    """What such a model is: `InstalledModel.role`, as "lora"."""
    several: bool = False
    default: str = ""
    minimum: float = 0.0
    maximum: float = 2.0


AnyControl = Text | Number | Choice | Toggle | Picture | Sound | Mask | Document | Named | Extra
FileControl = Picture | Sound | Mask | Document
FILE_CONTROLS = (Picture, Sound, Mask, Document)

MAX_SEED = 2**32 - 1
MAX_EXTRAS = 16
"""Models laid over another at once."""


@dataclass(frozen=True, slots=True)
class ExtraRef:
    """A model by its id, and how strongly it is laid over the other."""

    model: str
    strength: float = 1.0


def parse_extras(text: str) -> tuple[ExtraRef, ...]:
    """The models in the value of an `Extra`. Raises StudioError where a strength is no number."""
    found: list[ExtraRef] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, colon, strength = part.rpartition(":")
        try:
            ref = ExtraRef(name.strip(), float(strength)) if colon else ExtraRef(part)
        except ValueError:
            # Models of a hub have a slash in their names, and variants of them a colon.
            ref = ExtraRef(part, 1.0 if "/" in name else math.nan)
        if not ref.model or not math.isfinite(ref.strength):
            raise StudioError(
                f"“{_short(part)}” is not a model with a strength.",
                "Write the model's name, a colon and a number, as in: ink-lines:0.8",
            )
        found.append(ref)
    return tuple(found)


def extras_text(refs: Sequence[ExtraRef]) -> str:
    """The value of an `Extra` that `parse_extras` reads as `refs`."""
    return ", ".join(f"{r.model}:{r.strength:g}" for r in refs)


def check(control: AnyControl, value: object) -> Value:
    """`value` as the control's own type.

    Raises StudioError where it is of the wrong type, out of range or not one of the options.
    """
    if isinstance(control, Text):
        return _text(control, value)
    if isinstance(control, Number):
        return _number(control, value)
    if isinstance(control, Choice):
        return _choice(control, value)
    if isinstance(control, Toggle):
        return _toggle(control, value)
    if isinstance(control, Named):
        return _named(control, value)
    if isinstance(control, Extra):
        return _extra(control, value)
    raise StudioError(
        f"“{control.label}” is a file, not a value.", f"Give it as an input named {control.name}."
    )


def defaults(controls: Sequence[AnyControl]) -> dict[str, Value]:
    """The value of every control that nobody has touched."""
    result: dict[str, Value] = {}
    for control in controls:
        if isinstance(control, Number):
            result[control.name] = int(control.default) if control.whole else control.default
        elif isinstance(control, Text | Choice | Toggle | Named | Extra):
            result[control.name] = control.default
    return result


def complete(controls: Sequence[AnyControl], values: Mapping[str, object]) -> dict[str, Value]:
    """Every control's value: the given one, checked, or the default.

    Raises StudioError for an unknown name, a bad value or a missing required one.
    """
    known = {c.name: c for c in controls if not isinstance(c, FILE_CONTROLS)}
    for name in values:
        if name not in known:
            raise StudioError(
                f"There is no setting called “{_short(name)}” here.",
                "The settings are: " + ", ".join(sorted(known)) + ".",
            )
    result = defaults(controls)
    for name, control in known.items():
        result[name] = check(control, values.get(name, result[name]))
    return result


def parse(control: AnyControl, text: str) -> Value:
    """A value typed on a command line. Raises StudioError where it does not fit."""
    if isinstance(control, Number):
        try:
            number = float(text)
            return check(control, int(number) if control.whole and number.is_integer() else number)
        except (ValueError, OverflowError):
            raise _not_a_number(control, text) from None
    if isinstance(control, Toggle):
        words = {"yes": True, "true": True, "on": True, "1": True}
        words |= {"no": False, "false": False, "off": False, "0": False}
        if text.lower() in words:
            return words[text.lower()]
    return check(control, text)


def _short(value: object, limit: int = 40) -> str:
    text = str(value).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text(control: Text, value: object) -> str:
    if not isinstance(value, str):
        raise StudioError(f"“{control.label}” has to be text.", "Write it in words.")
    # NUL ends strings in the native libraries behind us, and lone surrogates cannot be saved.
    value = value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    if len(value) > control.max_length:
        raise StudioError(
            f"“{control.label}” is too long: {len(value):,} characters.",
            f"At most {control.max_length:,} fit. Shorten it.",
        )
    if control.required and not value.strip():
        raise StudioError(f"“{control.label}” is empty.", "Write a few words there.")
    return value


def _not_a_number(control: Number, value: object) -> StudioError:
    return StudioError(
        f"“{control.label}” has to be a number, not “{_short(value)}”.", _range_hint(control)
    )


def _range_hint(control: Number) -> str:
    unit = f" {control.unit}" if control.unit else ""
    return f"Choose from {control.minimum:g} to {control.maximum:g}{unit}."


def _number(control: Number, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_a_number(control, value)
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if not math.isfinite(as_float) or not control.minimum <= as_float <= control.maximum:
        raise StudioError(f"“{control.label}” cannot be {_short(value)}.", _range_hint(control))
    if control.whole:
        if not as_float.is_integer():
            raise StudioError(f"“{control.label}” has to be a whole number.", _range_hint(control))
        return int(as_float)
    return as_float


def _choice(control: Choice, value: object) -> str:
    if isinstance(value, str) and any(o.value == value for o in control.options):
        return value
    raise StudioError(
        f"“{control.label}” cannot be “{_short(value)}”.",
        "Choose one of: " + ", ".join(o.value for o in control.options) + ".",
    )


def _toggle(control: Toggle, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise StudioError(f"“{control.label}” is either on or off.", "Say yes or no.")


def _named(control: Named, value: object) -> str:
    if isinstance(value, str) and len(value) <= 200:
        return " ".join(value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8").split())
    raise StudioError(
        f"“{control.label}” has to be a name.", "Choose one of those that the model has."
    )


def _extra(control: Extra, value: object) -> str:
    if not isinstance(value, str):
        raise StudioError(
            f"“{control.label}” has to be the names of models.",
            "Write the model's name, a colon and a strength, as in: ink-lines:0.8",
        )
    refs = parse_extras(value)
    if len(refs) > (MAX_EXTRAS if control.several else 1):
        raise StudioError(
            f"“{control.label}” takes at most {MAX_EXTRAS if control.several else 1} here.",
            "Take some of them out.",
        )
    for ref in refs:
        if not control.minimum <= ref.strength <= control.maximum:
            raise StudioError(
                f"“{control.label}” cannot have the strength {ref.strength:g}.",
                f"Choose from {control.minimum:g} to {control.maximum:g}.",
            )
    return extras_text(refs)
