"""The note in a FLAC: fields of its Vorbis comment block (RFC 9639, 8.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from studio.core.formats.note import (
    KEY,
    MAX_PIECES,
    Note,
    damaged,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

MAGIC = b"fLaC"
_COMMENT = 4
_LAST = 0x80
_OURS = (KEY.upper() + "=").encode("ascii")
_VENDOR = b"Triptych"


def read(file: BinaryIO) -> str:
    """Our JSON; only the metadata blocks are read."""
    file.seek(len(MAGIC))
    for _ in range(MAX_PIECES):
        head = read_exactly(file, 4, "FLAC")
        kind, size = head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == _COMMENT:
            _, fields = comments(read_exactly(file, size, "FLAC"))
            for field in fields:
                if field.upper().startswith(_OURS):
                    return text_of(field[len(_OURS) :])
        else:
            file.seek(size, 1)
        if head[0] & _LAST:
            break
    raise no_recipe()


def write(data: bytes, note: Note | None) -> bytes:
    """The same sound with this note alone; None takes out every note of ours."""
    blocks, sound = _split(data)
    wanted = [] if note is None else [_OURS + note.json.encode("utf-8")]
    result: list[tuple[int, bytes]] = []
    placed = False
    for kind, body in blocks:
        if kind == _COMMENT:
            vendor, fields = comments(body)
            kept = [f for f in fields if not f.upper().startswith(_OURS)]
            if not kept and not wanted and vendor == _VENDOR:
                continue  # we put this block there
            body, placed = _comment(vendor, kept + wanted), True
        result.append((kind, body))
    if wanted and not placed:
        result.insert(1, (_COMMENT, _comment(_VENDOR, wanted)))
    parts = [MAGIC]
    for number, (kind, body) in enumerate(result, 1):
        if len(body) >= 1 << 24:
            raise too_large()
        flag = _LAST if number == len(result) else 0
        parts += [bytes([kind | flag]), len(body).to_bytes(3, "big"), body]
    return b"".join([*parts, sound])


def _split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    if not data.startswith(MAGIC):
        raise damaged("FLAC")
    blocks: list[tuple[int, bytes]] = []
    at, last = len(MAGIC), False
    while not last:
        if at + 4 > len(data):
            raise damaged("FLAC")
        last, kind = bool(data[at] & _LAST), data[at] & 0x7F
        end = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        if end > len(data) or (kind == 0) != (not blocks):
            raise damaged("FLAC")  # the stream information comes first, and once
        blocks.append((kind, data[at + 4 : end]))
        at = end
    return blocks, data[at:]


def comments(body: bytes) -> tuple[bytes, list[bytes]]:
    """The vendor and the fields of a Vorbis comment. Raises StudioError where it is none."""
    parts = _lengths(body)
    vendor = next(parts)
    return vendor, list(parts)


def _lengths(body: bytes) -> Iterator[bytes]:
    """The vendor, then every field. Raises StudioError where the lengths do not add up."""
    at, left = 0, -1
    while left:
        if at + 4 > len(body):
            raise damaged("FLAC")
        (length,) = struct.unpack_from("<I", body, at)
        end = at + 4 + length
        if end > len(body):
            raise damaged("FLAC")
        yield body[at + 4 : end]
        at = end
        if left < 0:
            if at + 4 > len(body):
                raise damaged("FLAC")
            (left,) = struct.unpack_from("<I", body, at)
            at += 4
        else:
            left -= 1


def _comment(vendor: bytes, fields: list[bytes]) -> bytes:
    parts = [struct.pack("<I", len(vendor)), vendor, struct.pack("<I", len(fields))]
    for field in fields:
        parts += [struct.pack("<I", len(field)), field]
    return b"".join(parts)
