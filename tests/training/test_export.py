"""Exports: the folders load in the engines they are for and compute what torch computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from jinja2 import Environment

from studio.training import (
    alpha,
    autoencoder,
    cards,
    decoder,
    diffusion,
    export_image,
    export_language,
    image,
    judging,
    language,
    pictures,
    stories,
)
from studio.training.loop import Budget
from studio.training.sampling import Sampler, longest_copies

from .test_picture_data import NAMES, OWN

TEXTS = ["the fox ran to the sea.", "the bird sang by the sea.", "the fox saw the bird."] * 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny untrained Llama exported as fp32 through onnxruntime-genai's builder."""
    target = tmp_path_factory.mktemp("export") / "tiny"
    tokenizer = stories.train_tokenizer(TEXTS, 280)
    row, mask = stories.encode(tokenizer, [("Write.", text, True) for text in TEXTS])
    model = language.build(
        language.LanguageConfig(
            vocabulary=tokenizer.get_vocab_size(), width=64, layers=1, heads=2, feed_forward=64,
            context=64,
        )
    ).eval()  # fmt: skip
    held = language.HeldOut(row, sum(map(len, TEXTS)), mask)
    figures = export_language.export(
        model, tokenizer, target, held, 48, search={"temperature": 0.5, "do_sample": True},
        chat_template=stories.CHAT_TEMPLATE, precisions=("fp32",),
    )  # fmt: skip
    exact = language.nats_per_token(model, held, 48)
    assert figures.chosen == "fp32"
    assert figures.nats["fp32"] == pytest.approx(exact, rel=2e-3)
    assert figures.tokens_a_second > 0
    return target


def test_the_folder_writes_texts_that_a_seed_repeats(folder: Path) -> None:
    from tokenizers import Tokenizer

    config = json.loads((folder / "genai_config.json").read_text("utf-8"))
    assert config["search"]["temperature"] == 0.5
    assert config["model"]["eos_token_id"] == language.EOS
    sampler = Sampler(folder, Tokenizer.from_file(str(folder / "tokenizer.json")))
    first, _ = sampler.text("Write.\n\n", 7, temperature=1.0, length=32)
    assert sampler.text("Write.\n\n", 7, temperature=1.0, length=32)[0] == first
    assert sampler.text("Write.\n\n", 8, temperature=1.0, length=32)[0] != first


def test_the_chat_template_gives_the_last_wish(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    written = (folder / "chat_template.jinja").read_text("utf-8")
    assert config["chat_template"] == written
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Write a poem."},
        {"role": "assistant", "content": "O fox"},
        {"role": "user", "content": " Write a story for a child. \n"},
    ]
    text = (
        Environment(autoescape=False)
        .from_string(written)
        .render(messages=messages, bos_token="<s>", add_generation_prompt=True)
    )
    assert text == "<s>Write a story for a child.\n\n"


def test_copies_are_found_and_measured() -> None:
    training = np.arange(3, 203, dtype=np.uint16)
    fresh = np.array([5, 9, 5, 9, 5, 9, 5, 9, 5, 9], dtype=np.uint16)
    copied = np.concatenate([fresh, training[50:62], fresh])
    assert longest_copies([fresh, copied], training) == [0, 12]


