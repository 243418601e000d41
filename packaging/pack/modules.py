"""Which modules go into the frozen part: all of the studio, and all of Python but its workshop."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = (
    "__phello__",
    "antigravity",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pip",
    "pydoc_data",
    "setuptools",
    "test",
    "this",
    "tkinter",
    "_tkinter",
    "turtle",
    "turtledemo",
    "venv",
    # Of a terminal, and of networks of the nineties: each brings libraries of its own.
    "_curses",
    "_crypt",
    "_curses_panel",
    "crypt",
    "curses",
    "nis",
    "ossaudiodev",
    "readline",
)
"""Tools for writing programs, Tk, terminals and Python's own tests."""

_TRAINING = "studio.training"


def standard() -> list[str]:
    """Every module of Python's own library, since what pip installs may ask for any of them."""
    found = {n for n in sys.builtin_module_names if n not in LEFT_OUT}
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        base = Path(folder)
        found |= {n for n in _below(base) if n.partition(".")[0] in sys.stdlib_module_names}
        for extension in (base / "lib-dynload").glob("*.*"):
            name = extension.name.partition(".")[0]
            if name in sys.stdlib_module_names:
                found.add(name)
    return sorted(n for n in found if n.partition(".")[0] not in LEFT_OUT and not _tests(n))


def of_the_studio(root: Path) -> list[str]:
    """Every module of the studio below `root`, but how its starter models were trained."""
    found = {"studio", *(f"studio.{n}" for n in _below(root / "studio"))}
    return sorted(n for n in found if n != _TRAINING and not n.startswith(f"{_TRAINING}."))


def _below(base: Path) -> Iterator[str]:
    """Dotted names of the Python files in a folder and its packages."""
    for path in base.iterdir():
        if path.suffix == ".py" and path.stem != "__init__" and path.stem.isidentifier():
            yield path.stem
        elif (path / "__init__.py").is_file() and path.name.isidentifier():
            yield path.name
            yield from (f"{path.name}.{inner}" for inner in _below(path))


def _tests(name: str) -> bool:
    return any(part in ("test", "tests") for part in name.split("."))
