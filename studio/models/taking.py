"""Which files of a folder make the model, and what it has to be converted by."""

from __future__ import annotations

from pathlib import PurePosixPath

from studio.models.facts import layout_of
from studio.models.inspect import PICKLED, WEIGHTS, Look, is_kokoro
from studio.models.plan import Taken

SMALL_FILE = 64 << 20
"""Bytes of a file beside the weights that still belongs to a model, as a tokenizer."""
_USELESS = (".py", ".msgpack", ".h5", ".ot", ".tflite", ".gguf", ".mlmodel", ".incomplete", ".part")

GENAI = frozenset(
    [
        "LlamaForCausalLM",
        "MistralForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "Phi3ForCausalLM",
        "GemmaForCausalLM",
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "Gemma3ForConditionalGeneration",
        "SmolLM3ForCausalLM",
        "GraniteForCausalLM",
        "Olmo2ForCausalLM",
    ]
)
"""Architectures of which the engine builds a model for onnxruntime-genai."""
CONVERTED: dict[str, str] = {
    **dict.fromkeys(
        ["gpt2", "gpt_neox", "bloom", "opt", "bert", "roberta", "distilbert", "t5", "mt5", "bart"],
        "text.graphs",
    ),
    **dict.fromkeys(["vits", "speecht5", "musicgen"], "audio.graphs"),
}
"""model_type of transformers -> the converter that exports its graphs."""


def wanted(seen: Look) -> tuple[Taken, ...]:
    """The files that make the model; pickled twins, other programs' files and variants stay."""
    kokoro = is_kokoro(seen)
    index = "model_index.json" in seen.configs
    parts = any("/" in n for n in seen.headers) or any("/" in n for n in seen.graphs)
    names = set(seen.names)
    outside = {
        (PurePosixPath(name).parent / external.location).as_posix()
        for name, graph in seen.graphs.items()
        for external in graph.external
    }
    prefers = layout_of(seen) == "transformers.js" and bool(seen.headers) and _runs(seen)
    taken = []
    for path, name in zip(seen.files, seen.names, strict=True):
        place = PurePosixPath(name)
        suffix = place.suffix.lower()
        if suffix in _USELESS or place.name == "README.md":
            continue
        if suffix in PICKLED and not (kokoro and "voices" in name):
            continue
        if index and parts and "/" not in name and suffix in WEIGHTS:
            continue  # the same model once more, in one file
        if prefers and name.startswith("onnx/"):
            continue  # its safetensors run as they are
        plain = place.with_name(place.name.split(".", 1)[0] + ".safetensors").as_posix()
        if suffix == ".safetensors" and name != plain and plain in names and _variant(place.name):
            continue
        weights = suffix in WEIGHTS or place.name.endswith(("_data", ".data")) or name in outside
        if not weights and seen.size(name) > SMALL_FILE:
            continue
        taken.append(Taken(path, name))
    return tuple(taken)


def into_onnx(taken: Taken) -> Taken:
    """The place of a file where graphs lie in a folder of their own, as transformers.js has it."""
    weights = taken.place.endswith((".onnx", "_data", ".data"))
    return Taken(taken.path, f"onnx/{taken.place}") if weights else taken


def _variant(name: str) -> bool:
    return any(f".{word}." in f".{name}." for word in ("fp16", "fp32", "bf16", "non_ema", "ema"))


def _runs(seen: Look) -> bool:
    """Whether the safetensors beside the ONNX files can be run or converted."""
    listed = seen.config.get("architectures")
    first = listed[0] if isinstance(listed, list) and listed else ""
    return seen.config.get("model_type") in CONVERTED or first in GENAI
