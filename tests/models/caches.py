"""Repositories in a cache of the hub, laid out as huggingface_hub does, for tests of keeping."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from studio.models.cache import SHARED, SHARED_MARK

FIRST, SECOND = "1" * 40, "2" * 40
"""Two commits."""
LARGE = (".onnx", ".safetensors", ".data", ".bin", "_data")
Source = bytes | Path


def blob_name(name: str, data: bytes) -> str:
    """What the hub calls the contents of a file: sha256 of large ones, git's sha1 of others."""
    if name.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def put(
    cache: Path,
    repo: str,
    files: Mapping[str, Source],
    revision: str = FIRST,
    *,
    ref: str = "main",
    shared: bool = False,
    links: bool = True,
) -> Path:
    """Put a revision into a cache; gives its snapshot.

    `shared` lays large blobs into the store that all repositories share; without `links` the files
    themselves lie in the snapshot, as on systems that have none.
    """
    home = cache / f"models--{repo.replace('/', '--')}"
    snapshot = home / "snapshots" / revision
    (home / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        data = source if isinstance(source, bytes) else source.read_bytes()
        place = snapshot / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not links:
            place.write_bytes(data)
            continue
        blob = home / "blobs" / blob_name(name, data)
        if not blob.exists():
            blob.write_bytes(data)
            if shared and name.endswith(LARGE):
                share(cache, blob)
        place.unlink(missing_ok=True)
        place.symlink_to(os.path.relpath(blob, place.parent))
    if ref:
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / ref).write_text(revision, "ascii")
    return snapshot


def share(cache: Path, blob: Path) -> Path:
    """Move a blob into the cache's shared store, by huggingface_hub's protocol."""
    name = hashlib.sha256(b"xet" + blob.read_bytes()).hexdigest()
    store = cache / SHARED / name[:2] / name
    store.parent.mkdir(parents=True, exist_ok=True)
    (cache / SHARED / SHARED_MARK).write_text("1\n", "ascii")
    blob.replace(store)
    blob.symlink_to(os.path.relpath(store, blob.parent))
    with store.with_name(f"{name}.refs").open("a", encoding="ascii") as refs:
        refs.write(f"{blob.relative_to(cache).as_posix()}\n")
    return store


def files_of(folder: Path, below: str = "") -> dict[str, Source]:
    """The files of a folder, as `put` wants them, all below a further folder."""
    prefix = f"{below}/" if below else ""
    return {
        f"{prefix}{p.relative_to(folder).as_posix()}": p for p in folder.rglob("*") if p.is_file()
    }


def everything(folder: Path) -> dict[str, str]:
    """All that lies in a folder: its links as they are written, its files as they are."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if {".locks", ".triptych"} & set(Path(name).parts) or name.endswith(".lock"):
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder"
    return found
