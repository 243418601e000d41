"""Small training data of our own: the tests need no published data set and no network."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

SCALE = "GABcdefg"
REEL = """X:{number}
T:The {name} Reel
R:reel
M:2/2
L:1/8
K:{key}
|:{a}{b}{c}{d} {e}{f}{a}{b}|{c}2{d}{e} {f}{e}{d}{c}|{a}{b}{c}{d} {e}{f}{a}{b}|{f}{e}{d}{c} {a}4:|
|:{f}2{e}{f} {d}{e}{f}{d}|{e}2{d}{e} {c}{d}{e}{c}|{f}2{e}{f} {d}{e}{f}{d}|{e}{d}{c}{b} {a}4:|
"""


def reel(number: int) -> str:
    """A reel of our own making, different for each number."""
    chance = np.random.default_rng(number)
    letters = dict(zip("abcdef", chance.permutation(list(SCALE))[:6], strict=True))
    return REEL.format(number=number, name=f"Test {number}", key="GDAC"[number % 4], **letters)


@pytest.fixture(scope="session")
def music_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one packed collection: forty good tunes, a broken one and a double."""
    root = tmp_path_factory.mktemp("data")
    (root / "music").mkdir()
    broken = reel(90).replace("4:|\n|:", "3:|\n|:", 1)
    text = "\n".join([*(reel(n) for n in range(40)), broken, reel(0)])
    with tarfile.open(root / "music" / "music21_folk.tar.xz", "w:xz") as archive:
        info = tarfile.TarInfo("folk/book.abc")
        info.size = len(text.encode("latin-1"))
        archive.addfile(info, io.BytesIO(text.encode("latin-1")))
    return root


def disc(colour: tuple[int, int, int], *, square: bool = False) -> bytes:
    """A PNG of 96x96 pixels with a filled form on a transparent ground."""
    picture = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    form = draw.rectangle if square else draw.ellipse
    form((12, 12, 84, 84), fill=(*colour, 255))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def picture_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one packed picture set: four things and a flag, which is not to be
    used."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "images").mkdir()
    things = {
        "red ball": (disc((220, 20, 20)), ["ball", "toy"]),
        "green box": (disc((30, 160, 40), square=True), ["box"]),
        "blue plate": (disc((30, 80, 220)), ["plate", "dish"]),
        "yellow sign": (disc((240, 210, 20), square=True), ["sign"]),
        "flag: Nowhere": (disc((1, 2, 3)), []),
    }
    with zipfile.ZipFile(root / "images" / "own.zip", "w") as archive:
        rows = []
        for number, (caption, (png, keywords)) in enumerate(things.items()):
            archive.writestr(f"png/{number}.png", png)
            rows.append(
                {
                    "file": f"png/{number}.png",
                    "caption": caption,
                    "keywords": keywords,
                    "style": "own",
                }
            )
        archive.writestr("captions.jsonl", "\n".join(json.dumps(row) for row in rows))
    return root
