"""Every part of a diffusers folder: exported without weights, bound, computing as torch does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine import graphs
from studio.engine.graphs import open_bound
from studio.engine.image import kinds, layout, modules, published, shipped
from studio.engine.image.architectures import architecture_of, of_config
from studio.engine.workbench import Workbench

UNET: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 16,
    "block_out_channels": [16, 32],
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": 24,
    "attention_head_dim": 2,
}
XL = UNET | {
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "transformer_layers_per_block": [1, 2],
    "projection_class_embeddings_input_dim": 80,
}
VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [8, 16],
    "norm_num_groups": 8,
    "latent_channels": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
}
PLAIN = VAE | {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
CLIP: dict[str, Any] = {
    "architectures": ["CLIPTextModel"],
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "projection_dim": 12,
    "eos_token_id": 2,
}
T5: dict[str, Any] = {
    "architectures": ["T5EncoderModel"],
    "vocab_size": 60,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 2,
    "num_heads": 2,
    "feed_forward_proj": "gated-gelu",
}
FLUX: dict[str, Any] = {
    "_class_name": "FluxTransformer2DModel",
    "in_channels": 16,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "pooled_projection_dim": 20,
    "axes_dims_rope": [4, 4, 8],
    "guidance_embeds": True,
}
SD3: dict[str, Any] = {
    "_class_name": "SD3Transformer2DModel",
    "sample_size": 16,
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "caption_projection_dim": 16,
    "pooled_projection_dim": 20,
    "pos_embed_max_size": 24,
}
CONTROLNET = {k: v for k, v in UNET.items() if not k.startswith(("up", "sample"))} | {
    "_class_name": "ControlNetModel",
    "conditioning_embedding_out_channels": [8, 16],
}
TINY_VAE = {
    "_class_name": "AutoencoderTiny",
    "encoder_block_out_channels": [8, 8],
    "decoder_block_out_channels": [8, 8],
    "num_encoder_blocks": [1, 1],
    "num_decoder_blocks": [1, 1],
}

CASES: dict[str, tuple[str, Mapping[str, Any], bool]] = {
    "unet": ("unet", UNET, False),
    "unet for inpainting": ("unet", UNET | {"in_channels": 9}, False),
    "unet of LCM": ("unet", UNET | {"time_cond_proj_dim": 12}, False),
    "unet with ControlNet": ("unet", UNET, True),
    "unet of SDXL": ("unet", XL, False),
    "unet of SDXL with ControlNet": ("unet", XL, True),
    "controlnet": ("controlnet", CONTROLNET, False),
    "vae encoder": ("vae_encoder", VAE, False),
    "vae decoder": ("vae_decoder", VAE, False),
    "vae encoder of 16 channels": ("vae_encoder", PLAIN, False),
    "vae decoder of 16 channels": ("vae_decoder", PLAIN, False),
    "tiny autoencoder": ("preview", TINY_VAE, False),
    "clip": ("text_encoder", CLIP, False),
    "clip with projection": (
        "text_encoder_2",
        CLIP | {"architectures": ["CLIPTextModelWithProjection"]},
        False,
    ),
    "t5": ("text_encoder_2", T5, False),
    "flux": ("transformer", FLUX, False),
    "sd3": ("transformer", SD3, False),
}
EACH = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


def job_in(cache: Path) -> Job:
    recipe = Recipe("image", "image.diffusion", "tiny", 1)
    return Job("job", recipe, cache, cache, device=DeviceChoice("cpu", 1), cache=cache)


def given(inputs: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, torch.Tensor]:
    """Inputs of other sizes than those that were traced, where sizes are free."""
    found: dict[str, torch.Tensor] = {}
    for name, (shape, kind) in inputs.items():
        sizes = list(shape)
        if name not in ("img_ids", "txt_ids"):
            sizes[0] = 3
        if len(shape) == 4:
            sizes[2:] = [shape[2] * 2, shape[3]]
        found[name] = torch.randint(1, 50, sizes) if kind == "i" else torch.randn(sizes)
    return found


def randomized(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    torch.manual_seed(3)
    module = build().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.abs().sum():  # a ControlNet's last convolutions begin as nothing
                parameter.normal_(std=0.05)
    return module


def compared(case: str, cache: Path, *, half: bool) -> float:
    """The largest difference of a part's outputs between our session and torch in 32 bits."""
    part, config, residuals = CASES[case]
    architecture = of_config(part, config, residuals=residuals, half=half)
    module = randomized(architecture.build)
    state = {k.removeprefix(modules.PREFIX): v.numpy() for k, v in module.state_dict().items()}
    session = open_bound(job_in(cache), Workbench(), architecture, state)
    shapes = {
        n: (tuple(t.shape), "f" if t.is_floating_point() else "i")
        for n, t in zip(architecture.inputs, architecture.example(), strict=True)
    }
    tensors = given(shapes)
    kinds = {i.name: np.float16 if "float16" in i.type else None for i in session.get_inputs()}
    assert (np.float16 in kinds.values()) == (half and "f" in [k for _, k in shapes.values()])
    ours = session.run(None, {n: t.numpy().astype(kinds[n] or t.numpy().dtype)
                              for n, t in tensors.items()})  # fmt: skip
    with torch.no_grad():
        theirs = module(*tensors.values())
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    assert tuple(o.name for o in session.get_outputs()) == architecture.outputs
    assert [o.shape for o in ours] == [tuple(t.shape) for t in theirs]
    return max(float(np.abs(o - t.numpy()).max()) for o, t in zip(ours, theirs, strict=True))


