"""Whether a model suits this machine: by its bytes, by the device, and by what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from studio.core.family import Kind
from studio.core.sizes import size_words
from studio.core.speed import Speed
from studio.models.remote import Fit, FitLevel, Machine, Variant

RUNTIME = 300 << 20
"""Bytes that running anything takes beside the weights."""
HEADROOM = 1.25
"""Memory for each byte of weights: what is computed lies beside them."""
GPU_HEADROOM = 1.3
"""The same on a graphics card, as the engine asks for it."""
EASY, FULL = 0.7, 0.95
"""Parts of the main memory: up to the first nothing is noticed, beyond the second it swaps."""
IN_EIGHT_FROM = 4 << 30
"""Bytes in single precision above which the engine keeps a language model in 8 bits."""
FLUENT = 5.0
"""Tokens a second below which one waits for what one reads."""
STEP = 2.5
"""Seconds for a step of a picture beyond which one waits for it: it takes some 25 of them."""
HEAVY_TEXT = 4 << 30
"""Bytes that are gone through for each token, from which on a processor writes less than fluently:
docs/benchmarks.md measured some 20 GB a second on one core."""
HEAVY_DRAWING = 1 << 30
"""Bytes of a pipeline that a processor is slow with: Stable Diffusion 1.5, the smallest of its
kind, took 8 s a step in docs/benchmarks.md."""

_WEIGHT = {"int4": 0.5, "int8": 1.0, "fp16": 2.0, "bf16": 2.0, "fp32": 4.0, "fp8": 1.0, "fp64": 8.0}
"""Bytes of one number."""
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_MADE = {_CUDA: "NVIDIA cards", "DmlExecutionProvider": "DirectML"}
BESIDE = 48_000_000
"""What else a token takes (attention, norms, sampling), in bytes of weights that take as long; of
a small model a quarter. Measured: 0.5B writes 66 tokens a second, and this says 68."""
_PASSES = 2
"""Runs of the denoiser for a step with guidance."""
LEVELS: tuple[FitLevel, ...] = ("good", "slow", "tight", "no")
"""The best first."""
_SMALL_GRAPH = 400 << 20
_WRITING = frozenset({"text.chat", "text.causal"})
"""Families whose models go through all their weights for each token."""


def judge(what: Variant | int, kind: Kind | None, machine: Machine) -> Fit:
    """How a variant (or so many bytes of weights, as they are run) would go on this machine."""
    if isinstance(what, int):
        return _judge(what, what, kind, machine)
    if what.providers and not set(what.providers) & set(machine.providers):
        made = _MADE.get(what.providers[0], what.providers[0].removesuffix("ExecutionProvider"))
        return Fit("no", f"It is made for {made}, and there is none of that here.")
    slow = what.layout == "diffusers" and not what.role
    pace = _pace(what, machine.speed) if machine.speed is not None else None
    return _judge(on_processor(what), on_card(what), kind, machine, pace, drawing=slow)


def best(variants: Iterable[Variant], machine: Machine) -> str:
    """The id of the variant to begin with; empty where none can be run.

    Raises nothing; variants have been judged.
    """
    able = [v for v in variants if not v.problem]
    if not able:
        return ""
    return min(able, key=lambda v: (_level(v), _rank(v, machine), v.size, v.id)).id


def on_processor(variant: Variant) -> int:
    """Bytes of weights in main memory once it runs on the processor."""
    size, each = variant.size, _WEIGHT.get(variant.precision, 0.0)
    if not each or variant.layout in ("genai", "piper"):
        return size
    numbers = size / each
    if variant.converter == "text.genai":
        return int(numbers * _WEIGHT["int4"] * 1.15)  # the scales of the blocks are beside them
    if variant.layout == "transformers" and any(f.startswith("text.") for f in variant.families):
        single = int(numbers * 4)
        return single if single <= IN_EIGHT_FROM else int(numbers)
    # A processor computes in 32 bits whatever the file keeps; packed weights stay as they are.
    return int(numbers * 4) if variant.precision in ("fp16", "bf16") else size


def on_card(variant: Variant) -> int:
    """Bytes of weights on a graphics card, which computes in 16 bits."""
    each = _WEIGHT.get(variant.precision, 0.0)
    if variant.converter == "text.genai":
        return on_processor(variant)
    halved = variant.layout in ("diffusers", "transformers") and each > 2
    return int(variant.size * 2 / each) if halved else variant.size


def _judge(
    size: int,
    card: int,
    kind: Kind | None,
    machine: Machine,
    pace: Fit | None = None,
    drawing: bool = False,
) -> Fit:
    gpu = machine.gpu_memory > 0 and any(p != _CPU for p in machine.providers)
    if gpu and card * GPU_HEADROOM + RUNTIME <= machine.gpu_memory:
        return Fit("good", f"It fits into {_name(machine)}.")
    need = int(size * HEADROOM) + RUNTIME
    needs, has = size_words(need), size_words(machine.memory)
    if need > machine.memory * FULL:
        return Fit("no", f"It needs about {needs} of memory, and this computer has {has}.")
    takes = f"It takes about {needs} of this computer's {has} of memory"
    if need > machine.memory * EASY:
        return Fit("tight", f"{takes}; close other programs first.")
    if gpu:
        return Fit(
            "slow", f"It is too large for {_name(machine)}, and will be slow on the processor."
        )
    if pace is not None:
        return Fit(pace.level, f"{takes}, and {pace.sentence}.")
    if drawing and size > HEAVY_DRAWING:
        return Fit("slow", f"{takes}, and will be slow here: there is no graphics card it can use.")
    if kind == "text" and size > HEAVY_TEXT:
        return Fit("slow", f"{takes}, and will write slowly here: there is no graphics card.")
    return Fit("good", f"{takes}.")


def _pace(variant: Variant, speed: Speed) -> Fit | None:
    """How quick it will be on the processor, as the end of a sentence; None where nobody knows."""
    if variant.role:
        return None
    if not _WRITING.isdisjoint(variant.families):
        rate = _tokens(variant, speed)
        if rate <= 0:
            return None
        number = f"{rate:.0f}" if rate >= 2 else f"{rate:.1f}"
        if rate < FLUENT:
            return Fit("slow", f"will be slow here: about {number} tokens a second")
        return Fit("good", f"writes about {number} tokens a second here")
    work = _work(variant)
    if work is None or speed.computing <= 0:
        return None
    seconds = _PASSES * work.operations / speed.computing
    number = f"{seconds:.0f}" if seconds >= 2 else f"{seconds:.1f}"
    size = f"{work.side} × {work.side} with guidance"
    took = f"about {number} seconds for each step of a picture of {size}"
    return (
        Fit("slow", f"will be slow here: {took}")
        if seconds > STEP
        else Fit("good", f"takes {took}")
    )


def _tokens(variant: Variant, speed: Speed) -> float:
    """Tokens a second: all weights are gone through for each. 0 where that was not measured."""
    size, precision = on_processor(variant), variant.precision
    if variant.converter == "text.genai":
        precision = "int4"
    elif variant.layout == "transformers":
        each = _WEIGHT.get(precision, 0.0)
        precision = "fp32" if each and size > variant.size / each * 2 else "int8"
    beside = min(BESIDE, size // 4)
    return speed.reading.get(precision, 0.0) / (size + beside) if size > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What one run of a published denoiser is, for one picture."""

    pipeline: str
    weights: tuple[float, float]
    """The least and the most numbers in the denoiser of models that were trained on from it."""
    whole: tuple[float, float]
    """The same of the whole pipeline, with and without what is left out sometimes."""
    operations: float
    side: int
    """Pixels."""


