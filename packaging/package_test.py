"""Tries the Linux packages as people use them: `make package-test`, as root, on Debian.

In a clean Debian without Python, compilers or network the .deb is installed from a local folder,
used by keys and clicks under Xvfb, killed, upgraded, downgraded and removed; the archive is used
by an ordinary person from a folder that cannot be written to, with a home of spaces and letters
from everywhere, and on a full disk. What was measured is written to dist/TRIED.md. It needs
debootstrap, xvfb, xdotool, imagemagick, strace, binutils, zstd, appstream, desktop-file-utils,
shared-mime-info and man-db, and a mirror of Debian for the clean root.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pack import bundle, deb, elf, rooms
from pack.hands import Screen, until
from pack.trial import Told, Trial, describe_writes, kinds_made, library_of, quick_start
from pack.workshop import Workshop, equip, open_workshop, revision_of, say, stamp
from package import ROOT, make

STRANGE_HOME = "/home/Zoë Ångström 画家"
OLDER = "0.0.1"
DISPLAY = 77


def older(shop: Workshop, home: Path) -> tuple[Workshop, Path]:
    """The same studio under a lower version, with the libraries of the bundle that is there."""
    work = shop.store / "older"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(shop.source, work / "source")
    shutil.copytree(shop.work / "icons", work / "icons")
    version = stamp(work / "source", OLDER)
    before = dataclasses.replace(shop, work=work, source=work / "source", version=version, level=1)
    made = bundle.freeze(before)
    bundle.find_each_other(before, bundle.inside(made))
    for name in (bundle.PACKAGES, bundle.RESOURCES):
        shutil.copytree(
            bundle.inside(home) / name, bundle.inside(made) / name, copy_function=os.link
        )
    bundle.settle(made, shop.epoch)
    return before, made


def whole(home: Path) -> None:
    """The CPU bundle brings nothing of CUDA, and everything that it wants is declared."""
    files = [p.name for p in home.rglob("*")]
    cards = re.compile(r"(providers_(cuda|tensorrt)|genai-cuda|cudnn|cublas|torch_cuda).*\.so")
    assert not [n for n in files if cards.search(n)]
    assert not [n for n in files if n.endswith((".h", ".a", ".pyi")) or "WebEngine" in n]
    assert {"index.json", "sbom.cdx.json"} <= set(files)
    assert elf.of_debian(home, bundle.PACKAGES)


_MODELS = """
import pickle, sys
from pathlib import Path
from studio.engine.image.architectures import of_config
from tests.engine import tiny_image, tiny_text
folder = Path(sys.argv[1])
tiny_text.make_source(folder / "little")
unet = tiny_image.modules()[2]
config = {**unet.config, "_class_name": "UNet2DConditionModel", "addition_embed_type": None}
(folder / "unet").write_bytes(pickle.dumps(of_config("unet", config)))
"""
"""Makes a tiny chat model in safetensors, and what the graph of a tiny UNet is exported from."""


def brought(told: Told, home: Path, work: Path) -> None:
    """A model that a person brings is converted and run; a graph is exported in its own process."""
    folder = work / "brought"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "graph").mkdir(parents=True)
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([str(python), "-c", _MODELS, str(folder)], check=True, cwd=ROOT)
    program = str(home / "triptych")
    quiet = {**os.environ, "TRIPTYCH_HOME": str(folder / "home")}
    for words in (
        ("add", str(folder / "little"), "--set", "precision=int4"),
        ("make", "text", "a fox", "--model", "little", "--set", "length=20"),
    ):
        subprocess.run([program, *words], check=True, env=quiet)
    told.note("a chat model in safetensors converted to int4 and run")
    data = (folder / "unet").read_bytes()
    export = [program, "--export-graph", str(folder / "graph")]
    with subprocess.Popen(export, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(len(data).to_bytes(8, "little") + data)
        process.stdin.flush()  # and not closed: the exporter ends with who started it
        assert process.wait(600) == 0
    assert (folder / "graph" / "model.onnx").is_file()
    told.note("a graph exported by the packed exporter")


def desktops(package: Path, shop: Workshop) -> None:
    """The desktop's own tools read what the package tells them."""
    with tempfile.TemporaryDirectory(dir=shop.work) as folder:
        subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
        usr = Path(folder) / "usr"
        deb.check(usr)
        mime = Path(folder) / "mime"
        shutil.copytree(usr / "share" / "mime", mime)
        said = subprocess.run(
            ["update-mime-database", str(mime)], check=True, capture_output=True, text=True
        )
        assert "rror" not in said.stderr, said.stderr
        assert (mime / "image" / "x-triptych.xml").is_file()
        page = subprocess.run(
            ["man", "--warnings", "-l", str(usr / "share/man/man1/triptych.1.gz")],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "MANPAGER": "cat"},
        )
        assert "triptych" in page.stdout
        assert not page.stderr, page.stderr
        sizes = [p.parent.parent.name for p in (usr / "share/icons/hicolor").rglob("triptych.png")]
        assert len(sizes) >= 10


