"""ONNX files told without loading them: a bounded walk over the protobuf, weights skipped.

The numbers of the fields are those of onnx.proto3 (https://github.com/onnx/onnx).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAX_FIELDS = 4_000_000
"""Fields that are looked at; a graph of 100,000 nodes has fewer."""
MAX_DEPTH = 32
"""Graphs in graphs."""
MAX_NAME = 4096
SMALL = 1 << 16
"""Bytes of a message that is read as a whole; of larger ones the weights are stepped over."""

_ELEMENTS: dict[int, tuple[str, int]] = {
    1: ("fp32", 32),
    2: ("int8", 8),
    3: ("int8", 8),
    10: ("fp16", 16),
    11: ("fp64", 64),
    16: ("bf16", 16),
    17: ("fp8", 8),
    18: ("fp8", 8),
    19: ("fp8", 8),
    20: ("fp8", 8),
    21: ("int4", 4),
    22: ("int4", 4),
}
"""TensorProto.DataType -> what it is called, and bits of an element."""


class DamagedError(ValueError):
    """A file that is not what its name says, or not whole."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph; an axis without a fixed size is its name, or empty."""

    name: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class External:
    """Weights that lie in another file."""

    location: str
    end: int
    """Where they end there, in bytes; 0 where that is not said."""


@dataclass(slots=True)
class Graph:
    """What is told of an ONNX file."""

    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    external: set[External] = field(default_factory=set)
    ops: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)
    """Bytes by precision."""
    constants: set[str] = field(default_factory=set)
    """Names of the weights: old exports list them among the inputs as well."""
    metadata: dict[str, str] = field(default_factory=dict)
    block_bits: int = 0
    """Of weights packed in blocks (MatMulNBits)."""

    @property
    def precision(self) -> str:
        """How the greater part of the weights is kept, as "fp16"; empty where there are none."""
        if self.block_bits in (4, 8):
            return f"int{self.block_bits}"
        return max(self.weights, key=lambda name: self.weights[name], default="")


def read(path: Path) -> Graph:
    """What an ONNX file says of itself.

    Raises DamagedError where it is no protobuf message or is cut short, OSError where it cannot
    be read.
    """
    size = path.stat().st_size
    if size < 16:
        raise DamagedError("too short")
    with path.open("rb") as file:
        return _Walk().model((_Pages(file, size), 0, size))


