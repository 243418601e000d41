"""The macOS disk image: the app signed from the inside out, ready to be notarised.

Without an identity in TRIPTYCH_SIGN_AS it is signed ad hoc, which runs on the machine it was built
on. With one, and TRIPTYCH_NOTARY naming a profile of notarytool's keychain, it is notarised and
the ticket is stapled to it. One image is for the architecture of the Python that builds it.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from pack.workshop import Workshop

ENTITLEMENTS = Path(__file__).with_name("macos") / "entitlements.plist"
_MACHO = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")


def build(shop: Workshop, home: Path, out: Path) -> Path:
    """The disk image with the app and a link to the Applications folder."""
    settle_packages(home)
    identity = os.environ.get("TRIPTYCH_SIGN_AS", "-")
    sign(shop, home, identity)
    image = out / f"Triptych-{shop.version}-{platform.machine()}.dmg"
    folder = shop.work / "image"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copytree(home, folder / home.name, symlinks=True)
    (folder / "Applications").symlink_to("/Applications")
    image.unlink(missing_ok=True)
    shop.call(
        "hdiutil",
        "create",
        "-volname",
        "Triptych",
        "-srcfolder",
        folder,
        "-fs",
        "HFS+",
        "-format",
        "ULMO",
        image,
    )
    if identity != "-":
        shop.call("codesign", "--sign", identity, "--timestamp", image)
    notary = os.environ.get("TRIPTYCH_NOTARY")
    if notary:
        shop.call("xcrun", "notarytool", "submit", image, "--keychain-profile", notary, "--wait")
        shop.call("xcrun", "stapler", "staple", image)
    return image


def settle_packages(app: Path) -> None:
    """Put plain files where an app keeps them: codesign takes no loose folders in Frameworks."""
    contents = app / "Contents"
    for name in ("packages", "resources"):
        here, there = contents / "Frameworks" / name, contents / "Resources" / name
        if here.is_dir() and not here.is_symlink():
            here.replace(there)
            here.symlink_to(f"../Resources/{name}")


def sign(shop: Workshop, app: Path, identity: str) -> None:
    """Sign every library and program, the innermost first, then the app as a whole."""
    hardened: list[str | Path] = ["--force", "--options", "runtime", "--entitlements", ENTITLEMENTS]
    stamped = ["--timestamp"] if identity != "-" else []
    files = [p for p in app.rglob("*") if p.is_file() and not p.is_symlink() and _is_macho(p)]
    for path in sorted(files, key=lambda p: (-len(p.parts), p)):
        shop.call("codesign", "--sign", identity, *hardened, *stamped, path)
    shop.call("codesign", "--sign", identity, *hardened, *stamped, app)
    shop.call("codesign", "--verify", "--deep", "--strict", app)


def _is_macho(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _MACHO
