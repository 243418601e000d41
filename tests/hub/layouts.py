"""Files laid out as real repositories have them, with real headers and weights of any size.

Weights are noise under a header that is right, so that a file of gigabytes costs nothing and is
still recognised; nothing sensible can be computed with it. For models that really run, make one
with `tests.engine.tiny` and put its folder on the hub with `Repo.of_folder`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from tests.hub.content import Bytes, Content, Joined, Noise, Source
from tests.models.makers import field, graph, node, port, varint, weight

Files = dict[str, Source]
APART = 24 << 20
"""Weights of so many bytes or more lie beside their graph, in a file of their own."""
FORMS = {
    "": 4.0, "_fp16": 2.0, "_int8": 1.0, "_uint8": 1.0, "_quantized": 1.0, "_q4": 0.72,
    "_q4f16": 0.58, "_bnb4": 0.66,
}  # fmt: skip
"""transformers.js' names of precisions, and about how many bytes a parameter takes."""
WIDTHS = {"F16": 2, "BF16": 2, "F32": 4}
"""safetensors' names of types, and their bytes."""
HALVES = {"": "F32", ".fp16": "F16"}
"""What diffusers puts into the names of weights, and their types."""
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
}


def text(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def card(name: str, words: str = "", **said: Any) -> str:
    """A README.md with front matter."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in said.items() if value is not None]
    return "\n".join(["---", *lines, "---", "", f"# {name}", "", words, ""])


def graph_file(
    size: int,
    seed: int = 0,
    *,
    inputs: Sequence[bytes] = (port("input_ids", "batch", "sequence"),),
    outputs: Sequence[bytes] = (port("logits", "batch", "sequence", 1000),),
    kind: int = 1,
) -> Content:
    """One ONNX file with a weight of about `size` bytes in it; `kind` is its element type."""
    said = field(1, size // 4) + field(2, kind) + field(8, "w") + varint(9 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(said) + size) + said
    body = graph(list(inputs), list(outputs), [node("MatMul")], []) + tensor
    head = field(1, 10) + field(2, "noise") + varint(7 << 3 | 2) + varint(len(body) + size)
    return Joined(Bytes(head + body), Noise(size, seed))


def graph_files(
    name: str, size: int, seed: int = 0, *, data: str = "{}_data", **ports: Any
) -> Files:
    """An ONNX file, and its weights beside it where they are many: `data` names that file."""
    if size < APART:
        return {name: graph_file(size, seed, **ports)}
    place = data.format(name)
    inputs = list(ports.get("inputs", (port("input_ids", "batch", "sequence"),)))
    outputs = list(ports.get("outputs", (port("logits", "batch", "sequence", 1000),)))
    held = weight("w", place.rsplit("/", 1)[-1], size, ports.get("kind", 1))
    body = field(7, graph(inputs, outputs, [node("MatMul")], [held]))
    return {name: field(1, 10) + field(2, "noise") + body, place: Noise(size, seed)}


def safetensors(
    size: int,
    seed: int = 0,
    dtype: str = "F16",
    name: str = "w",
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Content:
    """A safetensors file of about `size` bytes: tensors of these shapes, and one of the rest."""
    wide = WIDTHS[dtype]
    told = dict(shapes or {})
    told[name] = (size // wide - sum(math.prod(shape) for shape in told.values()),)
    header, at = {}, 0
    for key, shape in told.items():
        stop = at + math.prod(shape) * wide
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, stop]}
        at = stop
    raw = json.dumps(header).encode()
    return Joined(Bytes(struct.pack("<Q", len(raw)) + raw), Noise(at, seed))


def tokenizer(template: bool = True) -> Files:
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}
    if template:
        settings["chat_template"] = "{% for m in messages %}{{ m.content }}{% endfor %}"
    return {
        "tokenizer.json": text(TOKENIZER),
        "tokenizer_config.json": text(settings),
        "special_tokens_map.json": text({"eos_token": "</s>"}),
    }


def genai(folders: Mapping[str, int], type: str = "phi3", context: int = 4096) -> Files:
    """As microsoft's: one folder for each device and precision, with a model of its own."""
    files: Files = {"config.json": text({"model_type": type}), "LICENSE": "MIT License\n"}
    for number, (folder, size) in enumerate(folders.items()):
        device = "cuda" if "gpu" in folder or "cuda" in folder else "cpu"
        provider: list[Any] = [{"cuda": {}}] if device == "cuda" else []
        decoder = {
            "filename": "model.onnx", "head_size": 64, "hidden_size": 3072,
            "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
            "inputs": {"input_ids": "input_ids", "attention_mask": "attention_mask"},
            "outputs": {"logits": "logits"},
            "session_options": {"log_id": "onnxruntime-genai", "provider_options": provider},
        }  # fmt: skip
        config = {
            "model": {
                "type": type, "context_length": context, "vocab_size": 32064, "decoder": decoder,
                "bos_token_id": 1, "eos_token_id": [2], "pad_token_id": 0,
            },
            "search": {"max_length": context, "do_sample": False, "temperature": 1.0},
        }  # fmt: skip
        held: Files = {
            "genai_config.json": text(config),
            "config.json": text({"model_type": type, "architectures": ["Phi3ForCausalLM"]}),
            "configuration_phi3.py": "class Phi3Config: pass\n",
            **tokenizer(),
            **graph_files("model.onnx", size, number, data="model.onnx.data"),
        }
        files |= {f"{folder}/{name}" if folder else name: held[name] for name in held}
    return files


def transformers_js(
    parameters: int,
    config: Mapping[str, Any],
    graphs: Sequence[str] = ("model",),
    forms: Sequence[str] = tuple(FORMS),
    *,
    words: bool = True,
    **ports: Any,
) -> Files:
    """As onnx-community's: each graph in each precision, in one folder `onnx`."""
    files: Files = {"config.json": text(config)}
    if words:
        files |= tokenizer() | {"generation_config.json": text({"eos_token_id": 2})}
    for number, name in enumerate(graphs):
        share = parameters // len(graphs)
        for form in forms:
            kind = 10 if "16" in form else 1
            size = int(share * FORMS[form])
            files |= graph_files(f"onnx/{name}{form}.onnx", size, number, kind=kind, **ports)
    return files


def one_graph(
    parameters: int, task: str, forms: Sequence[str] = ("", "_fp16", "_quantized")
) -> Files:
    """A model from a picture to a picture: upscaler, background remover, depth."""
    made = {"image-to-image": port("reconstruction", 1, 3, "H", "W")}.get(
        task, port("alphas", 1, 1, "h", "w")
    )
    ports: Any = {"inputs": (port("pixel_values", 1, 3, "h", "w"),), "outputs": (made,)}
    config = {"model_type": "isnet" if task != "image-to-image" else "swin2sr"}
    files = transformers_js(parameters, config, forms=forms, words=False, **ports)
    size = {"width": 1024, "height": 1024}
    files["preprocessor_config.json"] = text({"do_rescale": True, "size": size})
    return files


def transformers(
    parameters: int,
    config: Mapping[str, Any],
    *,
    shards: int = 1,
    pickled: bool = True,
    dtype: str = "F16",
) -> Files:
    """As transformers saves a model, with the pickled weights that older ones have beside."""
    files: Files = {"config.json": text(config), **tokenizer(template=False)}
    names = [f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)]
    if shards == 1:
        names = ["model.safetensors"]
    else:
        index = {f"w{n}": name for n, name in enumerate(names)}
        total = {"total_size": parameters * WIDTHS[dtype]}
        files["model.safetensors.index.json"] = text({"metadata": total, "weight_map": index})
    for number, name in enumerate(names):
        size = parameters * WIDTHS[dtype] // shards
        files[name] = safetensors(size, number, dtype, name=f"w{number}")
    if pickled:
        files["pytorch_model.bin"] = Noise(parameters * WIDTHS[dtype], 77)
    return files


