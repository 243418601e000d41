"""Checkpoints in one file: what they are told to be, their weights, and what makes them a model."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.core.errors import StudioError
from studio.core.messages import Convert, Progress
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.convert import image_graphs
from studio.engine.graphs import open_bound
from studio.engine.image import layout, ldm, modules, single_file
from studio.engine.image.architectures import architecture_of, of_config, weights
from studio.engine.workbench import Workbench
from tests.engine.image.test_architectures import CLIP, UNET, VAE, XL, randomized

START = "model.diffusion_model.input_blocks.0.0.weight"
WORDS = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
FIRST = "first_stage_model.quant_conv.bias"
SD = {START: (8, 4, 3, 3), WORDS: (8, 768), FIRST: (8,), "cond_stage_model.x": (1,)}
SDXL = {
    START: (8, 4, 3, 3),
    WORDS: (8, 2048),
    FIRST: (8,),
    "conditioner.embedders.0.x": (1,),
    "conditioner.embedders.1.model.x": (1,),
}


def write(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (SD, single_file.Checkpoint(xl=False, inpainting=False, velocity=False)),
        (SD | {START: (8, 9, 3, 3)}, single_file.Checkpoint(False, True, False)),
        (SDXL, single_file.Checkpoint(xl=True, inpainting=False, velocity=False)),
        (SDXL | {"v_pred": (0,)}, single_file.Checkpoint(True, False, True)),
    ],
)
def test_a_checkpoint_is_known_by_its_tensors(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], expected: single_file.Checkpoint
) -> None:
    assert single_file.recognise(write(tmp_path / "a.safetensors", shapes)) == expected


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (SD | {WORDS: (8, 1024)}, "Stable Diffusion 2"),
        (SD | {WORDS: (8, 1280)}, "refiner"),
        (SDXL | {"edm_mean": (1,)}, "Playground"),
        ({k: v for k, v in SD.items() if k != FIRST}, "without its autoencoder"),
        ({"lora_unet_x.lora_down.weight": (1, 1)}, "a LoRA"),
        ({"model.diffusion_model.double_blocks.0.x": (1,)}, "FLUX"),
        ({"anything": (1,)}, "no checkpoint"),
    ],
)
def test_what_cannot_be_run_is_said(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(StudioError, match=words):
        single_file.recognise(write(tmp_path / "a.safetensors", shapes))


def openai(text: str) -> list[int]:
    """What OpenAI's own tokenizer makes of a text; its package itself would bring all of CLIP."""
    package = importlib.util.find_spec("clip")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).with_name("simple_tokenizer.py")
    spec = importlib.util.spec_from_file_location("simple_tokenizer", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [49406, *module.SimpleTokenizer().encode(text), 49407]


@pytest.mark.parametrize("shapes", [SD, SD | {START: (8, 9, 3, 3)}, SDXL])
def test_a_checkpoint_becomes_a_folder_that_can_be_read(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    from transformers import CLIPTokenizer

    file = write(tmp_path / "a.safetensors", shapes)
    order = Convert("1", "image.graphs", tmp_path, file)
    told = list(image_graphs.run(order))
    assert told[-1] == Progress("converting", 1, 1, 1.0)
    found = layout.read(tmp_path)
    assert found.fills == (shapes[START][1] == 9)
    assert found.encoders == (("text_encoder", "text_encoder_2") if shapes is SDXL else
                              ("text_encoder",))  # fmt: skip
    assert all(found.has_weights(p) for p in ("unet", "vae_decoder", *found.encoders))
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer", local_files_only=True)
    for text in ("a photo of a cat", "Über-naïve, 1984!", "it's 😀 tokyo 東京  twice"):
        assert tokenizer(text)["input_ids"] == openai(text)
    assert tokenizer.model_max_length == 77


def ldm_vae(name: str) -> str:
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0.", "mid.attn_1.")
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{1 - int(m[1])}.upsample", name)
    for new, old in (
        ("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"),
        ("to_out.0", "proj_out"), ("conv_shortcut", "nin_shortcut"), ("conv_norm_out", "norm_out"),
    ):  # fmt: skip
        name = re.sub(rf"\b{re.escape(new)}\b", old, name)
    return single_file.FIRST_STAGE + name


def ldm_tensors(part: str, state: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """A part's weights as such checkpoints have them."""
    for name, value in state.items():
        if part == "unet":
            yield single_file.UNET + ldm.unet_name(name, state, 1), value
        elif part == "vae":
            wide = "mid.attn" in ldm_vae(name) and value.ndim == 2
            yield ldm_vae(name), value[:, :, None, None] if wide else value
        elif part == "text_encoder":
            yield "cond_stage_model.transformer.text_model." + name, value


def open_clip(state: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """The names of OpenCLIP; query, key and value are one tensor there."""
    prefix = single_file.CLIP_XL
    for name, value in state.items():
        if name == "text_projection.weight":
            yield prefix + "text_projection", value.T.contiguous()
            continue
        name = name.removeprefix("text_model.")
        if ".q_proj." in name:
            parts = [state["text_model." + name.replace("q_proj", f"{c}_proj")] for c in "qkv"]
            layer, kind = name.split(".")[2], name.rsplit(".", 1)[1]
            yield f"{prefix}transformer.resblocks.{layer}.attn.in_proj_{kind}", torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            for new, old in (
                ("encoder.layers.", "transformer.resblocks."), ("self_attn", "attn"),
                ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
                ("final_layer_norm", "ln_final"),
                ("embeddings.token_embedding", "token_embedding"),
                ("embeddings.position_embedding.weight", "positional_embedding"),
            ):  # fmt: skip
                name = name.replace(new, old)
            yield prefix + name, value


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("part", "config"),
    [
        ("unet", UNET),
        ("unet", XL),
        ("vae_decoder", VAE),
        ("text_encoder", CLIP),
        (
            "text_encoder_2",
            CLIP | {"architectures": ["CLIPTextModelWithProjection"], "projection_dim": 16},
        ),
    ],
)
def test_a_part_of_a_checkpoint_has_the_weights_of_the_module(
    tmp_path: Path, part: str, config: dict[str, Any], kind: torch.dtype
) -> None:
    module = randomized(of_config(part, config).build).to(kind)
    state = {k.removeprefix(modules.PREFIX): v for k, v in module.state_dict().items()}
    own = part.partition("_")[0].replace("text", "text_encoder")
    named = open_clip(state) if part == "text_encoder_2" else ldm_tensors(own, state)
    path = tmp_path / "a.safetensors"
    save_file({n: v.contiguous() for n, v in named}, path)
    found = single_file.weights(path, part, config)
    strip = "text_model." if part == "text_encoder" else ""
    got = {name.removeprefix(strip): np.asarray(found[name]) for name in found}
    assert set(got) == set(state)
    for name, value in state.items():
        assert np.array_equal(got[name].astype(np.float32), value.float().numpy()), name


def test_a_folder_with_one_checkpoint_runs_as_one_of_diffusers(tmp_path: Path) -> None:
    parts = {"unet": UNET, "vae": VAE, "text_encoder": CLIP}
    tensors: dict[str, torch.Tensor] = {}
    states: dict[str, dict[str, torch.Tensor]] = {}
    for part, config in parts.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
        module = randomized(of_config("vae_decoder" if part == "vae" else part, config).build)
        state = {k.removeprefix(modules.PREFIX): v for k, v in module.state_dict().items()}
        states[part] = state
        tensors |= {n: v.contiguous() for n, v in ldm_tensors(part, state)}
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text("{}")
    index = {"_class_name": "StableDiffusionPipeline"}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    save_file(tensors, tmp_path / "any.safetensors")
    found = layout.read(tmp_path)
    recipe = Recipe("image", "image.diffusion", "any", 1)
    job = Job("1", recipe, tmp_path, tmp_path, device=DeviceChoice("cpu", 1), cache=tmp_path / "c")
    for part in ("unet", "vae_decoder", "vae_encoder", "text_encoder"):
        mapped = weights(found, part)
        state = states["vae" if part.startswith("vae") else part]
        assert all(np.array_equal(mapped[n], v.numpy()) for n, v in state.items())
        session = open_bound(job, Workbench(), architecture_of(found, part), mapped)
        assert session.get_outputs()
