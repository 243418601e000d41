"""The Windows installer: the bundle through Inno Setup, for one person or for all of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pack.workshop import Workshop

SCRIPT = Path(__file__).with_name("windows") / "triptych.iss"


def compiler() -> str:
    """Inno Setup's compiler. Raises SystemExit where it is not installed."""
    usual = Path(os.environ.get("PROGRAMFILES(X86)", "")) / "Inno Setup 6" / "ISCC.exe"
    found = shutil.which("iscc") or (str(usual) if usual.is_file() else None)
    if found is None:
        raise SystemExit("package: Inno Setup 6 is needed (see docs/packaging.md)")
    return found


def build(shop: Workshop, home: Path, out: Path) -> Path:
    """The setup program; signed where TRIPTYCH_SIGN_TOOL names a command with $f for the file."""
    name = f"Triptych-{shop.version}-{shop.flavour}-setup"
    signing = os.environ.get("TRIPTYCH_SIGN_TOOL", "")
    shop.call(
        compiler(),
        f"/DVersion={shop.version}",
        f"/DBundle={home}",
        f"/DIcon={shop.work / 'icons' / 'triptych.ico'}",
        f"/DLicence={shop.source / 'LICENSE'}",
        f"/O{out}",
        f"/F{name}",
        *((f"/Ssigntool={signing}", "/DSigned") if signing else ()),
        SCRIPT,
    )
    return out / f"{name}.exe"
