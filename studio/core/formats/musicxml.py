"""The note in MusicXML: a field of its own among the miscellaneous ones (MusicXML 4.0)."""

from __future__ import annotations

import html
import re
from typing import BinaryIO

from studio.core.formats.note import KEY, MAX_NOTE, Note, damaged, no_recipe, text_of

_FIELD = re.compile(
    rb'\s*<miscellaneous><miscellaneous-field name="%s">(.*?)</miscellaneous-field>'
    rb"</miscellaneous>" % KEY.encode("ascii"),
    re.DOTALL,
)
_PLACE = re.compile(rb"</identification>|<identification\s*/>")
_ROOT = b"<score-partwise"


def matches(head: bytes) -> bool:
    return head.startswith((b"<?xml", b"<!DOCTYPE sc", _ROOT[:12]))


def read(file: BinaryIO) -> str:
    """Our JSON from the field."""
    file.seek(0)
    found = _FIELD.search(file.read(MAX_NOTE))
    if found is None:
        raise no_recipe()
    return html.unescape(text_of(found[1]))


def write(data: bytes, note: Note | None) -> bytes:
    """The same score with this note alone."""
    data = _FIELD.sub(b"", data)
    if note is None:
        return data
    if _ROOT not in data:
        raise damaged("MusicXML")
    text = html.escape(note.json, quote=False).encode("utf-8")
    field = (
        b'<miscellaneous><miscellaneous-field name="%s">' % KEY.encode("ascii")
        + text
        + b"</miscellaneous-field></miscellaneous>"
    )

    def put(match: re.Match[bytes]) -> bytes:
        return b"<identification>" * match[0].endswith(b"/>") + field + b"</identification>"

    data, count = _PLACE.subn(put, data, count=1)
    if not count:
        raise damaged("MusicXML")
    return data
