"""What a file is by its first bytes, and what a safetensors header says; no weights are read."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.models.onnxfile import DamagedError

MAX_CONFIG = 8 << 20
MAX_HEADER = 32 << 20
"""Bytes of a safetensors header; models of a hundred thousand tensors have less."""
MAX_AXES = 16

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
_PRECISIONS = {
    "F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8",
    "F8_E5M2": "fp8", "I8": "int8", "U8": "int8",
}  # fmt: skip
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
_TAR_AT, _TAR = 257, b"ustar"


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """A safetensors file: its tensors by name, and the words it carries."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def precision(self) -> str:
        """How the greater part of the weights is kept, as "fp16"; empty where there are none."""
        sizes: Counter[str] = Counter()
        for tensor in self.tensors.values():
            sizes[_PRECISIONS.get(tensor.dtype, "")] += tensor.size
        return max(sizes, key=lambda name: sizes[name], default="")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none. Raises OSError."""
    if path.stat().st_size > MAX_CONFIG:
        return None
    return parse_json(path.read_bytes())


def parse_json(raw: bytes) -> dict[str, Any] | None:
    """The object that a JSON text is; None where it is none."""
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def disguise(path: Path) -> str:
    """What a file really is where it is something else than weights; empty otherwise.

    One of "pointer" (of Git LFS), "zip", "archive" (tar, gzip and the like), "pickle" and "page"
    (HTML). Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"version https://git-lfs"):
        return "pointer"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "pickle" if b"/data.pkl" in head else "zip"  # torch packs its pickles
    archives = (
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ\0",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!",
        b"\x28\xb5\x2f\xfd",
    )
    if head.startswith(archives) or head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "archive"
    # Protocol 2 to 5, which is what torch and joblib write.
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and head[2:3] in b"cC}](\x8a\x95X":
        return "pickle"
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "page"
    return ""


def read_safetensors(path: Path) -> Header:
    """The header of a safetensors file, checked against the file's size.

    Raises DamagedError where it is none, cut short, or promises what cannot be; OSError where it
    cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file.read(8), size)
        return parse_safetensors(file.read(length), size)


def header_length(start: bytes, size: int) -> int:
    """Bytes of the header of a safetensors file of `size` bytes, by its first eight.

    Raises DamagedError where it cannot have so many.
    """
    if len(start) < 8:
        raise DamagedError("too short")
    (length,) = struct.unpack("<Q", start[:8])
    if length > min(MAX_HEADER, size - 8):
        raise DamagedError("cut short")
    return int(length)


def parse_safetensors(header: bytes, size: int) -> Header:
    """A safetensors header, checked against the size of its file. Raises DamagedError."""
    length = len(header)
    raw = parse_json(header)
    if raw is None:
        raise DamagedError("no safetensors header")
    metadata = raw.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise DamagedError("no safetensors header")
    spans: list[tuple[int, int]] = []
    tensors = {name: _tensor(said, spans) for name, said in raw.items()}
    at = 0
    for begin, end in sorted(spans):  # no holes and nothing twice, as the format says
        if begin != at:
            raise DamagedError("tensors overlap")
        at = end
    if 8 + length + at != size:
        raise DamagedError("cut short")
    words = {k: v for k, v in metadata.items() if isinstance(v, str)}
    return Header(tensors, words)


def _tensor(said: object, spans: list[tuple[int, int]]) -> Tensor:
    """One entry of the header; its place is put to `spans`. Raises DamagedError."""
    if not isinstance(said, dict):
        raise DamagedError("no tensor")
    dtype, shape, place = (said.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(place, list)):
        raise DamagedError("no tensor")
    if len(shape) > MAX_AXES or len(place) != 2:
        raise DamagedError("absurd shape")
    if not all(type(n) is int and 0 <= n < 1 << 60 for n in (*shape, *place)):
        raise DamagedError("absurd shape")
    begin, end = place
    count = 1
    for axis in shape:
        count *= axis
    bits = _BITS.get(dtype)
    # A dtype of later versions is not known here; its bytes are where they are all the same.
    if begin > end or (bits is not None and count * bits != 8 * (end - begin)):
        raise DamagedError("absurd shape")
    spans.append((begin, end))
    return Tensor(dtype, tuple(shape), end - begin)
