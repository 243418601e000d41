"""The quick sketch model: a student learns its teacher's paths, and is exported beside it."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from studio.core.errors import StudioError
from studio.training import autoencoder, decoder, distil, export_image, judging, quick
from studio.training.caption_tokenizer import LENGTH
from studio.training.loop import Budget, Loop, save_checkpoint

from .test_training import a_diffusion, same


def tokens(texts: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """A start token, a word by the text's length, and the rest is padding."""
    return np.array([[14, len(t) % 7] + [15] * (LENGTH - 2) for t in texts], dtype=np.int64)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny teacher, some seconds into its training."""
    trainee = a_diffusion()
    Loop("teacher", Budget(steps=40), None, output=io.StringIO()).run(trainee)
    file = tmp_path_factory.mktemp("teacher") / "image-unet.pt"
    save_checkpoint(file, {"trainee": trainee.state()})
    return file


def a_student(checkpoint: Path, path: int = 8) -> distil.DistilTrainee:
    return distil.DistilTrainee(
        distil.DistilConfig(path=path, batch=2, held_out=8),
        distil.load_teacher(checkpoint),
        lambda count, chance: ["x" * int(n) for n in chance.integers(1, 7, count)],
        tokens,
    )


def test_a_student_comes_nearer_to_its_teacher(checkpoint: Path) -> None:
    student = a_student(checkpoint)
    before = student.evaluate()
    words = copy.deepcopy(student.teacher.state_dict())
    Loop("x", Budget(steps=60), None, output=io.StringIO()).run(student)
    after = student.evaluate()
    assert after["student from teacher"] < 0.8 * before["student from teacher"]
    assert after["teacher of few steps from it"] == before["teacher of few steps from it"]
    assert same(words, student.teacher.state_dict()), "the teacher stays as it is"
    assert same(student.model["text"].state_dict(), student.teacher["text"].state_dict())


def test_resuming_a_student_gives_what_an_uninterrupted_run_gives(
    checkpoint: Path, tmp_path: Path
) -> None:
    whole = a_student(checkpoint)
    for step in range(4):
        whole.train_step(step, step / 4)
    stopped = a_student(checkpoint)
    for step in range(2):
        stopped.train_step(step, step / 4)
    save_checkpoint(tmp_path / "x.pt", stopped.state())
    resumed = a_student(checkpoint)
    resumed.load_state(torch.load(tmp_path / "x.pt", weights_only=True))
    for step in range(2, 4):
        resumed.train_step(step, step / 4)
    assert same(resumed.state(), whole.state())
    assert not same(stopped.state(), whole.state())
    with pytest.raises(ValueError, match="configuration"):
        a_student(checkpoint, path=4).load_state(stopped.state())


def test_the_loss_counts_steps_as_the_scheduler_takes_them(checkpoint: Path) -> None:
    student = a_student(checkpoint)
    noise, contexts = student.draw(0, 3)
    own = distil.path_of(student.model, student.scheduler, noise, contexts)
    assert len(own) == distil.STEPS + 1
    exact = float(student.loss(own, contexts).detach())
    own[2] = own[2] + 0.1
    assert exact < 1e-5 < 1e-3 < float(student.loss(own, contexts).detach())


def test_steps_that_do_not_meet_are_refused(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="multiple"):
        a_student(checkpoint, path=6)


def test_the_folder_is_the_sketch_models_with_another_unet(
    checkpoint: Path, tmp_path: Path
) -> None:
    sketch, folder = tmp_path / "sketch", tmp_path / "quick"
    with pytest.raises(StudioError, match="not there"):
        quick.check(sketch)
    teacher = distil.load_teacher(checkpoint)
    torch.manual_seed(0)
    painter = autoencoder.build(
        autoencoder.AutoencoderConfig(channels=(8, 16), groups=4), 16
    ).eval()
    finer = decoder.Decoder(painter, decoder.DecoderConfig(width=4)).eval()
    export_image.export(teacher, painter, finer, sketch, size=16, length=LENGTH, scaling_factor=0.7)
    quick.check(sketch)
    student = a_student(checkpoint)
    with torch.no_grad():
        for parameter in student.model["unet"].conv_out.parameters():  # type: ignore[union-attr]
            parameter.mul_(1.5)
    differences = quick.export(student.model.eval(), sketch, folder)
    assert max(differences.values()) < 0.05
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    assert index["scheduler"] == ["diffusers", "DDIMScheduler"]
    for part in ("vae_decoder", "vae_encoder"):
        one, two = (place / part / "model.onnx" for place in (sketch, folder))
        assert one.read_bytes() == two.read_bytes()

    class Tokenizer:
        """What of a CLIPTokenizer is used."""

        def __call__(self, texts: list[str], **_: object) -> Any:
            return SimpleNamespace(input_ids=tokens(texts).tolist())

    drawn = judging.Sketcher(folder, cast("Any", Tokenizer()), distil.STEPS, 1.0, threads=1).draw(
        ["xx", "xxx"], seed=5
    )
    noise = torch.randn((2, 4, 8, 8), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        context = student.model["text"](input_ids=torch.from_numpy(tokens(["xx", "xxx"])))
        latents = student.quick(noise, [context.last_hidden_state])
        expected = finer(latents / 0.7).clamp(-1, 1).permute(0, 2, 3, 1).numpy()
    assert drawn.shape == (2, 32, 32, 3)
    assert np.abs(drawn / 127.5 - 1 - expected).max() < 0.1
