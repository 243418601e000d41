"""Reading the training data as it is published: packed archives, opened in place and never
unpacked to disk."""

from __future__ import annotations

import json
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError


def existing(path: Path) -> Path:
    """The path itself. Raises StudioError when nothing is there."""
    if not path.exists():
        raise StudioError(
            f"The training data is incomplete: {path.name} is missing.",
            f"Put it at {path}, or point --data at a folder that holds it.",
        )
    return path


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a plain file, or of its ``.xz`` neighbour when only that exists; newlines are
    ``\\n``."""
    packed = path.with_name(path.name + ".xz")
    if packed.exists():
        raw = lzma.decompress(packed.read_bytes())
    else:
        raw = existing(path).read_bytes()
    return raw.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file (plain or ``.xz``), in their order."""
    return [json.loads(line) for line in read_text(path).split("\n") if line.strip()]


def tar_texts(path: Path, suffix: str, encoding: str = "utf-8") -> list[tuple[str, str]]:
    """Every member of a tar archive whose name ends with ``suffix``: (name, text), sorted by
    name."""
    with tarfile.open(existing(path)) as archive:
        found: list[tuple[str, str]] = []
        for member in archive.getmembers():
            if not member.isfile() or not member.name.endswith(suffix):
                continue
            stream = archive.extractfile(member)
            if stream is None:
                continue
            text = stream.read().decode(encoding, errors="replace")
            found.append((member.name, text.replace("\r\n", "\n").replace("\r", "\n")))
    return sorted(found)


def zip_members(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """The bytes of the named members of a zip archive, in the order asked for."""
    with zipfile.ZipFile(existing(path)) as archive:
        for name in names:
            yield name, archive.read(name)


def zip_jsonl(path: Path, member: str) -> list[dict[str, Any]]:
    """The objects of a JSON-lines member of a zip archive."""
    with zipfile.ZipFile(existing(path)) as archive:
        text = archive.read(member).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]
