"""`add`, `--extra`, `--preset` and what `models` says of it, as a script would use them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from studio.models.add import ADDING
from tests.cli.conftest import ROOT, Said, environment
from tests.models import makers

Triptych = Callable[..., Said]


def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "data" / "models"


def test_a_file_is_added_once(triptych: Triptych, tmp_path: Path) -> None:
    file = makers.lora(tmp_path / "Ink Lines.safetensors")
    said = triptych("add", file, "--json")
    assert said.code == 0, said.err
    assert set(said.json) >= {"model", "already", "seconds"}
    model = said.json["model"]
    assert (model["id"], model["kind"], model["role"]) == ("Ink-Lines", "image", "lora")
    assert Path(model["path"]) == folder(tmp_path) / "Ink-Lines"
    assert model["bytes"] > 0
    assert model["facts"]["base"] == "sd15"
    assert said.json["already"] is False
    file.rename(tmp_path / "other.safetensors")
    again = triptych("add", tmp_path / "other.safetensors", "--json")
    assert (again.json["already"], again.json["model"]["id"]) == (True, "Ink-Lines")
    words = triptych("add", tmp_path / "other.safetensors")
    assert "here already: Ink-Lines" in words.out
    listed = {m["id"]: m for m in triptych("models", "--json").json["models"]}
    assert listed["Ink-Lines"]["role"] == "lora"
    assert listed["triptych-sketch"]["facts"]["pipeline"] == "StableDiffusionPipeline"


def test_a_graph_is_added_under_a_name_and_runs(triptych: Triptych, tmp_path: Path) -> None:
    said = triptych("add", makers.upscaler(tmp_path / "4x.onnx"), "--as", "larger", "--json")
    assert said.code == 0, said.err
    assert said.json["model"]["id"] == "larger"
    assert said.json["model"]["families"] == ["image.upscale"]


@pytest.mark.parametrize(
    "words",
    [
        ["add"],
        ["add", "no-such-file.safetensors"],
        ["add", "main.py"],
        ["add", "{lora}", "--as", "a/b"],
        ["add", "{lora}", "--set", "precision=int4"],
        ["add", "{llama}", "--set", "precision=int2"],
        ["add", "{llama}", "--set", "size=1"],
        ["make", "image", "cat", "--extra", "lora"],
        ["make", "image", "cat", "--extra", "lora=no-such-lora"],
        ["make", "image", "cat", "--extra", "picture=x"],
        ["make", "text", "cat", "--preset", "no-such-preset"],
    ],
    ids=lambda words: " ".join(w[:24] for w in words)[:50],
)
def test_what_cannot_be_exits_2_and_leaves_nothing(
    words: list[str], triptych: Triptych, tmp_path: Path
) -> None:
    lora = makers.lora(tmp_path / "ink.safetensors")
    llama = makers.transformers(tmp_path / "llama", "llama", "LlamaForCausalLM")
    said = triptych(*(w.format(lora=lora, llama=llama) for w in words))
    assert said.code == 2, said
    lines = [line for line in said.err.strip().splitlines() if not line.endswith("…")]
    assert len(lines) == 2, said.err
    assert "Traceback" not in said.err
    assert not folder(tmp_path).exists() or not list(folder(tmp_path).iterdir())


def test_a_persons_own_preset_fills_the_settings(triptych: Triptych, tmp_path: Path) -> None:
    presets = tmp_path / "home" / "config" / "presets"
    presets.mkdir(parents=True)
    (presets / "short.toml").write_text(
        'title = "Short"\nkind = "text"\n[values]\nlength = 12\nno_such_setting = 1\n', "utf-8"
    )
    out = tmp_path / "fox.md"
    said = triptych("make", "text", "a fox", "--preset", "short", "--seed", "3", "--out", out)
    assert said.code == 0, said.err
    assert "length: 12" in out.read_text("utf-8") or '"length": 12' in out.read_text("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent as SIGINT to a group")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    llama = makers.transformers(tmp_path / "llama", "llama", "LlamaForCausalLM")
    with subprocess.Popen(
        [sys.executable, "main.py", "add", str(llama)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        start_new_session=True,
    ) as process:
        staged = folder(tmp_path) / ADDING
        until = time.monotonic() + 30
        while not staged.exists() and time.monotonic() < until:
            time.sleep(0.01)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert not list(folder(tmp_path).iterdir())
