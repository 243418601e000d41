"""The sketch model's data: pictures on white, colours named and shifted, captions in plain
words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from studio.training import caption_tokenizer, image, pictures

from .conftest import disc

NAMES = frozenset({"red ball", "green box", "blue plate", "yellow sign"})
OWN = pictures.PictureSet("own", "own", "flat", 1.0, "Own", "Apache-2.0", "us")


def test_the_named_things_are_read_and_recoloured(picture_data: Path) -> None:
    data = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=2)
    names = [p.caption for p in data.pictures if not p.shifted]
    assert names == ["red ball", "green box", "blue plate", "yellow sign"]
    shifted = [p for p in data.pictures if p.shifted]
    assert len(shifted) == 8
    assert {p.caption for p in shifted} == {"ball", "box", "plate", "sign"}
    assert data.pixels.shape == (12, pictures.SIZE, pictures.SIZE, 3)


def test_the_ground_is_white_and_stays_so_when_the_colour_shifts() -> None:
    red = pictures.rendered(disc((220, 20, 20)))[0]
    assert tuple(red[0, 0]) == (255, 255, 255)
    found = pictures.main_colour(red)
    assert found is not None
    assert found[0] == "red"
    for colour in ("blue", "green", "yellow", "purple", "black"):
        turned = pictures.recolour(red, found[1], colour)
        assert tuple(turned[0, 0]) == (255, 255, 255)
        again = pictures.main_colour(turned)
        assert (again[0] if again else "black") == colour


def test_a_picture_without_a_main_colour_is_not_shifted() -> None:
    grey = pictures.rendered(disc((120, 120, 120)))[0]
    assert pictures.main_colour(grey) is None


def test_captions_name_the_colour_of_shifted_pictures_always() -> None:
    picture = pictures.Picture("ball", (), "flat", "blue", 1.0, shifted=True)
    chance = np.random.default_rng(0)
    texts = {pictures.caption_for(picture, chance) for _ in range(50)}
    assert texts == {"blue ball, flat", "blue ball"}


def test_every_caption_survives_the_tokenizer(picture_data: Path, tmp_path: Path) -> None:
    data = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=1)
    tokenizer = image.make_tokenizer(data, tmp_path / "tokenizer")
    rows = image.token_rows(tokenizer, ["Red ball, flat", "", "a naïve zebra ☂", "ball " * 60])
    assert rows.shape == (4, caption_tokenizer.LENGTH)
    assert rows.max() < len(tokenizer)
    assert rows[0, 0] == len(tokenizer) - 2
    assert rows[1, 1] == len(tokenizer) - 1
    text = tokenizer.decode(rows[0].tolist(), skip_special_tokens=True)
    assert text.replace(" ,", ",").strip() == "red ball, flat"


def test_recoloured_copies_have_a_fixed_share_of_the_draws(picture_data: Path) -> None:
    data = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=2)
    weights = image.draw_weights(data)
    shifted = np.array([p.shifted for p in data.pictures])
    assert weights.sum() == pytest.approx(1)
    assert weights[shifted].sum() == pytest.approx(image.SHIFTED_SHARE)


def test_words_of_drops_signs() -> None:
    assert pictures.words_of("Woman’s hat: T-shirt!") == "womans hat t shirt"


def test_full_size_has_the_same_pictures_and_their_opacity(picture_data: Path) -> None:
    small = pictures.load(picture_data, sets=[OWN], names=NAMES, shifts=1)
    large = pictures.load_sharp(picture_data, sets=[OWN], names=NAMES)
    assert large.pictures == small.pictures
    assert large.pixels.shape == (8, pictures.SHARP, pictures.SHARP, 3)
    assert large.alpha.shape == (8, pictures.SHARP, pictures.SHARP)
    shrunk = pictures.smaller(large.pixels[:4])
    assert np.abs(shrunk.astype(int) - small.pixels[:4]).mean() < 2
    middle, corner = large.alpha[:, 64, 64], large.alpha[:, 2, 2]
    assert (middle == 255).all()
    assert (corner == 0).all()


def test_sets_that_are_published_smaller_do_not_teach_fine_edges(picture_data: Path) -> None:
    coarse = dataclasses.replace(OWN, side=72, style="other")
    data = pictures.load_sharp(picture_data, sets=[OWN, coarse], names=NAMES)
    assert {p.style for p in data.pictures} == {"flat"}
    assert len(data.pictures) == 8


def test_what_the_training_leaves_out_can_be_read(picture_data: Path) -> None:
    others = pictures.load_others(picture_data, sets=[OWN], names=NAMES - {"red ball"}, size=32)
    assert [p.caption for p in others.pictures] == ["red ball"]  # and not the flag
    assert others.pixels.shape == (1, 32, 32, 3)
