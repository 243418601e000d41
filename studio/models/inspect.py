"""Whether a model's folder is whole and safe: told by looking at files, without loading any."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

PICKLED = frozenset({".ckpt", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".mar", ".h5"})
"""Weights that run code of a stranger when they are loaded; they never are."""
WEIGHTS = frozenset({".onnx", ".safetensors", ".gguf"})
CONFIGS = ("genai_config.json", "model_index.json", "config.json")
MAX_CONFIG = 8 << 20
MAX_HEADER = 100 << 20
"""Bytes of a safetensors header; the format's own limit."""


def problem_of(folder: Path, files: tuple[Path, ...]) -> tuple[str, str]:
    """Why `folder` with its `files` cannot be used, and what to do; two empty strings if it can.

    Raises OSError where a file cannot be read.
    """
    again = "Get the model again; a download may have been cut short."
    suffixes = {p.suffix.lower() for p in files}
    if not suffixes & WEIGHTS:
        if suffixes & PICKLED:
            return (
                "Its weights are pickled, and loading such files would run a stranger's program.",
                "Look for the same model as ONNX or safetensors.",
            )
        return "There are no weights in this folder.", again
    parsed: dict[str, dict[str, Any]] = {}
    for name in CONFIGS:
        path = folder / name
        if path in files:
            config = _json(path)
            if config is None:
                return f"Its {name} is damaged.", again
            parsed[name] = config
    if not parsed:
        return (
            "It is in no layout that Triptych knows.",
            "A model needs a genai_config.json, a model_index.json or a config.json.",
        )
    missing = _missing(folder, parsed)
    if missing:
        return f"A part of it is missing: {missing}.", again
    for path in files:
        if path.suffix.lower() in WEIGHTS and not _whole(path):
            return f"Its file {path.relative_to(folder).as_posix()} is damaged.", again
    return "", ""


def _json(path: Path) -> dict[str, Any] | None:
    if path.stat().st_size > MAX_CONFIG:
        return None
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _missing(folder: Path, parsed: dict[str, dict[str, Any]]) -> str:
    """The first part that the folder's own index names and that is not there."""
    model = parsed.get("genai_config.json", {}).get("model")
    if isinstance(model, dict):
        for part in model.values():
            name = part.get("filename") if isinstance(part, dict) else None
            if isinstance(name, str) and not _inside(folder, name):
                return name[:100]
    for name, part in parsed.get("model_index.json", {}).items():
        # A component is a pair of library and class; [null, null] is one that was left out.
        named = isinstance(part, list) and len(part) == 2 and all(isinstance(x, str) for x in part)
        # ONNX exports keep an autoencoder in two halves; only drawing on a picture needs both.
        if named and not (_inside(folder, name) or _inside(folder, f"{name}_decoder")):
            return name[:100]
    return ""


def _inside(folder: Path, name: str) -> bool:
    """Whether `name` exists and stays within the folder, whoever wrote the index."""
    if "\0" in name or len(name) > 255 or Path(name).is_absolute() or ".." in Path(name).parts:
        return False
    return (folder / name).exists()


def _whole(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if path.suffix.lower() == ".gguf":
            return head[:4] == b"GGUF" and size > 24
        if path.suffix.lower() == ".onnx":
            # A protobuf message whose first field is ir_version; more can be told by a load only.
            return size > 16 and head[0] == 0x08
        if len(head) < 8:
            return False
        (length,) = struct.unpack("<Q", head)
        if length > min(MAX_HEADER, size - 8):
            return False
        try:
            header = json.loads(file.read(length).decode("utf-8"))
        except (ValueError, RecursionError):
            return False
    return isinstance(header, dict) and 8 + length + _end(header) == size


def _end(header: dict[str, Any]) -> int:
    """Where the last tensor of a safetensors file ends, from the end of its header."""
    ends = [0]
    for name, tensor in header.items():
        offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
        if name != "__metadata__":
            if not (isinstance(offsets, list) and len(offsets) == 2):
                return -1
            if not all(isinstance(x, int) for x in offsets):
                return -1
            ends.append(offsets[1])
    return max(ends)
