"""Whose work is in the bundle and under which terms: collected from what is really in it.

Every library's own licence files are copied; where a wheel brings none, the standard text of the
licence that it names is put in its place. A part without either ends the build.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path

TEXTS = Path(__file__).with_name("texts")
INDEX = "index.json"
"""In the folder of licences: every part with its version and licence, for the About page."""

_NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
_NOT_TEXTS = (".py", ".pyc", ".pyi", ".so", ".json")

_SPDX: tuple[tuple[str, str], ...] = (
    (r"LGPL-3", "LGPL-3.0-only"),
    (r"apache", "Apache-2.0"),
    (r"mozilla|MPL-2", "MPL-2.0"),
    (r"0BSD", "0BSD"),
    (r"(bsd.*2|2.*clause)", "BSD-2-Clause"),
    (r"bsd", "BSD-3-Clause"),
    (r"\bMIT\b", "MIT"),
    (r"\bISC\b", "ISC"),
    (r"PSF|python software", "PSF-2.0"),
)
_STATED = {
    "cobble": "BSD-2-Clause",
    "openai-clip": "MIT",
    "resvg_py": "MIT",
    "tqdm": "MPL-2.0 AND MIT",
    "wcwidth": "MIT",
}
"""For libraries whose metadata names none, or two in words: as their projects state it."""

_STANDARD = {
    "LGPL-3.0-only": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "MIT": ("MIT.txt",),
    "BSD-2-Clause": ("BSD-2-Clause.txt",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of somebody's work in the bundle."""

    name: str
    version: str
    licence: str
    """An SPDX expression, or the words of its makers where there is none."""
    purl: str = ""
    """Its package URL (ECMA-427), empty where it is in no registry."""
    requires: tuple[str, ...] = ()


