"""Makes the installers of the system that this runs on: `python packaging/package.py --help`.

What is committed is built, in `build/package`; what comes out lies in `dist`, with checksums, a
bill of materials and a table of what each megabyte is for.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pack import appimage, archive, bundle, deb, flatpak, macos, windows
from pack.contents import FLAVOURS, Flavour, filled, table
from pack.workshop import Workshop, equip, open_workshop, revision_of, say

ROOT = Path(__file__).resolve().parents[1]


def portable(shop: Workshop, home: Path, out: Path) -> Path:
    """The bundle in an archive that runs from any folder; on Linux, with what desktops read."""
    name = f"{deb.name(shop)}-{shop.version}-linux-{deb.architecture()}"
    share = shop.work / "portable"
    shutil.rmtree(share, ignore_errors=True)
    shutil.copytree(home, share, symlinks=True)
    deb.desktop(shop, share, home)
    (share / "README.txt").write_text(
        "Start ./triptych here. Everything you make and choose is kept in your own folders\n"
        "(~/.local/share/Triptych and so on), or below TRIPTYCH_HOME where that is set.\n"
        "Nothing is written here. share/ is for menus; take it or leave it.\n",
        "utf-8",
    )
    bundle.settle(share, shop.epoch)
    loose = out / f"{name}.tar"
    archive.tar(share, loose, name, shop.epoch)
    shutil.rmtree(share)
    return archive.compress(loose, shop.level)


Maker = Callable[[Workshop, Path, Path], Path]
MAKERS: dict[str, dict[str, Maker]] = {
    "linux": {
        "deb": deb.build,
        "archive": portable,
        "appimage": appimage.build,
        "flatpak": flatpak.build,
    },
    "win32": {"setup": windows.build},
    "darwin": {"dmg": macos.build},
}
USUAL = {"linux": ("deb", "archive"), "win32": ("setup",), "darwin": ("dmg",)}


def make(shop: Workshop, formats: list[str], out: Path) -> list[Path]:
    """Build the bundle and from it each format; gives the files."""
    equip(shop)
    home = bundle.build(shop)
    listing = archive.listing(home)
    (shop.work / "listing.txt").write_text(listing, "utf-8")
    sizes = [
        (p.relative_to(bundle.inside(home)).as_posix(), p.stat().st_size)
        for p in bundle.inside(home).rglob("*")
        if p.is_file() and not p.is_symlink()
    ]
    (out / f"SIZES-{shop.flavour}.md").write_text(table(sizes) + "\n", "utf-8")
    inner = bundle.inside(home) / "resources" / "licences" / "sbom.cdx.json"
    shutil.copyfile(inner, out / f"triptych-{shop.version}-{shop.flavour}.cdx.json")
    made = []
    for format_ in formats:
        say(f"making {format_}")
        made.append(MAKERS[sys.platform][format_](shop, home, out))
        say(f"{made[-1].name}: {made[-1].stat().st_size / 1e6:.0f} MB")
    return made


def same_twice(first: Workshop, second: Workshop, formats: list[str], out: Path) -> None:
    """Build once more elsewhere and compare, file by file and archive by archive.

    Raises SystemExit naming what differs.
    """
    again = second.work / "out"
    again.mkdir()
    made = make(second, formats, again)
    one, two = ((s.work / "listing.txt").read_text("utf-8").splitlines() for s in (first, second))
    differing = sorted(set(one) ^ set(two))
    differing += [p.name for p in made if archive.checksum(p) != archive.checksum(out / p.name)]
    if differing:
        raise SystemExit("package: two builds differ:\n" + "\n".join(differing[:40]))
    say(f"two builds are the same: {len(one)} files, {', '.join(p.name for p in made)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="package.py", description=__doc__)
    offered = MAKERS[sys.platform]
    parser.add_argument("--flavour", choices=FLAVOURS, default="cpu")
    parser.add_argument(
        "--format", action="append", choices=offered, help="only this one; may be said twice"
    )
    parser.add_argument("--version", default="", help="instead of the studio's own, as 1.2rc3")
    parser.add_argument("--level", type=int, default=12, help="of compression, 1 to 19")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "package")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/packaging.md")
    parser.add_argument("--twice", action="store_true", help="build twice and compare the bytes")
    args = parser.parse_args()
    flavour: Flavour = args.flavour
    formats = args.format or list(USUAL[sys.platform])
    out, store = args.out.resolve(), args.work.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # One commit for all of it, whatever is committed meanwhile.
    begin = partial(
        open_workshop,
        ROOT,
        store,
        flavour,
        revision=revision_of(ROOT),
        version=args.version,
        level=args.level,
    )
    shop = begin()
    made = make(shop, formats, out)
    if args.twice:
        same_twice(shop, begin(name="two"), formats, out)
    if args.docs:
        page = ROOT / "docs" / "packaging.md"
        sizes = (out / f"SIZES-{flavour}.md").read_text("utf-8").rstrip("\n")
        page.write_text(filled(page.read_text("utf-8"), sizes), "utf-8")
    told = [p for p in out.iterdir() if p.is_file() and p.name != "SHA256SUMS"]
    (out / "SHA256SUMS").write_text(archive.checksums(told), "utf-8")
    for path in made:
        print(path)


if __name__ == "__main__":
    main()
