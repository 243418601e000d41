"""What the machine really has."""

from __future__ import annotations

from onnx import TensorProto, helper

from studio.core.recipe import DeviceChoice
from studio.engine import device


def test_the_probe_graph_is_what_it_says() -> None:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "g", value[:1], value[1:]
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 13)])
    assert model.SerializeToString() == device.PROBE_GRAPH


def test_the_probe_runs_on_the_processor_and_says_why_not_elsewhere() -> None:
    probed = device.probe()
    assert probed.providers[device.CPU] == ""
    if isinstance(device.find_gpu(), str):
        assert probed.providers[device.CUDA]
    assert "torch" in probed.versions


def test_without_a_gpu_cuda_is_never_asked_for() -> None:
    gpu = device.find_gpu()
    expected = [device.CUDA, device.CPU] if isinstance(gpu, device.Gpu) else [device.CPU]
    assert device.providers(DeviceChoice("auto")) == expected
    assert device.providers(DeviceChoice("cuda")) == expected
    assert device.providers(DeviceChoice("cpu")) == [device.CPU]
    assert list(device.report().providers) == expected


def test_threads_are_the_choice_or_fit_the_machine() -> None:
    assert device.threads(DeviceChoice(threads=3)) == 3
    assert device.threads(DeviceChoice()) >= 1
