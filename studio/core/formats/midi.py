"""The note in a Standard MIDI File: a text meta event (FF 01) in the first track."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from studio.core.formats.note import (
    MAX_NOTE,
    PREFIX,
    Note,
    damaged,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

MAGIC = b"MThd"
_OURS = PREFIX.encode("ascii")


def read(file: BinaryIO) -> str:
    """Our JSON; the header and the first track are read."""
    file.seek(4)
    (size,) = struct.unpack(">I", read_exactly(file, 4, "MIDI"))
    file.seek(size, 1)
    kind, size = struct.unpack(">4sI", read_exactly(file, 8, "MIDI"))
    if kind != b"MTrk":
        raise damaged("MIDI")
    if size > MAX_NOTE:
        raise too_large()
    for _, _, text in _texts(read_exactly(file, size, "MIDI")):
        if text.startswith(_OURS):
            return text_of(text[len(_OURS) :])
    raise no_recipe()


def write(data: bytes, note: Note | None) -> bytes:
    """The same music with this note alone; None takes out every note of ours."""
    if data[:4] != MAGIC or len(data) < 8:
        raise damaged("MIDI")
    at = 8 + struct.unpack_from(">I", data, 4)[0]
    if at + 8 > len(data) or data[at : at + 4] != b"MTrk":
        raise damaged("MIDI")
    end = at + 8 + struct.unpack_from(">I", data, at + 4)[0]
    if end > len(data):
        raise damaged("MIDI")
    track = data[at + 8 : end]
    ours = [(start, stop) for start, stop, text in _texts(track) if text.startswith(_OURS)]
    for start, stop in reversed(ours):
        # Its own time is 0 as we write it; another program may have moved events before it.
        if track[start] == 0:
            track = track[:start] + track[stop:]
    if note is not None:
        text = (PREFIX + note.ascii).encode("ascii")
        if len(text) > MAX_NOTE:
            raise too_large()
        track = b"\0\xff\x01" + _varlen(len(text)) + text + track
    return data[:at] + b"MTrk" + struct.pack(">I", len(track)) + track + data[end:]


def _texts(track: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and text of each text event. Raises StudioError where the events break off."""
    at, running = 0, 0
    while at < len(track):
        start = at
        _, at = _number(track, at)
        if at >= len(track):
            raise damaged("MIDI")
        status = track[at]
        if status == 0xFF:
            if at + 1 >= len(track):
                raise damaged("MIDI")
            kind = track[at + 1]
            size, at = _number(track, at + 2)
            if at + size > len(track):
                raise damaged("MIDI")
            if kind == 0x01:
                yield start, at + size, track[at : at + size]
            at += size
        elif status in (0xF0, 0xF7):
            size, at = _number(track, at + 1)
            at += size
        else:
            if status >= 0x80:
                running, at = status, at + 1
            if not 0x80 <= running < 0xF0:
                raise damaged("MIDI")
            at += 1 if 0xC0 <= running < 0xE0 else 2
    if at > len(track):
        raise damaged("MIDI")


def _number(track: bytes, at: int) -> tuple[int, int]:
    """A variable-length quantity (at most four bytes) and where it ends."""
    value = 0
    for end, byte in enumerate(track[at : at + 4], at + 1):
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, end
    raise damaged("MIDI")


def _varlen(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
