"""Pictures beside diffusers on torch: a small latent model end to end, a step of SD 1.5, loading.

All from the same safetensors: the peer loads them, the studio binds them to graphs without
weights. One thread each.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from bench.load import left_to_onnxruntime
from studio.core.controls import Value
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

STEPS, SIDE = 20, 128
CHANNELS = (128, 256, 384)


def make_small(folder: Path) -> Path:
    """A latent model of 128 pixels with random weights, as a diffusers folder in safetensors."""
    import torch
    from diffusers import (
        AutoencoderKL,
        DPMSolverMultistepScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(
        resources() / "models" / "triptych-sketch" / "tokenizer", model_max_length=77
    )
    words = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=512, num_attention_heads=4,
        num_hidden_layers=4, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        unet=UNet2DConditionModel(
            sample_size=16, block_out_channels=CHANNELS, layers_per_block=1,
            cross_attention_dim=256, attention_head_dim=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        vae=AutoencoderKL(
            block_out_channels=(32, 64, 128, 128), layers_per_block=1, latent_channels=4,
            norm_num_groups=16, sample_size=SIDE, down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ),
        text_encoder=CLIPTextModel(words),
        tokenizer=tokenizer,
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return folder


def small(folder: Path) -> None:
    """The whole way from the prompt to the picture, previews included where ours shows them."""
    import torch
    from diffusers import StableDiffusionPipeline

    import studio.engine.image.diffusion as diffusion

    model = make_small(folder / "small")
    values: dict[str, Value] = {
        "prompt": "red apple",
        "steps": STEPS,
        "guidance": 4.0,
        "sampler": "dpmpp_2m",
    }
    recipe = Recipe("image", "image.diffusion", "small", 1, values)
    job = Job("bench", recipe, folder, model, device=DeviceChoice("cpu", 1), cache=folder / "cache")
    bench = Workbench()

    def ours() -> None:
        with tempfile.TemporaryDirectory() as name:
            for _ in diffusion.run(replace(job, folder=Path(name)), bench):
                pass

    ours()
    taken = report.best(ours)
    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=True)

    def theirs() -> None:
        pipeline("red apple", num_inference_steps=STEPS, guidance_scale=4.0)

    theirs()
    millions = sum(p.numel() for p in pipeline.unet.parameters()) / 1e6
    report.duration(
        f"{SIDE} px, UNet of {millions:.0f}M, {STEPS} steps, with previews", taken,
        {"diffusers on torch, no previews": report.best(theirs)},
        {"diffusers on torch, no previews": 1.5},
    )  # fmt: skip


def write_unet(folder: Path) -> Path:
    """Stable Diffusion 1.5's UNet with random weights in 16 bits, a part as diffusers keeps it."""
    import torch
    from diffusers import UNet2DConditionModel

    from studio.engine.image import published

    torch.manual_seed(0)
    settings = {k: v for k, v in published.UNET.items() if not k.startswith("_")}
    UNet2DConditionModel(**settings).half().save_pretrained(folder)
    return folder


def session_of(job: Job) -> Any:
    """The studio's way from a part's folder to a session that can be run."""
    from studio.engine import graphs
    from studio.engine.image import architectures, published

    architecture = architectures.of_config("unet", published.UNET)
    weights = graphs.safetensors_of(job.model)
    return graphs.open_bound(job, Workbench(), architecture, weights)


@contextlib.contextmanager
def part() -> Iterator[Job]:
    """A job on the UNet's folder, its cache empty."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = Recipe("image", "image.diffusion", "unet", 0)
        yield Job(
            "bench", recipe, folder, write_unet(folder / "unet"),
            device=DeviceChoice("cpu", 1), cache=folder / "cache",
        )  # fmt: skip


def large() -> None:
    """A step at 512 x 512 with guidance, and the way to it."""
    import torch
    from diffusers import UNet2DConditionModel

    from studio.engine.image import architectures, published

    random = np.random.default_rng(0)
    feed = {
        "sample": random.standard_normal((2, 4, 64, 64), dtype=np.float32),
        "timestep": np.array([500, 500]),
        "encoder_hidden_states": random.standard_normal((2, 77, 768), dtype=np.float32),
    }
    with part() as job:
        start = time.perf_counter()
        session = session_of(job)
        first = time.perf_counter() - start
        del session
        start = time.perf_counter()
        bound = session_of(job)
        again = time.perf_counter() - start
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        given = {i.name: feed[i.name].astype(kinds[i.type]) for i in bound.get_inputs()}
        step = report.best(partial(bound.run, None, given), 2)
        del bound
        architecture = architectures.of_config("unet", published.UNET)
        start = time.perf_counter()
        assert job.cache is not None
        left_to_onnxruntime(architecture, job.cache, job.model)
        plain = time.perf_counter() - start
        torch.set_num_threads(1)
        start = time.perf_counter()
        unet: Any = UNet2DConditionModel.from_pretrained(job.model).float().eval()
        torch_load = time.perf_counter() - start
        peers = {}
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            unet = unet.to(dtype)
            inputs = [torch.from_numpy(feed["sample"]).to(dtype), torch.tensor(500)]
            inputs.append(torch.from_numpy(feed["encoder_hidden_states"]).to(dtype))

            def theirs(unet: Any = unet, inputs: list[Any] = inputs) -> None:
                with torch.inference_mode():
                    unet(*inputs)

            peers[f"diffusers on torch {name}"] = report.best(theirs, 2)
    report.duration(
        "SD 1.5, a step at 512 with guidance", step, peers,
        {"diffusers on torch fp32": 1 / 0.85},
    )  # fmt: skip
    report.duration(
        "SD 1.5's UNet, bound from safetensors again", again,
        {
            "left to ONNX Runtime": plain,
            "the first time": first,
            "diffusers on torch fp32": torch_load,
        },
        {"left to ONNX Runtime": 3.0},
    )  # fmt: skip


def main() -> None:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as name:
        warnings.simplefilter("ignore")  # advice to makers of other models
        small(Path(name))
    large()


if __name__ == "__main__":
    main()
