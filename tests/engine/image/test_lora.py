"""LoRAs merged into weights: the numbers that diffusers gets from the same files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.core.errors import StudioError
from studio.engine.image import layout, ldm, lora
from studio.engine.image.architectures import weights
from studio.engine.image.kinds import KINDS
from tests.engine.image.test_architectures import CLIP, FLUX, SD3, UNET, VAE, XL

TARGETS = ["to_q", "to_v", "to_out.0", "ff.net.0.proj", "conv1", "proj_in", "time_emb_proj", "conv"]
LEVELS = ((0.7, 1), (-0.4, 2))
"""Strengths and seeds of two LoRAs that are laid over one model together."""


@pytest.fixture(scope="module")
def modules() -> Mapping[str, Any]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    settings = {k: v for k, v in CLIP.items() if k != "architectures"}
    return {
        "unet": UNet2DConditionModel.from_config(UNET).eval(),
        "xl": UNet2DConditionModel.from_config(XL).eval(),
        "vae": AutoencoderKL.from_config(VAE).eval(),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**settings)).eval(),
        "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(**settings)).eval(),
    }


@pytest.fixture
def model(modules: Mapping[str, Any], tmp_path: Path) -> layout.Layout:
    """A diffusers folder of Stable Diffusion, as far as LoRAs go."""
    return folder_of(tmp_path / "model", "StableDiffusionPipeline", modules, "unet")


@pytest.fixture
def xl(modules: Mapping[str, Any], tmp_path: Path) -> layout.Layout:
    return folder_of(tmp_path / "xl", "StableDiffusionXLPipeline", modules, "xl")


def folder_of(folder: Path, pipeline: str, modules: Mapping[str, Any], unet: str) -> layout.Layout:
    modules[unet].save_pretrained(folder / "unet")
    modules["vae"].save_pretrained(folder / "vae")
    for part in ("text_encoder", "text_encoder_2")[: 1 + (unet == "xl")]:
        modules[part].save_pretrained(folder / part)
        (folder / part.replace("text_encoder", "tokenizer")).mkdir()
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    return layout.read(folder)


def adapter(module: Any, targets: list[str], seed: int, rank: int = 3, alpha: int = 6) -> Any:
    """A copy of a module with a random adapter of peft's in it, and that adapter's tensors."""
    import copy

    from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets)
    torch.manual_seed(seed)
    changed = inject_adapter_in_model(config, copy.deepcopy(module))
    with torch.no_grad():
        for name, value in changed.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.2)
    return changed, {k: v.contiguous() for k, v in get_peft_model_state_dict(changed).items()}


def pipeline(modules: Mapping[str, Any]) -> Any:
    import copy

    from diffusers import DDIMScheduler, StableDiffusionPipeline

    kept = {n: copy.deepcopy(modules[n]) for n in ("unet", "vae", "text_encoder")}
    return StableDiffusionPipeline(
        **kept, tokenizer=None, safety_checker=None,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def as_diffusers(state: Mapping[str, torch.Tensor], path: Path, how: str) -> None:
    """One adapter of a UNet, alpha twice its rank, written in one of the styles that there are."""
    if how == "peft":
        words = {"unet.r": 3, "unet.lora_alpha": 6, "unet.target_modules": TARGETS}
        named = {f"unet.{k}": v for k, v in state.items()}
        save_file(named, path, {"format": "pt", "lora_adapter_metadata": json.dumps(words)})
        return
    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        side = "down" if ".lora_A." in name else "up"
        layer = name.split(".lora_")[0]
        if how == "kohya":
            flat = "lora_unet_" + layer.replace(".", "_")
            found[f"{flat}.lora_{side}.weight"] = value
            found[f"{flat}.alpha"] = torch.tensor(6.0)
        else:
            # Two of its three ranks' worth are in the numbers: this style knows no alpha.
            doubled = value * 2 if side == "up" else value
            found[f"unet.{layer}.lora.{side}.weight"] = doubled
    save_file(found, path)


@pytest.mark.filterwarnings("ignore:Already found a:UserWarning")  # which is what is meant
@pytest.mark.parametrize("how", ["peft", "kohya", "diffusers"])
def test_two_loras_together_do_what_diffusers_makes_of_them(
    how: str, modules: Mapping[str, Any], model: layout.Layout, tmp_path: Path
) -> None:
    files = []
    for strength, seed in LEVELS:
        state = adapter(modules["unet"], TARGETS, seed)[1]
        path = tmp_path / f"{seed}.safetensors"
        as_diffusers(state, path, how)
        files.append((path, strength))
    theirs = pipeline(modules)
    for number, (path, _) in enumerate(files):
        theirs.load_lora_weights(tmp_path, weight_name=path.name, adapter_name=f"a{number}")
    theirs.set_adapters(["a0", "a1"], [s for _, s in files])
    merged = lora.over(weights(model, "unet"), model, "unet", files)
    ours = type(modules["unet"]).from_config(UNET).eval()
    ours.load_state_dict({k: torch.from_numpy(np.array(merged[k])) for k in ours.state_dict()})
    given = (torch.randn(2, 4, 8, 8), torch.tensor([5, 5]), torch.randn(2, 7, 24))
    with torch.no_grad():
        expected, got = theirs.unet(*given).sample, ours(*given).sample
        plain = modules["unet"](*given).sample
    assert (expected - plain).abs().max() > 0.01
    assert (expected - got).abs().max() < 1e-4


@pytest.mark.parametrize("style", ["kohya", "diffusers"])
def test_a_text_encoder_takes_its_share(
    style: str, modules: Mapping[str, Any], model: layout.Layout, tmp_path: Path
) -> None:
    changed, state = adapter(modules["text_encoder"], ["q_proj", "out_proj", "fc1"], 4)
    path = tmp_path / "words.safetensors"
    named: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        layer, _, side = name.removesuffix(".weight").rpartition(".lora_")
        layer = layer if layer.startswith("text_model.") else f"text_model.{layer}"
        if style == "kohya":
            flat = "lora_te_" + layer.replace(".", "_")
            named[f"{flat}.lora_{'down' if side == 'A' else 'up'}.weight"] = value
            named[f"{flat}.alpha"] = torch.tensor(6.0)
        else:
            named[f"text_encoder.{layer}.lora_{side}.weight"] = value * (2 if side == "B" else 1)
    save_file(named, path)
    merged = lora.over(weights(model, "text_encoder"), model, "text_encoder", [(path, 1.0)])
    ours = type(modules["text_encoder"])(modules["text_encoder"].config).eval()
    ours.load_state_dict({k: torch.from_numpy(np.array(merged[k])) for k in ours.state_dict()})
    ids = torch.randint(0, 50, (2, 9))
    with torch.no_grad():
        difference = changed(ids).last_hidden_state - ours(ids).last_hidden_state
    assert difference.abs().max() < 1e-4
    # It changes nothing else.
    unet = lora.over(weights(model, "unet"), model, "unet", [(path, 1.0)])
    assert np.array_equal(unet["conv_in.weight"], weights(model, "unet")["conv_in.weight"])


def test_kohyas_names_for_xl_are_those_of_the_first_program(
    modules: Mapping[str, Any], xl: layout.Layout, tmp_path: Path
) -> None:
    changed, state = adapter(modules["xl"], TARGETS, 5)
    names = modules["xl"].state_dict().keys()
    named: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        layer, _, side = name.removesuffix(".weight").rpartition(".lora_")
        old = ldm.unet_name(f"{layer}.weight", names, 1).removesuffix(".weight")
        flat = "lora_unet_" + old.replace(".", "_")
        named[f"{flat}.lora_{'down' if side == 'A' else 'up'}.weight"] = value
        named[f"{flat}.alpha"] = torch.tensor(6.0)
    path = tmp_path / "xl.safetensors"
    save_file(named, path)
    merged = lora.over(weights(xl, "unet"), xl, "unet", [(path, 1.0)])
    ours = type(modules["xl"]).from_config(XL).eval()
    ours.load_state_dict({k: torch.from_numpy(np.array(merged[k])) for k in ours.state_dict()})
    given = (torch.randn(2, 4, 8, 8), torch.tensor([5, 5]), torch.randn(2, 7, 24))
    more = {"text_embeds": torch.randn(2, 32), "time_ids": torch.randn(2, 6)}
    with torch.no_grad():
        got = ours(*given, added_cond_kwargs=more).sample
        expected = changed(*given, added_cond_kwargs=more).sample
    assert (expected - got).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("pipeline", "config"), [("FluxPipeline", FLUX), ("StableDiffusion3Pipeline", SD3)]
)
def test_a_transformer_takes_its_share(
    pipeline: str, config: Mapping[str, Any], tmp_path: Path
) -> None:
    import diffusers

    module = getattr(diffusers, config["_class_name"]).from_config(dict(config)).eval()
    _, state = adapter(module, ["to_q", "to_out.0", "add_k_proj", "proj_out"], 8)
    path = tmp_path / "transformer.safetensors"
    save_file({f"transformer.{n}": v * (2 if "_B." in n else 1) for n, v in state.items()}, path)
    found = layout.Layout(tmp_path, pipeline, KINDS[pipeline], {}, {"transformer": config})
    plain = {n: v.numpy() for n, v in module.state_dict().items()}
    merged = lora.over(plain, found, "transformer", [(path, 0.5)])
    layers = {n.split(".lora_")[0] for n in state}
    for name, value in plain.items():
        layer = name.removesuffix(".weight")
        added = np.zeros_like(value)
        if layer in layers and name.endswith(".weight"):
            up, down = (state[f"{layer}.lora_{side}.weight"].numpy() for side in "BA")
            added = 0.5 * 2 * (up @ down)
        assert np.abs(merged[name] - value - added).max() < 1e-5


def test_a_core_in_the_middle_is_multiplied_in(model: layout.Layout, tmp_path: Path) -> None:
    torch.manual_seed(6)
    down, core, up = torch.randn(3, 16, 1, 1), torch.randn(3, 3, 3, 3), torch.randn(16, 3, 1, 1)
    name = "down_blocks.0.resnets.0.conv1"
    flat = "lora_unet_" + name.replace(".", "_")
    path = tmp_path / "locon.safetensors"
    roles = {"down": down, "mid": core, "up": up}
    save_file({f"{flat}.lora_{r}.weight": v for r, v in roles.items()}, path)
    merged = lora.over(weights(model, "unet"), model, "unet", [(path, 0.5)])
    picture = torch.randn(1, 16, 6, 6)
    conv = torch.nn.functional.conv2d
    expected = conv(conv(conv(picture, down), core, padding=1), up) * 0.5
    plain = weights(model, "unet")[f"{name}.weight"]
    added = torch.from_numpy(merged[f"{name}.weight"] - plain)
    assert (conv(picture, added, padding=1) - expected).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"lora_unet_x.hada_w1_a": (2, 2)}, "LoHa"),
        ({"lora_unet_x.dora_scale": (2, 1)}, "DoRA"),
        ({"lora_unet_x.lokr_w1": (2, 2)}, "LoKr"),
        ({"lora_unet_conv_in.diff": (2, 2)}, "full differences"),
        ({"conv_in.weight": (2, 2)}, "no LoRA"),
        ({"lora_unet_nowhere.lora_down.weight": (2, 2)}, "another kind of model"),
        ({"lora_te2_x.lora_down.weight": (2, 2)}, "another kind of model"),
        (
            {
                "lora_unet_conv_in.lora_down.weight": (2, 640),
                "lora_unet_conv_in.lora_up.weight": (64, 2),
            },
            "another kind of model",
        ),
        ({"lora_unet_conv_in.lora_down.weight": (2, 4, 3, 3)}, "another kind of model"),
    ],
)
def test_what_cannot_be_laid_over_the_model_is_said(
    tensors: dict[str, tuple[int, ...]], words: str, model: layout.Layout, tmp_path: Path
) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({n: torch.ones(s) for n, s in tensors.items()}, path)
    with pytest.raises(StudioError, match=words):
        dict(lora.over(weights(model, "unet"), model, "unet", [(path, 1.0)]))


def test_a_file_of_the_first_styles_is_one_that_diffusers_wrote(tmp_path: Path) -> None:
    """The writer of this test's files does what diffusers' own does."""
    from diffusers import StableDiffusionPipeline

    state = {"a.to_q.lora_A.weight": torch.ones(1, 2), "a.to_q.lora_B.weight": torch.ones(2, 1)}
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=state)
    (file,) = tmp_path.glob("*.safetensors")
    assert set(load_file(file)) == {f"unet.{name}" for name in state}
