"""Tokens a second of our own loop: GPT-2 (124M) and GPT-NeoX (Pythia-160M) against transformers.

Random weights in the published shapes, one thread each, the most probable token every time: only
the engines differ. Ours reads the same safetensors file that transformers does.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bench import report
from bench.text import LONG, NEW, PROMPT, transformers
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

VOCABULARY = 50257


def make(kind: str, folder: Path) -> Path:
    """A random model of the published shape, as transformers saves it, with a plain tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        AutoModelForCausalLM,
        GPT2Config,
        GPTNeoXConfig,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(0)
    config = (
        GPT2Config()
        if kind == "gpt2"
        else GPTNeoXConfig(
            vocab_size=50304,
            hidden_size=768,
            num_hidden_layers=12,
            num_attention_heads=12,
            intermediate_size=3072,
        )
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    vocabulary = {f"t{i}": i for i in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="t0").save_pretrained(folder)
    return folder


def engine(
    folder: Path, precision: str, prompt: list[int], long: list[int]
) -> tuple[float, float, list[int]]:
    """Tokens a second, decoding and reading a long prompt; and the tokens."""
    from studio.engine.text import decoder

    recipe = Recipe("text", "text.causal", "bench", 0, {"precision": precision})
    job = Job("bench", recipe, folder, folder, device=DeviceChoice("cpu", 1))
    loaded = decoder.load(job, Workbench())

    def rates(ids: list[int], new: int) -> tuple[float, float, list[int]]:
        start, times, tokens = time.perf_counter(), [], []
        for token in decoder.generate(loaded, ids, seed=1, max_new_tokens=new, temperature=0.0):
            if token is not None:
                times.append(time.perf_counter())
                tokens.append(token)
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        return rate, len(ids) / (times[0] - start), tokens

    rates(prompt, 4)
    reading = max(rates(long, 1)[1] for _ in range(2))
    writing = max((rates(prompt, NEW) for _ in range(2)), key=lambda r: r[0])
    return writing[0], reading, writing[2]


def main() -> None:
    rng = np.random.default_rng(0)
    prompt, long = (rng.integers(3, VOCABULARY, n).tolist() for n in (PROMPT, LONG))
    for kind, name in (("gpt2", "GPT-2 124M"), ("neox", "GPT-NeoX 160M")):
        with tempfile.TemporaryDirectory() as folder:
            path = make(kind, Path(folder))
            ours = {p: engine(path, p, prompt, long) for p in ("full", "int8")}
            peers = {d: transformers(path, d, prompt, long) for d in ("float32", "bfloat16")}
        same = sum(a == b for a, b in zip(ours["full"][2], ours["int8"][2], strict=False))
        for precision, label in (("full", "fp32"), ("int8", "int8")):
            for at, what in ((0, "writing"), (1, "reading 512")):
                report.rate(
                    f"text: {what}, {name}, {label}",
                    "tokens/s",
                    float(ours[precision][at]),  # type: ignore[arg-type]
                    {f"transformers torch {d}": p[at] for d, p in peers.items()},
                )
        print(f"{name}: {same} of the first {NEW} tokens are the same in fp32 and int8")


if __name__ == "__main__":
    main()
