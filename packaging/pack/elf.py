"""What the programs and libraries of a bundle want of the system, read by objdump of binutils."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x7fELF"

SONAMES: Mapping[str, str] = {
    "ld-linux-x86-64.so.2": "libc6",
    "ld-linux-aarch64.so.1": "libc6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrandr.so.2": "libxrandr2",
    "libXrender.so.1": "libxrender1",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libbz2.so.1": "libbz2-1.0",
    "libbz2.so.1.0": "libbz2-1.0",
    "libc.so.6": "libc6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdl.so.2": "libc6",
    "libdrm.so.2": "libdrm2",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0t64 | libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libgthread-2.0.so.0": "libglib2.0-0t64 | libglib2.0-0",
    "libm.so.6": "libc6",
    "libmvec.so.1": "libc6",
    "libpthread.so.0": "libc6",
    "libpulse.so.0": "libpulse0",
    "libresolv.so.2": "libc6",
    "librt.so.1": "libc6",
    "libstdc++.so.6": "libstdc++6",
    "libutil.so.1": "libc6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
"""Library of the system -> the Debian package that brings it, or a choice of such."""

OPTIONAL = re.compile(
    r"(^|/)libqgtk3\.|providers_(cuda|tensorrt)|genai-cuda|(^|/)nvidia/|(^|/)libQt6FFmpegStub-va"
)
"""Files that are opened only where the system has what they want: GTK's looks, graphics cards."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What one file wants: libraries by name, and the newest version of the C library it names."""

    libraries: frozenset[str]
    libc: tuple[int, ...]


def read(objdump: str) -> Wants:
    """What `objdump -p` of a file says. Takes any text; what is no such line is passed over."""
    libraries = frozenset(re.findall(r"^\s*NEEDED\s+(\S+)$", objdump, re.MULTILINE))
    versions = re.findall(r"\bGLIBC_(\d+(?:\.\d+)+)\b", objdump)
    return Wants(libraries, max((tuple(map(int, v.split("."))) for v in versions), default=()))


def is_elf(path: Path) -> bool:
    """Whether a file is a program or a library."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def of_bundle(bundle: Path) -> dict[str, Wants]:
    """What each program and library of a bundle wants, by its path in the bundle."""
    found: dict[str, Wants] = {}
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and not path.is_symlink() and is_elf(path):
            said = subprocess.run(
                ["objdump", "-p", str(path)], capture_output=True, text=True, check=True
            )
            found[path.relative_to(bundle).as_posix()] = read(said.stdout)
    return found


def search_in(patchelf: Path, library: Path, folders: Iterable[Path]) -> None:
    """Write into a library where it finds others, wherever the bundle lies.

    PyInstaller sets LD_LIBRARY_PATH instead, which a process started by the program may lack, and
    a program that is none of ours must not have.
    """
    here = library.parent
    path = ":".join(f"$ORIGIN/{os.path.relpath(f, here)}" for f in folders)
    subprocess.run([str(patchelf), "--set-rpath", path, str(library)], check=True)


def of_debian(bundle: Path, apart: str) -> list[str]:
    """Debian's packages that a bundle wants; files below the folder `apart` see each other alone.

    Raises KeyError for a library that no package is known for.
    """
    wants = of_bundle(bundle)
    found: set[str] = set()
    for inside in (True, False):
        names = [p.name for p in bundle.rglob("*.so*") if (apart in p.parts) is inside]
        some = {k: v for k, v in wants.items() if (apart in Path(k).parts) is inside}
        found |= set(packages(some, names))
    oldest = sorted((f for f in found if f.startswith("libc6 ")), key=_libc, reverse=True)
    return sorted((found - set(oldest)) | set(oldest[:1]))


def _libc(depends: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", depends.partition(">=")[2])))


def packages(wants: Mapping[str, Wants], inside: Iterable[str]) -> list[str]:
    """Debian's packages for what a bundle wants and does not bring, sorted.

    `inside`: names of the files of the bundle. Raises KeyError for a library that no package is
    known for: then the table above wants a line.
    """
    own = set(inside)
    needed: set[str] = set()
    libc: tuple[int, ...] = ()
    for path, want in wants.items():
        if OPTIONAL.search(path):
            continue
        libc = max(libc, want.libc)
        for library in want.libraries - own:
            needed.add(SONAMES[library])
    if libc:
        needed.discard("libc6")
        needed.add(f"libc6 (>= {'.'.join(map(str, libc))})")
    return sorted(needed)
