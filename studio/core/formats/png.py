"""The note in a PNG: iTXt and tEXt chunks (W3C PNG, 11.3.3), right after the header."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from studio.core.formats import xmp
from studio.core.formats.note import (
    KEY,
    MAX_NOTE,
    MAX_PIECES,
    Note,
    damaged,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

MAGIC = b"\x89PNG\r\n\x1a\n"
XMP_KEY = "XML:com.adobe.xmp"
XMP_MARK = xmp.TOOLKIT.encode()
_KEY = KEY.encode() + b"\0"


def read(file: BinaryIO) -> str:
    """Our JSON; only chunk headers and text chunks are read."""
    file.seek(len(MAGIC))
    for _ in range(MAX_PIECES):
        size, kind = struct.unpack(">I4s", read_exactly(file, 8, "PNG"))
        if kind == b"IEND":
            raise no_recipe()
        if kind != b"iTXt":
            file.seek(size + 4, 1)
            continue
        if size > MAX_NOTE:
            raise too_large()
        body = read_exactly(file, size, "PNG")
        (crc,) = struct.unpack(">I", read_exactly(file, 4, "PNG"))
        if body.startswith(_KEY):
            if crc != zlib.crc32(kind + body):
                raise damaged("PNG")
            return _itxt_text(body)
    raise damaged("PNG")


def write(data: bytes, note: Note | None) -> bytes:
    """The same picture with this note alone; None takes out every note of ours."""
    parts = [MAGIC]
    foreign_xmp = False
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR":
        raise damaged("PNG")
    kept = []
    for kind, whole in chunks:
        body = whole[8:-4]
        if kind in (b"iTXt", b"tEXt", b"zTXt") and _is_ours(body):
            continue
        foreign_xmp |= kind == b"iTXt" and body.startswith(XMP_KEY.encode() + b"\0")
        kept.append(whole)
    parts.append(kept[0])
    if note is not None:
        parts.append(_itxt(KEY, note.json))
        if note.parameters:
            parts.append(_plain("parameters", note.parameters))
        # Two packets in one file are forbidden; somebody else's says more than ours.
        if note.xmp and not foreign_xmp:
            parts.append(_itxt(XMP_KEY, note.xmp))
    parts.extend(kept[1:])
    end = len(MAGIC) + sum(len(whole) for _, whole in chunks)
    parts.append(data[end:])
    return b"".join(parts)


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, where the header can be read."""
    if data[:8] == MAGIC and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    return None


def _is_ours(body: bytes) -> bool:
    if body.startswith((_KEY, b"parameters\0")):
        return True
    return body.startswith(XMP_KEY.encode() + b"\0") and XMP_MARK in body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and whole bytes of every chunk up to IEND."""
    if not data.startswith(MAGIC):
        raise damaged("PNG")
    at = len(MAGIC)
    while True:
        if at + 12 > len(data):
            raise damaged("PNG")
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if end > len(data):
            raise damaged("PNG")
        yield kind, data[at:end]
        if kind == b"IEND":
            return
        at = end


def _chunk(kind: bytes, body: bytes) -> bytes:
    if len(body) > MAX_NOTE:
        raise too_large()
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _itxt(key: str, text: str) -> bytes:
    # keyword, NUL, not compressed, method 0, no language, no translated keyword
    return _chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8"))


def _plain(key: str, text: str) -> bytes:
    """tEXt where Latin-1 will do, since the oldest readers know nothing else."""
    text = text.replace("\0", "")
    try:
        return _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _itxt(key, text)


def _itxt_text(body: bytes) -> str:
    rest = body[len(_KEY) :]
    fields = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(fields) != 3 or rest[0] > 1 or rest[1] != 0:
        raise damaged("PNG")
    raw = fields[2]
    if rest[0] == 1:  # other programs pack text chunks when they save the picture again
        unpack = zlib.decompressobj()
        try:
            raw = unpack.decompress(raw, MAX_NOTE)
        except zlib.error:
            raise damaged("PNG") from None
        if unpack.unconsumed_tail:
            raise too_large()
    return text_of(raw)
