"""ONNX files are told without loading: weights outside, precision, ports; hostile ones never raise
anything but that they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.models import Store, onnxfile
from studio.models.onnxfile import DamagedError, External
from tests.models import makers
from tests.models.makers import field, node, onnx, port, weight


def test_the_real_library_writes_what_is_read(tmp_path: Path) -> None:
    import numpy as np
    import onnx as library
    from onnx import TensorProto, helper, numpy_helper

    kept = numpy_helper.from_array(np.zeros((64, 64), np.float16), "w")
    inner = helper.make_graph([helper.make_node("Relu", ["w"], ["y"])], "inner", [], [])
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [kept],
    )
    model = helper.make_model(graph)
    helper.set_model_props(model, {"author": "nobody"})
    path = tmp_path / "m.onnx"
    library.save(model, str(path), save_as_external_data=True, location="m.bin", size_threshold=0)
    found = onnxfile.read(path)
    assert found.external == {External("m.bin", 8192)}
    assert found.precision == "fp16"
    assert found.inputs[0].shape == (1, 3, "h", 8)
    assert found.outputs[0].shape == ("n",)
    assert found.ops == {"If": 1, "Relu": 2}
    assert found.metadata == {"author": "nobody"}


def test_weights_outside_are_found_wherever_they_hide(tmp_path: Path) -> None:
    deep = makers.graph([], [], [node("Relu")], [weight("v", "../../secret", 4)])
    attributes = [field(1, "then") + field(6, deep), field(1, "t") + field(5, weight("u", "/a", 4))]
    path = onnx(tmp_path / "m.onnx", nodes=[node("If", *attributes)])
    assert {e.location for e in onnxfile.read(path).external} == {"../../secret", "/a"}


def test_packed_weights_are_told_by_their_bits(tmp_path: Path) -> None:
    bits = field(1, "bits") + field(3, 4)
    assert (
        onnxfile.read(onnx(tmp_path / "m.onnx", nodes=[node("MatMulNBits", bits)])).precision
        == "int4"
    )
    assert (
        onnxfile.read(onnx(tmp_path / "n.onnx", weights=[weight("w", kind=3)])).precision == "int8"
    )


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("../outside.bin", "outside its folder"),
        ("/etc/passwd", "outside its folder"),
        ("C:\\weights.bin", "outside its folder"),
        ("a\\..\\..\\b", "outside its folder"),
        ("", "outside its folder"),
        ("gone.bin", "missing: onnx/gone.bin"),
        ("short.bin", "short.bin is damaged"),
        ("pointer.bin", "pointer of Git LFS"),
    ],
)
def test_what_a_graph_wants_from_other_files_is_checked(
    tmp_path: Path, location: str, told: str
) -> None:
    folder = tmp_path / "models" / "one"
    makers.config(folder, model_type="gpt2")
    pairs = field(13, field(1, "location") + field(2, location))
    tensor = field(1, 4) + field(2, 1) + pairs + field(13, field(1, "length") + field(2, "4096"))
    onnx(folder / "onnx" / "model.onnx", weights=[tensor])
    (folder / "onnx" / "short.bin").write_bytes(b"\0" * 100)
    (folder / "onnx" / "pointer.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "models" / "outside.bin").write_bytes(b"\0" * 4096)
    found = Store([tmp_path / "models"]).find("one")
    assert found is not None
    assert told in found.problem
    assert found.hint


def test_a_graph_cut_short_is_told(tmp_path: Path) -> None:
    whole = onnx(tmp_path / "m.onnx", [port("x", 1, 3, 8, 8)]).read_bytes()
    for cut in range(16, len(whole)):
        (tmp_path / "cut.onnx").write_bytes(whole[:cut])
        with pytest.raises(DamagedError):
            onnxfile.read(tmp_path / "cut.onnx")


def test_endless_graphs_in_graphs_are_told(tmp_path: Path) -> None:
    body = makers.graph([], [], [], [])
    for _ in range(200):
        body = makers.graph([], [], [node("If", field(1, "b") + field(6, body))], [])
    path = tmp_path / "m.onnx"
    path.write_bytes(field(1, 10) + field(7, body))
    with pytest.raises(DamagedError):
        onnxfile.read(path)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), at=st.integers(0, 400))
def test_any_bytes_are_a_graph_or_damaged(held: Path, data: bytes, at: int) -> None:
    plain, path = held / "plain.onnx", held / "m.onnx"
    if not plain.exists():
        onnx(plain, [port("x", 1, 3, 8, 8)], weights=[weight("w", "a", 4)])
    whole = plain.read_bytes()
    path.unlink(missing_ok=True)  # to cut off what was there takes some file systems milliseconds
    path.write_bytes(whole[: at % len(whole)] + data + whole[at % len(whole) :])
    try:
        onnxfile.read(path)
    except DamagedError:
        pass
    path.unlink()
    path.write_bytes(b"\x08" + data + b"\0" * 16)
    try:
        onnxfile.read(path)
    except DamagedError:
        pass
