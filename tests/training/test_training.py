"""Training itself: a run that was stopped and resumed ends where an uninterrupted one does."""

from __future__ import annotations

import io
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.core.errors import StudioError
from studio.training import autoencoder, cli, diffusion, language, making, stories
from studio.training.loop import Budget, Interrupted, Loop, Trainee

STEPS = 6


def tokens() -> language.Tokens:
    """Documents that count up, so that there is something to learn."""
    chance = np.random.default_rng(0)
    row: list[int] = []
    for _ in range(60):
        start = int(chance.integers(3, 20))
        row += [language.BOS, *range(start, start + 8), language.EOS]
    return np.array(row, dtype=np.uint16)


def a_language() -> language.LanguageTrainee:
    config = language.LanguageConfig(
        vocabulary=32,
        width=32,
        layers=1,
        heads=2,
        feed_forward=48,
        context=32,
        sequence=16,
        batch=4,
    )
    row = tokens()
    held = {"counting": language.HeldOut(row[:80], 160)}
    return language.LanguageTrainee(config, row, held, compile_model=False)


def an_autoencoder() -> autoencoder.AutoencoderTrainee:
    config = autoencoder.AutoencoderConfig(channels=(8, 16), groups=4, batch=2)
    pixels = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    return autoencoder.AutoencoderTrainee(config, pixels, pixels[:2])


def a_diffusion() -> diffusion.DiffusionTrainee:
    config = diffusion.DiffusionConfig(
        vocabulary=16, channels=(16, 32), groups=8, heads=2, text_width=32, text_layers=1,
        text_feed_forward=32, latent_size=8, map_channels=2, map_width=16, batch=2,
    )  # fmt: skip
    latents = np.random.default_rng(0).standard_normal((6, 4, 8, 8)).astype(np.float32)
    return diffusion.DiffusionTrainee(
        config,
        latents,
        np.ones(6),
        lambda index, chance: f"thing {index}",
        lambda texts: np.array([[14, len(t) % 7] + [15] * 22 for t in texts], dtype=np.int64),
    )


def same(one: Any, two: Any) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)


@pytest.mark.parametrize("make", [a_language, an_autoencoder, a_diffusion])
def test_resuming_gives_what_an_uninterrupted_run_gives(make: Any, tmp_path: Path) -> None:
    whole: Trainee = make()
    Loop("x", Budget(steps=STEPS), None, output=io.StringIO()).run(whole)

    def press_ctrl_c(step: int, _done: float) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    stopped: Trainee = make()
    log = io.StringIO()
    with pytest.raises(Interrupted):
        Loop("x", Budget(steps=STEPS), tmp_path, output=log, each=press_ctrl_c).run(stopped)
    assert "--resume" in log.getvalue()
    resumed: Trainee = make()
    outcome = Loop("x", Budget(steps=STEPS), tmp_path, resume=True, output=io.StringIO()).run(
        resumed
    )
    assert outcome.steps == STEPS
    assert same(resumed.state(), whole.state())
    assert not same(stopped.state(), whole.state())


def test_a_language_model_learns_to_count() -> None:
    trainee = a_language()
    before = trainee.evaluate()["counting nats/token"]
    Loop("x", Budget(steps=60), None, output=io.StringIO()).run(trainee)
    after = trainee.evaluate()
    assert after["counting nats/token"] < 0.8 * before
    assert after["counting nats/char"] == pytest.approx(after["counting nats/token"] / 2)


def test_masked_tokens_do_not_count() -> None:
    row = tokens()
    mask = np.zeros(len(row), dtype=np.uint8)
    mask[row == language.EOS] = 1
    trainee = a_language()
    masked = language.LanguageTrainee(trainee.config, row, {}, mask=mask, compile_model=False)
    _, targets = masked.draw(0)
    assert set(targets.flatten().tolist()) == {language.IGNORED, language.EOS}
    held = language.HeldOut(row[:80], 100, mask[:80])
    assert held.tokens_a_character == pytest.approx(0.08)


def test_every_document_is_seen_once_an_epoch() -> None:
    trainee = a_language()
    count = len(trainee._starts)
    steps = count // trainee.config.batch
    firsts = np.concatenate([trainee.draw(step)[0][:, 1].numpy() for step in range(steps)])
    known = np.sort(trainee.tokens[trainee._starts + 1][trainee._order[: len(firsts)]])
    assert np.array_equal(np.sort(firsts), known)


def test_a_foreign_or_broken_checkpoint_is_told(tmp_path: Path) -> None:
    Loop("x", Budget(steps=1), tmp_path, output=io.StringIO()).run(an_autoencoder())
    with pytest.raises(StudioError):
        Loop("x", Budget(steps=2), tmp_path, resume=True, output=io.StringIO()).run(a_language())
    (tmp_path / "x.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(StudioError):
        Loop("x", Budget(steps=2), tmp_path, resume=True, output=io.StringIO()).run(a_language())
    assert not (tmp_path / "x.pt.part").exists()


def test_nothing_is_trained_without_a_budget(tmp_path: Path) -> None:
    trainee = an_autoencoder()
    before = {k: v.clone() for k, v in trainee.model.state_dict().items()}
    outcome = Loop("x", Budget(), tmp_path, resume=True, output=io.StringIO()).run(trainee)
    assert outcome.steps == 0
    assert same(before, dict(trainee.model.state_dict()))


def test_a_resumed_run_keeps_its_tokenizer(tmp_path: Path) -> None:
    order = making.Order(tmp_path, tmp_path, Budget(), tmp_path / "checkpoints")
    one = stories.train_tokenizer(["a fox ran to the sea"] * 3, 270)
    other = stories.train_tokenizer(["the moon is a boat of light"] * 3, 270)
    making.keep_tokenizer(order, "text", one)
    resumed = making.Order(tmp_path, tmp_path, Budget(), tmp_path / "checkpoints", resume=True)
    making.keep_tokenizer(resumed, "text", one)
    with pytest.raises(StudioError):
        making.keep_tokenizer(resumed, "text", other)


def test_the_command_line_tells_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    status = cli.main(["music", "--data", str(tmp_path), "--checkpoints", str(tmp_path / "ck")])
    assert status == 1
    assert "music21_folk" in capsys.readouterr().err
    assert torch.get_num_threads() == threads
