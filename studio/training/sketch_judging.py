"""Judging the sketch model further: does it copy, and can it put a colour on a thing that it has
never seen in that colour?"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from studio.training import pictures
from studio.training.judging import Draws, Figures
from studio.training.pictures import PictureData, Pixels

Rows = npt.NDArray[np.float32]

SMALL = 16
"""Pixels a side of pictures that are compared as wholes."""
QUANTILE = 0.05
"""Part of the real pictures that are as near as this to one of the training by chance alone."""
HUES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
"""The colours that `pictures.main_colour` tells apart."""
NEAREST = 5


def blocks(pixels: Pixels, side: int) -> Rows:
    """Pictures (n, h, w, 3) as rows of ``side`` x ``side`` mean colours, each from 0 to 255."""
    count, height, width, _ = pixels.shape
    parts = pixels.reshape(count, side, height // side, side, width // side, 3)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1))


def nearest(seen: Rows, known: Rows, part: int = 512) -> npt.NDArray[np.float64]:
    """The root mean square difference of each row to the row of ``known`` nearest to it."""
    best = np.full(len(seen), np.inf)
    for start in range(0, len(known), part):
        some = known[start : start + part]
        squares = (
            np.square(seen).sum(axis=1, dtype=np.float64)[:, None]
            + np.square(some).sum(axis=1, dtype=np.float64)
            - 2.0 * (seen @ some.T)
        )
        best = np.minimum(best, squares.min(axis=1))
    return np.asarray(np.sqrt(best.clip(min=0) / seen.shape[1]))


def compared(drawn: Pixels, held_out: Pixels, training: Pixels) -> Figures:
    """How near drawn pictures come to those of the training, beside real pictures that the
    training did not have; all of one size. In grey levels of 255."""
    figures: Figures = {}
    full = drawn.shape[1]
    for words, side in ((f"{SMALL}x{SMALL}", SMALL), (f"{full}x{full}", full)):
        # At full size, all training pictures as float32 would be a gigabyte: some at a time.
        near = [
            np.min(
                [
                    nearest(blocks(seen, side), blocks(training[i : i + 512], side))
                    for i in range(0, len(training), 512)
                ],
                axis=0,
            )
            for seen in (drawn, held_out)
        ]
        edge = float(np.quantile(near[1], QUANTILE))
        figures |= {
            f"distance to the nearest training picture, {words}, median": float(np.median(near[0])),
            f"distance to the nearest training picture, {words}, least": float(near[0].min()),
            f"the same of real pictures it never saw, {words}": float(np.median(near[1])),
            f"drawn nearer than {QUANTILE:.0%} of those are, {words}": float(
                (near[0] < edge).mean()
            ),
        }
    return figures


def near_copies(
    sketcher: Draws, data: PictureData, held_out: PictureData, count: int = 96
) -> Figures:
    """`compared` for pictures drawn of things that the training names; both data of full size."""
    originals = [i for i, p in enumerate(data.pictures) if not p.shifted]
    chosen = np.random.default_rng(1).choice(originals, min(count, len(originals)), replace=False)
    prompts = [f"{data.pictures[i].caption}, {data.pictures[i].style}" for i in chosen]
    return compared(drawings(sketcher, prompts), held_out.pixels, data.pixels)


def drawings(sketcher: Draws, prompts: list[str], part: int = 16) -> Pixels:
    """A picture for each prompt, with the prompt's place as part of its seed."""
    return np.concatenate(
        [sketcher.draw(prompts[i : i + part], seed=i) for i in range(0, len(prompts), part)]
    )


def unseen_pairs(data: PictureData, count: int = 30, seed: int = 0) -> list[tuple[str, str]]:
    """Colours and things of which no training picture, recoloured ones included, is both; each
    thing once, and only things in which a colour prevails in at least two pictures."""
    seen = {(p.colour, pictures.without_colours(p.caption)) for p in data.pictures}
    coloured = Counter(
        pictures.without_colours(p.caption) for p in data.pictures if p.colour and not p.shifted
    )
    chance = np.random.default_rng(seed)
    pairs = []
    things = sorted(name for name, often in coloured.items() if name and often >= 2)
    for thing in chance.permutation(things):
        free = [colour for colour in HUES if (colour, str(thing)) not in seen]
        if free:
            pairs.append((str(chance.choice(free)), str(thing)))
    return pairs[:count]


def grey(pixels: Pixels) -> Rows:
    """Pictures as rows of brightness, each of mean 0 and deviation 1: forms without colour."""
    rows = blocks(pixels, SMALL).reshape(len(pixels), -1, 3) @ np.array(
        [0.299, 0.587, 0.114], dtype=np.float32
    )
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-3))


def combinations(sketcher: Draws, data: PictureData, count: int = 30) -> Figures:
    """Things in colours that the training never showed them in: the colour prevails, and one of
    the five training pictures of the nearest form bears the name."""
    pairs = unseen_pairs(data, count)
    styles = pictures.STYLE_WORDS[:3]
    prompts = [f"{c} {t}, {styles[i % len(styles)]}" for i, (c, t) in enumerate(pairs)]
    drawn = drawings(sketcher, prompts)
    names = [pictures.without_colours(p.caption) for p in data.pictures]
    known = grey(data.pixels)
    colours = named = both = 0
    for picture, form, (colour, thing) in zip(drawn, grey(drawn), pairs, strict=True):
        found = pictures.main_colour(picture)
        right = found is not None and found[0] == colour
        order = np.square(known - form).mean(axis=1).argsort()[:NEAREST]
        alike = [names[i] for i in order]
        colours += right
        named += thing in alike
        both += right and thing in alike
    total = max(1, len(pairs))
    return {
        "new combinations of colour and thing tried": len(pairs),
        "of these, colour right": colours / total,
        "of these, form right": named / total,
        "of these, both right": both / total,
    }