def installed(trial: Trial, first: Path, second: Path, first_version: str) -> None:
    """Install, make, kill, upgrade, downgrade, remove: nothing that was made is ever lost."""
    room, told = trial.room, trial.told
    rooms.install(room, first)
    assert f"Triptych {first_version}" in room.run("triptych", "--version", maker=True).stdout
    told.note("installed by apt without a network")
    trial.open(["triptych"])
    told.measure("first start in the clean root, window shown", trial.shown_after, "s")
    trial.make_all_three()
    trial.screen.shoot(trial.shots / "installed.png")
    trial.close()
    made = kinds_made(room.outside)
    assert made >= {"text", "image", "audio"}, made
    told.note("a text, a picture and a tune made by keys and clicks")

    trial.open(["triptych"])
    waiting = trial.queue_pictures(3)
    trial.kill()
    told.note("window killed with -9 while it made pictures; its engines left by themselves")
    before = library_of(room.outside)
    assert before.jobs >= waiting - 1, before
    settings = (room.outside / ".config/Triptych/settings.json").read_bytes()

    rooms.install(room, second)
    assert f"Triptych {trial.version}" in room.run("triptych", "--version", maker=True).stdout
    assert (room.outside / ".config/Triptych/settings.json").read_bytes() == settings
    trial.open(["triptych"])
    until(lambda: library_of(room.outside).items > before.items, "the queue was lost")
    trial.screen.press("ctrl+l")
    time.sleep(2)
    trial.screen.shoot(trial.shots / "upgraded.png")
    trial.close()
    after = library_of(room.outside)
    assert before.files <= after.files
    told.note("upgraded: library, settings and queue were there, and what waited was made")

    newer_refused(trial, first)
    kept = sorted(str(p) for p in room.outside.rglob("*"))
    room.run("apt-get", "remove", "-y", "triptych")
    assert not (room.root / deb.PROGRAM).exists()
    assert not (room.root / "usr/bin/triptych").is_symlink()
    assert sorted(str(p) for p in room.outside.rglob("*")) == kept
    told.note("removed: what was made stayed")


def newer_refused(trial: Trial, first: Path) -> None:
    """An older program does not touch a library that a newer one has changed."""
    room = trial.room
    rooms.install(room, first)
    database = library_of(room.outside)
    database.raise_version()
    said = room.run("triptych", "make", "text", "a fox", maker=True, check=False)
    assert said.returncode == 2, said
    assert "made by a newer version of Triptych" in said.stderr
    trial.open(["triptych"], title="Triptych")
    trial.screen.shoot(trial.shots / "downgraded.png")
    trial.end()
    database.lower_version()
    trial.told.note(
        "downgraded: a newer library was refused with a sentence, in window and terminal"
    )


def portable(trial: Trial, archive_file: Path, depends: list[str]) -> None:
    """The archive, for an ordinary person: read-only, strange letters, a full disk."""
    room, told = trial.room, trial.told
    room.run("apt-get", "install", "-y", "--no-install-recommends", *depends)
    place = room.root / "opt"
    subprocess.run(["tar", "--zstd", "-xf", str(archive_file), "-C", str(place)], check=True)
    folder = next(place.glob("triptych-*"))
    program = f"/opt/{folder.name}/triptych"
    lock = 'mount --bind "$ROOM/opt" "$ROOM/opt"; mount -o remount,ro,bind "$ROOM/opt"'
    trial.mounts = lock
    trial.open([program], traced=True)
    trial.make_all_three()
    trial.screen.shoot(trial.shots / "portable.png")
    trial.close()
    assert kinds_made(room.outside) >= {"text", "image", "audio"}
    told.note("archive: all three made from a read-only folder, home with spaces and 画家")
    outside = describe_writes(trial.trace, room)
    assert not outside, f"written outside the person's folders: {outside}"
    told.note("no file was written outside the XDG folders (strace)")
    full_disk(trial, program)


