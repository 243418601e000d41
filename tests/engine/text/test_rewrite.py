"""Models that make one text of another: their numbers are those of transformers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from studio.core import media
from studio.core.controls import Value
from studio.core.messages import Output, TextPreview
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.text import rewriter, seq2seq
from studio.engine.text.seq2seq_nets import buckets
from studio.engine.workbench import Workbench
from tests.engine import tiny_transformers
from tests.engine.text import exported

NAMES = sorted(tiny_transformers.REWRITING)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("rewriting")
    return {name: tiny_transformers.make_rewriting(base / name, name) for name in NAMES}


def job_of(model: Path, folder: Path, **values: Value) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("text", "text.rewrite", "tiny", 1, values)
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1))


def greedy(loaded: rewriter.Loaded, ids: list[int], most: int) -> list[int]:
    (given,) = [g for g in loaded.read(ids) if g]
    found = rewriter.generate(
        loaded, given, loaded.begin, seed=1, max_new_tokens=most, temperature=0, top_p=1, min_p=0,
        repetition_penalty=1,
    )  # fmt: skip
    return [t for t in found if t is not None]


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_transformers(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForSeq2SeqLM

    model = folders[name]
    theirs = AutoModelForSeq2SeqLM.from_pretrained(model, dtype=torch.float32).eval()
    loaded = rewriter.load(job_of(model, tmp_path), Workbench())
    rng = np.random.default_rng(0)
    source, target = rng.integers(4, 300, 60).tolist(), rng.integers(4, 300, 50).tolist()
    with torch.inference_mode():
        expected = theirs(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target])
        ).logits[0]
    (given,) = [g for g in loaded.read(source) if g]
    state = loaded.start(50, given)
    for _ in state.read(target[:40]):
        pass
    assert np.abs(state.logits - expected[39].numpy()).max() < 1e-4
    for place in range(40, 50):
        state.step(target[place])
        assert np.abs(state.logits - expected[place].numpy()).max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_greedy_texts_are_those_of_transformers(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForSeq2SeqLM

    model = folders[name]
    theirs = AutoModelForSeq2SeqLM.from_pretrained(model, dtype=torch.float32).eval()
    loaded = rewriter.load(job_of(model, tmp_path), Workbench())
    ids = loaded.tokenizer.encode("The fox and the moon were friends.", special=True)
    with torch.inference_mode():
        answer = theirs.generate(
            torch.tensor([ids]), max_new_tokens=30, do_sample=False, num_beams=1
        )
    expected = answer[0, 1:].tolist()
    ours = greedy(loaded, ids, 30)
    assert len(ours) > 3
    assert ours == [t for t in expected if t not in loaded.stops]


def test_scores_may_have_weights_of_their_own(folders: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from safetensors.numpy import load_file, save_file
    from transformers import AutoModelForSeq2SeqLM

    folder = tmp_path / "model"
    shutil.copytree(folders["flan-t5"], folder)
    weights = load_file(folder / "model.safetensors")
    rng = np.random.default_rng(0)
    own = rng.normal(size=weights["shared.weight"].shape).astype(np.float32)
    save_file(weights | {"lm_head.weight": own}, folder / "model.safetensors")
    theirs = AutoModelForSeq2SeqLM.from_pretrained(folders["flan-t5"], dtype=torch.float32).eval()
    theirs.lm_head.weight = torch.nn.Parameter(torch.tensor(own))
    with torch.inference_mode():
        expected = theirs(
            input_ids=torch.tensor([[7, 8, 9]]), decoder_input_ids=torch.tensor([[1, 5]])
        ).logits[0, -1]
    loaded = rewriter.load(job_of(folder, tmp_path / "job"), Workbench())
    (given,) = [g for g in loaded.read([7, 8, 9]) if g]
    state = loaded.start(2, given)
    for _ in state.read([1, 5]):
        pass
    assert np.abs(state.logits - expected.numpy()).max() < 1e-4


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("name", ["bart", "flan-t5"])
def test_graphs_of_the_community(
    name: str, merged: bool, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = exported.rewriting(folders[name], tmp_path / "model", merged=merged)
    theirs = rewriter.load(job_of(folder, tmp_path / "job"), Workbench())
    ours = rewriter.load(job_of(folders[name], tmp_path / "job"), Workbench())
    ids = ours.tokenizer.encode("The fox and the moon were friends.", special=True)
    assert greedy(theirs, ids, 20) == greedy(ours, ids, 20)
    states = []
    for loaded in (theirs, ours):
        (given,) = [g for g in loaded.read(ids) if g]
        state = loaded.start(12, given)
        for _ in state.read(loaded.begin):
            pass
        for token in range(10, 20):
            state.step(token)
        states.append(state.logits)
    assert np.abs(states[0] - states[1]).max() < 1e-4


@pytest.mark.parametrize("both", [True, False])
def test_buckets_are_those_of_transformers(both: bool) -> None:
    import torch
    from transformers.models.t5.modeling_t5 import T5Attention

    offsets = np.arange(-300, 301 if both else 1)
    theirs = T5Attention._relative_position_bucket(torch.tensor(offsets), both, 32, 128)
    assert buckets(offsets, 32, 128, both).tolist() == theirs.tolist()


def test_a_long_text_is_taken_in_parts(folders: dict[str, Path], tmp_path: Path) -> None:
    text = "\n\n".join("The fox and the moon were friends. " * 6 for _ in range(3))
    job = job_of(folders["bart"], tmp_path, prompt=text, length=5)
    steps = list(seq2seq.run(job, Workbench()))
    (output,) = [s for s in steps if isinstance(s, Output)]
    made = media.body(output.files[0].read_bytes().decode("utf-8"))
    streamed = "".join(s.text for s in steps if isinstance(s, TextPreview))
    assert streamed + "\n" == made
    assert made.count("\n\n") >= 1
