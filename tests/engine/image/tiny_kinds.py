"""A tiny model of every kind: the real classes with random weights, on torch and as ONNX graphs."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import json
import shutil
import string
import warnings
from pathlib import Path
from typing import Any

from tests.engine import tiny_image

WIDTH = 16
"""Of what a text encoder says of a word."""
CLIP_LENGTH = tiny_image.LENGTH
SD_SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
}
FLOW_SCHEDULER = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
KINDS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "sd": (
        "StableDiffusionPipeline",
        {"unet": "unet", "text_encoder": "clip"},
        SD_SCHEDULER,
    ),
    "sd9": (
        "StableDiffusionInpaintPipeline",
        {"unet": "unet9", "text_encoder": "clip"},
        SD_SCHEDULER,
    ),
    "lcm": (
        "LatentConsistencyModelPipeline",
        {"unet": "unet_lcm", "text_encoder": "clip"},
        {**SD_SCHEDULER, "_class_name": "LCMScheduler"},
    ),
    "xl": (
        "StableDiffusionXLPipeline",
        {"unet": "unet_xl", "text_encoder": "clip", "text_encoder_2": "clip_projected"},
        {**SD_SCHEDULER, "_class_name": "EulerDiscreteScheduler"},
    ),
    "sd3": (
        "StableDiffusion3Pipeline",
        {
            "transformer": "sd3",
            "text_encoder": "clip_projected",
            "text_encoder_2": "clip_projected",
            "text_encoder_3": "t5",
            "vae": "vae16",
        },
        FLOW_SCHEDULER,
    ),
    "flux": (
        "FluxPipeline",
        {"transformer": "flux", "text_encoder": "clip", "text_encoder_2": "t5"},
        {**FLOW_SCHEDULER, "use_dynamic_shifting": True},
    ),
    "fill": (
        "FluxFillPipeline",
        {"transformer": "flux_fill", "text_encoder": "clip", "text_encoder_2": "t5"},
        {**FLOW_SCHEDULER, "use_dynamic_shifting": True},
    ),
}
"""What model_index.json names, the modules that are its parts, and its scheduler."""
CONTROLNETS = {"xl": "controlnet_xl", "sd3": "controlnet_sd3", "flux": "controlnet_flux"}
"""The ControlNet that a kind takes, where it is not `controlnet`."""


def _unet(**changes: Any) -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    own: dict[str, Any] = {
        "sample_size": 16,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 2,
    }
    return UNet2DConditionModel(**(own | changes))


def _xl() -> Any:
    return _unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64 + 6 * 8,
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
        cross_attention_dim=2 * WIDTH,
    )


def _vae(**changes: Any) -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    own: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "norm_num_groups": 8,
        "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "sample_size": 32,
        "shift_factor": 0.06,
    }
    return AutoencoderKL(**(own | changes))


def _taesd() -> Any:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )


def _clip(projected: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    cls = CLIPTextModelWithProjection if projected else CLIPTextModel
    return cls(
        CLIPTextConfig(
            architectures=[cls.__name__],
            vocab_size=600,
            hidden_size=WIDTH,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=3,
            max_position_embeddings=CLIP_LENGTH,
            projection_dim=64,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def _t5() -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(
            architectures=["T5EncoderModel"],
            vocab_size=64,
            d_model=2 * WIDTH,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
        )
    )


def _flux(**changes: Any) -> Any:
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    own: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 2 * WIDTH,
        "pooled_projection_dim": WIDTH,
        "axes_dims_rope": (4, 4, 8),
        "guidance_embeds": True,
    }
    return FluxTransformer2DModel(**(own | changes))


def _sd3() -> Any:
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

    return SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=2 * WIDTH,
        caption_projection_dim=16,
        pooled_projection_dim=128,
        pos_embed_max_size=48,
    )


def _controlnet(unet: str) -> Any:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    return _speaking(
        ControlNetModel.from_unet(
            tiny(unet), conditioning_embedding_out_channels=(8, 16), load_weights_from_unet=False
        )
    )


def _controlnet_sd3() -> Any:
    from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel

    known = inspect.signature(SD3ControlNetModel.__init__).parameters
    own = {k: v for k, v in tiny("sd3").config.items() if k in known}
    # Half as many blocks as the transformer has: each speaks to two.
    return _speaking(SD3ControlNetModel(**{**own, "num_layers": 1}))


def _controlnet_flux() -> Any:
    from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel

    known = inspect.signature(FluxControlNetModel.__init__).parameters
    own = {k: v for k, v in tiny("flux").config.items() if k in known}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what it imports is moving
        return _speaking(FluxControlNetModel(**own))


def _speaking(module: Any) -> Any:
    """A ControlNet that starts by saying nothing would prove nothing."""
    import torch

    for parameter in module.parameters():
        if not parameter.abs().sum():
            torch.nn.init.normal_(parameter, std=0.2)
    return module


MAKERS: dict[str, Any] = {
    "unet": _unet,
    "unet9": lambda: _unet(in_channels=9),
    "unet_lcm": lambda: _unet(time_cond_proj_dim=8),
    "unet_xl": _xl,
    "vae": _vae,
    "vae16": lambda: _vae(latent_channels=16, use_quant_conv=False, use_post_quant_conv=False),
    "taesd": _taesd,
    "clip": lambda: _clip(projected=False),
    "clip_projected": lambda: _clip(projected=True),
    "t5": _t5,
    "flux": _flux,
    "flux_fill": lambda: _flux(in_channels=48, out_channels=16),
    "sd3": _sd3,
    "controlnet": lambda: _controlnet("unet"),
    "controlnet_xl": lambda: _controlnet("unet_xl"),
    "controlnet_sd3": _controlnet_sd3,
    "controlnet_flux": _controlnet_flux,
}


@functools.cache
def tiny(name: str) -> Any:
    """One of MAKERS on torch, always with the same weights."""
    import torch

    torch.manual_seed(sum(map(ord, name)))
    module = MAKERS[name]().eval()
    if name.startswith(("flux", "sd3", "controlnet_flux", "controlnet_sd3")):
        for parameter in module.parameters():  # as wide as trained ones: the words must count
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.15)
    return module


@functools.cache
def tokenizer(clip: bool) -> Any:
    """CLIP's or T5's own tokenizer class with a tiny vocabulary."""
    from transformers import T5Tokenizer

    if clip:
        return tiny_image.modules()[0]
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return T5Tokenizer(vocab=marks + [(c, -3.0) for c in string.ascii_lowercase], extra_ids=0)


def config_of(name: str) -> dict[str, Any]:
    module = tiny(name)
    if hasattr(module.config, "to_dict"):
        return dict(module.config.to_dict())
    return {"_class_name": type(module).__name__, **module.config}


def write(part: str, name: str, folder: Path, kept: Path) -> None:
    """A part's configuration and its graph, exported once into `kept`."""
    _json(folder / "config.json", config_of(name))
    graph = kept / f"{name}-{part}.onnx"
    if not graph.exists():
        half = graph.with_suffix(".part")
        export(part, name, half)
        half.replace(graph)
    shutil.copy(graph, folder / "model.onnx")


