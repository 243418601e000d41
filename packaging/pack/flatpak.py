"""The Flatpak: the bundle in one file that `flatpak install` takes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pack import deb
from pack.workshop import Workshop

MANIFEST = Path(__file__).with_name("flatpak") / f"{deb.APP_ID}.yml"


def build(shop: Workshop, home: Path, out: Path) -> Path:
    """The file. Raises SystemExit where flatpak-builder is not installed."""
    if shutil.which("flatpak-builder") is None:
        raise SystemExit("package: flatpak-builder is needed (see docs/packaging.md)")
    place = shop.work / "flatpak"
    shutil.rmtree(place, ignore_errors=True)
    tree = place / "tree"
    shutil.copytree(home, tree / "lib" / "triptych", copy_function=os.link, symlinks=True)
    deb.desktop(shop, tree, home)
    (tree / "bin").mkdir()
    (tree / "bin" / "triptych").symlink_to("../lib/triptych/triptych")
    shutil.copyfile(MANIFEST, place / MANIFEST.name)
    target = out / f"Triptych-{shop.version}-{os.uname().machine}.flatpak"
    repository, built = place / "repository", place / "built"
    stamp = f"--override-source-date-epoch={shop.epoch}"
    manifest = place / MANIFEST.name
    shop.call("flatpak-builder", "--force-clean", stamp, "--repo", repository, built, manifest)
    shop.call("flatpak", "build-bundle", repository, target, deb.APP_ID)
    shutil.rmtree(place)
    return target