def test_the_sketch_layout_draws_what_torch_would(picture_data: Path, tmp_path: Path) -> None:
    data = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=1)
    tokenizer = image.make_tokenizer(data, tmp_path / "tokenizer")
    config = diffusion.DiffusionConfig(
        vocabulary=len(tokenizer), channels=(16, 32), groups=8, heads=2, text_width=32,
        text_layers=1, text_feed_forward=32, latent_size=8, map_channels=2, map_width=16,
    )  # fmt: skip
    torch.manual_seed(0)
    painter = autoencoder.build(
        autoencoder.AutoencoderConfig(channels=(8, 16), groups=4), 16
    ).eval()
    finer = decoder.Decoder(painter, decoder.DecoderConfig(width=4)).eval()
    differences = export_image.export(
        diffusion.build_models(config).eval(), painter, finer, tmp_path,
        size=16, length=24, scaling_factor=0.7,
    )  # fmt: skip
    assert max(differences.values()) < 0.05
    index = json.loads((tmp_path / "model_index.json").read_text("utf-8"))
    assert index["_class_name"] == "StableDiffusionPipeline"
    for part in ("text_encoder", "unet", "vae_decoder", "vae_encoder"):
        assert (tmp_path / part / "model.onnx").exists()
        assert (tmp_path / part / "config.json").exists()
    unet = json.loads((tmp_path / "unet" / "config.json").read_text("utf-8"))
    assert unet["in_channels"] == unet["out_channels"] == 4
    described = json.loads((tmp_path / "vae_decoder" / "config.json").read_text("utf-8"))
    assert described["scaling_factor"] == 0.7
    assert described["sample_size"] == 32
    assert len(described["block_out_channels"]) == 3  # four pixels a latent
    sketcher = judging.Sketcher(tmp_path, tokenizer, steps=3)
    drawn = sketcher.draw(["red ball, flat", "blue plate, flat"], seed=3)
    assert drawn.shape == (2, 32, 32, 3)
    assert np.array_equal(drawn, sketcher.draw(["red ball, flat", "blue plate, flat"], seed=3))
    large = torch.rand(3, 3, 64, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    moments = export_image.run_graph_session(tmp_path / "vae_encoder" / "model.onnx")(
        {"sample": large.numpy()}
    )[0]
    assert moments.shape == (3, 8, 16, 8)
    with torch.no_grad():
        small = torch.nn.functional.avg_pool2d(large, 2)
        known = painter.encode(small).latent_dist.parameters.numpy()
    assert np.abs(moments - known).max() < 0.05
    sheet = judging.contact_sheet(drawn, columns=3, scale=2)
    assert sheet.shape == (64, 192, 3)


def test_the_cut_out_is_exported_for_every_size(tmp_path: Path) -> None:
    config = alpha.AlphaConfig(channels=(4, 8, 8))
    net = alpha.AlphaNet(config).eval()
    assert export_image.export_alpha(net, tmp_path / "alpha", 16, config.channels) < 0.02
    told = json.loads((tmp_path / "alpha" / "config.json").read_text("utf-8"))
    assert told["block_out_channels"] == [4, 8, 8]
    found = export_image.run_graph_session(tmp_path / "alpha" / "model.onnx")(
        {"sample": np.ones((2, 3, 24, 40), dtype=np.float32)}
    )[0]
    assert found.shape == (2, 1, 24, 40)
    assert found.min() >= 0
    assert found.max() <= 1


def test_the_last_stages_train_resume_and_tell_their_figures(
    picture_data: Path, tmp_path: Path
) -> None:
    data = pictures.load_sharp(picture_data, sets=[OWN], names=NAMES)
    vae = autoencoder.build(autoencoder.AutoencoderConfig(channels=(8, 8, 16), groups=4)).eval()
    once = (Budget(steps=1), Budget(steps=1))
    small = (
        decoder.DecoderConfig(width=4, batch=1),
        alpha.AlphaConfig(channels=(4, 8), batch=1),
    )
    finish = image.train_finish(data, vae, once, tmp_path, resume=False, configs=small)
    assert [o.steps for o in finish.outcomes.values()] == [1, 1]
    none = (Budget(), Budget())
    again = image.train_finish(data, vae, none, tmp_path, resume=True, configs=small)
    assert [o.steps for o in again.outcomes.values()] == [1, 1]
    assert torch.equal(finish.decoder.model.leave.weight, again.decoder.model.leave.weight)
    channels = again.alpha.config.channels
    export_image.export_alpha(again.alpha.model, tmp_path / "alpha", pictures.SHARP, channels)
    figures = again.figures(tmp_path)
    assert figures["decoder on held-out things, psnr dB of enlarging"] > 0
    assert 0 < figures["cut-out on held-out things, alpha error"] < 1
    assert 0 <= figures["cut-out on held-out things, alpha IoU, decoded"] <= 1


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (64, 32), (1, 40)])
def test_int8_weights_stay_within_half_a_step(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    weight[0] *= 50  # one loud row must not cost the others their detail
    small, scale = export_image.quantized(weight)
    assert small.dtype == np.int8
    assert np.all(np.abs(small * scale - weight) <= scale / 2 + 1e-6)
    if weight.shape[0] > 1:
        assert np.abs(small * scale - weight)[1:].max() < 0.02


def test_the_judge_knows_a_picture_by_its_name(picture_data: Path) -> None:
    data = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=0)

    class Copyist:
        """Draws the training picture that was asked for, or always the first."""

        def __init__(self, *, blind: bool) -> None:
            self.blind = blind

        def draw(self, prompts: list[str], seed: int = 0) -> pictures.Pixels:
            names = [p.caption for p in data.pictures]
            rows = [0 if self.blind else names.index(text.split(",")[0]) for text in prompts]
            return data.pixels[rows]

    right = judging.judge_sketches(Copyist(blind=False), data, count=4)
    wrong = judging.judge_sketches(Copyist(blind=True), data, count=4)
    assert right["nearest has the name"] == 1.0
    assert wrong["nearest has the name"] == 0.25


def test_a_card_has_front_matter_figures_and_credits(tmp_path: Path) -> None:
    cards.write(tmp_path, cards.SKETCH, {"size, MB": 41.5, "pictures seen": 120000}, ("A note.",))
    text = (tmp_path / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["license"] == "apache-2.0"
    assert matter["pipeline_tag"] == "text-to-image"
    assert "| pictures seen | 120,000 |" in body
    assert "Twemoji" in body
    assert "CC BY 4.0" in body
