"""Sets Triptych up in `.venv` and runs it, its tests, benchmarks or screenshots.

Plain standard library, so that it starts on a machine that has nothing but Python.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "triptych-setup"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
OLDEST = (3, 11)

# Library that Qt opens at run time -> the Debian/Ubuntu package that brings it.
QT_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon": "libxkbcommon0",
    "fontconfig": "libfontconfig1",
    "freetype": "libfreetype6",
    "glib-2.0": "libglib2.0-0",
    "X11": "libx11-6",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-image": "libxcb-image0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-util": "libxcb-util1",
    "xcb-randr": "libxcb-randr0",
    "xcb-shape": "libxcb-shape0",
    "xcb-xkb": "libxcb-xkb1",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "X11-xcb": "libx11-xcb1",
    "dbus-1": "libdbus-1-3",
    "pulse": "libpulse0",
    "Xext": "libxext6",
    "Xrandr": "libxrandr2",
    "Xrender": "libxrender1",
    "drm": "libdrm2",
}


def say(text: str) -> None:
    print(f"triptych: {text}", file=sys.stderr, flush=True)


def fail(message: str, hint: str) -> None:
    say(message)
    say(hint)
    raise SystemExit(2)


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def call(*command: str | Path, env: dict[str, str] | None = None) -> None:
    code = subprocess.call([str(c) for c in command], cwd=ROOT, env=env)
    if code:
        raise SystemExit(code)


# --- setting up ------------------------------------------------------------------------------


def newer_python() -> None:
    """Go on under a Python that is new enough, where this one is not."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(14, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.call([found, "-c", "import venv, ensurepip"]) == 0:
            raise SystemExit(subprocess.call([found, *sys.argv]))
    fail(
        f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.",
        "Install it (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv).",
    )


def apt(packages: list[str], why: str) -> None:
    """Install system packages through apt where that is allowed, else say the line to type."""
    line = f"sudo apt-get install -y {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        say(f"{why} is missing: {' '.join(packages)} (the names on Debian). Install it.")
        return
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    sudo = [] if root else ["sudo", "-n"]
    if not root and (
        shutil.which("sudo") is None
        or subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) != 0
    ):
        fail(f"{why} is missing, and installing it needs your password.", f"Type: {line}")
    say(f"installing {' '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    if subprocess.call(install, env=quiet, stdout=subprocess.DEVNULL) != 0:
        subprocess.call([*sudo, "apt-get", "update", "-q"], stdout=subprocess.DEVNULL)
        if subprocess.call(install, env=quiet, stdout=subprocess.DEVNULL) != 0:
            fail(f"{why} could not be installed.", f"Type: {line}")


def system_libraries() -> None:
    if not sys.platform.startswith("linux"):
        return
    missing = [p for lib, p in QT_LIBRARIES.items() if ctypes.util.find_library(lib) is None]
    if missing:
        apt(missing, "What Qt needs")


def make_venv() -> None:
    if venv_python().exists() and subprocess.call([venv_python(), "-c", "import pip"]) == 0:
        return
    say("making .venv")
    try:
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    except subprocess.CalledProcessError:  # Debian keeps ensurepip in a package of its own
        apt([f"python3.{sys.version_info.minor}-venv"], "Python's venv module")
        venv.create(VENV, with_pip=True, clear=True)


def requirements() -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["training"], *extras["dev"]]
    return [r for r in wanted if not r.startswith("triptych[")]


def fingerprint() -> str:
    parts = (*requirements(), CONSTRAINTS.read_text("utf-8"), sys.version, str(VENV))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def setup() -> None:
    """Everything both commands need; done again only when the pins change."""
    newer_python()
    want = fingerprint()
    if STAMP.exists() and STAMP.read_text("utf-8") == want and venv_python().exists():
        return
    system_libraries()
    make_venv()
    pip: list[str | Path] = [
        venv_python(),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    wanted = requirements()
    torch = next(r for r in wanted if r.startswith("torch=="))
    say("installing what Triptych is built on (about 2.5 GB once; some minutes)")
    # torch first and alone: with it in place nothing else can pull in a newer, larger build.
    call(*pip, torch)
    call(*pip, "-c", CONSTRAINTS, *wanted)
    STAMP.write_text(want, "utf-8")
    say("set up")


# --- commands --------------------------------------------------------------------------------


def has_display() -> bool:
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def run(_: list[str]) -> None:
    if has_display():
        call(venv_python(), "main.py")
        return
    say("there is no display here, so a text, a picture and a tune are made into output/ instead")
    output = ROOT / "output"
    output.mkdir(exist_ok=True)
    for kind, prompt in (
        ("text", "a little fox who finds a red boat"),
        ("image", "red apple"),
        ("audio", "a merry jig in D on the flute"),
    ):
        call(venv_python(), "main.py", "make", kind, prompt, "--out", output)


def test(extra: list[str]) -> None:
    python = venv_python()
    env = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    call(python, "-m", "ruff", "check", ".")
    call(python, "-m", "ruff", "format", "--check", ".")
    call(python, "-m", "mypy")
    call(python.with_name("lint-imports" + python.suffix))
    call(python, "-m", "pytest", *extra, env=env)


def bench(extra: list[str]) -> None:
    call(venv_python(), "-m", "bench", *extra)


def shots(_: list[str]) -> None:
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    call(venv_python(), "-m", "tests.shots", "shots", env=env)


def train(extra: list[str]) -> None:
    call(venv_python(), "-m", "studio.training", "all", *extra)


def package(extra: list[str]) -> None:
    newer_python()
    call(sys.executable, "packaging/package.py", *extra)


def package_test(extra: list[str]) -> None:
    newer_python()
    call(sys.executable, "packaging/package_test.py", *extra)


def clean(_: list[str]) -> None:
    made = (".venv", "build", "dist", "output", "shots")
    for name in (*made, ".mypy_cache", ".ruff_cache", ".pytest_cache"):
        shutil.rmtree(ROOT / name, ignore_errors=True)


def main() -> None:
    commands = {
        "setup": lambda _: None,
        "run": run,
        "test": test,
        "bench": bench,
        "shots": shots,
        "train": train,
        "package": package,
        "package-test": package_test,
        "clean": clean,
    }
    alone = {"package", "package-test", "clean"}
    """These need nothing of `.venv`: a bundle has libraries of its own."""
    parser = argparse.ArgumentParser(prog="bootstrap.py", description=__doc__)
    parser.add_argument("command", choices=commands)
    args, extra = parser.parse_known_args()
    try:
        if args.command not in alone:
            setup()
        commands[args.command](extra)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
