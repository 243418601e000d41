"""Models that fill blanks: their numbers are those of transformers, their words are words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.core import media
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.messages import Output
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.text import filler, masked
from studio.engine.workbench import Workbench
from tests.engine import tiny_transformers
from tests.engine.text import exported

KINDS = sorted(tiny_transformers.MASKED)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("masked")
    return {kind: tiny_transformers.make_masked(base / kind, kind) for kind in KINDS}


def job_of(model: Path, folder: Path, **values: Value) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("text", "text.fill", "tiny", 1, values)
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1))


def filled(model: Path, folder: Path, **values: Value) -> tuple[list[dict[str, Any]], str]:
    """The suggestions and the text."""
    job = job_of(model, folder, **values)
    (output,) = [s for s in masked.run(job, Workbench()) if isinstance(s, Output)]
    text = media.body(output.files[0].read_bytes().decode("utf-8"))
    return output.summary["suggestions"], text.rstrip("\n")


def scores(
    loaded: filler.Loaded, before: str, after: str, pieces: tuple[int, ...], size: int
) -> np.ndarray[Any, Any]:
    steps = loaded.scores(before, after, pieces, size)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return np.asarray(end.value)


@pytest.mark.parametrize("community", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_transformers(
    kind: str, community: bool, folders: dict[str, Path], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(folders[kind], dtype=torch.float32).eval()
    folder = folders[kind]
    if community:
        folder = exported.filling(folder, tmp_path / "model")
    loaded = filler.load(job_of(folder, tmp_path / "job"), Workbench())
    for pieces, size in (((), 1), ((), 2), ((20,), 2)):
        ids = loaded._ids("The fox and ", " were friends.", size)
        places = [i for i, token in enumerate(ids) if token == loaded.mask_id]
        assert len(places) == size
        for place, piece in zip(places, pieces, strict=False):
            ids[place] = piece
        with torch.inference_mode():
            expected = model(torch.tensor([ids])).logits[0][places[len(pieces) :]].numpy()
        found = scores(loaded, "The fox and ", " were friends.", pieces, size)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_suggestions_are_words_best_first(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    found, text = filled(
        folders[kind], tmp_path / "a", prompt="Do not be ___ of the dark", count=12
    )
    words = [s["text"] for s in found]
    assert len(words) == 12
    assert len({w.casefold() for w in words}) == 12
    assert all(re.fullmatch(r"\w[\w'’.-]*", w) for w in words)
    chances = [s["score"] for s in found]
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) < 1
    assert text == f"Do not be {words[0]} of the dark"
    fewer, _ = filled(
        folders[kind], tmp_path / "b", prompt="Do not be ___ of the dark", count=12,
        original=words[0].upper(),
    )  # fmt: skip
    assert [s["text"] for s in fewer][:11] == words[1:]


def test_words_of_two_pieces_are_found(folders: dict[str, Path], tmp_path: Path) -> None:
    found, _ = filled(folders["bert"], tmp_path, prompt="the fox and the ___", count=50)
    loaded = filler.load(job_of(folders["bert"], tmp_path), Workbench())
    words = [s["text"] for s in found]
    several = [w for w in words if loaded.tokenizer.id_of(w) is None]
    assert several
    assert all(len(loaded.tokenizer.encode(w)) >= 2 for w in several)


def test_a_sentence_begins_with_a_capital(folders: dict[str, Path], tmp_path: Path) -> None:
    for i, before in enumerate(("", "The fox ran. ")):
        found, _ = filled(folders["bert"], tmp_path / str(i), prompt=f"{before}___ was happy")
        assert all(s["text"][0] == s["text"][0].upper() for s in found)


def test_the_blank_may_be_the_models_own(folders: dict[str, Path], tmp_path: Path) -> None:
    one, _ = filled(folders["bert"], tmp_path / "a", prompt="the ___ and the moon")
    two, _ = filled(folders["bert"], tmp_path / "b", prompt="the [MASK] and the moon")
    assert one == two


def test_a_long_text_is_read_around_its_blank(folders: dict[str, Path], tmp_path: Path) -> None:
    text = "the fox and the moon were friends. "
    for kind in KINDS:
        for i, prompt in enumerate((f"{text * 40}the ___", f"___ {text * 40}")):
            found, _ = filled(folders[kind], tmp_path / f"{kind}{i}", prompt=prompt)
            assert found


@pytest.mark.parametrize("prompt", ["", "no blank", "one ___ and ____ another"])
def test_a_prompt_needs_one_blank(prompt: str, folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="blank"):
        filled(folders["bert"], tmp_path, prompt=prompt)


def test_a_vocabulary_in_a_file_of_its_own(folders: dict[str, Path], tmp_path: Path) -> None:
    usual = filler.load(job_of(folders["bert"], tmp_path), Workbench())
    folder = tmp_path / "model"
    shutil.copytree(folders["bert"], folder)
    (folder / "tokenizer.json").unlink()
    import tokenizers

    known = tokenizers.Tokenizer.from_file(str(folders["bert"] / "tokenizer.json")).get_vocab()
    words = sorted(known, key=known.__getitem__)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    loaded = filler.load(job_of(folder, tmp_path), Workbench())
    for text in ("The fox, and the moon!", "Afraid of [MASK]"):
        theirs = usual.tokenizer.encode(text, special=True)
        assert loaded.tokenizer.encode(text, special=True) == theirs


def test_another_kind_of_model_is_told(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(folders["bert"], folder)
    weights = load_file(folder / "model.safetensors")
    headless = {k: v for k, v in weights.items() if not k.startswith("cls.")}
    save_file(headless, folder / "model.safetensors")
    with pytest.raises(StudioError, match=r"cls\.predictions"):
        filler.load(job_of(folder, tmp_path / "job"), Workbench())