def diffusers(
    unet: int,
    pipeline: str = "StableDiffusionPipeline",
    *,
    graphs: bool = False,
    mess: bool = True,
    forms: Mapping[str, str] = HALVES,
) -> Files:
    """As a repository of Stable Diffusion has it: fp32 and fp16, and (`mess`) pickles, one-file
    checkpoints and exports for other programs beside them. `unet`: its parameters."""
    drawn, made = {
        "FluxPipeline": ("transformer", "FluxTransformer2DModel"),
        "StableAudioPipeline": ("transformer", "StableAudioDiTModel"),
    }.get(pipeline, ("unet", "UNet2DConditionModel"))
    big = pipeline == "StableDiffusionXLPipeline"
    parts = {
        drawn: (made, "diffusion_pytorch_model", unet),
        "vae": ("AutoencoderKL", "diffusion_pytorch_model", 84_000_000),
        "text_encoder": ("CLIPTextModel", "model", 123_000_000),
    }
    if big:
        parts["text_encoder_2"] = ("CLIPTextModelWithProjection", "model", 695_000_000)
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": "0.30.0"}
    files: Files = {}
    for number, (part, (cls, stem, count)) in enumerate(parts.items()):
        index[part] = ["transformers" if "text" in part else "diffusers", cls]
        files[f"{part}/config.json"] = text({"_class_name": cls, "sample_size": 64})
        if graphs:
            shown = graph_files(f"{part}/model.onnx", count * 2, number, kind=10)
            files |= shown
            continue
        for form, dtype in forms.items():
            held = safetensors(count * WIDTHS[dtype], number, dtype)
            files[f"{part}/{stem}{form}.safetensors"] = held
        if mess:
            files[f"{part}/{stem}.bin"] = Noise(count * 4, 70 + number)
    index |= {"tokenizer": ["transformers", "CLIPTokenizer"]}
    index |= {"scheduler": ["diffusers", "PNDMScheduler"]}
    files["model_index.json"] = text(index)
    files["scheduler/scheduler_config.json"] = text({"_class_name": "PNDMScheduler"})
    files["tokenizer/vocab.json"] = text({"a": 0})
    files["tokenizer/merges.txt"] = "#version: 0.2\n"
    files["tokenizer/tokenizer_config.json"] = text({"tokenizer_class": "CLIPTokenizer"})
    if mess:
        files["v1-5-pruned-emaonly.ckpt"] = Noise(unet * 4, 80)
        files["feature_extractor/preprocessor_config.json"] = text({"size": 224})
        files["safety_checker/config.json"] = text({"_class_name": "Checker"})
        files["safety_checker/model.safetensors"] = safetensors(1_216_000_000, 5)
    return files