def spdx(name: str, about: PackageMetadata) -> str:
    """The licence of a library as an SPDX expression, from whichever field says it."""
    if name.lower() in _STATED:
        return _STATED[name.lower()]
    expression = _first(about, "License-Expression")
    if expression:
        return expression
    said = [
        line.rpartition("::")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    field = _first(about, "License").strip()
    words = (field.splitlines() or [""])[0].strip()
    for each in (words, *said):
        for pattern, identifier in _SPDX:
            if re.search(pattern, each, re.IGNORECASE):
                return identifier
    return "" if words == "UNKNOWN" else words[:80]


def _first(about: PackageMetadata, field: str) -> str:
    found = about.get_all(field)
    return str(found[0]) if found else ""


def collect(
    packages: Path, frozen: Path, root: Path, tools: Path, target: Path
) -> tuple[Part, ...]:
    """Copy every licence to `target` and give the parts; SystemExit where a text is missing.

    `packages` are the libraries in the bundle, `frozen` is where PyInstaller put the interpreter
    and what that is linked to, `root` the studio's source, `tools` where PyInstaller is installed.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    parts: list[Part] = []
    missing: list[str] = []
    for each in sorted(distributions(path=[str(packages)]), key=lambda d: d.metadata["Name"]):
        part = _part(each)
        parts.append(part)
        found = _texts_of(each, packages)
        folder = target / part.name
        if found:
            _copy(found, folder)
        if not part.licence or not (found or _standard(part, each.metadata, folder, root)):
            missing.append(part.name)
    if missing:
        raise SystemExit(
            f"package: no licence, or no text of it, is known for {', '.join(missing)}"
        )
    parts += _python(target)
    parts += _bootloader(tools, target)
    parts += _media(packages, target)
    if sys.platform.startswith("linux"):
        parts += _of_debian(frozen, target)
    parts += _resources(root, target)
    _write_index(parts, target)
    return tuple(parts)


def _part(each: Distribution) -> Part:
    name, version = each.metadata["Name"], each.version
    requires = (re.match(r"[A-Za-z0-9._-]+", r) for r in each.requires or () if "extra ==" not in r)
    return Part(
        name=name,
        version=version,
        licence=spdx(name, each.metadata),
        purl=f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version.replace('+', '%2B')}",
        requires=tuple(sorted({r[0] for r in requires if r})),
    )


def _texts_of(each: Distribution, packages: Path) -> list[Path]:
    """The licence files that a wheel brought, in its metadata or at the top of its package."""
    found = [
        packages / str(file)
        for file in each.files or ()
        if _NAMES.search(file.name)
        and file.suffix not in _NOT_TEXTS
        and (".dist-info" in str(file) or len(file.parts) <= 2)
    ]
    return sorted(p for p in found if p.is_file())


def _copy(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        # Several of one name: of libraries within the library, told apart by their folders.
        below = file.as_posix().rpartition(".dist-info/")[2].removeprefix("licenses/")
        name = below.replace("/", "_") if ".dist-info/" in file.as_posix() else file.name
        shutil.copyfile(file, folder / name)


def _standard(part: Part, about: PackageMetadata, folder: Path, root: Path) -> bool:
    """Write the standard text of a part's licence; whether there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    if part.licence == "Apache-2.0":
        shutil.copyfile(root / "LICENSE", folder / "LICENSE")
        return True
    owner = (
        _first(about, "Author") or _first(about, "Author-email") or f"the authors of {part.name}"
    )
    for name in _STANDARD.get(part.licence, ()):
        text = (TEXTS / name).read_text("utf-8").replace("{owner}", owner)
        (folder / name).write_text(text, "utf-8", newline="\n")
    return part.licence in _STANDARD


def _python(target: Path) -> list[Part]:
    import sysconfig

    candidates = (
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path("/usr/share/doc/python3.11/copyright"),
    )
    _copy([next(p for p in candidates if p.is_file())], target / "Python")
    version = ".".join(map(str, sys.version_info[:3]))
    return [
        Part(
            name="Python", version=version, licence="PSF-2.0", purl=f"pkg:generic/python@{version}"
        )
    ]


def _bootloader(tools: Path, target: Path) -> list[Part]:
    """PyInstaller's bootloader is in the bundle; its licence allows that for any program."""
    each = next(d for d in distributions(path=[str(tools)]) if d.metadata["Name"] == "pyinstaller")
    _copy(
        [p for p in (Path(str(f.locate())) for f in each.files or ()) if p.name == "COPYING.txt"],
        target / "PyInstaller bootloader",
    )
    return [
        Part(
            name="PyInstaller bootloader",
            version=each.version,
            licence="GPL-2.0-or-later WITH Bootloader-exception",
            purl=f"pkg:pypi/pyinstaller@{each.version}",
        )
    ]


def _media(packages: Path, target: Path) -> list[Part]:
    """FFmpeg comes with Qt; libsndfile with soundfile. Both are libraries that can be replaced."""
    found = []
    qt = next(
        d.version for d in distributions(path=[str(packages)]) if "Addons" in d.metadata["Name"]
    )
    for name, version, pattern in (
        ("FFmpeg (as of Qt)", qt, "PySide6/**/*avcodec*"),
        ("libsndfile", "", "_soundfile_data/*"),
    ):
        if next(packages.glob(pattern), None) is not None:
            _copy([TEXTS / "LGPL-2.1.txt"], target / name)
            found.append(Part(name=name, version=version, licence="LGPL-2.1-or-later"))
    return found


def _of_debian(frozen: Path, target: Path) -> list[Part]:
    """Libraries of the system that the interpreter is linked to and PyInstaller took along."""
    parts: dict[str, Part] = {}
    for library in sorted(p for p in frozen.glob("lib*.so*") if "python" not in p.name):
        owner = _owner(library.name)
        if owner is None:
            raise SystemExit(f"package: nobody knows where {library.name} comes from")
        package, version = owner
        text = Path("/usr/share/doc") / package / "copyright"
        folder = target / package
        folder.mkdir(exist_ok=True)
        shutil.copyfile(text, folder / "copyright")
        parts[package] = Part(
            name=package,
            version=version,
            licence="see its copyright file",
            purl=f"pkg:deb/debian/{package}@{version.replace(':', '%3A').replace('+', '%2B')}",
        )
    return list(parts.values())


def _owner(library: str) -> tuple[str, str] | None:
    """The Debian package of a library of the system, and its version."""
    done = subprocess.run(
        ["dpkg-query", "-S", f"*/{library}*"], capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        package = line.partition(":")[0]
        if package.endswith("-dev") or not re.search(r"/lib", line):
            continue
        version = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        return package, version
    return None


def _resources(root: Path, target: Path) -> list[Part]:
    _copy([root / "LICENSE"], target / "Triptych")
    _copy([root / "resources" / "fonts" / "OFL.txt"], target / "Inter")
    _copy([root / "resources" / "icons" / "LICENSE"], target / "Lucide")
    return [
        Part(name="Inter", version="", licence="OFL-1.1"),
        Part(name="Lucide", version="", licence="ISC"),
    ]


def _write_index(parts: Sequence[Part], target: Path) -> None:
    listed = [
        {"name": p.name, "version": p.version, "licence": p.licence}
        for p in sorted(parts, key=lambda p: p.name.lower())
    ]
    text = json.dumps(listed, indent=1, ensure_ascii=False)
    (target / INDEX).write_text(text + "\n", "utf-8", newline="\n")
