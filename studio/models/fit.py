"""Whether a model suits this machine: by its bytes, by the device, and by what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable

from studio.core.family import Kind
from studio.models.remote import Fit, FitLevel, Machine, Variant

GB = 1 << 30
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
PATIENCE = 60.0
"""Seconds for a picture beyond which one waits for it."""
HEAVY_TEXT = 4_000_000_000
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
LEVELS: tuple[FitLevel, ...] = ("good", "slow", "tight", "no")
"""The best first."""
_SMALL_GRAPH = 400 << 20


def judge(what: Variant | int, kind: Kind | None, machine: Machine) -> Fit:
    """How a variant (or so many bytes of weights, as they are run) would go on this machine."""
    if isinstance(what, int):
        return _judge(what, what, kind, machine, "")
    if what.providers and not set(what.providers) & set(machine.providers):
        made = _MADE.get(what.providers[0], what.providers[0].removesuffix("ExecutionProvider"))
        return Fit("no", f"It is made for {made}, and there is none of that here.")
    slow = what.layout == "diffusers" and not what.role
    return _judge(on_processor(what), on_card(what), kind, machine, what.pipeline, drawing=slow)


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
    size: int, card: int, kind: Kind | None, machine: Machine, pipeline: str, drawing: bool = False
) -> Fit:
    gpu = machine.gpu_memory > 0 and any(p != _CPU for p in machine.providers)
    if gpu and card * GPU_HEADROOM + RUNTIME <= machine.gpu_memory:
        return _measured(card, kind, machine, pipeline, f"It fits into {_name(machine)}.")
    need = int(size * HEADROOM) + RUNTIME
    if need > machine.memory * FULL:
        return Fit(
            "no",
            f"It needs about {_gb(need)} of memory, and this computer has {_gb(machine.memory)}.",
        )
    takes = f"It takes about {_gb(need)} of this computer's {_gb(machine.memory)} of memory"
    if need > machine.memory * EASY:
        return Fit("tight", f"{takes}; close other programs first.")
    if gpu:
        return Fit(
            "slow", f"It is too large for {_name(machine)}, and will be slow on the processor."
        )
    told = _measured(size, kind, machine, pipeline, f"{takes}.")
    if told.sentence != f"{takes}.":
        return told
    if drawing and size > HEAVY_DRAWING:
        return Fit("slow", f"{takes}, and will be slow here: there is no graphics card it can use.")
    if kind == "text" and size > HEAVY_TEXT:
        return Fit("slow", f"{takes}, and will write slowly here: there is no graphics card.")
    return told


def _measured(size: int, kind: Kind | None, machine: Machine, pipeline: str, said: str) -> Fit:
    """What is said where it fits, with the speed where something made here tells it."""
    if kind == "text" and machine.reading > 0 and size > 0:
        rate = machine.reading / size
        number = f"{rate:.0f}" if rate >= 2 else f"{rate:.1f}"
        if rate < FLUENT:
            return Fit("slow", f"It will be slow here: about {number} tokens a second.")
        return Fit("good", f"{said.removesuffix('.')} and writes about {number} tokens a second.")
    seconds = machine.drawing.get(pipeline, 0.0) if pipeline else 0.0
    if seconds > 0:
        took = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
        if seconds > PATIENCE:
            return Fit("slow", f"It will be slow here: about {took} for a picture.")
        return Fit("good", f"{said.removesuffix('.')} and draws a picture in about {took}.")
    return Fit("good", said)


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
    memory = _gb(machine.gpu_memory)
    return f"the {memory} of {machine.gpu}" if machine.gpu else f"the graphics card's {memory}"


def _gb(size: int) -> str:
    return f"{size / GB:.1f} GB" if size < 10 * GB else f"{size / GB:.0f} GB"