def full_disk(trial: Trial, program: str) -> None:
    """Sentences, no crash, and all is well again when there is room."""
    room = trial.room
    shutil.rmtree(room.outside)
    room.furnish()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=24M,uid={rooms.MAKER},mode=700", "tmpfs",
         str(room.outside)], check=True,
    )  # fmt: skip
    try:
        trial.open([program])
        ballast = room.outside / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 12)):
                pass
        trial.make("text", "a little fox", wait=False)
        time.sleep(20)
        trial.screen.shoot(trial.shots / "full-disk.png")
        assert trial.alive(), "the window died of a full disk"
        said = room.run(
            program, "make", "text", "a fox", maker=True, mounts=trial.mounts, check=False
        )
        assert said.returncode == 2, said
        assert "full" in said.stderr.lower() or "space" in said.stderr.lower(), said.stderr
        ballast.unlink()
        trial.close()
        room.run(program, "make", "text", "a fox", maker=True, mounts=trial.mounts)
        trial.told.note("full disk: two sentences, the window stayed, and with room it made a text")
    finally:
        subprocess.run(["umount", "--lazy", str(room.outside)], check=True)


def starts(told: Told, home: Path, screen: Screen) -> None:
    """The window of the bundle stands in no more than 1.5 times what that of the source takes."""
    python = ROOT / ".venv" / "bin" / "python"
    assert python.exists(), "make setup first: the bundle is compared with the source"
    times = quick_start(screen, {
        "source": [str(python), "main.py"],
        "bundle": [str(home / "triptych")],
    }, ROOT)  # fmt: skip
    told.measure("window shown, from source", times["source"], "s")
    told.measure("window shown, from the bundle", times["bundle"], "s")
    ratio = times["bundle"] / times["source"]
    told.measure("bundle / source", ratio, "times")
    assert ratio <= 1.5, f"the bundle takes {ratio:.2f} times as long"


def main() -> None:
    parser = argparse.ArgumentParser(prog="package_test.py", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "package")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--reuse", action="store_true", help="packages that are there already")
    parser.add_argument("--only", action="append", help="one part of it")
    args = parser.parse_args()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise SystemExit("package-test: clean roots need Linux and root")
    store, out = args.work.resolve(), args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    told = Told()
    shop, home, packed, archive_file = built(store, out, reuse=args.reuse)
    depends = deb.first_choices(deb.depends_of(packed))
    store_rooms = store / "rooms"
    store_rooms.mkdir(exist_ok=True)
    base = rooms.base(store_rooms)
    rooms.fetch(base, depends)
    with Screen(DISPLAY) as screen:

        def trial(name: str, where: str = "/home/maker") -> Trial:
            room = rooms.copy(base, store_rooms / name, where, screen.name)
            return Trial(room, screen, told, out / "shots", shop.version)

        def install() -> None:
            before, made = older(shop, home)
            first = deb.build(before, made, before.work)
            with trial("installed") as one:
                installed(one, first, packed, OLDER)

        def carry() -> None:
            with trial("portable", STRANGE_HOME) as one:
                portable(one, archive_file, depends)

        parts: dict[str, Callable[[], None]] = {
            "whole": lambda: whole(home),
            "desktops": lambda: desktops(packed, shop),
            "brought": lambda: brought(told, home, shop.work),
            "starts": lambda: starts(told, home, screen),
            "installed": install,
            "portable": carry,
        }
        passed = told.run({k: v for k, v in parts.items() if not args.only or k in args.only})
    (out / "TRIED.md").write_text(told.page(), "utf-8")
    raise SystemExit(0 if passed else 1)


def built(store: Path, out: Path, *, reuse: bool) -> tuple[Workshop, Path, Path, Path]:
    """The packages of the last commit, made now or there already; with the bundle they hold."""
    if not reuse:
        shop = open_workshop(ROOT, store, "cpu", revision=revision_of(ROOT))
        packed, archive_file = make(shop, ["deb", "archive"], out)
        return shop, shop.work / "frozen" / bundle.NAME, packed, archive_file
    packed = max(out.glob("triptych_*.deb"), key=lambda p: p.stat().st_mtime)
    archive_file = max(out.glob("triptych-*.tar.zst"), key=lambda p: p.stat().st_mtime)
    work = store / "cpu-one"
    version = packed.name.split("_")[1]
    shop = Workshop(store, work, work / "source", version, int(packed.stat().st_mtime), "cpu")
    equip(shop)
    say(f"trying {packed.name}")
    return shop, work / "frozen" / bundle.NAME, packed, archive_file


if __name__ == "__main__":
    main()