def piper(voices: Sequence[str], size: int = 63_000_000) -> Files:
    """As rhasspy/piper-voices: `en/en_US/amy/low/en_US-amy-low.onnx` and its settings."""
    ports = (port("input", 1, "n"), port("input_lengths", 1), port("scales", 3))
    files: Files = {"voices.json": text({voice: {"key": voice} for voice in voices})}
    for number, voice in enumerate(voices):
        language, name, quality = voice.split("-")
        folder = f"{language[:2]}/{language}/{name}/{quality}"
        config = {
            "audio": {"sample_rate": 22050 if quality != "low" else 16000, "quality": quality},
            "espeak": {"voice": language[:2]}, "language": {"code": language}, "num_speakers": 1,
            "phoneme_type": "espeak", "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
            "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
            "speaker_id_map": {},
        }  # fmt: skip
        held = graph_file(size, number, inputs=ports, outputs=(port("output", 1, 1, "n"),))
        files[f"{folder}/{voice}.onnx"] = held
        files[f"{folder}/{voice}.onnx.json"] = text(config)
        files[f"{folder}/MODEL_CARD"] = f"# Model card for {name} ({quality})\n"
    return files


def kokoro(voices: Sequence[str]) -> Files:
    """As onnx-community/Kokoro-82M-v1.0-ONNX."""
    ports = (port("input_ids", 1, "n"), port("style", 1, 256), port("speed", 1))
    made: Any = {"inputs": ports, "outputs": (port("waveform", 1, "n"),)}
    config = {"model_type": "style_text_to_speech_2"}
    files = transformers_js(82_000_000, config, words=False, **made)
    files |= tokenizer(template=False)
    files |= {f"voices/{name}.bin": Noise(522_240, n) for n, name in enumerate(voices)}
    return files
