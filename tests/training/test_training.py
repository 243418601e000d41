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
from studio.training import (
    alpha,
    autoencoder,
    cli,
    decoder,
    diffusion,
    language,
    making,
    stories,
)
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


def a_decoder() -> decoder.DecoderTrainee:
    chance = np.random.default_rng(0)
    vae = autoencoder.build(autoencoder.AutoencoderConfig(channels=(8, 16), groups=4), 16).eval()
    latents = chance.standard_normal((6, 4, 8, 8)).astype(np.float32)
    pixels = np.full((6, 32, 32, 3), 230, dtype=np.uint8)
    pixels[:, 9:23, 9:23] = 20
    return decoder.DecoderTrainee(
        decoder.DecoderConfig(width=4, batch=2, rate=1e-2, old_rate=3e-3),
        vae,
        (latents, latents[:2]),
        (pixels, pixels[:2]),
    )


def an_alpha() -> alpha.AlphaTrainee:
    """Dark squares on white, which are what is opaque."""
    opaque = np.zeros((6, 32, 32), dtype=np.uint8)
    for i, square in enumerate(opaque):
        square[4 + i : 20 + i, 8:24] = 255
    pixels = np.repeat((255 - opaque)[..., None], 3, axis=3)
    parts = (pixels, pixels, opaque)
    config = alpha.AlphaConfig(channels=(4, 8, 8), batch=4, moved=4, rate=2e-2)
    return alpha.AlphaTrainee(config, parts, parts)


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


@pytest.mark.parametrize("make", [a_language, an_autoencoder, a_decoder, an_alpha, a_diffusion])
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


def test_the_decoder_begins_as_the_old_one_enlarged_and_improves() -> None:
    trainee = a_decoder()
    latents = torch.from_numpy(trainee.held_latents)
    with torch.no_grad():
        small = trainee.vae.decode(latents).sample
        begun = trainee.model(latents)
    assert begun.shape == (2, 3, 32, 32)
    # Every other step of an enlarged picture lies between its neighbours: means agree.
    assert torch.allclose(begun.mean(dim=(2, 3)), small.mean(dim=(2, 3)), atol=0.02)
    old = {k: v.clone() for k, v in trainee.vae.state_dict().items()}
    before = trainee.loss(latents, autoencoder.as_input(trainee.held_out))
    Loop("x", Budget(steps=50), None, output=io.StringIO()).run(trainee)
    assert trainee.loss(latents, autoencoder.as_input(trainee.held_out)) < 0.8 * before
    assert same(old, dict(trainee.vae.state_dict()))  # what it began from is still needed


def test_likeness_tells_sharp_from_soft_and_restless() -> None:
    wanted = torch.ones(1, 3, 32, 32)
    wanted[..., 8:24, 8:24] = -1
    soft = torch.nn.functional.avg_pool2d(wanted, 5, stride=1, padding=2, count_include_pad=False)
    noise = 0.05 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    same_, blurred, restless = (
        decoder.likeness(p, wanted) for p in (wanted + 1e-6, soft, wanted + noise)
    )
    assert same_["similarity"] == pytest.approx(1, abs=1e-3)
    assert same_["sharpness of edges"] == pytest.approx(1, abs=1e-3)
    assert blurred["sharpness of edges"] < 0.5
    assert blurred["unrest of plain parts"] < restless["unrest of plain parts"]
    assert restless["sharpness of edges"] == pytest.approx(1, abs=0.05)


def test_the_cut_out_learns_what_is_opaque() -> None:
    trainee = an_alpha()
    before = trainee.evaluate()["alpha error"]
    Loop("x", Budget(steps=90), None, output=io.StringIO()).run(trainee)
    after = trainee.evaluate()
    assert after["alpha error"] < 0.5 * before
    assert after["alpha IoU"] > 0.8
    assert after["alpha IoU, decoded"] == after["alpha IoU"]  # it was given the same twice


def test_white_within_has_no_way_out_unless_there_is_a_gap() -> None:
    picture = torch.ones(1, 3, 48, 48)
    picture[..., 10:38, 10:38] = -1
    picture[..., 12:36, 12:36] = 1  # a frame two pixels wide
    reached, enclosed = alpha.surrounded(picture)[0]
    assert (reached[0, 0], enclosed[0, 0]) == (1, 0)
    assert (reached[12, 12], enclosed[12, 12]) == (0, 1)
    assert (reached[12, 5], enclosed[12, 5]) == (0, 0)  # the frame itself is no white
    picture[..., 20:26, 10:12] = 1
    reached, enclosed = alpha.surrounded(picture)[0]
    assert (reached[12, 12], enclosed[12, 12]) == (1, 0)


def test_enclosed_white_is_decided_and_other_opacity_left() -> None:
    net = alpha.AlphaNet(alpha.AlphaConfig(channels=(4, 8))).eval()
    picture = torch.ones(1, 3, 48, 48)
    picture[..., 10:38, 10:38] = -1
    picture[..., 14:34, 14:34] = 1
    with torch.no_grad():
        for wanted, decided in ((0.1, 0.1), (0.35, 0.5), (0.6, 1.0)):
            for name, parameter in net.leave.named_parameters():
                parameter.fill_(float(torch.tensor(wanted).logit()) if name == "bias" else 0.0)
            found = net.opacity(picture)[0, 0]
            assert float(found[24, 24]) == pytest.approx(decided, abs=1e-3)
            assert float(found[2, 2]) == pytest.approx(wanted, abs=1e-3)
            assert float(found[10, 10]) == pytest.approx(wanted, abs=1e-3)


def test_spoiled_pictures_and_their_opacity_stay_together() -> None:
    trainee = an_alpha()
    for step in range(12):
        seen, wanted = trainee.draw(step)
        assert seen.shape == (4, 3, 32, 32)
        assert wanted.shape == (4, 1, 32, 32)
        inside, outside = (
            seen.mean(dim=1, keepdim=True)[wanted > 0.5],
            seen[(wanted < 0.5).expand_as(seen)],
        )
        assert inside.mean() < outside.mean() - 0.2


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
