"""An archive of a folder that is the same for the same folder, and what is said of files made."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path


def tar(folder: Path, target: Path, name: str, epoch: int) -> None:
    """The folder as `name` in a new tar archive: sorted, of nobody, of one time."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = epoch
        return info

    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in (folder, *sorted(folder.rglob("*"))):
            inside = (Path(name) / path.relative_to(folder)).as_posix()
            archive.add(path, inside, recursive=False, filter=plain)


def compress(path: Path, level: int) -> Path:
    """The archive packed with zstd, which every desktop opens; the loose one goes."""
    subprocess.run(["zstd", "-q", "-f", f"-{level}", "--rm", "-T1", str(path)], check=True)
    return path.with_name(path.name + ".zst")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(files: Iterable[Path]) -> str:
    """What `sha256sum -c` reads."""
    return "".join(f"{checksum(p)}  {p.name}\n" for p in sorted(files))


def listing(folder: Path) -> str:
    """Every file of a folder with its checksum, mode and place: equal for equal folders."""
    lines = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            lines.append(f"link {path.readlink()} {name}")
        elif path.is_file():
            lines.append(f"{checksum(path)} {path.stat().st_mode & 0o777:o} {name}")
    return "\n".join(lines) + "\n"
