"""The note in a WAV: a LIST chunk of type INFO with ICMT and ISFT (RIFF, 1991), at the end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from studio.core.formats.note import (
    MAX_NOTE,
    MAX_PIECES,
    PREFIX,
    Note,
    damaged,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

_OURS = PREFIX.encode("ascii")


def matches(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def read(file: BinaryIO) -> str:
    """Our JSON; sound is passed over, not read."""
    file.seek(4)
    (size,) = struct.unpack("<I", read_exactly(file, 4, "WAV"))
    at, end = 12, 8 + size
    for _ in range(MAX_PIECES):
        if at + 8 > end:
            raise no_recipe()
        file.seek(at)
        kind, length = struct.unpack("<4sI", read_exactly(file, 8, "WAV"))
        if kind == b"LIST" and length >= 4 and read_exactly(file, 4, "WAV") == b"INFO":
            if length > MAX_NOTE:
                raise too_large()
            for key, value in _fields(read_exactly(file, length - 4, "WAV")):
                if key == b"ICMT" and value.startswith(_OURS):
                    return text_of(value[len(_OURS) :])
        at += 8 + length + length % 2
    raise damaged("WAV")


def write(data: bytes, note: Note | None) -> bytes:
    """The same sound with this note alone; None takes out every note of ours."""
    if not matches(data[:12]):
        raise damaged("WAV")
    (size,) = struct.unpack_from("<I", data, 4)
    end = 8 + size
    if end > len(data):
        raise damaged("WAV")
    body = b"".join(chunk for chunk in _chunks(data, end) if not _is_ours(chunk))
    if note is not None:
        info = b"INFO" + _pack(b"ICMT", _zero(PREFIX + note.ascii))
        body += _pack(b"LIST", info + _pack(b"ISFT", _zero(note.software)))
    if len(body) + 4 > 0xFFFFFFFF:
        raise too_large()
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body + data[end:]


def _chunks(data: bytes, end: int) -> Iterator[bytes]:
    at = 12
    while at + 8 <= end:
        (length,) = struct.unpack_from("<I", data, at + 4)
        stop = at + 8 + length
        if stop > end:
            raise damaged("WAV")
        chunk = data[at:stop]
        if length % 2:
            # Some writers leave the last pad byte out; it has to be there before more follows.
            chunk += data[stop : min(stop + 1, end)] or b"\0"
            stop = min(stop + 1, end)
        yield chunk
        at = stop
    if at != end:
        raise damaged("WAV")


def _is_ours(chunk: bytes) -> bool:
    if chunk[:4] != b"LIST" or chunk[8:12] != b"INFO":
        return False
    return any(k == b"ICMT" and v.startswith(_OURS) for k, v in _fields(chunk[12:]))


def _fields(info: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(info):
        key, length = struct.unpack_from("<4sI", info, at)
        yield key, info[at + 8 : at + 8 + length].rstrip(b"\0")
        at += 8 + length + length % 2


def _pack(key: bytes, value: bytes) -> bytes:
    if len(value) > MAX_NOTE:
        raise too_large()
    return key + struct.pack("<I", len(value)) + value + b"\0" * (len(value) % 2)


def _zero(text: str) -> bytes:
    return text.encode("ascii", "replace") + b"\0"
