"""Weights and configurations of sound models, made ready for graphs without weights.

Sound models are trained with each kernel as a direction and a length (weight normalisation,
Salimans and Kingma 2016); the product is taken once, when the weights are bound, and not at every
run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_PAIRS = (
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    (".weight_g", ".weight_v"),
)
"""What length and direction are called: by torch since 2.0, and before."""


class Plain(Mapping[str, Any]):
    """Weights by name, those under weight normalisation as `….weight`; read when asked for."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._weights = weights
        self._pairs: dict[str, tuple[str, str]] = {}
        hidden: set[str] = set()
        for length, direction in _PAIRS:
            for name in weights:
                if name.endswith(length):
                    stem = name.removesuffix(length)
                    if stem + direction in weights:
                        self._pairs[f"{stem}.weight"] = (name, stem + direction)
                        hidden |= {name, stem + direction}
        self._names = tuple(dict.fromkeys([*(n for n in weights if n not in hidden), *self._pairs]))

    def __getitem__(self, name: str) -> Any:
        if name not in self._pairs:
            return self._weights[name]
        import numpy as np

        length, direction = (np.asarray(self._weights[n]) for n in self._pairs[name])
        axes = tuple(range(1, direction.ndim))
        # In double precision, so that the product is as near as single precision comes.
        norm = np.sqrt(np.square(direction.astype(np.float64)).sum(axis=axes, keepdims=True))
        return (direction * (length / norm)).astype(direction.dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def plain(module: torch.nn.Module) -> torch.nn.Module:
    """`module` with every convolution's kernel as one plain weight of any value, in place."""
    import torch
    from torch.nn.utils import parametrize, remove_weight_norm

    part: Any
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            shape = part.parametrizations.weight.original1.shape
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
            del part.weight
            part.register_parameter("weight", torch.nn.Parameter(torch.empty(shape)))
        elif hasattr(part, "weight_g"):
            remove_weight_norm(part)
    return module


def place_at(root: torch.nn.Module, path: str, module: torch.nn.Module) -> None:
    """Register `module` below `root` so that its weights' names begin with `path`."""
    from torch import nn

    *way, last = path.split(".")
    for step in way:
        if not hasattr(root, step):
            root.add_module(step, nn.Module())
        root = getattr(root, step)
    root.add_module(last, module)
