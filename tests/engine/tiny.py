"""Tiny real models for every family, made on the spot, and settings that are quick with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.core.controls import Value
from tests.engine import tiny_audio, tiny_image, tiny_text


@dataclass(frozen=True)
class Tiny:
    """How to make a tiny model for a family, and quick values for it."""

    make: Callable[[Path], Path]
    values: Mapping[str, Value]


TINY: dict[str, Tiny] = {
    "text.chat": Tiny(tiny_text.make, {"prompt": "a fox", "length": 20}),
    "image.diffusion": Tiny(tiny_image.make, {"prompt": "a fox", "steps": 2, "count": 2}),
    "audio.tune": Tiny(tiny_audio.make, {"prompt": "a jig in G"}),
}
