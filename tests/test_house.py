"""The rules of the house that a linter does not hold."""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    p for folder in ("studio", "tests", "bench", "packaging") for p in (ROOT / folder).rglob("*.py")
)
HEAVY = ("torch", "diffusers", "transformers", "onnxruntime", "onnxruntime_genai")
NETWORK = ("huggingface_hub", "httpx", "httpx2", "urllib3", "requests", "keyring", "truststore")
"""What speaks with servers, or keeps what is told them: in the courier's process alone."""


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import studio.ui.app, studio.ui.window",
        "import studio.cli.main",
        "import studio.engine.supervisor",
        "import studio.engine.host, studio.engine.registry as r; r.load_all(r.FAMILIES)",
        "import studio.models.courier, studio.models.manager, studio.models.keep",
        "import studio.ui.hub, studio.ui.panes.discover, studio.ui.panes.downloads",
    ],
)
def test_nothing_heavy_is_imported_early(code: str) -> None:
    assert not modules_after(code) & {*HEAVY, *NETWORK}


def test_the_window_is_unknown_to_the_command_line() -> None:
    assert "PySide6" not in modules_after("import studio.cli.main, studio.cli.commands")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    if path.name == "__init__.py" and not tree.body:
        return
    assert ast.get_docstring(tree), "a module begins with one sentence on what it is for"
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith(("_", "Test"))
    ]
    if path.is_relative_to(ROOT / "studio"):
        assert all(ast.get_docstring(node) for node in public), "a class says what it is for"


def test_nothing_is_left_to_be_done_later() -> None:
    marks = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b|type: ignore(?!\[)|noqa(?!:)")
    here = Path(__file__).resolve()
    found = [
        f"{p.relative_to(ROOT)}:{number}"
        for p in SOURCES
        if p != here
        for number, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert not found


def test_python_code_assumes_no_posix_paths() -> None:
    """Absolute POSIX paths belong to Linux-only branches, which read /proc and nothing else."""
    pattern = re.compile(r"""["']/(tmp|home|usr|etc|var|opt|root)/""")
    found = [
        f"{p.relative_to(ROOT)}:{number}"
        for p in SOURCES
        if p.is_relative_to(ROOT / "studio")
        for number, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_the_starter_models_are_whole_and_small() -> None:
    models = ROOT / "resources" / "models"
    folders = sorted(p for p in models.iterdir() if p.is_dir())
    assert len(folders) >= 3
    for folder in folders:
        assert (folder / "README.md").read_text("utf-8").startswith("---\n")
        assert not [p for p in folder.rglob("*") if p.suffix in {".bin", ".pt", ".pth", ".ckpt"}]
    assert sum(p.stat().st_size for p in models.rglob("*") if p.is_file()) < 100 * 10**6


def test_the_readme_lists_the_families_that_there_are() -> None:
    filled = runpy.run_path(str(ROOT / "packaging" / "families.py"))["filled"]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert filled(readme) == readme, "python packaging/families.py brings it up to date"
