"""Names of files that lead out of a folder, mean something to a system, or clash on a disk."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from tests.hub.content import Source

LEADING_OUT = (
    "../outside.txt",
    "onnx/../../outside.txt",
    "..",
    "/etc/outside.txt",
    "//server/share/outside.txt",
    "C:/outside.txt",
    "C:outside.txt",
    "..\\outside.txt",
    "onnx\\..\\..\\outside.txt",
    "\\\\server\\share\\outside.txt",
    "~/outside.txt",
)
"""Those that some system would resolve to a place outside; `~` where a shell is near."""

DEVICES = (
    "NUL",
    "con.txt",
    "onnx/AUX.onnx",
    "COM1",
    "lpt9.bin",
    "CONIN$",
    "com¹.json",
    "nul.tar.gz",
)
"""Devices of Windows, whatever follows the dot."""

STRANGE = (
    "ends with a dot.",
    "ends with a space ",
    "a:stream",
    "what?.json",
    "star*.bin",
    'quote".txt',
    "pipe|.txt",
    "less<than>.txt",
    "line\nbreak.txt",
    "bell\a.txt",
    "right\u202eto-left.txt",
    ".git/config",
    "a" * 300 + ".bin",
    "deep/" * 60 + "file.bin",
)
"""Those that some file systems refuse or change."""

ACCENTED = "modèle-größe.bin"
CLASHES = (
    (unicodedata.normalize("NFC", ACCENTED), unicodedata.normalize("NFD", ACCENTED)),
    ("Model.onnx", "model.onnx"),
    ("ONNX/a.bin", "onnx/b.bin"),
    ("weights", "weights/part.bin"),
)
"""Pairs that are one and the same on some disks, or a file and a folder at once."""

LINK = "link-to-elsewhere"
"""A symbolic link, which the hub lists as a file; its bytes are the place that it points to."""


def hostile(*groups: tuple[str, ...]) -> Mapping[str, Source]:
    """Files under all of these names (without any: under those that lead out, devices and
    strange ones, and a link), each with its own name as its text."""
    names = [name for group in groups or (LEADING_OUT, DEVICES, STRANGE) for name in group]
    files: dict[str, Source] = {name: f"{name}\n" for name in names}
    if not groups:
        files[LINK] = "../../../../etc/outside.txt"
    return files


def many(count: int = 5000, size: int = 40) -> Mapping[str, Source]:
    """Many small files in folders of a hundred, each with bytes of its own."""
    return {f"part-{n // 100:03}/{n:05}.json": f"{n:0{size}}" for n in range(count)}
