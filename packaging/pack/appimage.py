"""The AppImage: the bundle in an AppDir, packed by the project's own tool."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pack import deb
from pack.workshop import Workshop

TOOL = "appimagetool"
_RUN = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/usr/lib/triptych/triptych" "$@"
"""


def build(shop: Workshop, home: Path, out: Path) -> Path:
    """One file that runs anywhere. Raises SystemExit where appimagetool is not installed."""
    if shutil.which(TOOL) is None:
        raise SystemExit(f"package: {TOOL} is needed on the PATH (see docs/packaging.md)")
    tree = shop.work / "Triptych.AppDir"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(home, tree / deb.PROGRAM, copy_function=os.link, symlinks=True)
    deb.desktop(shop, tree / "usr", home)
    # The tool wants these three at the top, and the desktop file's command by its plain name.
    shutil.copyfile(deb.LINUX / "triptych.desktop", tree / "triptych.desktop")
    shutil.copyfile(shop.work / "icons" / "256.png", tree / "triptych.png")
    run = tree / "AppRun"
    run.write_text(_RUN, "utf-8")
    run.chmod(0o755)
    (tree / "usr" / "bin").mkdir()
    (tree / "usr" / "bin" / "triptych").symlink_to("../lib/triptych/triptych")
    target = out / f"Triptych-{shop.version}-{os.uname().machine}.AppImage"
    shop.call(TOOL, "--no-appstream", "--comp", "zstd", tree, target, ARCH=os.uname().machine)
    shutil.rmtree(tree)
    return target
