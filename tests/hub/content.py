"""What the files of the test hub hold: bytes in memory, a file on the disk, or noise."""

from __future__ import annotations

import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

PIECE = 1 << 20
_POOL = 8 << 20
REMEMBERED = 32 << 20
"""Files of so many bytes or more are looked up in `digests.json`, by their marks."""
DIGESTS = Path(__file__).parent / "digests.json"


class Content(ABC):
    """The bytes of one file; only a piece of them is held at a time."""

    size: int

    mark: str
    """What tells it apart from others without reading it."""

    @abstractmethod
    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes from `start` up to `stop`, at most a mebibyte at a time."""

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from `start` up to `stop` at once."""
        return b"".join(self.pieces(start, self.size if stop is None else stop))

    @cached_property
    def sha256(self) -> str:
        """As Git LFS names it; of large files that were hashed once it is remembered."""
        known = _digests() if self.size >= REMEMBERED else {}
        return known.get(self.mark) or self._digest(hashlib.sha256())

    @cached_property
    def git(self) -> str:
        """The name that git gives to a blob."""
        return self._digest(hashlib.sha1(b"blob %d\0" % self.size))

    def _digest(self, digest: hashlib._Hash) -> str:
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()


class Bytes(Content):
    """A small file, held in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.mark = hashlib.sha1(data).hexdigest()

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        view = memoryview(self.data)[start:stop]
        for at in range(0, len(view), PIECE):
            yield view[at : at + PIECE]


class Disk(Content):
    """A file that lies on the disk and does not change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        stat = path.stat()
        self.size = stat.st_size
        self.mark = f"{stat.st_size} {stat.st_mtime_ns}"

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        with self.path.open("rb") as file:
            file.seek(start)
            while start < stop:
                data = file.read(min(PIECE, stop - start))
                if not data:
                    return
                start += len(data)
                yield memoryview(data)


class Noise(Content):
    """A file of any size that is made while it is sent: the same seed gives the same bytes.

    It is cut out of one pool of random bytes, a mebibyte at a time from a place that depends on
    the seed and the number of the mebibyte, so that two files, or two parts of one, that were
    mixed up are noticed.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.seed = seed
        self.mark = f"{size} {seed}"

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        pool = memoryview(_pool())
        while start < stop:
            number, within = divmod(start, PIECE)
            length = min(PIECE - within, stop - start)
            name = hashlib.blake2b(f"{self.seed}/{number}".encode(), digest_size=8).digest()
            at = int.from_bytes(name, "big") % (_POOL - PIECE) + within
            yield pool[at : at + length]
            start += length


class Flipped(Content):
    """Another content with one byte wrong."""

    def __init__(self, right: Content, at: int) -> None:
        self.right = right
        self.at = at
        self.size = right.size
        self.mark = f"{right.mark} {at}"

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        for piece in self.right.pieces(start, stop):
            if start <= self.at < start + len(piece):
                wrong = bytearray(piece)
                wrong[self.at - start] ^= 0x55
                yield memoryview(wrong)
            else:
                yield piece
            start += len(piece)


class Joined(Content):
    """Several contents one after the other, as a header before many weights."""

    def __init__(self, *parts: Content) -> None:
        self.parts = parts
        self.size = sum(part.size for part in parts)
        self.mark = hashlib.sha1("/".join(part.mark for part in parts).encode()).hexdigest()

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        for part in self.parts:
            if start < part.size and stop > 0:
                yield from part.pieces(max(0, start), min(part.size, stop))
            start, stop = start - part.size, stop - part.size


Source = bytes | str | Path | Content


def content(source: Source) -> Content:
    """What a test gave as a file: text, bytes, a path on the disk, or a content as it is."""
    if isinstance(source, Content):
        return source
    if isinstance(source, Path):
        return Disk(source)
    return Bytes(source.encode() if isinstance(source, str) else source)


@cache
def _digests() -> dict[str, str]:
    told: dict[str, str] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    return told


@cache
def _pool() -> bytes:
    return random.Random(2026).randbytes(_POOL)
