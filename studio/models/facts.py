"""What a model is, as its own files say it: role, kind, facts and names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from studio.core.family import Kind
from studio.models.headers import Header
from studio.models.inspect import Look, is_kokoro, lora_file, piper_voice

MAX_NAMES = 4096
_SPEAKERS = (".npy", ".bin", ".safetensors")
"""What a speaker of SpeechT5 is kept in."""

_TEXT = """
    llama mistral mixtral qwen2 qwen2_moe qwen3 qwen3_moe phi phi3 phimoe gemma gemma2 gemma3
    gemma3_text smollm3 granite granitemoehybrid olmo olmo2 gpt2 gpt_neo gpt_neox gptj
    gpt_bigcode bloom opt bert roberta distilbert albert electra mpnet xlm-roberta deberta
    deberta-v2 t5 mt5
    bart mbart pegasus marian lfm2 nemotron internlm2 chatglm ernie4_5 gpt_oss cohere stablelm
    falcon starcoder2 mamba
"""
_AUDIO = """
    vits speecht5 hifigan univnet musicgen musicgen_melody encodec dac bark style_text_to_speech_2
    whisper wav2vec2 hubert clap fastspeech2_conformer parler_tts csm
"""
_IMAGE = """
    swin2sr birefnet dpt depth_anything depth_pro zoedepth segformer isnet
    u2net clip vit vitmatte mask2former
"""
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(_TEXT.split(), "text"),
    **dict.fromkeys(_AUDIO.split(), "audio"),
    **dict.fromkeys(_IMAGE.split(), "image"),
}
_VOICES = {"piper": "piper", "kokoro": "kokoro"}
"""Layouts that say themselves what kind of model it is."""
_SOUND_PIPELINES = ("audio", "music", "acestep", "ace_step")
_LAYOUT_KINDS: dict[str, Kind] = {
    "genai": "text",
    "diffusers": "image",
    "piper": "audio",
    "kokoro": "audio",
}
_ROLE_KINDS: dict[str, Kind] = {
    "lora": "image",
    "controlnet": "image",
    "preview": "image",
    "vocoder": "audio",
}

_BASES = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Width of the text that a UNet listens to -> which family of models that is."""


def layout_of(look: Look) -> str:
    """How the folder is laid out: one word of the contract, empty where none fits."""
    configs = look.configs
    if "genai_config.json" in configs:
        return "genai"
    if "model_index.json" in configs:
        return "diffusers"
    if "adapter_config.json" in configs or lora_file(look):
        return "lora"
    if is_kokoro(look):
        return "kokoro"
    if piper_voice(look):
        return "piper"
    if "_class_name" in look.config:
        return "diffusers"
    if "config.json" in configs:
        if any(name.startswith("onnx/") for name in look.graphs):
            return "transformers.js"
        if look.headers:
            return "transformers"
    return "onnx" if look.graphs else ""


def role_of(look: Look) -> str:
    """What a model is where it is laid over another; empty for a model of its own."""
    if layout_of(look) == "lora":
        return "lora"
    architecture = _architecture(look)
    if "ControlNet" in architecture and "model_index.json" not in look.configs:
        return "controlnet"
    if architecture == "AutoencoderTiny":
        return "preview"
    if look.config.get("model_type") in ("hifigan", "speecht5_hifigan", "univnet"):
        return "vocoder"
    return ""


def facts_of(look: Look) -> dict[str, str]:
    """`InstalledModel.facts`: only those that are known."""
    genai = look.configs.get("genai_config.json", {}).get("model")
    lora = look.headers.get(lora_file(look)) if lora_file(look) else None
    precisions = look.precisions()
    kept = sorted(precisions, key=lambda name: -precisions[name])
    layout = layout_of(look)
    if layout != "transformers.js":  # there each file is the whole model, and one is chosen
        kept = kept[:1]
    facts = {
        "layout": layout,
        "model_type": _word(look.config.get("model_type")) or _VOICES.get(layout, ""),
        "architecture": _architecture(look),
        "pipeline": look.pipeline,
        "genai": _word(genai.get("type")) if isinstance(genai, dict) else "",
        "precision": ", ".join(kept),
        "base": lora_base(lora) if lora is not None else "",
    }
    return {name: fact for name, fact in facts.items() if fact}


