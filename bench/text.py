"""Tokens a second: the text engine (int4) against transformers on torch, one thread each.

The model has the published shape of SmolLM-135M with random weights: speed does not depend on
what the weights say. Both take the most probable token, so that only the engines differ.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

PROMPT, NEW, VOCABULARY = 64, 96, 49152
LONG = 512


def make(folder: Path) -> tuple[Path, Path]:
    """The same random model twice: for transformers (safetensors) and for the engine (int4)."""
    import torch
    from onnxruntime_genai.models.builder import create_model, parse_extra_options
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    peer, ours = folder / "torch", folder / "int4"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(peer)
    vocabulary = {f"t{i}": i for i in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="t1", eos_token="t2", unk_token="t0"
    ).save_pretrained(peer)
    where = ("", str(peer), str(ours), "int4", "cpu", str(folder / "cache"))
    create_model(*where, **parse_extra_options(*where, ["prune_lm_head=true"]))
    return peer, ours


def engine(folder: Path, prompt: list[int], long: list[int]) -> tuple[float, float]:
    """Tokens a second: decoding, and reading a long prompt."""
    from studio.engine import genai

    recipe = Recipe("text", "text.chat", "bench", 0)
    job = Job("bench", recipe, folder, folder, device=DeviceChoice("cpu", 1))
    loaded = genai.load(job, Workbench())

    def first_token(ids: list[int], new: int) -> tuple[float, float]:
        start, times = time.perf_counter(), []
        for token in genai.generate(
            loaded, ids, seed=1, max_new_tokens=new, temperature=0.0, top_p=1.0, top_k=0,
            min_p=0.0, repetition_penalty=1.0,
        ):  # fmt: skip
            if token is not None:
                times.append(time.perf_counter())
        return times[0] - start, (len(times) - 1) / (times[-1] - times[0]) if new > 1 else 0.0

    first_token(prompt, 4)
    reading = min(first_token(long, 1)[0] for _ in range(2))
    return max(first_token(prompt, NEW)[1] for _ in range(2)), len(long) / reading


def transformers(
    folder: Path, dtype: str, prompt: list[int], long: list[int]
) -> tuple[float, float]:
    """The same of transformers' own generate() on torch."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    def generate(ids: list[int], new: int) -> list[float]:
        times = [time.perf_counter()]

        class Clock:
            def put(self, _: object) -> None:
                times.append(time.perf_counter())

            def end(self) -> None: ...

        model.generate(
            input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=2,
            streamer=Clock(),
        )  # fmt: skip
        return times

    generate(prompt, 4)
    reading = generate(long, 1)
    times = generate(prompt, NEW)
    return (NEW - 1) / (times[-1] - times[2]), len(long) / (reading[2] - reading[0])


def main() -> None:
    rng = np.random.default_rng(0)
    prompt, long = (rng.integers(3, VOCABULARY, n).tolist() for n in (PROMPT, LONG))
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):  # the builder tells of every weight
            peer, ours = make(Path(folder))
        decode, read = engine(ours, prompt, long)
        peers = {d: transformers(peer, d, prompt, long) for d in ("float32", "bfloat16")}
    names = {d: f"transformers torch {d}" for d in peers}
    report.rate(
        "text: writing, 135M", "tokens/s", decode, {names[d]: p[0] for d, p in peers.items()}
    )
    report.rate(
        "text: reading 512, 135M", "tokens/s", read, {names[d]: p[1] for d, p in peers.items()}
    )


if __name__ == "__main__":
    main()
