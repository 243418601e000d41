"""Language models in safetensors become folders for onnxruntime-genai that give their numbers."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import queue
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import StudioError
from studio.core.messages import Convert, Done, Hello, Progress, Report
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine import genai
from studio.engine.convert import genai_build, text_genai
from studio.engine.supervisor import Died, Heard, Supervisor
from studio.engine.workbench import Workbench
from studio.models.taking import GENAI
from tests.engine import tiny_text

COMMON: dict[str, Any] = {
    "vocab_size": 352,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}
GEMMA = {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16}
GEMMA3 = {
    **GEMMA,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    },
}
# The structure of each family's published configurations, made small.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama 2": ("LlamaConfig", {"num_key_value_heads": 4}),
    "Llama 3.1": (
        "LlamaConfig",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500_000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "SmolLM 2": ("LlamaConfig", {"tie_word_embeddings": True}),
    "Mistral": ("MistralConfig", {"head_dim": 32, "sliding_window": None}),
    "Mistral 0.1": ("MistralConfig", {"sliding_window": 16}),
    "Qwen 2.5": ("Qwen2Config", {"tie_word_embeddings": True}),
    "Qwen 3": ("Qwen3Config", {"head_dim": 32, "tie_word_embeddings": True}),
    "Phi 3": ("Phi3Config", {"original_max_position_embeddings": 256, "sliding_window": 40}),
    "Phi 4": ("Phi3Config", {"original_max_position_embeddings": 256}),
    "Phi 4 mini": (
        "Phi3Config",
        {
            "hidden_size": 128,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "tie_word_embeddings": True,
            "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 128,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10_000.0,
                "partial_rotary_factor": 0.75,
                "short_factor": [1.0 + i * 0.1 for i in range(24)],
                "long_factor": [2.0 + i for i in range(24)],
                "original_max_position_embeddings": 128,
            },
        },
    ),
    "Gemma": ("GemmaConfig", {"head_dim": 32}),
    "Gemma 2": ("Gemma2Config", GEMMA),
    "Gemma 3 1B": ("Gemma3TextConfig", GEMMA3),
    "Gemma 3 4B": ("Gemma3Config", GEMMA3),
    "SmolLM 3": ("SmolLM3Config", {"num_hidden_layers": 4, "no_rope_layer_interval": 4}),
    "Granite 3": (
        "GraniteConfig",
        {
            "embedding_multiplier": 12.0,
            "logits_scaling": 8.0,
            "residual_multiplier": 0.22,
            "attention_multiplier": 0.0625,
        },
    ),
    "OLMo 2": ("Olmo2Config", {}),
}


def make_source(folder: Path, tokenizer: Path, family: str) -> Any:
    """A tiny model of a family as transformers saves it, and the model itself."""
    import torch
    import transformers

    kind, special = FAMILIES[family]
    torch.manual_seed(0)
    values = {**COMMON, **special}
    if kind == "Gemma3Config":
        vision = {
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 56, "patch_size": 14,
        }  # fmt: skip
        config = transformers.Gemma3Config(
            text_config=values, vision_config=vision, mm_tokens_per_image=4,
            image_token_index=350, boi_token_index=349, eoi_token_index=348,
        )  # fmt: skip
        model = transformers.Gemma3ForConditionalGeneration(config).eval()
    else:
        config = getattr(transformers, kind)(**values)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.add_(torch.randn_like(weight) * 0.2)
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder)
    model.save_pretrained(folder)
    return model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "source"
    with quiet():
        tiny_text.make_source(folder)
    return folder


def opened(folder: Path) -> genai.Loaded:
    job = Job("", Recipe("text", "", "", 0), folder, folder, device=DeviceChoice("cpu", 1))
    return genai.load(job, Workbench())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_numbers_are_those_of_transformers(
    family: str, tokenizer: Path, tmp_path: Path
) -> None:
    import numpy as np
    import torch

    with quiet():
        theirs = make_source(tmp_path / "source", tokenizer, family)
        genai_build.build(tmp_path / "source", tmp_path / "made", "fp32", "cpu")
        text_genai._finish(tmp_path / "source", tmp_path / "made")
    ids = np.random.default_rng(0).integers(3, 340, 100)
    with torch.inference_mode(), quiet():
        expected = theirs(input_ids=torch.tensor(ids[None])).logits[0].numpy()
    loaded = opened(tmp_path / "made")
    assert loaded.context == (128 if family == "Phi 4 mini" else 256)
    assert loaded.rewinds
    reader = genai.Reader(loaded, 128)
    at, seen = 0, {}
    for size in (32, 32, 16, *([1] * 20)):
        reader.read(ids[at : at + size].tolist())
        at += size
        seen[at] = reader.logits().copy()
        assert np.abs(seen[at] - expected[at - 1]).max() < 1e-4
    # What was taken back leaves nothing behind: the same calls give the same bits.
    reader.rewind(1)
    reader.read(ids[:7].tolist())
    reader.rewind(1)
    for at, size in ((32, 32), (64, 16)):
        reader.read(ids[at : at + size].tolist())
        assert np.array_equal(reader.logits(), seen[at + size])


def test_what_is_brought_in_is_what_can_be_built() -> None:
    assert text_genai.ARCHITECTURES == GENAI
    built = {FAMILIES[f][0].replace("Config", "").replace("Text", "") for f in FAMILIES}
    known = {a.replace("ForCausalLM", "") for a in text_genai.ARCHITECTURES}
    assert built == {a.replace("ForConditionalGeneration", "") for a in known}


def order_of(source: Path, folder: Path, **options: str) -> Convert:
    folder.mkdir(exist_ok=True)
    return Convert("c", "text.genai", folder, source, options, DeviceChoice("cpu", 1))


def through_an_engine(order: Convert) -> Iterator[Progress]:
    """The steps of a conversion in the engine process of the text lane, as the window has it."""
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    supervisor = Supervisor("text", heard.put)
    supervisor.start()
    try:
        while True:
            answer = heard.get(timeout=60)
            assert not isinstance(answer, Died)
            if isinstance(answer, Hello):
                supervisor.send(order)
            elif isinstance(answer, Report):
                if not isinstance(answer.news, Progress):
                    assert isinstance(answer.news, Done), answer.news
                    return
                yield answer.news
    finally:
        supervisor.stop()


def test_a_folder_is_made_and_can_be_run(source: Path, tmp_path: Path) -> None:
    import numpy as np

    order = order_of(source, tmp_path / "made")
    (order.folder / "README.md").write_text("kept", "utf-8")
    steps = list(through_an_engine(order))
    fractions = [s.fraction for s in steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len(set(fractions)) > 4
    names = {p.name for p in order.folder.iterdir()}
    assert names >= {
        "genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json", "README.md",
        "chat_template.jinja",
    }  # fmt: skip
    assert not any(n.startswith(".") or n == "cache" for n in names)
    loaded = opened(order.folder)
    made = [
        t
        for t in genai.generate(loaded, [1, 70, 90], seed=1, max_new_tokens=8, temperature=0)
        if t is not None
    ]
    assert made
    # int4 keeps most of what the weights say.
    small, whole = genai.Reader(loaded, 64), genai.Reader(opened(source.with_name("tiny")), 64)
    for reader in (small, whole):
        reader.read(list(range(30, 60)))
    alike = np.corrcoef(small.logits(), whole.logits())[0, 1]
    assert alike > 0.5


def test_closing_kills_the_build_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    import psutil

    order = order_of(source, tmp_path / "made")
    steps = text_genai.run(order)
    for _ in range(4):
        next(steps)
    children = [
        p
        for p in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(p.cmdline())
    ]
    assert children
    started = time.monotonic()
    steps.close()  # type: ignore[attr-defined]  # run is a generator
    assert time.monotonic() - started < 0.5
    assert not any(p.is_running() for p in children)
    assert list(order.folder.iterdir()) == []


def change(path: Path, **values: object) -> None:
    config = json.loads(path.read_text("utf-8"))
    config.update(values)
    path.write_text(json.dumps(config), "utf-8")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


REFUSED: dict[str, Callable[[Path], object]] = {
    "no config": lambda f: (f / "config.json").unlink(),
    "config is a list": lambda f: (f / "config.json").write_text("[]"),
    "of another kind": lambda f: change(f / "config.json", architectures=["GPT2LMHeadModel"]),
    "no kind": lambda f: change(f / "config.json", architectures=[]),
    "quantized": lambda f: change(f / "config.json", quantization_config={"bits": 4}),
    "absurd sizes": lambda f: change(f / "config.json", max_position_embeddings=10**12),
    "pickled": pickled,
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "no tokenizer": lambda f: (f / "tokenizer.json").unlink(),
    "cut weights": lambda f: (f / "model.safetensors").write_bytes(
        (f / "model.safetensors").read_bytes()[:5000]
    ),
}


@pytest.mark.parametrize("harm", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_built_is_told_at_once(
    harm: Callable[[Path], object], source: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    harm(copy)
    order = order_of(copy, tmp_path / "made")
    with pytest.raises(StudioError) as caught:
        list(text_genai.run(order))
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    assert not list(order.folder.iterdir())


def test_weights_of_another_model_are_told(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    change(copy / "config.json", num_hidden_layers=3)
    order = order_of(copy, tmp_path / "made")
    with pytest.raises(StudioError, match="do not fit"):
        list(text_genai.run(order))
    assert not list(order.folder.iterdir())


@pytest.mark.parametrize("precision", ["int2", "fp16"])
def test_a_precision_that_cannot_be_is_told(precision: str, source: Path, tmp_path: Path) -> None:
    with pytest.raises(StudioError) as caught:
        list(text_genai.run(order_of(source, tmp_path / "made", precision=precision)))
    assert caught.value.hint
