"""What goes into a bundle and what stays out, told from paths alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pack.contents import BEGIN, END, FLAVOURS, PURPOSES, filled, left_out, purpose, table

NEEDED = (
    "torch/lib/libtorch_cpu.so",
    "torch/bin/torch_shm_manager",
    "torch/testing/__init__.py",
    "onnxruntime/capi/libonnxruntime.so.1.31.1",
    "onnxruntime/capi/libonnxruntime_providers_shared.so",
    "onnxruntime/transformers/onnx_utils.py",
    "onnxruntime/tools/symbolic_shape_infer.py",
    "onnxruntime/quantization/matmul_nbits_quantizer.py",
    "onnxruntime_genai/libonnxruntime-genai.so",
    "onnxruntime_genai/models/builder.py",
    "PySide6/QtWidgets.abi3.so",
    "PySide6/QtMultimedia.pyd",
    "PySide6/Qt6Core.dll",
    "PySide6/plugins/platforms/qwindows.dll",
    "PySide6/Qt/lib/libQt6Core.so.6",
    "PySide6/Qt/lib/libQt6FFmpegStub-crypto.so.3",
    "PySide6/Qt/lib/QtCore.framework/Versions/A/QtCore",
    "PySide6/Qt/lib/libavcodec.so.61",
    "PySide6/Qt/lib/libicudata.so.73",
    "PySide6/Qt/plugins/platforms/libqxcb.so",
    "PySide6/Qt/plugins/platforms/libqcocoa.dylib",
    "PySide6/Qt/plugins/multimedia/libffmpegmediaplugin.so",
    "PySide6/Qt/translations/qtbase_de.qm",
    "misaki/data/us_gold.json",
    "clip/bpe_simple_vocab_16e6.txt.gz",
    "numpy/testing/__init__.py",
    "numpy-2.4.6.dist-info/METADATA",
    "transformers/models/clip/modeling_clip.py",
)
NOT_NEEDED = (
    "torch/test/anything.py",
    "torch/include/ATen/ATen.h",
    "torch/bin/protoc",
    "torch/lib/libtorchbind_test.so",
    "numpy/_core/tests/test_umath.py",
    "numpy/_core/lib/libnpymath.a",
    "numpy/__init__.pyi",
    "sympy/core/tests/test_expr.py",
    "PySide6/Qt/lib/libQt6WebEngineCore.so.6",
    "PySide6/Qt/lib/libQt6Quick3D.so.6",
    "PySide6/Qt/lib/libavcodec.so",
    "PySide6/Qt/lib/libavcodec.so.61.19.101",
    "PySide6/Qt/lib/QtPdf.framework/Versions/A/QtPdf",
    "PySide6/Qt/qml/QtQuick/qmldir",
    "PySide6/Qt/plugins/sqldrivers/libqsqlite.so",
    "PySide6/Qt/translations/designer_de.qm",
    "PySide6/Qt6WebEngineCore.dll",
    "PySide6/QtQuick3D.abi3.so",
    "PySide6/designer",
    "PySide6/lupdate.exe",
    "onnx/backend/test/data/node/test_abs/model.onnx",
    "mido/__pycache__/__init__.cpython-311.pyc",
)
CARDS = (
    "onnxruntime/capi/libonnxruntime_providers_cuda.so",
    "onnxruntime/capi/libonnxruntime_providers_tensorrt.so",
    "onnxruntime/capi/onnxruntime_providers_cuda.dll",
    "onnxruntime_genai/libonnxruntime-genai-cuda.so",
    "nvidia/cublas/lib/libcublas.so.13",
)


@pytest.mark.parametrize("path", NEEDED)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_runs_goes_in(path: str, flavour: str) -> None:
    assert flavour in FLAVOURS
    assert left_out(path, "cpu" if flavour == "cpu" else "cuda") == ""


@pytest.mark.parametrize("path", NOT_NEEDED)
def test_what_is_for_programmers_stays_out(path: str) -> None:
    assert left_out(path, "cpu")
    assert left_out(path, "cuda")


@pytest.mark.parametrize("path", CARDS)
def test_only_the_bundle_for_cards_has_what_is_for_cards(path: str) -> None:
    assert left_out(path, "cpu")
    assert not left_out(path, "cuda")


@pytest.mark.parametrize("path", ["torch/test/LICENSE", "sympy/core/tests/COPYING.txt"])
def test_licences_stay_wherever_they_lie(path: str) -> None:
    assert not left_out(path, "cpu")


@given(st.lists(st.text("abcdefgh./_-", min_size=1, max_size=30), min_size=1, max_size=5))
def test_every_path_is_for_something(parts: list[str]) -> None:
    name, why = purpose("/".join(parts))
    assert (name, why) in {(n, w) for _, n, w in PURPOSES}


def test_the_table_adds_up_and_begins_with_the_largest() -> None:
    lines = table(
        [("packages/torch/a", 2_000_000), ("packages/torch/b", 1_000_000), ("triptych", 500_000)]
    ).splitlines()
    assert lines[2].startswith("| 3.0 | PyTorch |")
    assert lines[3].startswith("| 0.5 | Python and the studio |")
    assert lines[-1] == "| 3.5 | all of it | |"


def test_the_table_takes_the_place_of_an_older_one() -> None:
    page = f"a\n{BEGIN}\nold\n{END}\nb\n"
    once = filled(page, "| new |")
    assert once == f"a\n{BEGIN}\n| new |\n{END}\nb\n"
    assert filled(once, "| new |") == once
