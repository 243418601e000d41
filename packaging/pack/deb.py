"""The Debian package: a bundle, what a desktop wants to know of it, and nothing that runs at
installing."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pack import elf
from pack.bundle import inside
from pack.contents import PACKAGES
from pack.icons import SIZES
from pack.workshop import Workshop

PROGRAM = "usr/lib/triptych"
LINUX = Path(__file__).with_name("linux")
APP_ID = "org.triptych_studio.Triptych"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
RECOMMENDED = ("libnotify-bin", "xdg-utils")
_DESCRIPTION = """studio for making text, pictures and sound
 Text, pictures and sound with generative models, on your own computer: one
 window, three panes, no cloud and no account. Small starter models are inside,
 so that the first minute works without any network.
"""


def architecture() -> str:
    """This machine's, in Debian's word."""
    return _ARCHITECTURES[os.uname().machine]


def name(shop: Workshop) -> str:
    """What the package is called: the one for graphics cards has a name of its own."""
    return "triptych" if shop.flavour == "cpu" else f"triptych-{shop.flavour}"


def debian_version(version: str) -> str:
    """A version as dpkg orders it: a preview (1.0rc1, 1.0.dev2) comes before what it previews."""
    for mark in (".dev", "rc", "b", "a"):
        head, found, tail = version.partition(mark)
        if found and tail.isdigit():
            return f"{head}~{mark.strip('.')}{tail}"
    return version


def control(shop: Workshop, depends: list[str], kilobytes: int) -> str:
    """The package's control file. `kilobytes`: what it takes when installed."""
    other = {"cpu": "triptych-cuda", "cuda": "triptych"}[shop.flavour]
    lines = {
        "Package": name(shop),
        "Version": debian_version(shop.version),
        "Architecture": architecture(),
        "Maintainer": "The contributors to Triptych <triptych@localhost>",
        "Installed-Size": str(kilobytes),
        "Depends": ", ".join(depends),
        "Recommends": ", ".join(RECOMMENDED),
        "Conflicts": other,
        "Replaces": other,
        "Section": "graphics",
        "Priority": "optional",
    }
    if shop.flavour == "cuda":
        lines["Provides"] = other
    said = "".join(f"{key}: {value}\n" for key, value in lines.items())
    return f"{said}Description: {_DESCRIPTION}"


def build(shop: Workshop, bundle: Path, out: Path) -> Path:
    """The package, below `out`. The bundle is linked into it, not copied."""
    tree = shop.work / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    program = tree / PROGRAM
    shutil.copytree(bundle, program, copy_function=os.link, symlinks=True)
    desktop(shop, tree / "usr", bundle)
    link = tree / "usr" / "bin" / "triptych"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(tree / PROGRAM / "triptych", link.parent))
    depends = elf.of_debian(bundle, PACKAGES)
    (tree / "DEBIAN").mkdir()
    size = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file() and not p.is_symlink())
    (tree / "DEBIAN" / "control").write_text(control(shop, depends, size // 1024), "utf-8")
    (tree / "DEBIAN" / "md5sums").write_text(_md5sums(tree), "utf-8")
    _settle(tree, shop.epoch)
    target = out / f"{name(shop)}_{debian_version(shop.version)}_{architecture()}.deb"
    packing = ("-Zzstd", f"-z{shop.level}")
    shop.call(
        "dpkg-deb",
        "--root-owner-group",
        *packing,
        "--build",
        tree,
        target,
        DPKG_DEB_THREADS_MAX="1",
    )
    shutil.rmtree(tree)
    return target


def desktop(shop: Workshop, usr: Path, bundle: Path) -> None:
    """What a desktop reads: menu entry, icons, kinds of files, shop, manual, licences."""
    stamp = datetime.fromtimestamp(shop.epoch, UTC).strftime("%Y-%m-%d")

    def put(source: Path, place: str, *, filled: bool = False, packed: bool = False) -> None:
        data = source.read_bytes()
        if filled:
            text = data.decode("utf-8").replace("@VERSION@", shop.version)
            data = text.replace("@DATE@", stamp).encode("utf-8")
        target = usr / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(data, 9, mtime=0) if packed else data)

    put(LINUX / "triptych.desktop", "share/applications/triptych.desktop")
    put(LINUX / "triptych.xml", "share/mime/packages/triptych.xml")
    put(LINUX / f"{APP_ID}.metainfo.xml", f"share/metainfo/{APP_ID}.metainfo.xml", filled=True)
    put(LINUX / "triptych.1", "share/man/man1/triptych.1.gz", filled=True, packed=True)
    put(LINUX / "copyright", f"share/doc/{name(shop)}/copyright")
    put(shop.source / "CHANGELOG.md", f"share/doc/{name(shop)}/changelog.gz", packed=True)
    for size in SIZES:
        icon = shop.work / "icons" / f"{size}.png"
        put(icon, f"share/icons/hicolor/{size}x{size}/apps/triptych.png")
    drawing = inside(bundle) / "resources" / "icons" / "triptych.svg"
    put(drawing, "share/icons/hicolor/scalable/apps/triptych.svg")


def depends_of(package: Path) -> list[str]:
    """What a package that is built depends on."""
    said = subprocess.run(
        ["dpkg-deb", "-f", str(package), "Depends"], capture_output=True, text=True, check=True
    )
    return said.stdout.strip().split(", ")


def first_choices(depends: list[str]) -> list[str]:
    """Names alone, the last of each choice: what the oldest system that is meant calls it."""
    return [each.rpartition("|")[2].partition("(")[0].strip() for each in depends]


def check(usr: Path) -> None:
    """Ask the desktop's own tools whether they can read it. Raises CalledProcessError."""
    subprocess.run(
        [
            "appstreamcli",
            "validate",
            "--no-net",
            str(usr / f"share/metainfo/{APP_ID}.metainfo.xml"),
        ],
        check=True,
    )
    subprocess.run(
        ["desktop-file-validate", str(usr / "share/applications/triptych.desktop")], check=True
    )


def _md5sums(tree: Path) -> str:
    lines = []
    for path in sorted(tree.rglob("*")):
        place = path.relative_to(tree)
        if path.is_file() and not path.is_symlink() and place.parts[0] != "DEBIAN":
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            lines.append(f"{digest.hexdigest()}  {place.as_posix()}\n")
    return "".join(lines)


def _settle(tree: Path, epoch: int) -> None:
    """Times and permissions of what is not of the bundle, which has its own already."""
    for path in (tree, *sorted(tree.rglob("*"))):
        if not path.is_symlink() and not path.is_relative_to(tree / PROGRAM):
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