def export(part: str, name: str, path: Path) -> None:
    """One of MAKERS as an ONNX graph, those that a ControlNet may steer with its inputs."""
    import torch

    from studio.engine.image import architectures

    known, transformer = name in ("unet", "unet_xl"), name in ("sd3", "flux")
    steering = name in ("controlnet_sd3", "controlnet_flux")
    base = name.removeprefix("controlnet_") if steering else name
    wrapped: Any
    made = architectures.of_config(
        "transformer" if steering else part, config_of(base), residuals=known
    )
    if transformer or steering:
        wrapped, shapes = _steered(name, dict(zip(made.inputs, made.example(), strict=True)))
        own = {**made.dynamic, "controlnet_cond": made.dynamic["hidden_states"]}
        dims = {n: dict(own.get(n, {0: f"{n}_batch", 1: f"{n}_tokens"})) for n in shapes}
    else:
        wrapped = made.build().eval()
        wrapped.inner.load_state_dict(tiny(name).state_dict())
        shapes = dict(zip(made.inputs, made.example(), strict=True))
        dims = {n: dict(made.dynamic.get(n, {})) for n in made.inputs}
    dynamo = made.exporter == "dynamo"
    free = tuple(dict.fromkeys(dims[n], torch.export.Dim.DYNAMIC) for n in shapes)
    how: dict[str, Any] = {"dynamic_shapes": (free,)} if dynamo else {"dynamic_axes": dims}
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters say much
        torch.onnx.export(
            wrapped,
            tuple(shapes.values()),
            str(path),
            dynamo=dynamo,
            verbose=False,
            optimize=False,
            opset_version=18,
            input_names=list(shapes),
            output_names=None if transformer or steering else list(made.outputs),
            external_data=False,
            **how,
        )