def kind_of(look: Look) -> Kind | None:
    """What the model makes, where its files tell."""
    role = role_of(look)
    if role:
        return _ROLE_KINDS[role]
    if any(word in look.pipeline.lower() for word in _SOUND_PIPELINES):
        return "audio"
    model_type = _word(look.config.get("model_type")).lower()
    return _LAYOUT_KINDS.get(layout_of(look)) or _KINDS.get(model_type)


def names_of(look: Look) -> dict[str, tuple[str, ...]]:
    """`InstalledModel.names`: lists of names that are the model's own."""
    voices = _voices(look)
    return {"voices": voices} if voices else {}


def lora_base(header: Header) -> str:
    """What a LoRA was made for, by the width of the text that its layers listen to.

    One of "sd15", "sd2", "sdxl", "flux", "sd3", "text" (a language model); empty where that is
    not told.
    """
    for name, tensor in header.tensors.items():
        listens = "attn2" in name and ("to_k" in name or "to_v" in name)
        down = ".lora_down." in name or ".lora_A." in name or ".lora.down." in name
        if listens and down and len(tensor.shape) >= 2:
            return _BASES.get(tensor.shape[1], "")
    keys = " ".join(list(header.tensors)[:2000])
    if "single_transformer_blocks" in keys or "double_blocks" in keys or "single_blocks" in keys:
        return "flux"
    if "joint_blocks" in keys or "attn.add_q_proj" in keys:
        return "sd3"
    if "self_attn.q_proj" in keys and "text_encoder" not in keys and "lora_te" not in keys:
        return "text"
    return ""


def _voices(look: Look) -> tuple[str, ...]:
    piper = piper_voice(look)
    if piper:
        speakers = look.configs[f"{piper}.json"].get("speaker_id_map")
        if isinstance(speakers, Mapping):
            known = {n: i for n, i in speakers.items() if isinstance(n, str) and type(i) is int}
            if known:
                return tuple(sorted(known, key=lambda name: known[name]))[:MAX_NAMES]
        return _numbered(look.configs[f"{piper}.json"].get("num_speakers"))
    if look.config.get("model_type") == "vits":
        return _numbered(look.config.get("num_speakers"))
    if look.config.get("model_type") == "speecht5":
        beside = [PurePosixPath(n) for n in look.names if n.startswith("speakers/")]
        return tuple(sorted(p.stem for p in beside if p.suffix in _SPEAKERS))[:MAX_NAMES]
    if not is_kokoro(look):
        return ()
    loose = [PurePosixPath(n) for n in look.names if n.startswith("voices/") and n.endswith(".bin")]
    if loose:
        return tuple(sorted(p.stem for p in loose))[:MAX_NAMES]
    for path, name in zip(look.files, look.names, strict=True):
        if PurePosixPath(name).match("voices*.bin") and zipfile.is_zipfile(path):
            try:
                with zipfile.ZipFile(path) as archive:
                    inside = archive.namelist()
            except (zipfile.BadZipFile, ValueError, NotImplementedError):
                return ()
            return tuple(sorted(n.removesuffix(".npy") for n in inside if n.endswith(".npy")))
    return ()


def _numbered(count: object) -> tuple[str, ...]:
    """Names of speakers that have none."""
    several = type(count) is int and 1 < count <= MAX_NAMES
    return tuple(str(n) for n in range(count)) if several and type(count) is int else ()


def _architecture(look: Look) -> str:
    """`architectures[0]` as transformers writes it, or diffusers' `_class_name`."""
    listed = look.config.get("architectures")
    if isinstance(listed, list) and listed:
        return _word(listed[0])
    return _word(look.config.get("_class_name"))


def _word(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "ignore").decode("utf-8")[:100]
