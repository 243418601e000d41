"""What a model is, in words for a person: how it is laid out, how exact, what it goes with."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from studio.models import InstalledModel

translate = QCoreApplication.translate

VOICES_TOLD = 24


def layout_words(model: InstalledModel) -> str:
    """The layout of its folder, and the kind of network where that is known."""
    facts = model.facts
    layout = {
        "genai": translate("ModelWords", "Folder for onnxruntime-genai"),
        "diffusers": translate("ModelWords", "diffusers folder"),
        "transformers": translate("ModelWords", "transformers folder"),
        "transformers.js": translate("ModelWords", "transformers folder with ONNX files"),
        "piper": translate("ModelWords", "Piper voice"),
        "kokoro": translate("ModelWords", "Kokoro voices"),
        "onnx": translate("ModelWords", "ONNX files"),
        "lora": translate("ModelWords", "LoRA"),
    }.get(facts.get("layout", ""), "")
    net = facts.get("pipeline") or facts.get("architecture") or facts.get("genai") or ""
    return " · ".join(part for part in (layout, net) if part)


def precision_words(model: InstalledModel) -> str:
    """How exactly its weights are kept."""
    names = {
        "fp32": translate("ModelWords", "32 bits (fp32)"),
        "fp16": translate("ModelWords", "16 bits (fp16)"),
        "bf16": translate("ModelWords", "16 bits (bf16)"),
        "fp8": translate("ModelWords", "8 bits (fp8)"),
        "int8": translate("ModelWords", "8 bits (int8)"),
        "int4": translate("ModelWords", "4 bits (int4)"),
    }
    said = [name for name in model.facts.get("precision", "").split(", ") if name]
    return ", ".join(names.get(name, name) for name in said)


def role_words(model: InstalledModel) -> str:
    """What it is used for, where it is laid over another model."""
    base = {
        "sd15": "Stable Diffusion 1.5",
        "sd2": "Stable Diffusion 2",
        "sdxl": "Stable Diffusion XL",
        "sd3": "Stable Diffusion 3",
        "flux": "FLUX.1",
    }.get(model.facts.get("base", ""), "")
    if model.role == "lora" and base:
        return translate("ModelWords", "A LoRA: laid over models of {base}").format(base=base)
    return {
        "lora": translate("ModelWords", "A LoRA: laid over a picture model"),
        "controlnet": translate("ModelWords", "A ControlNet: guides a picture by another one"),
        "vocoder": translate("ModelWords", "A vocoder: makes the sound for a speech model"),
        "preview": translate("ModelWords", "Shows a picture while it is being drawn"),
    }.get(model.role, "")


def voice_words(model: InstalledModel) -> str:
    """Its voices by name, the first of them where they are many."""
    voices = model.names.get("voices", ())
    told = ", ".join(voices[:VOICES_TOLD])
    if len(voices) > VOICES_TOLD:
        rest = len(voices) - VOICES_TOLD
        return translate("ModelWords", "{names} and {n} more").format(names=told, n=rest)
    return told
