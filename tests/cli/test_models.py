"""models …: from the search to the undo, with a hub on the loopback, as a script would."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.cli import run
from tests.cli.conftest import ROOT, Said, environment
from tests.cli.test_commands import two_lines
from tests.hub import Hub, Repo
from tests.models import proxy
from tests.models.couriers import chat

Triptych = Callable[..., Said]
STORY = ROOT / "resources" / "models" / "triptych-story"
TOKEN = "hf_SecretOfNobody"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with a tiny chat model that really runs."""
    with Hub() as running:
        running.add(Repo.of_folder("a/story", STORY))
        yield running


@pytest.fixture
def online(triptych: Triptych, hub: Hub) -> Triptych:
    """Commands that know the hub."""

    def call(*words: str | Path, **more: str) -> Said:
        return triptych(*words, **{"HF_ENDPOINT": hub.endpoint, **more})

    return call


def test_from_the_search_to_the_undo(online: Triptych, hub: Hub, tmp_path: Path) -> None:
    found = online("models", "search", "story", "--kind", "text", "--json")
    assert found.code == 0, found.err
    assert [f["repo"] for f in found.json["found"]] == ["a/story"]
    told = online("models", "info", "a/story")
    assert told.code == 0, told.err
    assert "You may sell what you make with it." in told.out
    assert "MB" in told.out
    got = online("models", "get", "a/story", "--json")
    assert got.code == 0, got.err
    assert got.json["model"] == "a/story"
    assert got.json["revision"] == hub.repo("a/story").head.sha
    assert got.out.count("\n") == 1
    assert "100 %" in got.err
    assert hub.log.twice() < 1 << 16
    hub.stop()  # from here on nothing is asked of it

    out = tmp_path / "fox.md"
    made = online("make", "text", "a fox", "--model", "a/story", "--set", "length=20", "--out", out)
    assert made.code == 0, made.err
    assert online("again", out, "--json").json["identical"] is True
    verified = online("models", "verify", "--json")
    assert verified.code == 0, verified.err
    assert verified.json["whole"]
    assert [r["model"] for r in verified.json["verified"]] == ["a/story"]

    refused = online("models", "remove", "a/story")
    two_lines(refused)
    assert "--yes" in refused.err
    removed = online("models", "remove", "a/story", "--yes")
    assert removed.code == 0, removed.err
    assert "models undo" in removed.out
    two_lines(online("make", "text", "a fox", "--model", "a/story"))
    back = online("models", "undo", "--json")
    assert back.json == {"restored": "a/story"}
    two_lines(online("models", "undo"))
    assert online("again", out, "--json").json["identical"] is True


def test_list_is_what_models_alone_is(triptych: Triptych) -> None:
    alone = triptych("models", "--json").json["models"]
    assert {m["id"] for m in alone} >= {"triptych-story", "triptych-sketch"}
    listed = triptych("models", "list", "--kind", "audio", "--json").json["models"]
    assert listed == [m for m in alone if m["kind"] == "audio"]


@pytest.mark.parametrize(
    "words",
    [
        ["get", "no/such"],
        ["get", "../../etc/passwd"],
        ["get", "a/story", "--variant", "no-such"],
        ["get", "a/story:one", "--variant", "two"],
        ["get", "a/story", "--to", "main.py"],
        ["info", "a/story", "--revision", "no-such"],
        ["search", "x", "--limit", "many"],
        ["search", "x", "--kind", "smell"],
        ["verify", "no-such"],
        ["remove", "no-such", "--yes"],
        ["remove", "triptych-story", "--yes"],
        ["move", "triptych-story", "elsewhere"],
        ["undo", "no-such"],
        ["sign-in"],
        ["fly"],
        ["get"],
    ],
    ids=" ".join,
)
def test_bad_input_is_told_in_two_lines(
    hub: Hub,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setattr(sys, "stdin", io.StringIO("no token\n"))
    code = run(["models", *words, "--json"])
    said = Said(code, *capsys.readouterr())
    two_lines(said)
    assert set(said.json) == {"error", "hint"}


def test_a_hub_that_cannot_be_reached_is_told(triptych: Triptych) -> None:
    said = triptych("models", "search", "x", HF_ENDPOINT="http://127.0.0.1:9")
    two_lines(said)
    assert "cannot be reached" in said.err


def test_offline_only_what_is_here_is_used(online: Triptych, hub: Hub, tmp_path: Path) -> None:
    settings = tmp_path / "home" / "config" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"stay_offline": true}')
    for words in (["search", "x"], ["get", "a/story"], ["sign-in"]):
        said = online("models", *words)
        two_lines(said)
        assert "off the network" in said.err
    assert not hub.log.all()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C to whole consoles")
