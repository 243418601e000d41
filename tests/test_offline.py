"""The whole studio with network sockets forbidden, native libraries included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.family import KINDS
from tests.hub import Hub, Repo
from tests.test_house import HEAVY, NETWORK

ROOT = Path(__file__).resolve().parents[1]


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return started(home, "-m", "tests.no_sockets", *command)


def started(home: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HF_")},
        "TRIPTYCH_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "NO_PROXY": "127.0.0.1,localhost",
        **more,
    }
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=ROOT,
        env=env,
        check=False,
    )


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_guard_bites_in_a_child_process_too(family: str, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        "import socket, subprocess, sys\n"
        "socket.socket(socket.AF_UNIX if hasattr(socket, 'AF_UNIX') else 99).close()\n"
        f"code = 'import socket; socket.socket(socket.{family})'\n"
        "sys.exit(40 if subprocess.call([sys.executable, '-c', code]) < 0 else 0)\n"
    )
    assert run(tmp_path, str(script)).returncode == 40


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_made_without_a_socket(kind: str, tmp_path: Path) -> None:
    done = run(tmp_path, "main.py", "make", kind, "a little fox", "--json")
    assert done.returncode == 0, done.stderr
    for file in json.loads(done.stdout)["files"]:
        assert Path(file).stat().st_size > 0


def test_doctor_needs_no_socket(tmp_path: Path) -> None:
    done = run(tmp_path, "main.py", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    assert "CPUExecutionProvider" in json.loads(done.stdout)["providers"]


def test_the_window_makes_all_three_at_once_without_a_socket(tmp_path: Path) -> None:
    done = run(tmp_path, "tests/whole.py", str(tmp_path))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["done"], report["endings"]
    assert set(report["made"]) == set(KINDS)
    assert not set(report["modules"]) & {*HEAVY, *NETWORK, "numpy"}
    # The gaps themselves depend on what else the machine does (`make bench` tells them); the work
    # of the main thread between two ticks does not, and is what the window can be blamed for.
    assert report["work"] < 50, report["gaps"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model that was got from a hub, and that is to stay offline from then on."""
    home = tmp_path_factory.mktemp("home")
    with Hub() as hub:
        hub.add(Repo.of_folder("a/story", ROOT / "resources" / "models" / "triptych-story"))
        got = started(home, "main.py", "models", "get", "a/story", HF_ENDPOINT=hub.endpoint)
        assert got.returncode == 0, got.stderr
    settings = home / "config" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"stay_offline": true}')
    return home


def test_offline_the_commands_keep_what_is_here_without_a_socket(home: Path) -> None:
    out = home / "fox.md"
    for words in (
        ["models", "list"],
        ["models", "verify", "a/story"],
        ["make", "text", "fox", "--model", "a/story", "--set", "length=20", "--out", str(out)],
        ["models", "move", "a/story", str(home / "elsewhere")],
        ["again", str(out)],
        ["models", "remove", "a/story", "--yes"],
        ["models", "undo"],
    ):
        done = run(home, "main.py", *words)
        assert done.returncode == 0, (words, done.stderr)
    for words in (["search", "x"], ["info", "a/story"], ["get", "a/story"], ["sign-in"]):
        done = run(home, "main.py", "models", *words)
        assert done.returncode == 2, (words, done.returncode, done.stderr)
        assert "stay off the network" in done.stderr


def test_offline_the_window_uses_what_is_here_without_a_socket(home: Path) -> None:
    done = run(home, "tests/whole_offline.py", str(home), "a/story")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["ended"] == ["Done"], report
    assert report["made"] == ["a/story"]
    answers = report["answers"]
    for action in ("search", "page", "get", "updates", "sign_in"):
        assert "stay off the network" in answers[action], action
    assert "while a job uses it" in answers["remove"]
    assert "is whole: all" in answers["verify"]
    assert not set(report["modules"]) & {*HEAVY, *NETWORK, "numpy"}
