"""What the tests of drawing share: one tiny model, and jobs for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.core.controls import Value
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from tests.engine import tiny_image

MakeJob = Callable[..., Job]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_image.make(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def make_job(tiny: Path, tmp_path: Path) -> MakeJob:
    """A job for the tiny model in a folder of its own; settings by name."""
    made = 0

    def make(
        *, model: Path = tiny, seed: int = 7, picture: Path | None = None, **values: Value
    ) -> Job:
        nonlocal made
        made += 1
        folder = tmp_path / f"job{made}"
        folder.mkdir()
        chosen: dict[str, Value] = {"prompt": "a fox", "steps": 2, **values}
        refs = {} if picture is None else {"picture": InputRef(picture.name, "0" * 64)}
        recipe = Recipe("image", "image.diffusion", model.name, seed, chosen, refs)
        files = {} if picture is None else {"picture": picture}
        return Job(f"job{made}", recipe, folder, model, files, DeviceChoice("cpu", 1))

    return make


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    path = tmp_path / "photo.png"
    Image.fromarray(chance.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A tiny model that a test may spoil."""
    return Path(shutil.copytree(tiny, tmp_path / "copy"))
