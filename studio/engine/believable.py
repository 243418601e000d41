"""Whether the numbers of a stranger's configuration can be those of a model."""

from __future__ import annotations

from collections.abc import Mapping

_MOST, _LARGEST = 512, 1 << 22
"""Of what is built one by one or listed, and any other whole number."""
_COUNTED = ("layers", "blocks", "num_single", "heads", "codebooks", "ratios")


def believable(value: object, name: str = "") -> None:
    """Raise ValueError for numbers that would keep us building modules until the memory is full.

    `value` is a configuration, or what stands in one under `name`.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            believable(inner, str(key))
    elif isinstance(value, list | tuple):
        if len(value) > _MOST:
            raise ValueError(f"{name} of {len(value)}")
        for inner in value:
            believable(inner, name)
    elif isinstance(value, int):
        counted = any(word in name for word in _COUNTED)
        if abs(value) > (_MOST if counted else _LARGEST):
            raise ValueError(f"{name} {value}")