@EACH
def test_a_part_computes_as_torch_does(case: str, cache: Path) -> None:
    assert compared(case, cache, half=False) < 1e-5


@pytest.mark.parametrize(
    "case", ["unet of SDXL with ControlNet", "vae decoder", "clip with projection", "t5"]
)
def test_in_16_bits_a_part_is_right_to_a_hundredth(case: str, cache: Path) -> None:
    assert compared(case, cache, half=True) < 1e-2


def test_every_shipped_graph_is_found_by_the_published_configuration(cache: Path) -> None:
    made = {graphs.archive_of(a, graphs.SHIPPED) for a in shipped.architectures()}
    assert made == set(graphs.SHIPPED.glob("*.zip"))
    assert sum(path.stat().st_size for path in made) < 3_000_000
    for files in (published.stable_diffusion(), published.stable_diffusion_xl()):
        for name, config in files.items():
            part = name.split("/")[0]
            for each in ("vae_encoder", "vae_decoder") if part == "vae" else (part,):
                if not part.startswith(("scheduler", "model_index")):
                    found = graphs.archive_of(of_config(each, config), graphs.SHIPPED)
                    assert found in made, name


def test_a_shipped_graph_is_taken_as_it_is(cache: Path) -> None:
    def told(fraction: float) -> None:
        raise AssertionError("it is exported")

    graph = graphs.ensure(of_config("unet", published.UNET_XL), cache, told)
    listed = json.loads((graph.parent / graphs.WEIGHTS).read_text())
    assert len(listed) == 1680
    assert sum(math.prod(w["shape"]) for w in listed.values()) == 2_567_463_684


@pytest.mark.parametrize(
    "odd",
    [
        {"layers_per_block": 10**9},
        {"block_out_channels": [10**12, 4]},
        {"block_out_channels": "wide"},
        {"cross_attention_dim": None},
        {"_class_name": "SomethingElse"},
        {"class_embed_type": "timestep"},
        {"norm_num_groups": 7},
    ],
)
def test_nonsense_in_a_configuration_is_told(odd: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps(UNET | odd))
    kind = kinds.KINDS["StableDiffusionPipeline"]
    found = layout.Layout(tmp_path, "StableDiffusionPipeline", kind, {}, {})
    with pytest.raises(StudioError):
        graphs.ensure(architecture_of(found, "unet"), tmp_path)
