"""Tiny model files with real headers, for the tests of recognising and adding."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIZES = {"F32": 4, "F16": 2, "I64": 8}
Shapes = Mapping[str, tuple[int, ...]]


def safetensors(path: Path, shapes: Shapes, dtype: str = "F16", **metadata: str) -> Path:
    """A whole safetensors file of zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, shape in shapes.items():
        size = math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * at)
    return path


def field(number: int, value: int | bytes | str) -> bytes:
    """One protobuf field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def port(name: str, *shape: int | str) -> bytes:
    """A ValueInfoProto of float."""
    dims = b"".join(field(1, field(1 if isinstance(n, int) else 2, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def weight(name: str, location: str = "", end: int = 0, kind: int = 1) -> bytes:
    """A TensorProto of 4 values, within the file or outside."""
    said = field(1, 4) + field(2, kind) + field(8, name)
    if not location:
        return said + field(9, b"\0" * 16)
    pairs = {"location": location, "offset": "0", "length": str(end)}
    entries = b"".join(field(13, field(1, k) + field(2, v)) for k, v in pairs.items())
    return said + entries + field(14, 1)


def node(op: str, *attributes: bytes) -> bytes:
    """A NodeProto."""
    return field(1, "a") + field(2, "b") + field(4, op) + b"".join(field(5, a) for a in attributes)


def graph(
    inputs: list[bytes], outputs: list[bytes], nodes: list[bytes], weights: list[bytes]
) -> bytes:
    """A GraphProto."""
    parts = [(1, nodes), (5, weights), (11, inputs), (12, outputs)]
    return b"".join(field(number, part) for number, list_ in parts for part in list_)


def onnx(
    path: Path,
    inputs: list[bytes] | None = None,
    outputs: list[bytes] | None = None,
    nodes: list[bytes] | None = None,
    weights: list[bytes] | None = None,
) -> Path:
    """An ONNX file that says what it is and computes nothing."""
    body = graph(inputs or [], outputs or [], nodes or [node("Relu")], weights or [weight("w")])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(field(1, 10) + field(2, "test") + field(7, body))
    return path


def config(folder: Path, name: str = "config.json", **values: Any) -> Path:
    """A JSON file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(values), "utf-8")
    return path


def lora(path: Path, width: int = 768) -> Path:
    unit = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    return safetensors(
        path,
        {
            f"{unit}.lora_down.weight": (4, width),
            f"{unit}.lora_up.weight": (32, 4),
            f"{unit}.alpha": (),
        },
    )


def checkpoint(path: Path, width: int = 768, channels: int = 4) -> Path:
    unet = "model.diffusion_model."
    shapes: dict[str, tuple[int, ...]] = {
        f"{unet}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{unet}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (4, width),
        "first_stage_model.decoder.conv_out.weight": (3, 8, 3, 3),
    }
    if width == 2048:
        shapes["conditioner.embedders.0.transformer.text_model.final_layer_norm.weight"] = (8,)
        shapes["conditioner.embedders.1.model.ln_final.weight"] = (8,)
    else:
        shapes["cond_stage_model.transformer.text_model.final_layer_norm.weight"] = (8,)
    return safetensors(path, shapes)


def transformers(folder: Path, model_type: str, architecture: str, **values: Any) -> Path:
    config(folder, model_type=model_type, architectures=[architecture], **values)
    config(folder, "tokenizer.json")
    safetensors(folder / "model.safetensors", {"w": (4,)})
    return folder


def diffusers(folder: Path, *, onnx_parts: bool, pipeline: str = "StableDiffusionPipeline") -> Path:
    index: dict[str, Any] = {"_class_name": pipeline, "unet": ["diffusers", "UNet2DConditionModel"]}
    config(folder, "model_index.json", **index)
    config(folder / "unet", _class_name="UNet2DConditionModel")
    if onnx_parts:
        onnx(folder / "unet" / "model.onnx")
    else:
        safetensors(folder / "unet" / "diffusion_pytorch_model.safetensors", {"w": (4,)})
    return folder


def piper(folder: Path) -> Path:
    ports = [port("input", 1, "n"), port("input_lengths", 1), port("scales", 3)]
    voice = onnx(folder / "en_US-amy-low.onnx", ports, [port("output", 1, 1, "n")])
    config(
        folder,
        f"{voice.name}.json",
        audio={"sample_rate": 16000},
        phoneme_id_map={"a": [3]},
        num_speakers=2,
        speaker_id_map={"kim": 1, "amy": 0},
    )
    return voice


def kokoro(folder: Path) -> Path:
    config(folder, model_type="style_text_to_speech_2")
    onnx(folder / "onnx" / "model.onnx", [port("input_ids", 1, "n"), port("style", 1, 256)])
    for name in ("bf_emma", "af_bella"):
        path = folder / "voices" / f"{name}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0" * 1024)
    return folder


def upscaler(path: Path) -> Path:
    return onnx(path, [port("image", 1, 3, 64, 64)], [port("upscaled", 1, 3, 256, 256)])