class _Pages:
    """The bytes of a file, read where they are looked at."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._page = b""
        self._from = 0

    def __getitem__(self, at: int) -> int:
        if not 0 <= at - self._from < len(self._page):
            self._from, self._page = at, self.cut(at, min(at + SMALL, self._size))
        return self._page[at - self._from]

    def cut(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(end - start)
        if len(data) < end - start:
            raise DamagedError("cut short")
        return data


_Span = tuple[bytes | _Pages, int, int]
_NOTHING: _Span = (b"", 0, 0)


class _Walk:
    """One reading of one file: the fields it may still look at, and what it has found."""

    def __init__(self) -> None:
        self._left = MAX_FIELDS
        self._found = Graph()

    def model(self, span: _Span) -> Graph:
        if span[0][0] != 0x08:  # ir_version stands first in what every writer writes
            raise DamagedError("no ONNX model")
        for number, _, inner in self._fields(span):
            if number == 7:
                self._graph(inner, 0)
            elif number == 14:
                name, value = self._pair(inner)
                self._found.metadata[name] = value
            elif number == 25:  # functions of the model's own
                for part, _, node in self._fields(inner):
                    if part == 7:
                        self._node(node, 1)
        return self._found

    def _graph(self, span: _Span, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise DamagedError("graphs in graphs without end")
        found = self._found
        for number, _, inner in self._fields(span):
            if number == 1:
                self._node(inner, depth)
            elif number == 5:
                self._tensor(inner)
            elif number == 15:  # sparse weights: values and indices
                self._sparse(inner)
            elif number == 11 and depth == 0:
                found.inputs.append(self._port(inner))
            elif number == 12 and depth == 0:
                found.outputs.append(self._port(inner))

    def _node(self, span: _Span, depth: int) -> None:
        op, attributes = "", []
        for number, _, inner in self._fields(span):
            if number == 4:
                op = _text(inner)
                self._found.ops[op] += 1
            elif number == 5:
                attributes.append(inner)
        for attribute in attributes:
            self._attribute(attribute, op, depth)

    def _attribute(self, span: _Span, op: str, depth: int) -> None:
        name, whole = "", 0
        for number, value, inner in self._fields(span):
            if number == 1:
                name = _text(inner)
            elif number == 3:
                whole = value
            elif number in (5, 10):
                self._tensor(inner)
            elif number in (6, 11):
                self._graph(inner, depth + 1)
            elif number in (22, 23):
                self._sparse(inner)
        if op == "MatMulNBits" and name == "bits":
            self._found.block_bits = whole

    def _sparse(self, span: _Span) -> None:
        for number, _, inner in self._fields(span):
            if number in (1, 2):
                self._tensor(inner)

    def _tensor(self, span: _Span) -> None:
        count, kind = 1, 0
        outside: list[tuple[str, str]] = []
        for number, value, inner in self._fields(span):
            if number == 1:
                for size in _numbers(value, inner):
                    count *= size
            elif number == 2:
                kind = value
            elif number == 8:
                self._found.constants.add(_text(inner))
            elif number == 13:
                outside.append(self._pair(inner))
        precision, bits = _ELEMENTS.get(kind, ("", 0))
        if precision and 0 < count < 1 << 50:
            self._found.weights[precision] += count * bits // 8
        if outside:
            offset, length = (
                max((_whole(v) for k, v in outside if k == key), default=0)
                for key in ("offset", "length")
            )
            # The same key twice: every location that is named counts.
            for key, said in outside:
                if key == "location":
                    self._found.external.add(External(said, offset + length if length else 0))

    def _port(self, span: _Span) -> Port:
        """A ValueInfoProto; its shape lies in type.tensor_type.shape.dim."""
        name, shape = "", []
        for number, _, inner in self._fields(span):
            if number == 1:
                name = _text(inner)
            elif number == 2:
                shape = [self._axis(dim) for dim in self._way(inner, 1, 2, 1)]
        return Port(name, tuple(shape))

    def _axis(self, span: _Span) -> int | str:
        axis: int | str = ""
        for number, value, inner in self._fields(span):
            if number == 1:
                axis = value
            elif number == 2:
                axis = _text(inner)
        return axis

    def _way(self, span: _Span, *numbers: int) -> Iterator[_Span]:
        """The messages at the end of a way of fields."""
        for number, _, inner in self._fields(span):
            if number == numbers[0]:
                if len(numbers) == 1:
                    yield inner
                else:
                    yield from self._way(inner, *numbers[1:])

    def _pair(self, span: _Span) -> tuple[str, str]:
        """A StringStringEntryProto."""
        key = value = ""
        for number, _, inner in self._fields(span):
            if number == 1:
                key = _text(inner)
            elif number == 2:
                value = _text(inner)
        return key, value

    def _fields(self, span: _Span) -> Iterator[tuple[int, int, _Span]]:
        """Number, value and bytes of each field in order; a field has one of the two."""
        data, at, end = span
        if isinstance(data, _Pages) and end - at <= SMALL:
            data, at, end = data.cut(at, end), 0, end - at
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise DamagedError("too many fields")
            tag, at = _varint(data, at, end)
            number, wire = tag >> 3, tag & 7
            if wire == 2:
                size, at = _varint(data, at, end)
                if size > end - at:
                    raise DamagedError("cut short")
                yield number, 0, (data, at, at + size)
                at += size
            elif wire == 0:
                value, at = _varint(data, at, end)
                yield number, value, _NOTHING
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
                if at > end:
                    raise DamagedError("cut short")
            else:
                raise DamagedError("no protobuf message")


def _varint(data: bytes | _Pages, at: int, end: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        if byte < 128:
            return value | byte << shift, at
        value |= (byte & 127) << shift
        shift += 7
    raise DamagedError("cut short")


def _text(span: _Span) -> str:
    data, start, end = span
    end = min(end, start + MAX_NAME)
    raw = data.cut(start, end) if isinstance(data, _Pages) else data[start:end]
    return raw.decode("utf-8", "replace")


def _numbers(value: int, span: _Span) -> list[int]:
    """A repeated int64 field: one number, or several packed into bytes."""
    data, at, end = span
    if at == end:
        return [value]
    found: list[int] = []
    while at < end and len(found) < 64:
        number, at = _varint(data, at, end)
        found.append(number)
    return found


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
