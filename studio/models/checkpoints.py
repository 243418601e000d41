"""Single safetensors files: what they hold, told by the names and shapes of their tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import StudioError
from studio.models.facts import lora_base
from studio.models.headers import Header
from studio.models.inspect import is_lora

UNET = "model.diffusion_model."
BASES = {
    "sd15": "Stable Diffusion 1.5",
    "sd2": "Stable Diffusion 2",
    "sdxl": "Stable Diffusion XL",
    "sd3": "Stable Diffusion 3",
    "flux": "FLUX.1",
}
_LISTENS = "attn2.to_k.weight"
_WIDTHS = {768: "sd15", 1024: "sd2", 1280: "refiner", 2048: "sdxl"}
_FOLDER = "Add the model as a diffusers folder, as it comes from Hugging Face."


@dataclass(frozen=True, slots=True)
class Single:
    """What one file is: a word for the program, and words for a person."""

    sort: str
    """"checkpoint" or "lora"."""
    what: str
    base: str


def tell(path: Path, header: Header) -> Single:
    """What a safetensors file is. Raises StudioError, naming it, where it cannot be a model."""
    names = header.tensors
    if is_lora(header):
        base = lora_base(header)
        if base == "text":
            raise _refused(
                path, "it is a LoRA for a language model", "Look for a model with it merged in."
            )
        return Single("lora", f"LoRA for {BASES[base]}" if base else "LoRA", base)
    if any(n.startswith(UNET) for n in names):
        return _checkpoint(path, header)
    raise _other(path, header)


def _checkpoint(path: Path, header: Header) -> Single:
    names = header.tensors
    if any(f"{UNET}joint_blocks." in n for n in names):
        raise _refused(path, f"it is a checkpoint of {BASES['sd3']} in one file", _FOLDER)
    if any(f"{UNET}double_blocks." in n for n in names):
        raise _refused(path, f"it is a checkpoint of {BASES['flux']} in one file", _FOLDER)
    if any("time_stack" in n or "temporal" in n for n in names):
        raise _refused(path, "it makes videos, which Triptych does not", "Choose another model.")
    width = next(
        (t.shape[-1] for n, t in names.items() if n.startswith(UNET) and n.endswith(_LISTENS)), 0
    )
    start = names.get(f"{UNET}input_blocks.0.0.weight")
    channels = start.shape[1] if start is not None and len(start.shape) == 4 else 0
    base = _WIDTHS.get(width, "")
    if base == "refiner":
        raise _refused(
            path,
            f"it is the refiner of {BASES['sdxl']}, which draws nothing by itself",
            f"Choose the base model of {BASES['sdxl']}.",
        )
    if base == "sd2":
        raise _refused(path, f"it is a checkpoint of {BASES['sd2']} in one file", _FOLDER)
    if base not in ("sd15", "sdxl") or channels not in (4, 9):
        raise _refused(path, "it is a checkpoint of a kind that Triptych does not know", _FOLDER)
    encoders = ("conditioner.embedders.0.", "conditioner.embedders.1.")
    for prefix, part in (
        ("first_stage_model.", "autoencoder"),
        *((e, "text encoders") for e in (encoders if base == "sdxl" else ("cond_stage_model.",))),
    ):
        if not any(n.startswith(prefix) for n in names):
            raise _refused(
                path,
                f"it is a checkpoint of {BASES[base]} without its {part}",
                "Get the file that holds all parts of the model.",
            )
    kind = ", for inpainting" if channels == 9 else ""
    return Single("checkpoint", f"{BASES[base]} checkpoint{kind}", base)


_MARKS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("control_model.", "input_hint_block.", "controlnet_blocks.", "controlnet_cond_embedding."),
        "it is a ControlNet without its configuration",
        "Add its folder, with the config.json beside the weights.",
    ),
    (
        ("ip_adapter.", "image_proj."),
        "it is an IP-Adapter, which Triptych cannot run yet",
        "Choose a ControlNet or a LoRA.",
    ),
    (
        ("double_blocks.", "single_transformer_blocks.", "joint_blocks."),
        "it is a diffusion transformer without its other parts",
        _FOLDER,
    ),
    (
        ("down_blocks.", "input_blocks.", "time_embedding.", "time_embed."),
        "it is only the UNet of a model",
        _FOLDER,
    ),
    (
        ("first_stage_model.", "decoder.conv_out.", "quant_conv.", "decoder.up_blocks."),
        "it is only the autoencoder (VAE) of a model",
        "Add the whole model; its autoencoder comes with it.",
    ),
    (
        ("emb_params", "clip_l", "clip_g", "string_to_param"),
        "it is an embedding (textual inversion), which Triptych cannot use yet",
        "Choose a LoRA instead.",
    ),
    (
        ("model.layers.", "transformer.h.", "gpt_neox.layers.", "decoder.block.", "encoder.layer."),
        "it is the weights of a language model without what goes with them",
        "Add the whole folder: config.json and tokenizer.json belong to it.",
    ),
    (
        ("text_model.encoder.", "encoder.block."),
        "it is only the text encoder of a model",
        _FOLDER,
    ),
    (
        ("conv_first.", "body.0.rdb1.", "params_ema."),
        "it is an upscaler without its graph",
        "Look for the same upscaler as an ONNX file.",
    ),
)  # fmt: skip


def _other(path: Path, header: Header) -> StudioError:
    names = header.tensors
    for marks, what, hint in _MARKS:
        if any(n.startswith(marks) or any(f".{m}" in n for m in marks) for n in names):
            return _refused(path, what, hint)
    if not names:
        return _refused(path, "there are no weights in it", "Get the file again.")
    return _refused(
        path,
        "it holds weights of no kind that Triptych knows",
        "If it belongs to a model's folder, add the whole folder.",
    )


def _refused(path: Path, why: str, hint: str) -> StudioError:
    return StudioError(f"“{path.name}” cannot be added: {why}.", hint)