def _steered(name: str, shapes: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A transformer with one further input a block, or a ControlNet for one; with its inputs."""
    import torch

    module, config = tiny(name), tiny(name).config
    width = config.num_attention_heads * config.attention_head_dim
    blocks = config.num_layers
    patches = shapes["hidden_states"]
    if name == "sd3":
        tokens = patches.shape[2] * patches.shape[3] // config.patch_size**2
    else:
        tokens = patches.shape[1]
    more: dict[str, Any] = {"controlnet_cond": torch.rand_like(patches)}
    if not name.startswith("controlnet"):
        count = blocks + config.get("num_single_layers", 0)
        more = {f"residual_{i}": torch.rand(2, tokens, width) for i in range(count)}
    inputs = {**shapes, **more}

    class Steered(torch.nn.Module):
        """The module behind a function of tensors in a fixed order."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *tensors: torch.Tensor) -> Any:
            given: dict[str, Any] = dict(zip(inputs, tensors, strict=True))
            residuals = [given.pop(n) for n in more if n.startswith("residual")]
            if name == "sd3":
                given["block_controlnet_hidden_states"] = residuals
            elif name == "flux":
                given["controlnet_block_samples"] = residuals[:blocks]
                given["controlnet_single_block_samples"] = residuals[blocks:]
            found = self.inner(**given, return_dict=False)
            return [f for group in found for f in group] if not residuals else found[0]

    return Steered().eval(), inputs


def made_from() -> str:
    """Changes with everything that the graphs depend on: 16 hexadecimal digits."""
    from studio.engine.image import architectures, modules

    libraries = ("torch", "diffusers", "transformers", "onnxscript")
    sources = [Path(str(m)) for m in (__file__, architectures.__file__, modules.__file__)]
    said = "".join(importlib.metadata.version(n) for n in libraries).encode()
    said += b"".join(p.read_bytes() for p in (*sources, Path(tiny_image.__file__)))
    return hashlib.sha256(said).hexdigest()[:16]


def make(kind: str, folder: Path, kept: Path) -> Path:
    """The folder of one of KINDS; graphs that kinds share are exported once into `kept`."""
    pipeline, parts, scheduler = KINDS[kind]
    _json(folder / "model_index.json", {"_class_name": pipeline})
    _json(folder / "scheduler" / "scheduler_config.json", scheduler)
    vae = parts.get("vae", "vae")
    for part, name in {**parts, "vae_decoder": vae, "vae_encoder": vae}.items():
        if part == "vae":
            continue
        write(part, name, folder / part, kept)
        if part.startswith("text_encoder"):
            tokenizer(name != "t5").save_pretrained(
                folder / part.replace("text_encoder", "tokenizer")
            )
    return folder


def make_safetensors(kind: str, folder: Path) -> Path:
    """The same model as diffusers and transformers save it."""
    pipeline, parts, scheduler = KINDS[kind]
    _json(folder / "model_index.json", {"_class_name": pipeline})
    _json(folder / "scheduler" / "scheduler_config.json", scheduler)
    for part, name in {"vae": "vae", **parts}.items():
        tiny(name).save_pretrained(folder / part, safe_serialization=True)
        if part.startswith("text_encoder"):
            tokenizer(name != "t5").save_pretrained(
                folder / part.replace("text_encoder", "tokenizer")
            )
    return folder


def on_torch(kind: str) -> dict[str, Any]:
    """The same parts on torch, by their names in diffusers' pipelines."""
    found: dict[str, Any] = {"vae": tiny("vae")}
    for part, name in KINDS[kind][1].items():
        found[part] = tiny(name)
        if part.startswith("text_encoder"):
            found[part.replace("text_encoder", "tokenizer")] = tokenizer(name != "t5")
    return found


def _json(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2, default=str) + "\n", "utf-8")
