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
from tests.engine.image import tiny_kinds

MakeJob = Callable[..., Job]
MakeKind = Callable[..., Job]


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
        return Job(f"job{made}", recipe, folder, model, files, device=DeviceChoice("cpu", 1))

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


@pytest.fixture(scope="session")
def kinds(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[str], Path]:
    """The folder of a tiny model of one of tiny_kinds.KINDS, or of what is laid over it.

    Graphs are kept from one run of the tests to the next, as long as nothing changes that they
    are made from: transformers take the exporter ten seconds each.
    """
    base, cache = tmp_path_factory.mktemp("kinds"), getattr(pytestconfig, "cache", None)
    kept = tmp_path_factory.mktemp("graphs")
    if cache is not None:
        kept = cache.mkdir(f"tiny-kinds-{tiny_kinds.made_from()}")

    def folder(kind: str) -> Path:
        if not (base / kind).exists():
            if kind not in tiny_kinds.KINDS:
                part = "preview" if kind == "taesd" else "controlnet"
                tiny_kinds.write(part, kind, base / kind, kept)
            else:
                tiny_kinds.make(kind, base / kind, kept)
        return base / kind

    return folder


@pytest.fixture
def make_kind(kinds: Callable[[str], Path], tmp_path: Path) -> MakeKind:
    """A job for a tiny model of a kind, its ControlNet (steer) and preview decoder (small) near."""
    made = 0

    def make(
        kind: str,
        *,
        model: Path | None = None,
        inputs: dict[str, Path] | None = None,
        steered: bool = False,
        **values: Value,
    ) -> Job:
        nonlocal made
        made += 1
        folder = tmp_path / f"kind{made}"
        folder.mkdir()
        chosen: dict[str, Value] = {"prompt": "a fox", "steps": 2, "width": 64, "height": 48}
        chosen |= values
        refs = {n: InputRef(p.name, "0" * 64) for n, p in (inputs or {}).items()}
        recipe = Recipe("image", "image.diffusion", kind, 7, chosen, refs)
        extras = {"small": kinds("taesd")}
        if "control_picture" in (inputs or {}) or steered:
            extras["steer"] = kinds(tiny_kinds.CONTROLNETS.get(kind, "controlnet"))
        return Job(
            f"kind{made}",
            recipe,
            folder,
            model or kinds(kind),
            inputs or {},
            extras,
            DeviceChoice("cpu", 1),
        )

    return make
