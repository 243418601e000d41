"""From a plan to a model on the disk: linked, never twice, whole or not there."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio.core.controls import Extra, Text
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.models import Card, Store, add, extras
from studio.models.add import (
    Staged,
    StoppedError,
    already,
    finish,
    install,
    stage,
    sweep,
)
from studio.models.recognise import recognise
from tests.models import makers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def left(models: Path) -> list[Path]:
    home = models / add.ADDING
    return list(home.rglob("*")) if home.exists() else []


def test_a_file_becomes_a_model_without_a_second_copy(tmp_path: Path, models: Path) -> None:
    file = makers.lora(tmp_path / "Ink Lines.safetensors")
    before = file.read_bytes(), file.stat().st_mtime_ns
    model = install(recognise(file), models)
    assert (model.id, model.role, model.kind, model.problem) == ("Ink-Lines", "lora", "image", "")
    assert (model.path / file.name).samefile(file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert Card.read(model.path).title == "Ink Lines"
    assert [m.id for m in Store([models]).installed()] == ["Ink-Lines"]
    assert not left(models)


def test_the_same_again_is_here_already_under_any_name(tmp_path: Path, models: Path) -> None:
    store = Store([models])
    plan = recognise(makers.lora(tmp_path / "one.safetensors"))
    assert already(plan, store, {}) is None
    install(plan, models)
    again = recognise(makers.lora(tmp_path / "two.safetensors"))
    found = already(again, store, {})
    assert found is not None
    assert found.id == "one"
    other = recognise(makers.lora(tmp_path / "else" / "one.safetensors", 2048))
    assert already(other, store, {}) is None
    assert install(other, models).id == "one-2"
    # What is in the models folder already is not brought in once more.
    inside = already(recognise(models / "one"), store, {})
    assert inside is not None
    assert inside.id == "one"


def test_a_folder_put_there_by_hand_is_known_by_its_contents(tmp_path: Path, models: Path) -> None:
    makers.transformers(models / "by-hand", "gpt2", "GPT2LMHeadModel")
    folder = makers.transformers(tmp_path / "other", "gpt2", "GPT2LMHeadModel")
    plan = recognise(folder)
    assert plan.converter
    model = install(plan, models)
    assert model.id == "other"
    upscaler = recognise(makers.upscaler(tmp_path / "4x.onnx"))
    makers.config(models / "up", model_type="x")
    makers.upscaler(models / "up" / "onnx" / "model.onnx")
    found = already(upscaler, Store([models]), {})
    assert found is not None
    assert found.id == "up"


def test_a_card_that_came_with_it_is_kept_and_completed(tmp_path: Path, models: Path) -> None:
    folder = makers.diffusers(tmp_path / "sketches", onnx_parts=True)
    card = "---\nlicense: mit\ntags:\n- pencil\n---\n# Sketches\n\nDraws.\n"
    (folder / "README.md").write_text(card)
    model = install(recognise(folder), models)
    assert (model.licence, model.tags, model.pipeline_tag) == ("mit", ("pencil",), "text-to-image")
    assert model.card.endswith("Draws.")
    assert len(model.fingerprint) == 40
    assert (folder / "README.md").read_text() == card


def test_a_damaged_card_does_not_spoil_the_model(tmp_path: Path, models: Path) -> None:
    folder = makers.diffusers(tmp_path / "sketches", onnx_parts=True)
    (folder / "README.md").write_text("---\ntags: [\n---\n# Sketches\n")
    model = install(recognise(folder), models)
    assert not model.problem
    assert model.title == "Sketches"


def test_a_bare_graph_gets_a_folder_that_families_know(tmp_path: Path, models: Path) -> None:
    model = install(recognise(makers.upscaler(tmp_path / "4x-ultra.onnx")), models)
    assert model.pipeline_tag == "image-to-image"
    assert model.facts["layout"] == "transformers.js"
    assert {p.relative_to(model.path).as_posix() for p in model.path.rglob("*") if p.is_file()} == {
        "README.md", "config.json", "onnx/model.onnx",
    }  # fmt: skip
    ports = [makers.port("image", 1, 3, 64, 64)]
    odd = makers.onnx(tmp_path / "odd.onnx", ports, [makers.port("y", 1, 1, 64, 64)])
    plan = recognise(odd)
    assert [option.name for option in plan.options] == ["task"]
    depth = install(plan, models, values={"task": "depth-estimation"})
    assert depth.pipeline_tag == "depth-estimation"


def test_another_precision_is_another_model(tmp_path: Path, models: Path) -> None:
    plan = recognise(makers.transformers(tmp_path / "llama", "llama", "LlamaForCausalLM"))
    usual, exact = plan.values({}), plan.values({"precision": "fp32"})
    assert usual == {"precision": "int4"}
    assert plan.identity(usual) != plan.identity(exact)
    staged = stage(plan, models, values=exact)
    assert staged.id == "llama-fp32"
    # The weights are read where they lie; nothing of them is brought in.
    assert [p.name for p in staged.folder.rglob("*")] == ["README.md"]
    staged.drop()
    with pytest.raises(StudioError):
        plan.values({"precision": "int2"})
    with pytest.raises(StudioError):
        recognise(makers.lora(tmp_path / "a.safetensors")).values({"precision": "int4"})


def test_on_another_disk_it_is_copied_with_progress(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(add, "CHUNK", 64)
    file = makers.lora(tmp_path / "ink.safetensors")
    told: list[float] = []
    model = install(recognise(file), models, told.append)
    assert not (model.path / file.name).samefile(file)
    assert (model.path / file.name).read_bytes() == file.read_bytes()
    assert told == sorted(told)
    assert len(told) > 10
    assert told[-1] == 1.0
    seen: list[float] = []
    with pytest.raises(StoppedError):
        stage(recognise(file), models, seen.append, lambda: len(seen) > 3, name="again")
    assert not left(models)
    assert file.exists()


def test_too_small_a_disk_is_told_before(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(add, "SPARE", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(StudioError, match="not enough room"):
        stage(recognise(makers.lora(tmp_path / "ink.safetensors")), models)
    assert not left(models)
    assert Store([models]).installed() == []


def test_what_fails_leaves_nothing(tmp_path: Path, models: Path) -> None:
    plan = recognise(makers.checkpoint(tmp_path / "sd.safetensors"))

    def breaks(staged: Staged) -> None:
        assert staged.folder.name == "sd"  # what is said of it names it so
        (staged.folder / "half").write_bytes(b"half")
        raise StudioError("It cannot be.", "Do without.")

    with pytest.raises(StudioError, match="It cannot be"):
        install(plan, models, convert=breaks)
    # Nothing was made of the checkpoint, and a lone checkpoint is no model.
    with pytest.raises(StudioError, match="could not be added"):
        install(plan, models, convert=lambda staged: None)
    folder = makers.diffusers(tmp_path / "d", onnx_parts=True)
    with pytest.raises(StudioError, match="nothing in Triptych can run it"):
        install(recognise(folder), models, usable=lambda model: False)
    assert not left(models)
    assert Store([models]).installed() == []


@pytest.mark.parametrize("name", ["..", "a/b", "", "CON", "x" * 300, ".hidden", "größe", " a"])
def test_names_that_cannot_be(tmp_path: Path, models: Path, name: str) -> None:
    plan = recognise(makers.lora(tmp_path / "ink.safetensors"))
    if not name:
        assert install(plan, models, name=name).id == "ink"
        return
    with pytest.raises(StudioError):
        install(plan, models, name=name)
    assert not left(models)


def test_a_name_that_differs_by_case_is_taken(tmp_path: Path, models: Path) -> None:
    install(recognise(makers.lora(tmp_path / "ink.safetensors")), models)
    other = recognise(makers.lora(tmp_path / "b" / "INK.safetensors", 2048))
    assert install(other, models).id == "INK-2"


def test_two_programs_leave_each_others_alone(tmp_path: Path, models: Path) -> None:
    first = stage(recognise(makers.lora(tmp_path / "ink.safetensors")), models)
    sweep(models)
    second = stage(recognise(makers.lora(tmp_path / "b.safetensors", 2048)), models)
    assert {finish(first).id, finish(second).id} == {"ink", "b"}


KILLED = """
import os, sys, time
from pathlib import Path
from studio.models import add
from studio.models.add import install
from studio.models.recognise import recognise
def refuse(*args, **kwargs):
    raise OSError(18, "other disk")
