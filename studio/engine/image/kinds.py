"""The kinds of latent diffusion models: one line for each of diffusers' pipelines that run here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["words", "picture", "mask", "control", "control+picture", "control+mask"]
"""What a picture is drawn from, besides words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of model: its parts, and diffusers' pipeline for everything that can be asked of it.

    Parts are called as in diffusers' folders. Tokenizers go with the encoders: `tokenizer_2` is
    the one of `text_encoder_2`.
    """

    denoiser: str
    encoders: tuple[str, ...]
    spare: tuple[str, ...] = ()
    """Encoders that a folder may leave out; the pipeline does without them."""
    pipelines: Mapping[Task, str] = field(default_factory=dict)
    tokens: int = 0
    """Tokens that a T5 encoder is given; 0 where there is none."""
    packed: bool = False
    """Latents go in rows of 2 x 2 with their channels, and guidance in a run of its own (FLUX)."""


_ONE = ("text_encoder",)
_TWO = ("text_encoder", "text_encoder_2")

_SD = Kind(
    denoiser="unet",
    encoders=_ONE,
    pipelines={
        "words": "StableDiffusionPipeline",
        "picture": "StableDiffusionImg2ImgPipeline",
        "mask": "StableDiffusionInpaintPipeline",
        "control": "StableDiffusionControlNetPipeline",
        "control+picture": "StableDiffusionControlNetImg2ImgPipeline",
        "control+mask": "StableDiffusionControlNetInpaintPipeline",
    },
)
_LCM = Kind(
    denoiser="unet",
    encoders=_ONE,
    pipelines={
        **_SD.pipelines,
        "words": "LatentConsistencyModelPipeline",
        "picture": "LatentConsistencyModelImg2ImgPipeline",
    },
)
_SDXL = Kind(
    denoiser="unet",
    encoders=_TWO,
    spare=("text_encoder",),  # the refiner has the second alone
    pipelines={
        "words": "StableDiffusionXLPipeline",
        "picture": "StableDiffusionXLImg2ImgPipeline",
        "mask": "StableDiffusionXLInpaintPipeline",
        "control": "StableDiffusionXLControlNetPipeline",
        "control+picture": "StableDiffusionXLControlNetImg2ImgPipeline",
        "control+mask": "StableDiffusionXLControlNetInpaintPipeline",
    },
)
_SD3 = Kind(
    denoiser="transformer",
    encoders=(*_TWO, "text_encoder_3"),
    spare=("text_encoder_3",),
    pipelines={
        "words": "StableDiffusion3Pipeline",
        "picture": "StableDiffusion3Img2ImgPipeline",
        "mask": "StableDiffusion3InpaintPipeline",
        "control": "StableDiffusion3ControlNetPipeline",
    },
    tokens=256,
)
_FLUX = Kind(
    denoiser="transformer",
    encoders=_TWO,
    pipelines={
        "words": "FluxPipeline",
        "picture": "FluxImg2ImgPipeline",
        "mask": "FluxInpaintPipeline",
        "control": "FluxControlNetPipeline",
        "control+picture": "FluxControlNetImg2ImgPipeline",
        "control+mask": "FluxControlNetInpaintPipeline",
    },
    tokens=512,
    packed=True,
)
_FLUX_FILL = Kind(
    denoiser="transformer",
    encoders=_TWO,
    pipelines={"mask": "FluxFillPipeline"},
    tokens=512,
    packed=True,
)

KINDS: dict[str, Kind] = {
    **dict.fromkeys(_FLUX_FILL.pipelines.values(), _FLUX_FILL),
    **dict.fromkeys(_FLUX.pipelines.values(), _FLUX),
    **dict.fromkeys(_SD3.pipelines.values(), _SD3),
    **dict.fromkeys(_SDXL.pipelines.values(), _SDXL),
    **dict.fromkeys(_LCM.pipelines.values(), _LCM),
    **dict.fromkeys(_SD.pipelines.values(), _SD),
}
"""By the class that model_index.json names; any task's pipeline tells the kind."""
