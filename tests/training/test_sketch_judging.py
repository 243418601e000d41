"""Judging copies and combinations: makers that copy, and makers that obey."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.training import pictures, sketch_judging
from studio.training.pictures import Picture, PictureData, Pixels

RGB = {
    "red": (220, 20, 20), "orange": (250, 130, 10), "yellow": (250, 220, 20),
    "green": (30, 170, 40), "blue": (30, 90, 230), "purple": (130, 40, 190),
    "pink": (250, 130, 180), "brown": (130, 75, 30),
}  # fmt: skip
FORMS = ("ball", "box", "roof", "bar")


def drawing(colour: str, form: str, shift: int = 0) -> Pixels:
    """A form in a colour on white, 64 x 64."""
    picture = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(picture)
    box = (8 + shift, 8, 56 + shift, 56)
    if form == "ball":
        draw.ellipse(box, fill=RGB[colour])
    elif form == "box":
        draw.rectangle(box, fill=RGB[colour])
    elif form == "roof":
        draw.polygon([(8, 56), (32, 8), (56, 56)], fill=RGB[colour])
    else:
        draw.rectangle((8, 26, 56, 38), fill=RGB[colour])
    return np.asarray(picture)


def known() -> PictureData:
    """Each form in red and in blue, whatever it is."""
    rows = [(c, f) for f in FORMS for c in ("red", "blue")]
    pixels = np.stack([drawing(c, f) for c, f in rows])
    words = [Picture(f, (), "flat", c, 1.0) for c, f in rows]
    return PictureData(pixels, words, np.zeros(pixels.shape[:3], dtype=np.uint8))


class Maker:
    """Draws what is asked for, with its colour, its form, or both got wrong."""

    def __init__(self, *, colour: bool = True, form: bool = True) -> None:
        self.colour, self.form = colour, form

    def draw(self, prompts: list[str], seed: int = 0) -> Pixels:
        asked = [p.split(",")[0].split() for p in prompts]
        return np.stack(
            [
                drawing(c if self.colour else "red", f if self.form else "bar", shift=2)
                for c, f in asked
            ]
        )


def test_the_drawings_have_the_colours_that_they_are_called_by() -> None:
    for name in sketch_judging.HUES:
        found = pictures.main_colour(drawing(name, "box"))
        assert found is not None
        assert found[0] == name


def test_pairs_are_such_as_nobody_has_seen() -> None:
    pairs = sketch_judging.unseen_pairs(known())
    assert sorted(t for _, t in pairs) == sorted(FORMS)
    assert not {c for c, _ in pairs} & {"red", "blue"}
    assert pairs == sketch_judging.unseen_pairs(known())


@pytest.mark.parametrize(
    ("maker", "colour", "form", "both"),
    [
        (Maker(), 1.0, 1.0, 1.0),
        (Maker(colour=False), 0.0, 1.0, 0.0),
        (Maker(form=False), 1.0, 0.25, 0.25),
    ],
    ids=["both", "no colour", "no form"],
)
def test_colour_and_form_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, maker: Maker, colour: float, form: float, both: float
) -> None:
    monkeypatch.setattr(sketch_judging, "NEAREST", 2)  # of so few forms
    found = sketch_judging.combinations(maker, known())
    assert found["of these, colour right"] == colour
    assert found["of these, form right"] == form
    assert found["of these, both right"] == both


def test_copies_are_nearer_than_what_was_never_seen() -> None:
    chance = np.random.default_rng(0)
    training = chance.integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    fresh = chance.integers(0, 255, (60, 64, 64, 3), dtype=np.uint8)
    copies = np.clip(training[:10].astype(int) + 3, 0, 255).astype(np.uint8)
    copied = sketch_judging.compared(copies, fresh, training)
    honest = sketch_judging.compared(fresh[:30], fresh[30:], training)
    for size in ("16x16", "64x64"):
        assert copied[f"drawn nearer than 5% of those are, {size}"] == 1.0
        assert copied[f"distance to the nearest training picture, {size}, median"] <= 3.0
        assert honest[f"distance to the nearest training picture, {size}, least"] > 3.0
        assert honest[f"drawn nearer than 5% of those are, {size}"] < 0.5


def test_the_nearest_is_found_in_parts() -> None:
    chance = np.random.default_rng(1)
    rows, seen = (chance.random((n, 12), dtype=np.float32) for n in (50, 7))
    plain = np.sqrt(np.square(rows[None] - seen[:, None]).mean(axis=2).min(axis=1))
    assert np.allclose(sketch_judging.nearest(seen, rows, part=8), plain, atol=1e-5)
