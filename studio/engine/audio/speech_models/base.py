"""What every speaking model offers, and what several of them share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from studio.core.errors import StudioError
from studio.engine.speech.reading import Reading

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]
    """(n,), full scale 1"""

_MAX_CONFIG = 16 << 20
"""Bytes of a configuration; a vocabulary is one too."""
CHARACTERS = 300
"""Of text that a model is given at once, where it has no limit of its own."""


Told = Callable[[float, int], None]
"""Hears that so many of so many parts are loaded; what it raises ends the loading."""


def loading(told: Told, number: int, total: int) -> Callable[[float], None]:
    """What hears how much of part `number` is done, from 0 to 1."""
    return lambda fraction: told(number + fraction, total)


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is spoken."""

    speed: float = 1.0
    liveliness: float = 1.0
    """The share of the model's own randomness in melody and rhythm; 0 is even."""
    seed: tuple[int, ...] = (0,)
    pitch: float = 0.0
    """Semitones up from the voice's own, for models that are `pitched`."""


class Voice(Protocol):
    """A loaded model that speaks."""

    rate: int
    """Samples a second."""
    language: str
    names: tuple[str, ...]
    """Its voices, the usual one first; empty where there is but one without a name."""
    longest: int
    """Characters of text at once."""
    pitched: bool
    """Whether it speaks higher and lower by itself; otherwise its sound is moved."""
    provider: str
    brake: Brake
    notes: set[str]
    """Sentences for the person about what could not be done as asked; the family empties it."""

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        """A sentence by the voice `name` (empty: the usual one), in pieces as they are made.

        Nothing where the sentence holds nothing that the voice can read. Raises StudioError for a
        voice that the model does not have.
        """
        ...


def number_of(name: str, names: Sequence[str]) -> int:
    """The place of a voice among the model's names; 0 for the usual one.

    Raises StudioError naming those that there are.
    """
    if not name or (not names and name == "0"):
        return 0
    for place, known in enumerate(names):
        if known.casefold() == name.casefold():
            return place
    if not names:
        raise StudioError(
            f"This model has one voice only, and none called “{name[:40]}”.",
            "Leave the voice empty, or choose a model with several.",
        )
    some = ", ".join(names[:12]) + ("…" if len(names) > 12 else "")
    raise StudioError(f"This model has no voice called “{name[:40]}”.", f"Choose one of: {some}.")


def read_json(path: Path, model: Path) -> dict[str, Any]:
    """A JSON object among a model's files. Raises StudioError where it cannot be read."""
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise ValueError("too large")
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (OSError, ValueError, RecursionError) as error:
        raise unusable(model, f"{path.name} cannot be read") from error
    return found


def unusable(model: Path, why: str) -> StudioError:
    """What is said of a model's folder that is not what it should be."""
    return StudioError(
        f"The voice model “{model.name}” cannot be used: {why}.",
        "Add it again from a complete folder, or choose another one.",
    )


def noise(manner: Manner, part: int, shape: Sequence[int]) -> Any:
    """Normal random numbers, float32: the same for the same seed, part and shape."""
    import numpy as np

    rng = np.random.default_rng([*manner.seed, part])
    return rng.standard_normal(tuple(shape), dtype=np.float32)


def graph_of(folder: Path, *stems: str) -> Path | None:
    """The file of a graph in a folder: 32 bits first, then smaller ones."""
    kinds = ("", "_fp32", "_fp16", "_q8", "_quantized", "_uint8", "_q8f16", "_q4", "_q4f16")
    for stem in stems:
        for kind in kinds:
            path = folder / f"{stem}{kind}.onnx"
            if path.is_file():
                return path
    return None


def whole(value: object, default: int, least: int, most: int, model: Path, what: str) -> int:
    """A whole number of a configuration within bounds. Raises StudioError for any other."""
    number = default if value is None else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise unusable(model, f"its {what} is {str(number)[:20]}")
    return number


def names_by_number(mapping: object) -> tuple[str, ...]:
    """Voices of a map name -> number, in the order of the numbers; of anything else none."""
    if not isinstance(mapping, Mapping):
        return ()
    pairs = [(v, str(k)) for k, v in mapping.items() if isinstance(v, int)]
    return tuple(name for _, name in sorted(pairs))
