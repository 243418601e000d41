"""The note in an Ogg Vorbis file: a comment in the second packet (RFC 3533; Vorbis I, section 5).

Ogg is made by exporting only: the encoder is given the comment, and here it is read again.
"""

from __future__ import annotations

from typing import BinaryIO

from studio.core.formats.flac import comments
from studio.core.formats.note import (
    MAX_NOTE,
    MAX_PIECES,
    PREFIX,
    Note,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

MAGIC = b"OggS"
_COMMENT = b"\x03vorbis"
_OURS = b"COMMENT=" + PREFIX.encode("ascii")


def comment(note: Note) -> str:
    """What the encoder has to write as the file's comment."""
    return PREFIX + note.json


def read(file: BinaryIO) -> str:
    """Our JSON; of the file only the pages of its first two packets are read."""
    file.seek(0)
    packets, packet = 0, b""
    for _ in range(MAX_PIECES):
        head = read_exactly(file, 27, "Ogg")
        if head[:4] != MAGIC:
            raise no_recipe()
        sizes = read_exactly(file, head[26], "Ogg")
        page, at = read_exactly(file, sum(sizes), "Ogg"), 0
        for size in sizes:
            packet += page[at : at + size]
            at += size
            if len(packet) > MAX_NOTE:
                raise too_large()
            if size < 255:  # a packet ends with a segment that is not full
                packets += 1
                if packets == 2:
                    return _json(packet)
                packet = b""
    raise no_recipe()


def _json(packet: bytes) -> str:
    if not packet.startswith(_COMMENT):
        raise no_recipe()
    _, fields = comments(packet[len(_COMMENT) :])
    for field in fields:
        if field.upper().startswith(_OURS.upper()):
            return text_of(field[len(_OURS) :])
    raise no_recipe()
