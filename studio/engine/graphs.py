"""Graphs without weights: exported once an architecture, bound to anybody's safetensors.

A model in safetensors needs no conversion and no second copy on the disk: the graph of its
architecture ships with the studio or is exported once from the configuration alone, and its
weights are handed to the session by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What a graph is exported from: everything but the weights."""

    name: str
    """What the part is, in letters and dashes, as "unet"."""
    config: Mapping[str, Any]
    """All that the graph depends on, as JSON: it is the key under which the graph is kept."""
    build: Callable[[], torch.nn.Module]
    """The module, its weights of any value; its state dict's names are the weights' names."""
    example: Callable[[], tuple[torch.Tensor, ...]]
    """Inputs to trace it with, in the order of `inputs`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Axes without a fixed size, by input or output: axis -> name."""
    exporter: Literal["script", "dynamo"] = "script"
