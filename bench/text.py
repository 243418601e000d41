"""Tokens a second: the text engine (int4) against transformers on torch and llama.cpp (Q4_0).

The models have the published shapes of SmolLM-135M and Qwen2.5-0.5B with random weights: speed
does not depend on what the weights say. One thread each; all take the most probable token, so
that only the engines differ.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import llama, report
from studio.core.controls import Value
from studio.core.messages import TextPreview
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.workbench import Workbench

PROMPT, NEW, LONG, HISTORY = 64, 96, 512, 2000

SHAPES: dict[str, dict[str, int]] = {
    "135M": {
        "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    },
    "0.5B": {
        "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    },
}  # fmt: skip


def make(folder: Path, shape: dict[str, int]) -> tuple[Path, Path]:
    """The same random model twice: for transformers (safetensors) and for the engine (int4)."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from studio.engine.convert import genai_build

    torch.manual_seed(0)
    config = LlamaConfig(
        **shape, max_position_embeddings=4096, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    peer, ours = folder / "torch", folder / "int4"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(peer)
    vocabulary = {f"t{i}": i for i in range(shape["vocab_size"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="t1", eos_token="t2", unk_token="t0"
    ).save_pretrained(peer)
    genai_build.build(peer, ours, "int4", "cpu")
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


def second_turn(folder: Path) -> tuple[float, float]:
    """Seconds to the first word of a second turn after a long first one: live, and read anew."""
    from studio.engine.text import chat

    rng = np.random.default_rng(1)
    question = " ".join(f"t{i}" for i in rng.integers(3, 4000, HISTORY))

    def ask(bench: Workbench, history: list[dict[str, str]], prompt: str) -> tuple[float, str]:
        values: dict[str, Value] = {
            "kind": "chat", "prompt": prompt, "history": json.dumps(history), "max_tokens": 16,
            "temperature": 0.0,
        }  # fmt: skip
        first, words = 0.0, ""
        with tempfile.TemporaryDirectory() as name:
            recipe = Recipe("text", "text.chat", "bench", 0, values)
            job = Job("bench", recipe, Path(name), folder, device=DeviceChoice("cpu", 1))
            start = time.perf_counter()
            for step in chat.run(job, bench):
                if isinstance(step, TextPreview):
                    first = first or time.perf_counter() - start
                    words += step.text
        return first, words

    live = Workbench()
    _, said = ask(live, [], question)
    history = [{"role": "user", "content": question}, {"role": "assistant", "content": said}]
    turned, _ = ask(live, history, "t5 t6 t7")
    fresh = Workbench()
    ask(fresh, [], "t9")  # the model is loaded, nothing of the conversation is known
    anew, _ = ask(fresh, history, "t5 t6 t7")
    return turned, anew


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


def measure(name: str, shape: dict[str, int], folder: Path) -> None:
    """Every figure of one shape."""
    rng = np.random.default_rng(0)
    prompt, long = (rng.integers(3, shape["vocab_size"], n).tolist() for n in (PROMPT, LONG))
    with contextlib.redirect_stdout(io.StringIO()):  # the builder tells of every weight
        peer, ours = make(folder, shape)
    decode, read = engine(ours, prompt, long)
    peers = {
        f"transformers torch {short}": transformers(peer, dtype, prompt, long)
        for short, dtype in (("fp32", "float32"), ("bf16", "bfloat16"))
    }
    if llama.present():
        peers["llama.cpp Q4_0"] = llama.measure(llama.make(peer, folder), prompt, long, NEW)
    else:
        print("llama.cpp was not measured: pip install '.[bench]' brings it.")
    report.rate(
        f"writing, {name} int4", "tokens/s", decode, {n: p[0] for n, p in peers.items()},
        {"transformers torch fp32": 7.0, "llama.cpp Q4_0": 1.0},
    )  # fmt: skip
    report.rate(
        f"reading {LONG}, {name} int4", "tokens/s", read, {n: p[1] for n, p in peers.items()},
        {"transformers torch fp32": 1.0, "llama.cpp Q4_0": 1.0},
    )  # fmt: skip
    if name == "135M":
        turned, anew = second_turn(ours)
        report.duration(
            f"first word of a second turn, {HISTORY} before, {name}", turned,
            {"the same read anew": anew}, {"the same read anew": 10.0},
        )  # fmt: skip


def main() -> None:
    for name, shape in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            measure(name, shape, Path(folder))


if __name__ == "__main__":
    main()
