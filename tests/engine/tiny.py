"""Tiny real models for every family, made on the spot, and settings that are quick with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.core.controls import Value
from tests.engine import (
    tiny_audio,
    tiny_image,
    tiny_music,
    tiny_onegraph,
    tiny_sound,
    tiny_speech,
    tiny_text,
    tiny_transformers,
)


def no_inputs(folder: Path) -> Mapping[str, Path]:
    """Most families need no file to go in."""
    return {}


@dataclass(frozen=True)
class Tiny:
    """How to make a tiny model for a family, and quick values for it."""

    make: Callable[[Path], Path]
    values: Mapping[str, Value]
    inputs: Callable[[Path], Mapping[str, Path]] = no_inputs
    """Writes the files that go in, into a folder, and gives them by their names."""


TINY: dict[str, Tiny] = {
    "text.chat": Tiny(tiny_text.make, {"prompt": "a fox", "length": 20}),
    "text.causal": Tiny(tiny_transformers.make_gpt2, {"prompt": "The fox", "length": 20}),
    "text.fill": Tiny(tiny_transformers.make_bert, {"prompt": "The ___ and the moon", "count": 1}),
    "text.rewrite": Tiny(tiny_transformers.make_bart, {"prompt": "The fox. " * 40, "length": 5}),
    "image.diffusion": Tiny(tiny_image.make, {"prompt": "a fox", "steps": 2, "count": 2}),
    "image.upscale": Tiny(
        tiny_onegraph.make_upscaler, {"prompt": "disc", "tile": 32}, tiny_onegraph.inputs
    ),
    "image.background": Tiny(tiny_onegraph.make_cutter, {"prompt": "disc"}, tiny_onegraph.inputs),
    "image.map": Tiny(tiny_onegraph.make_seer, {"prompt": "disc"}, tiny_onegraph.inputs),
    "audio.tune": Tiny(tiny_audio.make, {"prompt": "a jig in G"}),
    "audio.speech": Tiny(tiny_speech.make_kokoro, {"prompt": "The fox. It sings!"}),
    "audio.music": Tiny(tiny_music.make_script, {"prompt": "a fox", "seconds": 1}),
    "audio.diffusion": Tiny(
        tiny_sound.make_exported, {"prompt": "a fox", "seconds": 1, "steps": 2}
    ),
}
