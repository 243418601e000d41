"""Folders of transformers for text, tried while they are added."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.core.messages import Convert
from studio.engine.convert import registry
from tests.engine import tiny_transformers

MAKERS: dict[str, Callable[[Path], Path]] = {
    "gpt2": tiny_transformers.make_gpt2,
    "bert": tiny_transformers.make_bert,
    "bart": tiny_transformers.make_bart,
}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MAKERS[request.param](tmp_path_factory.mktemp("adding") / request.param)


def test_a_sound_folder_passes(folder: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())
    order = Convert("one", "text.graphs", folder, folder)
    fractions = [p.fraction for p in registry.load("text.graphs").run(order)]
    assert len(fractions) > 10
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sorted(p.name for p in folder.iterdir()) == before


def test_it_can_be_stopped_anywhere(folder: Path) -> None:
    order = Convert("one", "text.graphs", folder, folder)
    threads = set(threading.enumerate())
    for stop in (1, 2, 9):
        steps = registry.load("text.graphs").run(order)
        for _ in range(stop):
            next(steps)
        steps.close()  # type: ignore[attr-defined]  # a converter's run is a generator
        assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize("damage", ["cut", "none", "kind", "tokenizer", "json"])
def test_what_is_wrong_is_said(damage: str, folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    weights, config = copy / "model.safetensors", copy / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif damage == "none":
        from safetensors.numpy import load_file, save_file

        kept = dict(list(load_file(weights).items())[:3])
        save_file(kept, weights)
    elif damage == "kind":
        config.write_text(json.dumps({"model_type": "mamba"}), "utf-8")
    elif damage == "tokenizer":
        (copy / "tokenizer.json").write_text("{}", "utf-8")
    else:
        config.write_text("[" * 5000, "utf-8")
    with pytest.raises(StudioError) as caught:
        list(registry.load("text.graphs").run(Convert("one", "text.graphs", copy, copy)))
    assert caught.value.hint