WORKS = (
    Work("StableDiffusionPipeline", (855e6, 870e6), (1.03e9, 1.40e9), 0.804e12, 512),
    Work("StableDiffusionXLPipeline", (2.55e9, 2.58e9), (3.3e9, 3.6e9), 6.76e12, 1024),
)
"""Counted by torch.utils.flop_counter over the published configurations. Smaller siblings, as
distilled ones, have other numbers of weights: of them nothing is said."""


def _work(variant: Variant) -> Work | None:
    each = _WEIGHT.get(variant.precision, 0.0)
    if not each or variant.layout != "diffusers":
        return None
    held = [f for f in variant.files if "unet" in f.path.split("/")[:-1]]
    numbers = sum(f.size for f in held or variant.files) / each
    for work in WORKS:
        least, most = work.weights if held else work.whole
        if work.pipeline == variant.pipeline and least <= numbers <= most:
            return work
    return None


def _level(variant: Variant) -> int:
    return LEVELS.index(variant.fit.level) if variant.fit is not None else len(LEVELS)


def _rank(variant: Variant, machine: Machine) -> tuple[int, int, int, int]:
    """How good a choice is, apart from whether it fits: smaller is better."""
    gpu = machine.gpu_memory > 0 and any(p != _CPU for p in machine.providers)
    limited = 0 if bool(variant.providers) == gpu or variant.layout != "genai" else 1
    chats = 0 if variant.layout == "genai" else 1 if variant.converter == "text.genai" else 2
    voice = 0
    if variant.layout == "piper":
        usual = re.fullmatch(r"(en_US-)?.*", variant.id)
        voice = (0 if usual and usual[1] else 2) + (0 if variant.id.endswith("-medium") else 1)
    return limited, chats, _precision(variant, gpu=gpu), voice


def _precision(variant: Variant, *, gpu: bool) -> int:
    """The order in which precisions are taken where all of them fit."""
    order: tuple[str, ...]
    if variant.layout == "genai":
        order = ("fp16", "int4", "int8") if gpu else ("int4", "int8", "fp32")
    elif variant.layout in ("diffusers", "transformers"):
        order = ("fp16", "bf16", "fp32")
    elif gpu:
        order = ("fp16", "fp32", "int8", "int4")
    elif variant.layout == "transformers.js" and any(
        f.startswith("text.") for f in variant.families
    ):
        order = ("int8", "int4", "fp32", "fp16")
    elif variant.size <= _SMALL_GRAPH:
        order = ("fp32", "fp16", "int8", "int4")
    else:
        order = ("int8", "fp32", "fp16", "int4")
    return order.index(variant.precision) if variant.precision in order else len(order)


def _name(machine: Machine) -> str:
    memory = size_words(machine.gpu_memory)
    return f"the {memory} of {machine.gpu}" if machine.gpu else f"the graphics card's {memory}"
