"""The note in an MP3: a user text frame of the ID3v2 tag before the sound (id3v2.4.0, 4.2.6).

MP3 is made by exporting only: the tag is put before what an encoder made, and read again.
"""

from __future__ import annotations

from typing import BinaryIO

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

MAGIC = b"ID3"
_HEAD = 10
"""Bytes of the tag's and of every frame's header."""
_UTF8 = b"\x03"


def read(file: BinaryIO) -> str:
    """Our JSON from the tag; the sound is not read."""
    file.seek(0)
    head = read_exactly(file, _HEAD, "MP3")
    size, version = _number(head[6:10]), head[3]
    if size > MAX_NOTE:
        raise too_large()
    if version != 4 or head[5]:  # versions and options that we never write
        raise no_recipe()
    tag = read_exactly(file, size, "MP3")
    at = 0
    for _ in range(MAX_PIECES):
        frame = tag[at : at + _HEAD]
        if len(frame) < _HEAD or not frame[0]:
            break
        end = at + _HEAD + _number(frame[4:8])
        name, _, value = tag[at + _HEAD : end].partition(b"\0")
        if frame[:4] == b"TXXX" and name == _UTF8 + KEY.encode("ascii"):
            return text_of(value)
        at = end
    raise no_recipe()


def write(data: bytes, note: Note | None) -> bytes:
    """The same sound with this note in a tag of its own, and no other tag."""
    if data.startswith(MAGIC):
        if len(data) < _HEAD:
            raise damaged("MP3")
        data = data[_HEAD + _number(data[6:10]) :]
    if note is None:
        return data
    frames = _frame(b"TXXX", KEY + "\0" + note.json) + _frame(b"TSSE", note.software)
    if len(frames) > MAX_NOTE:
        raise too_large()
    return MAGIC + b"\x04\0\0" + _syncsafe(len(frames)) + frames + data


def _frame(kind: bytes, text: str) -> bytes:
    body = _UTF8 + text.encode("utf-8")
    return kind + _syncsafe(len(body)) + b"\0\0" + body


def _number(four: bytes) -> int:
    """A number of four times seven bits (4.1, "synchsafe")."""
    if any(byte & 0x80 for byte in four):
        raise damaged("MP3")
    return four[0] << 21 | four[1] << 14 | four[2] << 7 | four[3]


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
