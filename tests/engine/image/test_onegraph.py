"""One-graph image models: larger, cut out, seen in depth; against torch and known answers."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import ImagePreview, Output
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.image import background, maps, onegraph, tiles, upscale
from studio.engine.workbench import Workbench
from tests.engine import tiny_onegraph

DOUBLE = helper.make_node("Resize", ["pixel_values", "", "s"], ["y"], mode="nearest")
TWICE = {"s": np.array([1, 1, 2, 2], np.float32)}


def picture(path: Path, width: int, height: int) -> Path:
    random = np.random.default_rng(5)
    small = Image.fromarray(random.integers(0, 255, (5, 7, 3), np.uint8))
    small.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def read(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def made(
    family: Any, model: Path, source: Path, values: Mapping[str, Value] | None = None
) -> Image.Image:
    folder = source.parent / "job"
    folder.mkdir(exist_ok=True)
    recipe = Recipe("image", family.SPEC.id, model.name, 1, dict(values or {}))
    job = Job("j", recipe, folder, model, {"picture": source}, device=DeviceChoice("cpu", 1))
    (output,) = [s for s in family.run(job, Workbench()) if isinstance(s, Output)]
    with Image.open(output.files[0]) as opened:
        image = opened.copy()
    assert image.size == (output.summary["width"], output.summary["height"])
    return image


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 900), st.integers(8, 200), st.integers(1, 4))
def test_spans_cover_everything_and_overlap(length: int, tile: int, part: int) -> None:
    overlap = tile // 2 // part
    found = tiles.spans(length, tile, overlap)
    assert found[0].start == 0
    assert found[-1].start + found[-1].size == length
    for one, next_one in itertools.pairwise(found):
        assert one.start < next_one.start
        assert one.start + one.size - next_one.start >= overlap
    assert all(s.size == min(tile, length) for s in found)


@settings(max_examples=60, deadline=None)
@given(st.integers(9, 70), st.integers(9, 70), st.integers(1, 3))
def test_a_mosaic_of_exact_tiles_is_the_whole(height: int, width: int, scale: int) -> None:
    whole = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)

    def compute(rows: tiles.Span, columns: tiles.Span) -> Any:
        part = whole[rows.start : rows.start + rows.size]
        part = part[:, columns.start : columns.start + columns.size]
        return part.repeat(scale, 0).repeat(scale, 1)

    bands = list(tiles.mosaic(height, width, (16, 24), 6, scale, compute))
    put = np.concatenate([rows for _, _, rows in bands])
    assert np.allclose(put, whole.repeat(scale, 0).repeat(scale, 1), atol=1e-6)
    tops = np.cumsum([0, *(len(rows) for _, _, rows in bands)])[:-1]
    assert [top for _, top, _ in bands] == tops.tolist()


def test_seams_are_faded_not_cut() -> None:
    """Tiles that disagree by a constant make a slope, and no step."""
    count = 0

    def compute(rows: tiles.Span, columns: tiles.Span) -> Any:
        nonlocal count
        count += 1
        return np.full((rows.size, columns.size, 1), count % 2, np.float32)

    bands = [rows for _, _, rows in tiles.mosaic(16, 60, (16, 20), 8, 1, compute)]
    line = np.concatenate(bands)[0, :, 0]
    assert np.abs(np.diff(line)).max() <= 1 / 8 + 1e-6


@pytest.mark.parametrize("shape", [(1, 3, "h", "w"), (1, 3, 32, 32)])
def test_larger_in_tiles_as_in_one_piece(shape: tuple[Any, ...], tmp_path: Path) -> None:
    model = tiny_onegraph.write(tmp_path / "m", [DOUBLE], TWICE, "image-to-image", shape=shape)
    source = picture(tmp_path / "p.png", 101, 67)
    large = made(upscale, model, source, {"tile": 32, "overlap": 8})
    wanted = np.asarray(read(source)).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(np.asarray(large), wanted)


def test_graphs_of_8_bit_values(tmp_path: Path) -> None:
    model = tiny_onegraph.write(
        tmp_path / "m", [DOUBLE], TWICE, "image-to-image", element=TensorProto.UINT8
    )
    source = picture(tmp_path / "p.png", 30, 20)
    wanted = np.asarray(read(source)).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(np.asarray(made(upscale, model, source)), wanted)


def test_another_size_than_the_models_own(tmp_path: Path) -> None:
    model = tiny_onegraph.make_upscaler(tmp_path / "m")
    source = picture(tmp_path / "p.png", 30, 20)
    assert made(upscale, model, source, {"scale": 3.0}).size == (90, 60)
    assert made(upscale, model, source, {"scale": 1.5}).size == (45, 30)


def test_too_large_a_result_is_told_before(tmp_path: Path) -> None:
    model = tiny_onegraph.make_upscaler(tmp_path / "m")
    source = picture(tmp_path / "p.png", 3000, 10)
    with pytest.raises(StudioError, match="24,000 pixels"):
        made(upscale, model, source, {"scale": 8.0})


def test_swin2sr_as_transformers_has_it(tmp_path: Path) -> None:
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    torch.manual_seed(0)
    config = Swin2SRConfig(
        image_size=16, embed_dim=12, depths=[2], num_heads=[2], window_size=4, upscale=2
    )
    torch_model = Swin2SRForImageSuperResolution(config).eval()
    folder = tmp_path / "m"
    tiny_onegraph.make_upscaler(folder)
    export(torch_model, torch.rand(1, 3, 16, 16), folder, "reconstruction")
    pad = {"do_rescale": True, "do_pad": True, "pad_size": 8}
    (folder / "preprocessor_config.json").write_text(json.dumps(pad))
    source = picture(tmp_path / "p.png", 24, 16)
    pixels = np.asarray(read(source), np.float32) / 255
    with torch.no_grad():
        answer = torch_model(torch.from_numpy(pixels.transpose(2, 0, 1)[None])).reconstruction
    wanted = answer[0].permute(1, 2, 0).clamp(0, 1).numpy()
    assert wanted.std() > 0.01, "a grey picture would prove nothing"
    found = np.asarray(made(upscale, folder, source), np.float32) / 255
    assert np.abs(found - wanted).max() <= 0.5 / 255 + 1e-4


@pytest.mark.parametrize("name", ["depth_anything", "dpt"])
def test_depth_as_transformers_has_it(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    torch_model, unit = depth_model(name)
    side = 4 * unit
    folder = tmp_path / "m"
    tiny_onegraph.make_seer(folder)
    export(torch_model, torch.rand(1, 3, side, side), folder, "predicted_depth", fixed=True)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    prepared: dict[str, Any] = {
        "size": {"height": side, "width": side},
        "image_mean": mean,
        "image_std": std,
    }
    prepared |= {"do_normalize": True, "ensure_multiple_of": unit}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    source = picture(tmp_path / "p.png", side, side)
    pixels = (np.asarray(read(source), np.float32) / 255 - mean) / std
    with torch.no_grad():
        batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
        depth = torch_model(batch).predicted_depth[0].numpy()
    wanted = maps.stretched(depth)
    assert wanted.std() > 0.05
    found = np.asarray(made(maps, folder, source), np.float32)[:, :, 0] / 255
    assert np.abs(found - wanted).max() <= 0.5 / 255 + 1e-4
    other = made(maps, folder, source, {"invert": True})
    assert np.array_equal(
        np.asarray(other)[:, :, 0] + np.round(found * 255), np.full_like(found, 255)
    )


def depth_model(name: str) -> tuple[Any, int]:
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTConfig,
        DPTForDepthEstimation,
    )

    if name == "dpt":
        config = DPTConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
            image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
        )  # fmt: skip
        return DPTForDepthEstimation(config).eval(), 16
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, head_hidden_size=8,
    )  # fmt: skip
    return DepthAnythingForDepthEstimation(config).eval(), 14


def export(
    model: Any, example: torch.Tensor, folder: Path, output: str, *, fixed: bool = False
) -> None:
    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = getattr(self.inner(pixel_values), output)
            return answer

    axes = None if fixed else {"pixel_values": {2: "h", 3: "w"}, output: {2: "H", 3: "W"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of constants it has traced
        torch.onnx.export(
            Bare().eval(), (example,), str(folder / "onnx" / "model.onnx"), dynamo=False,
            input_names=["pixel_values"], output_names=[output], dynamic_axes=axes,
            opset_version=18,
        )  # fmt: skip


def test_a_red_disc_is_cut_out(tmp_path: Path) -> None:
    model = tiny_onegraph.make_cutter(tmp_path / "m")
    source = tiny_onegraph.inputs(tmp_path / "in")["picture"]
    cut = made(background, model, source)
    assert cut.mode == "RGBA"
    assert cut.getpixel((16, 12)) == (220, 30, 40, 255)
    assert cut.getpixel((36, 2))[3] == 0  # type: ignore[index]
    mask = made(background, model, source, {"ground": "mask", "edge": 1.0})
    assert set(np.unique(np.asarray(mask)[4:20, 30:])) == {0}
    white = made(background, model, source, {"ground": "white"})
    assert white.mode == "RGB"
    assert white.getpixel((36, 2)) == (255, 255, 255)


def test_logits_and_probabilities_are_told_apart() -> None:
    logits = np.array([-20.0, 0.0, 20.0], np.float32)
    assert background.mask(logits) == pytest.approx([0, 0.5, 1], abs=1e-4)
    assert background.mask(np.array([0.1, 0.9], np.float32)) == pytest.approx([0, 1])
    noise = np.array([0.01, 0.03], np.float32)
    assert background.mask(noise) == pytest.approx(noise)


def test_previews_come_while_it_goes_on(tmp_path: Path) -> None:
    model = tiny_onegraph.make_upscaler(tmp_path / "m")
    source = picture(tmp_path / "p.png", 120, 90)
    recipe = Recipe("image", "image.upscale", "m", 1, {"tile": 32})
    (tmp_path / "job").mkdir()
    job = Job("j", recipe, tmp_path / "job", model, {"picture": source})
    steps = list(upscale.run(job, Workbench()))
    assert sum(isinstance(s, ImagePreview) for s in steps) > 2


@pytest.mark.parametrize(
    ("node", "weights", "shape"),
    [
        # A class of the picture, and no picture.
        (helper.make_node("ReduceMean", ["pixel_values"], ["y"], keepdims=0), {}, (1, 3, 8, 8)),
        # Smaller, not larger.
        (
            helper.make_node("AveragePool", ["pixel_values"], ["y"], kernel_shape=[2, 2],
                             strides=[2, 2]),
            {},
            (1, 3, "h", "w"),
        ),
        # Four channels in.
        (helper.make_node("Identity", ["pixel_values"], ["y"]), {}, (1, 4, "h", "w")),
    ],
)  # fmt: skip
def test_other_graphs_are_told(
    node: Any, weights: dict[str, Any], shape: tuple[Any, ...], tmp_path: Path
) -> None:
    model = tiny_onegraph.write(tmp_path / "m", [node], weights, "image-to-image", shape=shape)
    with pytest.raises(StudioError) as caught:
        made(upscale, model, picture(tmp_path / "p.png", 20, 20))
    assert caught.value.hint


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["size", "image_mean", "image_std", "do_normalize", "do_pad", "pad_size",
             "rescale_factor", "ensure_multiple_of", "do_resize", "do_rescale"]
        ),
        st.one_of(st.none(), st.booleans(), st.integers(-9, 9999), st.text(max_size=3),
                  st.lists(st.floats(-2, 2), max_size=4),
                  st.dictionaries(st.sampled_from(["height", "width", "shortest_edge"]),
                                  st.integers(-5, 99999))),
    )
)  # fmt: skip
def test_any_preprocessor_config_is_read_or_refused(tmp: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "preprocessor_config.json").write_text(json.dumps(tmp))
        try:
            prepared = onegraph._preparation(folder, raw=False)
        except StudioError:
            return
        assert 1 <= prepared.multiple <= 256
        assert len(prepared.mean) == len(prepared.std)


def test_without_a_picture_there_is_a_sentence(tmp_path: Path) -> None:
    model = tiny_onegraph.make_upscaler(tmp_path / "m")
    job = Job("j", Recipe("image", "image.upscale", "m", 1), tmp_path, model)
    with pytest.raises(StudioError, match="no picture"):
        list(upscale.run(job, Workbench()))
