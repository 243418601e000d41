"""A trained Llama as an onnxruntime-genai folder, with the precision chosen by measurement.

The weight formats are built by onnxruntime-genai's own model builder; the smallest one whose
held-out loss is less than one percent above that of fp32 is kept.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.core.errors import StudioError
from studio.training.language import IGNORED, HeldOut, windows

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

PRECISIONS = ("int4", "int8", "fp32")
"""From the smallest to the exact one."""
LOSS_LIMIT = 0.01
"""A format may raise the held-out loss by this share at most."""
BUILDER_OPTIONS = {
    "int4": ("block_size=32", "accuracy_level=4"),
    "int8": ("block_size=32", "accuracy_level=4"),
    "fp32": (),
}
SHIPPED = ("genai_config.json", "model.onnx", "model.onnx.data")


@dataclass
class ExportFigures:
    """What was measured on the way: losses in nats per token, sizes in bytes, speed in tokens a
    second."""

    chosen: str = ""
    nats: dict[str, float] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)
    tokens_a_second: float = 0.0


def write_tokenizer(
    folder: Path, tokenizer: Tokenizer, context: int, chat_template: str = ""
) -> None:
    """tokenizer.json and tokenizer_config.json (and chat_template.jinja) as transformers reads
    them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<unk>",
        "model_max_length": context,
        "add_bos_token": True,
        "clean_up_tokenization_spaces": False,
    }
    if chat_template:
        config["chat_template"] = chat_template
        (folder / "chat_template.jinja").write_text(chat_template, "utf-8")
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text + "\n", "utf-8")


def build(source: Path, target: Path, precision: str, *, prune: bool) -> None:
    """Run the model builder. ``prune``: logits of the last position only. Raises StudioError."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    options = [f"prune_lm_head={'true' if prune else 'false'}", *BUILDER_OPTIONS[precision]]
    logging.getLogger("onnxruntime.quantization").setLevel(logging.CRITICAL)
    talk = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as cache,
        contextlib.redirect_stdout(talk),
        contextlib.redirect_stderr(talk),
    ):
        # No model name: the builder is given a folder and looks nothing up.
        order = ("", str(source), str(target), precision, "cpu", cache)
        try:
            create_model(*order, **parse_extra_options(*order, options))
        except Exception as error:
            raise StudioError(
                f"onnxruntime-genai could not build the model: {error}",
                "Check that onnxruntime-genai and onnx-ir are installed in matching versions.",
            ) from error


def onnx_nats_per_token(folder: Path, held: HeldOut, sequence: int) -> float:
    """Held-out loss of an unpruned graph over the same windows as
    :func:`language.nats_per_token`."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    decoder = json.loads((folder / "genai_config.json").read_text("utf-8"))["model"]["decoder"]
    heads, width = decoder["num_key_value_heads"], decoder["head_size"]
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), settings, providers=["CPUExecutionProvider"]
    )
    past = [i.name for i in session.get_inputs() if i.name.startswith("past_")]
    total, count = 0.0, 0
    for inputs, targets in windows(held, sequence):
        feed: dict[str, npt.NDArray[Any]] = {
            "input_ids": inputs[None],
            "attention_mask": np.ones((1, len(inputs)), dtype=np.int64),
        }
        feed.update(dict.fromkeys(past, np.zeros((1, heads, 0, width), dtype=np.float32)))
        logits = np.asarray(session.run(["logits"], feed)[0][0], dtype=np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        counted = np.flatnonzero(targets != IGNORED)
        chosen = logits[counted, targets[counted]]
        total += float((np.log(np.exp(logits[counted]).sum(axis=1)) - chosen).sum())
        count += len(counted)
    return total / count


def folder_size(folder: Path) -> int:
    """Bytes of the graph and its weights."""
    return sum((folder / name).stat().st_size for name in SHIPPED[1:] if (folder / name).exists())


def decode_speed(folder: Path, prompt: list[int], tokens: int = 128, runs: int = 3) -> float:
    """Tokens a second of onnxruntime-genai with one thread, after the prompt; the best of ``runs``.

    Fewer ``tokens`` are timed where the model's context is shorter.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime_genai

    config = onnxruntime_genai.Config(str(folder))
    session = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
    model = onnxruntime_genai.Model(config)
    context = json.loads((folder / "genai_config.json").read_text("utf-8"))["model"]
    tokens = min(tokens, int(context["context_length"]) - len(prompt))
    length = len(prompt) + tokens
    settings = onnxruntime_genai.GeneratorParams(model)
    settings.set_search_options(max_length=length, min_length=length, do_sample=False)
    best = 0.0
    for _ in range(runs):
        generator = onnxruntime_genai.Generator(model, settings)
        generator.append_tokens(np.asarray(prompt, dtype=np.int32))
        generator.generate_next_token()
        began = time.perf_counter()
        for _ in range(tokens - 1):
            generator.generate_next_token()
        best = max(best, (tokens - 1) / (time.perf_counter() - began))
    return best


def export(
    model: LlamaForCausalLM,
    tokenizer: Tokenizer,
    folder: Path,
    held_out: HeldOut,
    sequence: int,
    *,
    search: dict[str, Any],
    chat_template: str = "",
    precisions: tuple[str, ...] = PRECISIONS,
) -> ExportFigures:
    """Write the folder: graph, weights, genai_config.json with ``search`` as its defaults,
    tokenizer."""
    figures = ExportFigures()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        model.save_pretrained(source)
        write_tokenizer(source, tokenizer, model.config.max_position_embeddings, chat_template)
        for precision in precisions:
            trial = Path(scratch) / precision
            build(source, trial, precision, prune=False)
            figures.size[precision] = folder_size(trial)
            figures.nats[precision] = onnx_nats_per_token(trial, held_out, sequence)
        exact = figures.nats.get("fp32", min(figures.nats.values()))
        figures.chosen = next(p for p in precisions if figures.nats[p] <= exact * (1 + LOSS_LIMIT))
        final = Path(scratch) / "final"
        build(source, final, figures.chosen, prune=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in SHIPPED:
            if (final / name).exists():
                shutil.copyfile(final / name, folder / name)
    write_tokenizer(folder, tokenizer, model.config.max_position_embeddings, chat_template)
    set_search(folder, search)
    figures.tokens_a_second = decode_speed(folder, held_out.tokens[:16].astype(int).tolist())
    return figures


def set_search(folder: Path, search: dict[str, Any]) -> None:
    """Put the model's own sampling defaults into its genai_config.json."""
    path = folder / "genai_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["search"].update(search)
    path.write_text(json.dumps(config, indent=4) + "\n", "utf-8")
