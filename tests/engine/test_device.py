"""What the machine really has."""

from __future__ import annotations

from typing import get_args

import pytest
from onnx import TensorProto, helper

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Provider
from studio.engine import device
from studio.engine.gpus import find_gpu


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
    assert device.providers(DeviceChoice("cpu")) == [device.CPU]
    assert [p for p in device.report().providers if p in (device.CUDA, device.CPU)] == expected


@pytest.mark.parametrize("backend", device.BACKENDS, ids=lambda b: b.id)
def test_what_was_chosen_is_used_or_refused(backend: device.Backend) -> None:
    assert backend.id in get_args(Provider)
    choice = DeviceChoice(backend.id)  # type: ignore[arg-type]
    why = device.fault(backend.provider)
    if not why:
        assert device.providers(choice)[0] == backend.provider
        return
    with pytest.raises(StudioError) as caught:
        device.providers(choice)
    assert why in caught.value.message
    assert caught.value.hint


def test_a_provider_is_told_by_running_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is found is no proof: ONNX Runtime has to compute on it."""
    monkeypatch.setattr(device, "find_gpu", lambda: device.Gpu("A card", 8 << 30))
    device.fault.cache_clear()
    try:
        if isinstance(find_gpu(), str):
            assert device.fault(device.CUDA)
            assert device.providers(DeviceChoice()) == [device.CPU]
            assert device.report().detail == device.fault(device.CUDA)
    finally:
        device.fault.cache_clear()


def test_threads_are_the_choice_or_fit_the_machine() -> None:
    assert device.threads(DeviceChoice(threads=3)) == 3
    assert device.threads(DeviceChoice()) >= 1
