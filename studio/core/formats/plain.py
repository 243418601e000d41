"""The note in text: Markdown's front matter, and comment lines of ABC (abc standard 2.1, 2.2.3)."""

from __future__ import annotations

from typing import BinaryIO

from studio.core.formats.note import MAX_NOTE, PREFIX, Note, no_recipe, text_of

_FENCE = b"---"
_OURS = PREFIX.encode("ascii")
_COMMENT = b"% " + _OURS
_WIDTH = 240
"""Characters of JSON on one comment line; old ABC programs have short line buffers."""


def read(file: BinaryIO) -> str:
    """Our JSON from a text of either kind."""
    file.seek(0)
    data = file.read(MAX_NOTE)
    block, _ = _front(data)
    for line in block:
        if line.startswith(_OURS):
            return text_of(line[len(_OURS) :].strip())
    if b"\n" + _COMMENT in b"\n" + data:
        lines = data.split(b"\n")
        pieces = [_unbroken(x)[len(_COMMENT) :] for x in lines if x.startswith(_COMMENT)]
        return text_of(b"".join(pieces))
    raise no_recipe()


def write_markdown(data: bytes, note: Note | None) -> bytes:
    """The same text with this note alone in its front matter; other keys there are kept."""
    block, body = _front(data)
    kept = [line for line in block if not line.startswith(_OURS)]
    if note is None:
        if kept or not block:
            return data if kept == block else b"".join([b"---\n", *kept, b"---\n", body])
        return _without_blank(body)
    ours = _OURS + note.json.encode("utf-8") + b"\n"
    if kept == block:  # nothing of ours was there; a text that begins with a line stays whole
        return b"".join([b"---\n", ours, b"---\n\n", data])
    return b"".join([b"---\n", ours, *kept, b"---\n", body])


def write_abc(data: bytes, note: Note | None) -> bytes:
    """The same score with this note alone, after the line that names the version of ABC."""
    lines = data.split(b"\n")
    kept = [line for line in lines if not line.startswith(_COMMENT)]
    if note is not None:
        at = 1 if kept[0].startswith(b"%abc") and len(kept) > 1 else 0
        text = note.json
        kept[at:at] = [
            _COMMENT + text[i : i + _WIDTH].encode("utf-8") for i in range(0, len(text), _WIDTH)
        ]
    return b"\n".join(kept)


def body(text: str) -> str:
    """A Markdown text without the front matter that we put before it."""
    block, rest = _front(text.encode("utf-8", "surrogatepass"))
    if not any(line.startswith(_OURS) for line in block):
        return text
    return _without_blank(rest).decode("utf-8", "surrogatepass")


def _front(data: bytes) -> tuple[list[bytes], bytes]:
    """The lines of the front matter, with their ends, and what follows it."""
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    at = data.find(b"\n", start) + 1
    if not at or data[start:at].rstrip() != _FENCE:
        return [], data
    lines: list[bytes] = []
    while end := data.find(b"\n", at) + 1:
        line = data[at:end]
        at = end
        if line.rstrip() == _FENCE:
            return lines, data[at:]
        lines.append(line)
    if data[at:].rstrip() == _FENCE:
        return lines, b""
    return [], data


def _unbroken(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line


def _without_blank(data: bytes) -> bytes:
    for blank in (b"\n", b"\r\n"):
        if data.startswith(blank):
            return data[len(blank) :]
    return data
