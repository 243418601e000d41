"""Files that go in and come out: checked before the work, whole or not there after it."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from studio.cli.errand import Made
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.files import cannot_write, write_atomic
from studio.core.messages import Output

MAX_INPUT = 256 << 20
"""Bytes, as the library takes them."""


def readable(name: str, path: Path) -> Path:
    """The path, where a file of a sane size can be read there. Raises StudioError elsewhere."""
    if not path.is_file():
        raise StudioError(f"There is no file {path} ({name}).", "Check the path.")
    if path.stat().st_size > MAX_INPUT:
        raise StudioError(f"{path.name} is too large.", "Choose a file below 256 MiB.")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        raise StudioError(f"{path} cannot be read.", "Check its permissions.") from None
    return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def existing(path: Path) -> Path:
    """The nearest folder that is there: what a free-disk question can be asked of."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path


def check_destination(out: Path) -> None:
    """Before minutes of work: can it be put there at all?"""
    folder = out if out.is_dir() else out.parent
    if not folder.is_dir():
        raise StudioError(f"There is no folder {folder}.", "Make it first, or choose another.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder / "the result" if out == folder else out, error) from None


def check_suffix(out: Path, spec: FamilySpec) -> None:
    """Before minutes of work: is a file of this kind made at all?"""
    suffix = out.suffix.lower()
    if not out.is_dir() and suffix not in spec.outputs:
        raise StudioError(
            f"{spec.title} does not make {suffix or 'files without an ending'}.",
            "It makes: " + ", ".join(spec.outputs) + ".",
        )


def place(made: Made, spec: FamilySpec, out: Path) -> list[Path]:
    """Copy what was made to --out, each file whole or not at all."""
    placed: list[Path] = []
    try:
        for number, output in enumerate(made.outputs):
            placed += _place_one(output, number, spec, out)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    return placed


def _place_one(output: Output, number: int, spec: FamilySpec, out: Path) -> list[Path]:
    if out.is_dir():
        title = str(output.summary.get("title") or spec.kind)
        stem = re.sub(r"[^\w]+", "-", title, flags=re.UNICODE).strip("-_").lower()[:60] or spec.kind
        return [_copy(f, _unused(out, stem, f.suffix)) for f in output.files]
    chosen = [f for f in output.files if f.suffix.lower() == out.suffix.lower()]
    target = out if number == 0 else out.with_name(f"{out.stem}-{number + 1}{out.suffix}")
    return [_copy(chosen[0], target)]


def _unused(folder: Path, stem: str, suffix: str) -> Path:
    path, number = folder / f"{stem}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path


def _copy(source: Path, target: Path) -> Path:
    write_atomic(target, source.read_bytes())
    return target
