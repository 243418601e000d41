"""Models that go on from a text: their numbers are those of transformers, in every layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.core import media
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Output, Progress, TextPreview
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.text import causal, decoder
from studio.engine.text.stepping import CHUNK
from studio.engine.workbench import Workbench
from tests.engine import tiny_transformers
from tests.engine.text import exported

KINDS = sorted(tiny_transformers.CAUSAL)
LAYOUTS = ("past", "merged", "two", "plain", "stacked")

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "scaled": ("gpt2", {"scale_attn_by_inverse_layer_idx": True, "n_inner": 48}),
    "in-turn": ("gpt_neox", {"use_parallel_residual": False, "tie_word_embeddings": True}),
    "wide-rotary": ("gpt_neox", {"hidden_size": 128, "rotary_pct": 0.25}),
    "normed": ("bloom", {"apply_residual_connection_post_layernorm": True}),
    "350m": ("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 32}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("causal")
    made = {kind: tiny_transformers.make_causal(base / kind, kind) for kind in KINDS}
    for name, (kind, settings) in VARIANTS.items():
        made[name] = tiny_transformers.make_causal(base / name, kind, **settings)
    return made


@pytest.fixture(scope="module")
def layouts(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("layouts")
    return {n: exported.causal(folders["gpt2"], base / n, n) for n in LAYOUTS}


def job_of(model: Path, folder: Path, seed: int = 1, **values: Value) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("text", "text.causal", "tiny", seed, values)
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1))


def theirs_of(model: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()


def greedy(loaded: decoder.Loaded, ids: list[int], most: int) -> list[int]:
    steps = decoder.generate(loaded, ids, seed=1, max_new_tokens=most, temperature=0)
    return [t for t in steps if t is not None]


def differences(loaded: decoder.Loaded, source: Path) -> float:
    """How far scores are away from those of transformers, at most, over a prompt and ten steps."""
    import torch

    ids = np.random.default_rng(0).integers(1, 300, 90).tolist()
    with torch.inference_mode():
        expected = theirs_of(source)(torch.tensor([ids])).logits[0].numpy()
    state = loaded.start(90)
    for _ in state.read(ids[:80]):
        pass
    worst = float(np.abs(state.logits - expected[79]).max())
    for place in range(80, 90):
        state.step(ids[place])
        worst = max(worst, float(np.abs(state.logits - expected[place]).max()))
    return worst


@pytest.mark.parametrize("name", [*KINDS, *VARIANTS])
def test_scores_are_those_of_transformers(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    loaded = decoder.load(job_of(folders[name], tmp_path), Workbench())
    assert differences(loaded, folders[name]) < 1e-4


@pytest.mark.parametrize("name", KINDS)
def test_greedy_texts_are_those_of_transformers(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    import torch

    loaded = decoder.load(job_of(folders[name], tmp_path), Workbench())
    model = theirs_of(folders[name])
    for text in ("The fox", "Once upon a time there was a little moon. " * 2):
        ids = loaded.tokenizer.encode(text)
        with torch.inference_mode():
            answer = model.generate(torch.tensor([ids]), max_new_tokens=30, do_sample=False)
        expected = answer[0, len(ids) :].tolist()
        ours = greedy(loaded, ids, 30)
        assert len(ours) > 3
        assert ours == [t for t in expected if t not in loaded.stops]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_the_community(
    layout: str, folders: dict[str, Path], layouts: dict[str, Path], tmp_path: Path
) -> None:
    loaded = decoder.load(job_of(layouts[layout], tmp_path), Workbench())
    assert differences(loaded, folders["gpt2"]) < 1e-4


@pytest.mark.parametrize("kind", ["bloom", "opt", "gpt_neox", "llama", "qwen2"])
def test_other_architectures_as_graphs(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    folder = exported.causal(folders[kind], tmp_path / "model", "past")
    loaded = decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    assert differences(loaded, folders[kind]) < 1e-4


def test_half_precision_with_its_past(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = exported.causal(folders["gpt2"], tmp_path / "model", "past", half=True)
    loaded = decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    assert differences(loaded, folders["gpt2"]) < 5e-2


def test_eight_bits_are_near(folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = decoder.load(job_of(folders["opt"], tmp_path, precision="int8"), Workbench())
    away = differences(loaded, folders["opt"])
    assert 1e-4 < away < 0.5


def test_shards_are_read(folders: dict[str, Path], tmp_path: Path) -> None:
    model = theirs_of(folders["gpt2"])
    folder = tmp_path / "model"
    shutil.copytree(folders["gpt2"], folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="60KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    loaded = decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    assert differences(loaded, folder) < 1e-4


def test_older_names_of_weights_are_known(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(folders["gpt2"], folder)
    weights = load_file(folder / "model.safetensors")
    plain = {k.removeprefix("transformer."): v for k, v in weights.items()}
    assert plain.keys() != weights.keys()
    save_file(plain, folder / "model.safetensors")
    loaded = decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    assert differences(loaded, folders["gpt2"]) < 1e-4


def test_a_vocabulary_in_files_of_its_own(folders: dict[str, Path], tmp_path: Path) -> None:
    whole = json.loads((folders["opt"] / "tokenizer.json").read_text("utf-8"))
    folder = tmp_path / "model"
    shutil.copytree(folders["opt"], folder)
    (folder / "tokenizer.json").unlink()
    merges = [" ".join(m) if isinstance(m, list) else m for m in whole["model"]["merges"]]
    (folder / "vocab.json").write_text(json.dumps(whole["model"]["vocab"]), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
    loaded = decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    usual = decoder.load(job_of(folders["opt"], tmp_path / "job"), Workbench())
    for text in ("The fox and the moon.", "Öl 🦊\n\n a"):
        ids = usual.tokenizer.encode(text)
        assert loaded.tokenizer.encode_plain(text) == ids
        assert loaded.tokenizer.decode(ids) == text


def test_a_sentencepiece_file_alone_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["gpt2"], folder)
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    with pytest.raises(StudioError, match="SentencePiece"):
        decoder.load(job_of(folder, tmp_path / "job"), Workbench())


@pytest.mark.parametrize(
    "change",
    [
        {"n_embd": 40},
        {"n_embd": "32"},
        {"n_layer": 10**9},
        {"n_head": 3},
        {"vocab_size": 10**9},
        {"activation_function": "unheard-of"},
        {"model_type": "mamba"},
        {"add_cross_attention": True},
        {"layer_norm_epsilon": None, "n_positions": -1},
    ],
)
def test_configurations_that_do_not_fit_are_told(
    change: dict[str, Any], folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["gpt2"], folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | change), "utf-8")
    with pytest.raises(StudioError) as caught:
        decoder.load(job_of(folder, tmp_path / "job"), Workbench())
    assert caught.value.hint


def test_a_long_prompt_is_read_in_pieces(folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = decoder.load(job_of(folders["gpt2"], tmp_path), Workbench())
    ids = [5] * (CHUNK + 10)
    steps = decoder.generate(loaded, ids, seed=1, max_new_tokens=3)
    assert [next(steps) for _ in range(2)] == [None] * 2
    with pytest.raises(StudioError):
        list(decoder.generate(loaded, [5] * loaded.context, seed=1, max_new_tokens=3))
    for bad in ([], [loaded.vocabulary], [-1]):
        with pytest.raises(StudioError):
            list(decoder.generate(loaded, bad, seed=1, max_new_tokens=1))


def test_the_text_goes_on_from_its_beginning(folders: dict[str, Path], tmp_path: Path) -> None:
    job = job_of(folders["gpt2"], tmp_path, prompt="The fox ", length=150)
    steps = list(causal.run(job, Workbench()))
    (output,) = [s for s in steps if isinstance(s, Output)]
    text = media.body(output.files[0].read_bytes().decode("utf-8"))
    assert text.startswith("The fox ")
    assert "".join(s.text for s in steps if isinstance(s, TextPreview)) + "\n" == text
    # More than the context of 128 tokens: the model went on from the end of what it wrote.
    written = decoder.load(job, Workbench()).tokenizer.encode(text)
    assert len(written) > 2 * tiny_transformers.CONTEXT
    fractions = [s.fraction for s in steps if isinstance(s, Progress)]
    assert fractions == sorted(fractions)


def test_the_text_ends_where_it_is_told_to(folders: dict[str, Path], tmp_path: Path) -> None:
    job = job_of(folders["gpt2"], tmp_path / "one", prompt="The fox", length=60)
    (whole,) = [s for s in causal.run(job, Workbench()) if isinstance(s, Output)]
    text = media.body(whole.files[0].read_bytes().decode("utf-8"))
    stop = text[20:23]
    assert stop.strip()
    job = job_of(folders["gpt2"], tmp_path / "two", prompt="The fox", length=60, stop=stop)
    (short,) = [s for s in causal.run(job, Workbench()) if isinstance(s, Output)]
    ended = media.body(short.files[0].read_bytes().decode("utf-8"))
    assert ended.rstrip("\n") == text[: text.index(stop, 7)].rstrip()


@pytest.mark.parametrize(
    ("there", "precision", "taken"),
    [
        (["model_q4", "model", "model_fp16"], "auto", "model"),
        (["model_q4", "model_fp16"], "auto", "model_q4"),
        (["model_fp16", "model_int8"], "full", "model_int8"),
        (["model", "model_quantized"], "int8", "model_quantized"),
        (["model"], "int8", "model"),
        (["decoder_model"], "auto", None),
    ],
)
def test_one_of_several_variants_is_taken(
    there: list[str], precision: str, taken: str | None, tmp_path: Path
) -> None:
    from studio.engine.text.opening import graphs_of

    (tmp_path / "onnx").mkdir()
    for name in there:
        (tmp_path / "onnx" / f"{name}.onnx").write_bytes(b"x")
    found = graphs_of(job_of(tmp_path, tmp_path / "job", precision=precision), "model")
    assert [p.stem for p in found.values()] == ([taken] if taken else [])
