"""Folders of onnxruntime-genai on a hub: for which devices they were made, and what cannot run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from studio.models.inspect import Look

CPU, CUDA, DML = "CPUExecutionProvider", "CUDAExecutionProvider", "DmlExecutionProvider"

_DEVICES = {
    "cpu": CPU, "cuda": CUDA, "gpu": CUDA, "dml": DML, "directml": DML,
    "npu": "QNNExecutionProvider", "qnn": "QNNExecutionProvider",
    "webgpu": "WebGpuExecutionProvider", "openvino": "OpenVINOExecutionProvider",
    "vitisai": "VitisAIExecutionProvider", "nvtensorrtrtx": "NvTensorRTRTXExecutionProvider",
    "rocm": "ROCMExecutionProvider", "migraphx": "MIGraphXExecutionProvider",
}  # fmt: skip
"""What genai_config.json and folders of repositories call the execution providers."""
_GENAI = frozenset({CPU, CUDA})
"""Those that the engine runs onnxruntime-genai on."""
_SAID = {CPU: "the processor", CUDA: "NVIDIA cards", DML: "DirectML"}
_OWN_CODE = frozenset({"custom_ops_library", "library_path"})
"""Settings that make it load native code."""
MAX_NESTED = 30


def said(provider: str) -> str:
    """An execution provider as a person knows it."""
    return _SAID.get(provider, provider.removesuffix("ExecutionProvider"))


def limits(folder: str, look: Look) -> tuple[str, ...]:
    """The execution providers that a graph was built for; empty where any runs it."""
    told = _providers(look.configs.get("genai_config.json", {}))
    if told:
        return told
    if "genai_config.json" not in look.configs:
        return ()
    for name in reversed(folder.lower().split("/")):
        for word in re.split(r"[^a-z0-9]+", name):
            if word in _DEVICES and word != "cpu":
                return (_DEVICES[word],)
    return ()


def _providers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that genai_config.json lists for the decoder."""
    found: Any = config
    for key in ("model", "decoder", "session_options", "provider_options"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return ()
    names = [name.lower() for entry in found if isinstance(entry, dict) for name in entry]
    known = [_DEVICES.get(n, "") or n[:40] for n in names if n != "cpu"]
    return tuple(dict.fromkeys(known))


def unfit(look: Look, limited: Sequence[str]) -> tuple[str, str]:
    """Why the engine could not run what seems whole, and what to do."""
    config = look.configs.get("genai_config.json")
    if config is None:
        return "", ""
    if _mentions(config, 0):
        return (
            "It wants to run program code of its own.",
            "Only models that are nothing but weights can be used. Choose another one.",
        )
    model = config.get("model")
    model = model if isinstance(model, dict) else {}
    decoder = model.get("decoder")
    if not (isinstance(decoder, dict) and isinstance(decoder.get("filename"), str)):
        return "It is no language model that Triptych runs.", "Choose another model."
    if {"vision", "speech", "encoder", "embedding"} & set(model):
        return (
            "It also takes pictures or sound, and Triptych runs models that take words alone.",
            "Look for a model of the same maker that is for text.",
        )
    if limited and not _GENAI.intersection(limited):
        made = ", ".join(map(said, limited))
        return (
            f"It is made for {made}, and Triptych runs language models on the processor and on "
            "NVIDIA cards.",
            "Choose another variant.",
        )
    return "", ""


def _mentions(value: object, depth: int) -> bool:
    if depth > MAX_NESTED:
        return True  # no honest configuration is so deep
    if isinstance(value, dict):
        return bool(_OWN_CODE & value.keys()) or any(
            _mentions(v, depth + 1) for v in value.values()
        )
    return isinstance(value, list) and any(_mentions(v, depth + 1) for v in value)