def test_ctrl_c_pauses_and_the_same_command_goes_on(
    online: Triptych, hub: Hub, tmp_path: Path
) -> None:
    total = chat(hub, size=12 << 20)
    hub.rate = 4_000_000
    env = {**environment(tmp_path / "home"), "HF_ENDPOINT": hub.endpoint}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "models", "get", "a/chat"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    while hub.log.sent("a/chat") < total // 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.endswith("Paused. The same command goes on with it.\n")
    hub.rate = 0
    got = online("models", "get", "a/chat", "--json")
    assert got.code == 0, got.err
    assert got.json["bytes"] == total
    assert hub.log.twice("a/chat") < 1 << 20


@pytest.mark.skipif(os.name == "nt", reason="there is no pty on Windows")
def test_on_a_terminal_remove_asks(online: Triptych, hub: Hub, tmp_path: Path) -> None:
    import pty

    assert online("models", "get", "a/story").code == 0
    for answer, gone in (("", False), ("y", True)):
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "models", "remove", "a/story", "--json"],
            stdin=theirs,
            capture_output=True,
            text=True,
            env=environment(tmp_path / "home"),
            check=False,
        )
        os.close(ours)
        os.close(theirs)
        assert done.returncode == 0, done.stderr
        assert "Remove “a/story” (8.5 MB)?" in done.stderr
        assert (json.loads(done.stdout)["removed"] == "a/story") is gone


def test_another_folder_is_looked_into_from_then_on(
    online: Triptych, hub: Hub, tmp_path: Path
) -> None:
    far, farther = tmp_path / "far away", tmp_path / "farther"
    got = online("models", "get", "a/story", "--to", far, "--json")
    assert got.code == 0, got.err
    assert Path(got.json["path"]).is_relative_to(far)
    assert "looks for models in" in got.err
    moved = online("models", "move", "a/story", farther, "--json")
    assert moved.code == 0, moved.err
    assert Path(moved.json["path"]).is_relative_to(farther)
    found = [m for m in online("models", "--json").json["models"] if m["id"] == "a/story"]
    assert [Path(m["path"]).is_relative_to(farther) for m in found] == [True]
    assert found[0]["families"] == ["text.chat"]
    assert online("models", "verify", "a/story", "--json").json["whole"]


def test_what_broke_is_found_and_downloaded_anew_alone(
    online: Triptych, hub: Hub, tmp_path: Path
) -> None:
    got = online("models", "get", "a/story", "--json")
    weights = Path(got.json["path"]) / "model.onnx.data"
    blob = weights.resolve()
    data = bytearray(blob.read_bytes())
    data[1000] ^= 1
    blob.write_bytes(data)
    said = online("models", "verify", "a/story", "--json")
    assert said.code == 0, said.err
    assert not said.json["whole"]
    assert list(said.json["verified"][0]["wrong"]) == ["model.onnx.data"]
    hub.log.clear()
    mended = online("models", "verify", "a/story", "--repair", "--json")
    assert mended.code == 0, mended.err
    assert mended.json["repaired"] == ["a/story"]
    assert {s.path for s in hub.log.bytes_of() if s.sent > 1 << 16} == {"model.onnx.data"}
    assert online("models", "verify", "a/story", "--json").json["whole"]
    assert weights.read_bytes() == (STORY / "model.onnx.data").read_bytes()


def test_a_token_opens_what_is_private_through_a_proxy_and_is_written_nowhere(
    online: Triptych, hub: Hub, tmp_path: Path
) -> None:
    hub.add(Repo.of_folder("a/private", STORY, private=True))
    hub.user(TOKEN, "ann", "a/private")
    two_lines(online("models", "get", "a/private"))
    with proxy.proxy() as between:
        ways = {"http_proxy": between.url, "NO_PROXY": "", "no_proxy": "", "HF_TOKEN": TOKEN}
        got = online("models", "get", "a/private", "--json", **ways)
        assert got.code == 0, got.err
        assert len(between.asked) >= 9
    out = tmp_path / "fox.md"
    made = online(
        "make", "text", "fox", "--model", "a/private", "--set", "length=10", "--out", out,
        HF_TOKEN=TOKEN,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert TOKEN not in got.out + got.err + made.out + made.err
    assert not hub.log.leaks(TOKEN)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    # One that is not good is told, as is a keyring that there is not.
    said = online("models", "get", "a/private", HF_TOKEN="hf_NotTheRightOne")
    two_lines(said)
    assert "accept the token" in said.err
    assert "NotTheRightOne" not in said.err
