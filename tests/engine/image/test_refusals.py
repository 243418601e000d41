"""Bad wishes and damaged models are told in two sentences."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine.image import diffusion, layout, pictures
from studio.engine.workbench import Workbench
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import endless, outputs


def refused(job: Job) -> StudioError:
    """What is said of the job, which has to leave nothing behind."""
    with pytest.raises(StudioError) as caught:
        list(diffusion.run(job, Workbench()))
    assert caught.value.message
    assert caught.value.hint
    assert not list(job.folder.iterdir())
    return caught.value


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prompt": "  "}, "Prompt"),
        ({"steps": -1}, "Steps"),
        ({"guidance": float("nan")}, "Guidance"),
        ({"sampler": "magic"}, "Sampler"),
        ({"style": "cubist"}, "Style"),
        ({"count": 17}, "Pictures"),
        ({"width": 20}, "steps of 8 pixels; 20"),
        ({"height": 4000}, "Height"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_values(values: dict[str, Any], words: str, make_job: MakeJob) -> None:
    assert words in refused(make_job(**values)).message


def test_a_size_that_does_not_fit_into_memory(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    assert "memory" in refused(make_job(width=1024, height=1024)).message


@pytest.mark.parametrize(
    "name",
    [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer",
        "text_encoder/config.json",
        "text_encoder/model.onnx",
        "unet/config.json",
        "unet/model.onnx",
        "vae_decoder/config.json",
        "vae_decoder/model.onnx",
    ],
)
@pytest.mark.parametrize("how", ["missing", "truncated", "foreign"])
def test_damaged_models(name: str, how: str, copy: Path, make_job: MakeJob) -> None:
    path = copy / name
    if how == "missing":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    else:
        for file in [path] if path.is_file() else list(path.iterdir()):
            data = file.read_bytes()
            file.write_bytes(data[: len(data) // 2] if how == "truncated" else b"GIF89a" * 99)
    error = refused(make_job(model=copy))
    assert name in error.message
    assert "copy" in error.hint


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("model_index.json", {"_class_name": "WarpDrivePipeline"}, "WarpDrivePipeline"),
        ("unet/config.json", {"sample_size": "large"}, "unet/config.json"),
        ("unet/config.json", {"sample_size": 0}, "unet/config.json"),
        ("unet/config.json", {"in_channels": 9}, "inpainting"),
        ("vae_decoder/config.json", {"block_out_channels": 7}, "vae_decoder/config.json"),
        ("vae_decoder/config.json", {"up_block_types": ["Magic"] * 2}, "vae_decoder/config.json"),
        ("text_encoder/config.json", {"hidden_size": "many"}, "text_encoder/config.json"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "up"}, "scheduler_config.json"),
        ("scheduler/scheduler_config.json", {"_class_name": "Magic"}, "sampler"),
    ],
)
def test_configurations_that_are_wrong(
    name: str, change: dict[str, Any], words: str, copy: Path, make_job: MakeJob
) -> None:
    data = json.loads((copy / name).read_text("utf-8"))
    (copy / name).write_text(json.dumps(data | change), "utf-8")
    assert words in refused(make_job(model=copy)).message


def test_parts_of_different_models(copy: Path, make_job: MakeJob) -> None:
    shutil.copy(copy / "vae_encoder" / "model.onnx", copy / "unet" / "model.onnx")
    assert "unet/model.onnx" in refused(make_job(model=copy)).message
    endless(copy / "unet" / "model.onnx", ["b"])
    import onnx

    graph = onnx.load(copy / "unet" / "model.onnx")
    graph.graph.input[2].type.tensor_type.shape.dim[2].dim_value = 99
    onnx.save(graph, copy / "unet" / "model.onnx")
    assert "do not fit together" in refused(make_job(model=copy)).message


def test_a_model_that_takes_no_pictures(copy: Path, make_job: MakeJob, photo: Path) -> None:
    shutil.rmtree(copy / "vae_encoder")
    assert "cannot start from a picture" in refused(make_job(model=copy, picture=photo)).message
    assert outputs(make_job(model=copy))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"not a picture", None])
def test_pictures_that_are_none(data: bytes | None, tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "odd.png"
    if data is not None:
        path.write_bytes(data)
    assert "odd.png" in refused(make_job(picture=path)).message


def test_a_picture_cut_short_or_huge(
    photo: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = photo.read_bytes()
    photo.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in refused(make_job(picture=photo)).message
    photo.write_bytes(whole)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "too large" in refused(make_job(picture=photo)).message


def test_pictures_with_holes_are_put_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert pictures.read(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


@given(
    st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)),
    st.sampled_from([(64, 64), (512, 512), (768, 1344)]),
    st.sampled_from([8, 16, 64]),
)
def test_a_size_like_a_picture_can_be_drawn(
    size: tuple[int, int], own: tuple[int, int], unit: int
) -> None:
    width, height = pictures.like(size, own, unit)
    pictures.check_size(width, height, unit)
    assert unit <= min(width, height)
    assert max(width, height) <= pictures.LARGEST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = ["sample_size", "block_out_channels", "down_block_types", "attention_head_dim"]


@given(
    st.sampled_from(["unet", "vae_decoder"]),
    st.dictionaries(st.sampled_from([*KEYS, "num_attention_heads", "in_channels"]), JSON),
)
def test_a_strangers_configuration_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tiny: Path, part: str, change: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("strange")
    for name in ("model_index.json", "unet/config.json", "vae_decoder/config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny / name, folder / name)
    for name in ("text_encoder/config.json", "scheduler/scheduler_config.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny / name, folder / name)
    (folder / "tokenizer").mkdir()
    data = json.loads((folder / part / "config.json").read_text("utf-8"))
    (folder / part / "config.json").write_text(json.dumps(data | change), "utf-8")
    with contextlib.suppress(StudioError):
        found = layout.read(folder)
        assert found.unit >= 8
        assert min(found.size) >= 1
