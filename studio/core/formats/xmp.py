"""The note in an XMP packet (ISO 16684-1): in PNG the mark, in JPEG and WebP all of it."""

from __future__ import annotations

import html
import struct
from typing import BinaryIO

from studio.core.formats.note import (
    MAX_NOTE,
    MAX_PIECES,
    damaged,
    no_recipe,
    read_exactly,
    text_of,
    too_large,
)

PDF_MAGIC = b"%PDF-"
MAX_PDF = 64 << 20
"""Bytes of a PDF that are searched for the packet."""
TOOLKIT = 'x:xmptk="Triptych"'
JPEG_MAGIC = b"\xff\xd8\xff"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_OPEN, _CLOSE = b"<triptych:Record>", b"</triptych:Record>"


def packet(source_type: str, json: str = "") -> str:
    """A packet that names the IPTC digital source type and holds our JSON; either may be empty."""
    parts = []
    if source_type:
        name = "Iptc4xmpExt:DigitalSourceType"
        parts.append(f"<{name}>{html.escape(source_type)}</{name}>")
    if json:
        parts.append(f"<triptych:Record>{html.escape(json)}</triptych:Record>")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" {TOOLKIT}>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:triptych="urn:triptych:record">'
        f"{''.join(parts)}"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    )


def is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def read_jpeg(file: BinaryIO) -> str:
    """Our JSON from the APP1 segments that stand before the picture (JPEG, B.1.1)."""
    file.seek(2)
    for _ in range(MAX_PIECES):
        marker = read_exactly(file, 2, "JPEG")
        if marker[0] != 0xFF:
            raise damaged("JPEG")
        if marker[1] in (0xDA, 0xD9):  # the picture begins, or the file ends
            raise no_recipe()
        (size,) = struct.unpack(">H", read_exactly(file, 2, "JPEG"))
        if size < 2:
            raise damaged("JPEG")
        body = read_exactly(file, size - 2, "JPEG")
        if marker[1] == 0xE1 and body.startswith(_JPEG_XMP):
            return _json(body)
    raise damaged("JPEG")


def read_webp(file: BinaryIO) -> str:
    """Our JSON from the `XMP ` chunk (WebP container specification)."""
    at = 12
    for _ in range(MAX_PIECES):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise no_recipe()
        kind, size = struct.unpack("<4sI", head)
        if kind == b"XMP ":
            if size > MAX_NOTE:
                raise too_large()
            return _json(read_exactly(file, size, "WebP"))
        at += 8 + size + size % 2
    raise damaged("WebP")


def read_pdf(file: BinaryIO) -> str:
    """Our JSON from the packet, which stands in a PDF as it is (ISO 32000-1, 14.3.2)."""
    file.seek(0)
    return _json(file.read(MAX_PDF))


def _json(packet: bytes) -> str:
    start, end = packet.find(_OPEN), packet.find(_CLOSE)
    if not 0 <= start < end:
        raise no_recipe()
    return html.unescape(text_of(packet[start + len(_OPEN) : end]))
