"""make, again, families, models, doctor: with the starter models, as a script would."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from studio.core import media
from studio.core.record import Record
from tests.cli.conftest import ROOT, Said, environment

Triptych = Callable[..., Said]
SUFFIX = {"text": ".md", "image": ".png", "audio": ".wav"}
QUICK = {"text": "length=30", "image": "steps=4", "audio": "prompt=a jig"}


def two_lines(said: Said) -> None:
    assert said.code == 2, said
    # What went well before is progress: phases, each with an ellipsis.
    lines = [line for line in said.err.strip().splitlines() if not line.endswith("…")]
    assert len(lines) == 2, lines
    assert all(line.endswith((".", "?", "!")) or "help" in line for line in lines)
    assert "Traceback" not in said.err


def nothing_half_written(folder: Path) -> None:
    assert not [p for p in folder.rglob("*") if ".part" in p.name]


@pytest.mark.parametrize("kind", ["text", "image", "audio"])
def test_make_then_again_in_a_fresh_process(kind: str, triptych: Triptych, tmp_path: Path) -> None:
    made = triptych("make", kind, "a red fox", "--seed", "11", "--set", QUICK[kind], "--json")
    assert made.code == 0, made.err
    answer = made.json
    assert {"files", "kind", "family", "model", "seed", "provider", "seconds"} <= set(answer)
    assert (answer["kind"], answer["seed"]) == (kind, 11)
    assert answer["provider"].endswith("ExecutionProvider")
    main = Path(answer["files"][0])
    assert main.suffix == SUFFIX[kind]
    before = {Path(f): hashlib.sha256(Path(f).read_bytes()).digest() for f in answer["files"]}
    for file in before:
        repeated = triptych("again", file, "--json")
        assert repeated.code == 0, repeated.err
        assert repeated.json["identical"] is True, file
    assert {f: hashlib.sha256(f.read_bytes()).digest() for f in before} == before
    nothing_half_written(tmp_path)


def test_another_seed_is_not_the_same(triptych: Triptych, tmp_path: Path) -> None:
    file = tmp_path / "fox.png"
    assert (
        triptych("make", "image", "fox", "--set", "steps=2", "--seed", "1", "--out", file).code == 0
    )
    data = file.read_bytes()
    record = media.extract(file)
    other = Record(
        type(record.recipe)(
            record.recipe.kind, record.recipe.family, record.recipe.model, 2, record.recipe.values
        ),
        record.provider,
    )
    file.write_bytes(media.embed(data, ".png", other))
    said = triptych("again", file, "--json")
    assert said.code == 0, said.err
    assert said.json["identical"] is False
    new = [Path(f) for f in said.json["files"]]
    assert new
    assert file not in new
    assert all(f.exists() for f in new)


def test_out_takes_a_file_or_a_folder(triptych: Triptych, tmp_path: Path) -> None:
    out = tmp_path / "Bilder mit Ümlaut"
    out.mkdir()
    said = triptych(
        "make", "image", "cat", "--set", "steps=2", "--set", "count=2", "--out", out, "--json"
    )
    assert said.code == 0, said.err
    files = [Path(f) for f in said.json["files"]]
    assert len(files) == len(set(files)) == 2
    assert all(f.parent == out for f in files)
    one = tmp_path / "tune.mid"
    said = triptych("make", "audio", "a jig", "--out", one)
    assert said.code == 0, said.err
    assert said.out.strip() == str(one)
    assert one.read_bytes().startswith(b"MThd")
    assert not (tmp_path / "home" / "data" / "library" / "items").exists()


def test_progress_goes_to_stderr(triptych: Triptych, tmp_path: Path) -> None:
    said = triptych("make", "image", "cat", "--set", "steps=2", "--out", tmp_path / "a.png")
    assert said.out.strip() == str(tmp_path / "a.png")
    assert "drawing" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["make", "image", "cat", "--model", "no-such-model"],
        ["make", "image", "cat", "--family", "no-such-family"],
        ["make", "image", "cat", "--set", "steps=9999"],
        ["make", "image", "cat", "--set", "steps=many"],
        ["make", "image", "cat", "--set", "no_such=1"],
        ["make", "image", "cat", "--set", "steps"],
        ["make", "image", "cat", "--seed", "-4"],
        ["make", "image", "cat", "--seed", "99999999999999999999999"],
        ["make", "image", ""],
        ["make", "text", "x" * 100_000],
        ["make", "image", "cat", "--input", "picture=no/such/file.png"],
        ["make", "image", "cat", "--input", "nothing=main.py"],
        ["make", "image", "cat", "--input", "picture=main.py"],
        ["make", "image", "cat", "--out", "no/such/folder/cat.png"],
        ["make", "image", "cat", "--set", "steps=1", "--out", "cat.docx"],
        ["make", "sculpture", "cat"],
        ["make"],
        ["again", "no-such-file.png"],
        ["again", "main.py"],
        ["again", "LICENSE"],
        [],
    ],
    ids=lambda words: " ".join(w[:24] for w in words)[:50],
)
def test_a_bad_request_exits_2_with_what_failed_and_what_to_do(
    words: list[str], triptych: Triptych, tmp_path: Path
) -> None:
    if not words:
        words = ["no-such-command"]
    two_lines(triptych(*words))
    items = tmp_path / "home" / "data" / "library" / "items"
    assert not items.exists() or not [p for p in items.rglob("*") if p.is_file()]
    nothing_half_written(tmp_path)


def test_a_bad_request_with_json_prints_one_object(triptych: Triptych) -> None:
    said = triptych("make", "image", "cat", "--model", "none", "--json")
    assert said.code == 2
    assert set(said.json) == {"error", "hint"}


def test_a_folder_without_permission(triptych: Triptych, tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        shut = Path("/proc")  # the one folder in which root makes no files either
    two_lines(triptych("make", "image", "cat", "--out", shut / "cat.png"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk(triptych: Triptych, tmp_path: Path) -> None:
    """A file size limit is what a full disk is to a process, without having to fill one."""
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "sys.argv = ['main.py', *sys.argv[1:]]\n"
        "import runpy; runpy.run_path('main.py', run_name='__main__')\n"
    )
    out = tmp_path / "tune.wav"
    done = subprocess.run(
        [sys.executable, "-c", script, "make", "audio", "a jig", "--out", str(out)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        timeout=110,
        check=False,
    )
    two_lines(Said(done.returncode, done.stdout, done.stderr))
    assert "disk" in done.stderr.lower()
    assert not out.exists()
    nothing_half_written(tmp_path)


def test_a_strangers_recipe_with_an_unknown_model(triptych: Triptych, tmp_path: Path) -> None:
    file = tmp_path / "fox.md"
    said = triptych("make", "text", "fox", "--set", "length=20", "--out", file)
    assert said.code == 0, said.err
    text = file.read_text("utf-8")
    file.write_text(text.replace("triptych-story", "somebody/other-model"), "utf-8")
    two_lines(triptych("again", file))


def test_families_models_and_doctor(triptych: Triptych) -> None:
    families = triptych("families", "--json").json["families"]
    starters = {"text.chat", "image.diffusion", "audio.tune"}
    assert {f["id"] for f in families} >= starters
    assert all(f["settings"] for f in families)
    assert all(f["examples"] for f in families if f["id"] in starters)
    models = {m["id"]: m for m in triptych("models", "--json").json["models"]}
    assert models["triptych-sketch"]["families"] == ["image.diffusion"]
    assert models["triptych-story"]["families"] == ["text.chat"]
    assert models["triptych-tune"]["families"] == ["audio.tune"]
    assert all(m["licence"] and m["bytes"] > 0 for m in models.values())
    doctor = triptych("doctor", "--json").json
    assert "CPUExecutionProvider" in doctor["providers"]
    assert doctor["versions"]["torch"].startswith("2.13.0")
    assert set(doctor["folders"]) >= {"library", "models", "settings"}
    assert doctor["memory_free"] > 0
    assert all(free > 0 for free in doctor["disk_free"].values())
    for command in ("families", "models", "doctor"):
        assert len(triptych(command).out.splitlines()) > 5


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent as SIGINT to a group")
@pytest.mark.parametrize("wait", [0.05, 0.4, 0.8, 1.5, 3.0])
def test_ctrl_c_exits_130_and_leaves_nothing(wait: float, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    with subprocess.Popen(
        [
            *(sys.executable, "main.py", "make", "image", "cat"),
            *("--set", "steps=100", "--set", "count=16", "--out", str(out)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**environment(tmp_path / "home"), "TMPDIR": str(scratch)},
        start_new_session=True,
    ) as process:
        # Not before Python can hear it: until then the interpreter itself ends by the signal.
        time.sleep(0.5 + wait)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert not list(out.iterdir())
    assert not [p for p in scratch.iterdir() if p.name.startswith("triptych")]


def test_kill_nine_leaves_no_half_file(triptych: Triptych, tmp_path: Path) -> None:
    rng = random.Random(1)
    for number in range(6):
        out = tmp_path / f"out{number}"
        out.mkdir()
        process = subprocess.Popen(
            [sys.executable, "main.py", "make", "audio", "a jig", "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment(tmp_path / "home"),
        )
        time.sleep(rng.uniform(0.1, 4.0))
        process.kill()
        process.wait()
        for file in out.iterdir():
            if ".part" not in file.name:
                media.extract(file)
    shutil.rmtree(tmp_path / "out0")
    assert triptych("models", "--json").code == 0


def test_what_went_in_is_found_beside_the_result(triptych: Triptych, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    made = triptych(
        *("make", "image", "cat", "--seed", "1", "--set", "steps=2", "--set", "strength=0.9"),
        *("--input", f"picture={tmp_path / 'red.png'}", "--out", tmp_path / "out.png", "--json"),
    )
    assert made.code == 0, made.err
    again = triptych("again", tmp_path / "out.png", "--json")
    assert again.code == 0, again.err
    assert again.json["identical"] is True
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "red.png")  # by its name only
    said = triptych("again", tmp_path / "out.png")
    assert said.code == 2
    assert "“red.png”" in said.err
