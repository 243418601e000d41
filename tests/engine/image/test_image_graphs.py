"""The converter of image models: graphs ahead of time, and nothing left when it is stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.core.messages import Convert
from studio.core.recipe import DeviceChoice
from studio.engine import graphs, graphs_export
from studio.engine.convert import image_graphs
from studio.engine.image.architectures import of_config
from tests.engine.image.test_architectures import CLIP, UNET, VAE


@pytest.fixture
def order(tmp_path: Path) -> Convert:
    """A diffusers folder whose weights nobody reads, to be completed."""
    folder = tmp_path / "model"
    for part, config in {"unet": UNET, "vae": VAE, "text_encoder": CLIP}.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(config))
        (folder / part / "model.safetensors").touch()
    (folder / "tokenizer").mkdir()
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    index = {"_class_name": "StableDiffusionPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index))
    choice = DeviceChoice("cpu", 1)
    return Convert("1", "image.graphs", folder, folder, device=choice, cache=tmp_path / "cache")


def test_every_part_gets_its_graph_and_progress_is_told(order: Convert) -> None:
    assert order.cache is not None
    told = [p.fraction for p in image_graphs.run(order)]
    assert told == sorted(told)
    assert told[-1] == 1.0
    made = {p.name.rpartition("-")[0] for p in (order.cache / "graphs").iterdir()}
    assert made == {"unet", "clip", "vae-decoder", "vae-encoder"}


def test_it_can_be_stopped_at_every_step(order: Convert) -> None:
    assert order.cache is not None
    for count in (1, 2, 3, 5):
        steps = image_graphs.run(order)
        for _ in range(count):
            next(steps)
        steps.close()  # type: ignore[attr-defined]
        assert not list(order.cache.rglob("*.part"))


def test_a_folder_that_is_no_model_is_told(order: Convert) -> None:
    (order.folder / "unet" / "config.json").write_text("{")
    with pytest.raises(StudioError, match=r"unet/config\.json"):
        list(image_graphs.run(order))


def test_a_process_of_its_own_makes_the_same_graph_without_computing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = of_config("unet", UNET)
    here = graphs.ensure(architecture, tmp_path / "here")
    monkeypatch.setattr(graphs_export, "is_small", lambda module: False)
    there = graphs.ensure(architecture, tmp_path / "there")
    assert here.read_bytes() == there.read_bytes()
    listed = graphs.WEIGHTS
    assert here.with_name(listed).read_bytes() == there.with_name(listed).read_bytes()