os.link = refuse
add.CHUNK = 4096
def told(fraction):
    time.sleep(0.002)
    print(fraction, flush=True)
install(recognise(Path(sys.argv[1])), Path(sys.argv[2]), told, convert=lambda s: time.sleep(0.2))
print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_at_any_moment_it_is_whole_or_not_there(tmp_path: Path, models: Path) -> None:
    shapes = {
        "lora_unet_attn2_to_k.lora_down.weight": (64, 768),
        "lora_x.lora_up.weight": (64, 768),
    }
    file = makers.safetensors(tmp_path / "ink.safetensors", shapes)
    rng = random.Random(3)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(file), str(models)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert process.stdout.readline()  # it is in the midst of it
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process.communicate()
        installed = Store([models]).installed()
        assert all(not m.problem for m in installed)
        assert not installed or (models / "ink" / file.name).read_bytes() == file.read_bytes()
    sweep(models)
    assert not left(models)
    if not Store([models]).installed():
        assert install(recognise(file), models).id == "ink"


def test_extras_are_found_by_role(tmp_path: Path, models: Path) -> None:
    for name, width in (("ink", 768), ("oil", 2048)):
        install(recognise(makers.lora(tmp_path / f"{name}.safetensors", width)), models)
    install(recognise(makers.upscaler(tmp_path / "4x.onnx")), models)
    store = Store([models])
    spec = FamilySpec(
        id="image.some",
        title="Some",
        kind="image",
        needs=(),
        controls=(
            Text(name="prompt", label="Prompt"),
            Extra(name="lora", label="LoRA", role="lora", several=True),
            Extra(name="controlnet", label="ControlNet", role="controlnet"),
        ),
    )
    assert extras(store, spec, {"prompt": "ink", "lora": ""}) == {}
    found = extras(store, spec, {"lora": "ink:0.5, oil:1"})
    assert found == {"ink": models / "ink", "oil": models / "oil"}
    for values in ({"lora": "gone"}, {"lora": "4x"}, {"controlnet": "ink"}):
        with pytest.raises(StudioError) as raised:
            extras(store, spec, values)
        assert raised.value.hint
