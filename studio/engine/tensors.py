"""Weights in safetensors files: read where they lie, one tensor at a time, nothing trusted."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SUFFIX = ".safetensors"
MAX_HEADER = 100 << 20
"""Bytes of a header; the format's own reader takes no more."""
MAX_DIMENSIONS = 8

# The format's names of types -> NumPy's, little-endian. bfloat16 is the upper half of a float32,
# and the two of 8 bits have no type in NumPy: they are widened as they are read.
_NUMPY = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "F8_E4M3": "u1",
    "F8_E5M2": "u1",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


class Tensors(Mapping[str, "npt.NDArray[Any]"]):
    """Tensors by name, mapped from one file or several; a read touches nothing but its own bytes.

    Arrays are views of the file where NumPy has the type; bfloat16 and float8 come as float32.
    """

    def __init__(self, files: Mapping[str, _File]) -> None:
        self._where = {name: file for file in files.values() for name in file.entries}
        self.metadata: Mapping[str, str] = {
            k: v for file in files.values() for k, v in file.metadata.items()
        }
        """What the files say in words beside their tensors."""

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return widened(self.raw(name), self.kind(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def raw(self, name: str) -> npt.NDArray[Any]:
        """A view of a tensor as its file has it: bfloat16 and float8 as whole numbers."""
        return self._where[name].raw(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, without reading it."""
        return self._where[name].entries[name][1]

    def kind(self, name: str) -> str:
        """A tensor's type as the format calls it, as "F16"."""
        return self._where[name].entries[name][0]


def safetensors_of(path: Path, *stems: str) -> Tensors:
    """The tensors of a file, or of a folder's file, or of its shards by their index.

    In a folder `stems` says what the file may be called, in order of preference, without
    ".safetensors"; the usual names otherwise, 32-bit files first. Raises StudioError where there
    is none, and where a file is damaged, cut short or claims what cannot be.
    """
    if path.is_file():
        return Tensors({path.name: _File(path)})
    for stem in stems or USUAL:
        single, index = path / (stem + SUFFIX), path / f"{_indexed(stem)}.json"
        if single.is_file():
            return Tensors({single.name: _File(single)})
        if index.is_file():
            return Tensors({n: _File(path / n) for n in _shards(index)})
    raise StudioError(
        f"The model has no weights in “{path.name}”: there is no {SUFFIX} file.",
        "Add the model again from a complete folder.",
    )


USUAL = (
    "diffusion_pytorch_model",
    "model",
    "diffusion_pytorch_model.fp16",
    "model.fp16",
    "diffusion_pytorch_model.non_ema",
)
"""What the files of a part are called by diffusers and transformers."""


def _indexed(stem: str) -> str:
    """The name of a sharded file's index: a variant comes after the suffix."""
    base, dot, variant = stem.partition(".")
    return f"{base}{SUFFIX}.index{dot}{variant}"


def _shards(index: Path) -> list[str]:
    try:
        if index.stat().st_size > MAX_HEADER:
            raise ValueError("too large")
        found = json.loads(index.read_text("utf-8"))["weight_map"].values()
        names = sorted({str(name) for name in found})
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise damaged(index) from error
    for name in names:
        # A file beside its index and nowhere else: an index is a stranger's.
        if Path(name).name != name or not name.endswith(SUFFIX) or "\\" in name:
            raise damaged(index)
        if not (index.parent / name).is_file():
            raise StudioError(
                f"The model is not complete: {name} is missing.",
                "Add the model again from a complete folder.",
            )
    return names


def damaged(path: Path) -> StudioError:
    """What is said of a file whose header cannot be right."""
    return StudioError(
        f"The weights in {path.name} cannot be read; the file may be damaged or cut short.",
        "Download the file again.",
    )


class _File:
    """One file: its header checked, its bytes mapped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= min(MAX_HEADER, size - 8):
                    raise ValueError(f"header of {length} bytes in a file of {size}")
                header = json.loads(file.read(length))
                self.start = 8 + length
                self.entries = _entries(header, size - self.start)
                # Torch warns of arrays that cannot be written into. What were written into these
                # would be ours alone, and never in the file.
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError, RecursionError) as error:
            raise damaged(path) from error
        said = header.get("__metadata__")
        self.metadata: dict[str, str] = (
            {k: v for k, v in said.items() if isinstance(v, str)} if isinstance(said, dict) else {}
        )

    def raw(self, name: str) -> npt.NDArray[Any]:
        import numpy as np

        kind, shape, begin, _ = self.entries[name]
        count = math.prod(shape)
        if not count:
            return np.empty(shape, np.dtype(_NUMPY[kind]))
        flat = np.frombuffer(self._map, np.dtype(_NUMPY[kind]), count, self.start + begin)
        return flat.reshape(shape)


def _entries(header: object, size: int) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Name -> type, shape, first byte, end. Raises ValueError for what cannot be."""
    if not isinstance(header, dict):
        raise ValueError("no header")
    found: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict):
            raise ValueError(name)
        kind, shape, ends = (entry.get(k) for k in ("dtype", "shape", "data_offsets"))
        if kind not in _NUMPY or not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"{name}: {kind}")
        if not isinstance(ends, list) or len(ends) != 2:
            raise ValueError(f"{name}: {ends}")
        if any(type(n) is not int or n < 0 for n in [*shape, *ends]):
            raise ValueError(f"{name}: {shape} {ends}")
        begin, end = ends
        if end > size or end - begin != math.prod(shape) * _bytes(kind):
            raise ValueError(f"{name}: {shape} in {ends} of {size}")
        found[name] = (kind, tuple(shape), begin, end)
    return found


def _bytes(kind: str) -> int:
    return 1 if kind == "BOOL" else int(_NUMPY[kind][-1])


def widened(array: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """As float32 what NumPy has no type for; everything else as it is."""
    import numpy as np

    if kind == "BF16":
        wide = np.empty(array.shape, np.uint32)
        np.left_shift(array, 16, out=wide, dtype=np.uint32)
        return wide.view(np.float32)
    if kind.startswith("F8"):
        small: npt.NDArray[Any] = _float8(kind)[array]
        return small
    return array


def _float8(kind: str) -> npt.NDArray[np.float32]:
    """The 256 values of an 8-bit float (OCP 8-bit floating point specification, 2023)."""
    import numpy as np

    code = np.arange(256)
    bits, bias = (2, 15) if kind == "F8_E5M2" else (3, 7)
    exponent, fraction = (code & 0x7F) >> bits, (code & ((1 << bits) - 1)) / (1 << bits)
    value = np.where(
        exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias)
    )
    if kind == "F8_E5M2":
        value = np.where(exponent == 31, np.where(fraction == 0, np.inf, np.nan), value)
    else:
        value[code & 0x7F == 0x7F] = np.nan
    return np.where(code & 0x80, -value, value).astype(np.float32)
