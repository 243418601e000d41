"""Stickers: what is drawn on white, cut out by a part of the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core import media
from studio.core.errors import StudioError
from studio.engine.image import sticker
from tests.engine.image.conftest import MakeJob
from tests.engine.image.drawing import outputs, pixels


def darkness(folder: Path) -> None:
    """A part that takes what is darker for more opaque: (1 - mean) / 2 of colours in [-1, 1].

    It takes sizes in multiples of 16 alone.
    """
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("MaxPool", ["sample"], ["small"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Resize", ["small", "", "scales"], ["coarse"], mode="nearest"),
        helper.make_node("Add", ["sample", "coarse"], ["both"]),  # fails where sizes do not fit
        helper.make_node("Sub", ["both", "coarse"], ["same"]),
        helper.make_node("ReduceMean", ["same", "channels"], ["mean"]),
        helper.make_node("Sub", ["one", "mean"], ["twice"]),
        helper.make_node("Mul", ["twice", "half"], ["alpha"]),
    ]
    floats = {"scales": [1.0, 1.0, 16.0, 16.0], "one": [1.0], "half": [0.5]}
    graph = helper.make_graph(
        nodes,
        "darkness",
        [helper.make_tensor_value_info("sample", TensorProto.FLOAT, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, ["b", 1, "h", "w"])],
        initializer=[
            *(helper.make_tensor(n, TensorProto.FLOAT, [len(v)], v) for n, v in floats.items()),
            helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
        ],
    )
    folder.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"block_out_channels": [1] * 5}), "utf-8")


@pytest.fixture
def cutting(tiny: Path, tmp_path: Path) -> Path:
    """The tiny model, with a part that cuts out."""
    folder = shutil.copytree(tiny, tmp_path / "cutting")
    darkness(folder / sticker.PART)
    return folder


def test_a_sticker_is_transparent_and_again_the_same(make_job: MakeJob, cutting: Path) -> None:
    wish = {"model": cutting, "background": "transparent", "width": 40, "height": 56}
    made = outputs(make_job(**wish))[0]
    cut = pixels(made)
    assert cut.shape == (56, 40, 4)
    on_white = pixels(outputs(make_job(**wish | {"background": "white"}))[0])
    assert on_white.shape == (56, 40, 3)
    # As opaque as the part says.
    assert np.abs(cut[..., 3] - (255 - on_white.mean(axis=2))).max() <= 2
    assert media.extract(made.files[0]).recipe == made.recipe
    assert made.recipe.values["background"] == "transparent"
    again = outputs(make_job(model=cutting, seed=made.recipe.seed, **made.recipe.values))[0]
    assert again.files[0].read_bytes() == made.files[0].read_bytes()


def test_a_model_without_the_part_says_so(make_job: MakeJob) -> None:
    with pytest.raises(StudioError, match="transparent"):
        outputs(make_job(background="transparent"))


@pytest.mark.parametrize("config", ["{}", '{"block_out_channels": 3}', "["])
def test_a_part_that_is_not_told_right_is_named(
    make_job: MakeJob, cutting: Path, config: str
) -> None:
    (cutting / sticker.PART / "config.json").write_text(config, "utf-8")
    with pytest.raises(StudioError, match=r"config\.json"):
        outputs(make_job(model=cutting, background="transparent"))


def disc(soft: float) -> npt.NDArray[np.float32]:
    """How opaque a disc of radius 12 in the middle of 40 x 40 is, its edge `soft` pixels wide."""
    y, x = np.mgrid[:40, :40] - 19.5
    return np.asarray(((12 - np.hypot(x, y)) / soft + 0.5).clip(0, 1), dtype=np.float32)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3), st.floats(1.0, 4.0))
def test_the_edge_is_free_of_the_white(colour: tuple[int, int, int], soft: float) -> None:
    alpha = disc(soft)
    part = alpha[..., None]
    drawn = (part * np.array(colour) + (1 - part) * 255).round().astype(np.uint8)
    cut = sticker.lifted(drawn, alpha)
    assert cut.shape == (40, 40, 4)
    seen = alpha > 0.1
    assert np.abs(cut[..., :3].astype(int) - np.array(colour))[seen].max() <= 6
    # Laid on black there is no pale rim.
    laid = cut[..., :3] * (cut[..., 3:] / 255)
    assert np.abs(laid - part * np.array(colour)).max() <= 6


def test_white_within_stays_white_and_nothing_stays_nothing() -> None:
    drawn = np.full((20, 24, 3), 255, dtype=np.uint8)
    solid = sticker.lifted(drawn, np.ones((20, 24), dtype=np.float32))
    assert (solid == 255).all()
    empty = sticker.lifted(drawn, np.zeros((20, 24), dtype=np.float32))
    assert (empty[..., 3] == 0).all()
