"""Tokens a second of our own loop: GPT-2 (124M) and GPT-NeoX (Pythia-160M) against transformers.

Random weights in the published shapes, one thread each, the most probable token every time: only
the engines differ. Ours reads the same safetensors file that transformers does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
) -> tuple[float, float, npt.NDArray[np.float32]]:
    """Tokens a second, decoding and reading a long prompt; and the scores after the short one."""
    from studio.engine.text import decoder

    recipe = Recipe("text", "text.causal", "bench", 0, {"precision": precision})
    job = Job("bench", recipe, folder, folder, device=DeviceChoice("cpu", 1))
    loaded = decoder.load(job, Workbench())

    def rates(ids: list[int], new: int) -> tuple[float, float]:
        start, times = time.perf_counter(), []
        for token in decoder.generate(loaded, ids, seed=1, max_new_tokens=new, temperature=0.0):
            if token is not None:
                times.append(time.perf_counter())
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        return rate, len(ids) / (times[0] - start)

    rates(prompt, 4)
    reading = max(rates(long, 1)[1] for _ in range(2))
    writing = max(rates(prompt, NEW)[0] for _ in range(2))
    state = loaded.start(PROMPT)
    for _ in state.read(prompt):
        pass
    return writing, reading, state.logits.copy()


def _best(rates: Sequence[tuple[float, float, *tuple[object, ...]]]) -> tuple[float, float]:
    return max(r[0] for r in rates), max(r[1] for r in rates)


def main() -> None:
    rng = np.random.default_rng(0)
    prompt, long = (rng.integers(3, VOCABULARY, n).tolist() for n in (PROMPT, LONG))
    for kind, name in (("gpt2", "GPT-2 124M"), ("neox", "GPT-NeoX 160M")):
        with tempfile.TemporaryDirectory() as folder:
            path = make(kind, Path(folder))
            # By turns, and the best of each: the machine is not as free at one time as at another.
            turns = [
                (
                    {p: engine(path, p, prompt, long) for p in ("full", "int8")},
                    {d: transformers(path, d, prompt, long) for d in ("float32", "bfloat16")},
                )
                for _ in range(2)
            ]
        ours, peers = ({k: _best([t[i][k] for t in turns]) for k in turns[0][i]} for i in (0, 1))
        full, eight = turns[0][0]["full"][2], turns[0][0]["int8"][2]
        away = float(np.abs(full - eight).max() / full.std())
        for precision, label in (("full", "fp32"), ("int8", "int8")):
            for at, what in ((0, "writing"), (1, "reading 512")):
                report.rate(
                    f"text: {what}, {name}, {label}",
                    "tokens/s",
                    (ours[precision][0], ours[precision][1])[at],
                    {f"transformers torch {d}": p[at] for d, p in peers.items()},
                    {"transformers torch float32": 1.5} if at == 0 else None,
                )
        print(f"{name}: scores in int8 are at most {away:.3f} of their deviation away from fp32")


if __name__ == "__main__":
    main()
