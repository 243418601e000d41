"""The command line as a script sees it: a process, its exit code and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer


def environment(home: Path) -> dict[str, str]:
    theirs = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE_"))}
    ours = {
        "TRIPTYCH_HOME": str(home),
        "PYTHONIOENCODING": "ascii",
        "NO_PROXY": "127.0.0.1,localhost",
        # Nobody's keyring is touched.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    return {**theirs, **ours}


@pytest.fixture
def triptych(tmp_path: Path) -> Callable[..., Said]:
    """Run a command with a home of its own; `more` goes into its environment."""

    def call(*words: str | Path, cwd: Path = ROOT, **more: str) -> Said:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *map(str, words)],
            capture_output=True,
            encoding="utf-8",
            timeout=110,
            env={**environment(tmp_path / "home"), **more},
            cwd=cwd,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return call
