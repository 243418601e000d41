"""The sketch model's data: captioned emoji pictures of several sets, on white, with colour-shifted
copies.

Colour words are taught by shifting the main hue of a picture and naming the colour in its caption,
so that "blue apple" is more than the sum of what the sets happen to hold.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from studio.training.corpus import zip_jsonl, zip_members
from studio.training.things import THINGS

Pixels = npt.NDArray[np.uint8]

SIZE = 64
"""Pixels a side that autoencoder and UNet learn from."""
SHARP = 128
"""Pixels a side that the decoder brings them to."""


@dataclass(frozen=True)
class PictureSet:
    """One published set of pictures, the word that names its look, and its share of the training
    draws."""

    archive: str
    style: str
    word: str
    weight: float
    title: str
    licence: str
    credit: str
    side: int = 128
    """Pixels a side of the published pictures."""


SETS = (
    PictureSet("fluent_emoji", "3d", "3d", 1.0, "Fluent Emoji, 3D", "MIT", "Microsoft Corporation"),
    PictureSet(
        "fluent_emoji", "flat", "flat", 1.0, "Fluent Emoji, Flat", "MIT", "Microsoft Corporation"
    ),
    PictureSet(
        "noto_emoji", "noto_emoji", "cartoon", 0.8, "Noto Emoji", "Apache-2.0", "Google, Inc."
    ),
    PictureSet(
        "twemoji",
        "twemoji",
        "sticker",
        0.35,
        "Twemoji",
        "CC-BY-4.0",
        "Twitter, Inc. and contributors; jdecked",
        72,
    ),
    PictureSet(
        "blobmoji",
        "blobmoji",
        "blob",
        0.25,
        "Blobmoji",
        "Apache-2.0",
        "Google, Inc.; C1710 and contributors",
    ),
)
STYLE_WORDS = tuple(dict.fromkeys(s.word for s in SETS))

SYNONYMS = {
    "deciduous tree": "tree",
    "evergreen tree": "pine tree",
    "jack-o-lantern": "pumpkin",
    "automobile": "car",
    "cat face": "cat",
    "dog face": "dog",
    "rabbit face": "rabbit",
    "mouse face": "mouse",
    "tiger face": "tiger",
    "cow face": "cow",
    "pig face": "pig",
    "horse face": "horse",
    "monkey face": "monkey",
    "red heart": "heart",
    "house with garden": "house",
    "sun with face": "sun",
    "full moon face": "moon",
    "crescent moon": "moon",
    "sailboat": "boat",
    "locomotive": "train",
    "beer mug": "beer",
    "hot beverage": "coffee",
    "wrapped gift": "present",
    "birthday cake": "cake",
    "shortcake": "cake",
    "open book": "book",
    "closed book": "book",
    "red apple": "apple",
    "t-shirt": "shirt",
    "running shoe": "shoe",
    "snowman without snow": "snowman",
    "grinning face": "happy face",
    "slightly smiling face": "smiling face",
    "crying face": "sad face",
    "enraged face": "angry face",
    "angry face": "cross face",
    "rosette": "flower",
    "blossom": "flower",
    "cherry blossom": "flower",
    "spouting whale": "whale",
    "front-facing baby chick": "chick",
    "water wave": "wave",
    "cloud with rain": "rain",
    "high voltage": "lightning",
    "gem stone": "diamond",
    "crown": "king crown",
    "top hat": "hat",
    "woman’s hat": "hat",
    "oncoming automobile": "car",
    "airplane": "plane",
    "motor boat": "boat",
    "mountain": "hill",
    "volcano": "mountain on fire",
    "cooked rice": "rice",
    "soft ice cream": "ice cream",
    "french fries": "fries",
    "wine glass": "wine",
    "musical note": "note",
    "soccer ball": "ball",
    "teddy bear": "bear toy",
    "light bulb": "lamp",
}


PEOPLE = frozenset(
    [
        "person",
        "people",
        "man",
        "woman",
        "men",
        "women",
        "boy",
        "girl",
        "human",
        "body",
        "hand",
        "fingers",
        "baby",
        "child",
        "adult",
    ]
)


@dataclass(frozen=True)
class Hue:
    """A colour by name: hue in degrees, and how saturation and value change with it."""

    hue: float
    saturation: float = 1.0
    value: float = 1.0


HUES = {
    "red": Hue(2), "orange": Hue(28), "yellow": Hue(50, 1.0, 1.15), "green": Hue(120, 0.95, 0.85),
    "blue": Hue(212), "purple": Hue(275, 0.9, 0.9), "pink": Hue(335, 0.6, 1.15),
    "black": Hue(0, 0.0, 0.28), "grey": Hue(0, 0.05, 0.75), "brown": Hue(22, 0.85, 0.55),
}  # fmt: skip
LEAST_COLOURED = 250 / 64**2
"""A colour prevails in no less than this part of a picture."""
COLOUR_WORDS = frozenset((*HUES, "white", "gray", "golden"))


@dataclass(frozen=True)
class Picture:
    """One training picture's words: caption, keywords, style word, colours (own, and in the
    name)."""

    caption: str
    keywords: tuple[str, ...]
    style: str
    colour: str
    weight: float
    shifted: bool = False


@dataclass(frozen=True)
class PictureData:
    """Pictures on white as uint8 (count, size, size, 3), their words in the same order, and how
    opaque each pixel is, uint8 (count, size, size)."""

    pixels: Pixels
    pictures: list[Picture]
    alpha: Pixels


def words_of(text: str) -> str:
    """A caption in lower case, letters, digits and spaces only."""
    text = text.lower().replace("’", "").replace("'", "")
    return " ".join(re.findall(r"[a-z0-9]+", text))


def rendered(png: bytes, size: int = SIZE) -> tuple[Pixels, Pixels]:
    """A PNG composited on white, (size, size, 3), and how opaque it is, (size, size)."""
    with Image.open(io.BytesIO(png)) as source:
        picture = source.convert("RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    ground.alpha_composite(picture)
    layers = (ground.convert("RGB"), picture.getchannel("A"))
    small = [np.asarray(x.resize((size, size), Image.Resampling.LANCZOS)) for x in layers]
    return small[0], small[1]


def smaller(pixels: Pixels, size: int = SIZE) -> Pixels:
    """Pictures (count, h, w, 3) as the autoencoder learns them, (count, size, size, 3)."""
    shrunk = [Image.fromarray(p).resize((size, size), Image.Resampling.LANCZOS) for p in pixels]
    return np.stack([np.asarray(p) for p in shrunk])


def _hsv(pixels: Pixels) -> npt.NDArray[np.float32]:
    return np.asarray(Image.fromarray(pixels).convert("HSV"), dtype=np.float32)


def _near(hues: npt.NDArray[np.float32], hue: float, reach: float) -> npt.NDArray[np.bool_]:
    distance = np.abs((hues - hue + 180.0) % 360.0 - 180.0)
    return np.asarray(distance <= reach)


def main_colour(pixels: Pixels) -> tuple[str, float] | None:
    """The colour most of the picture has, and its hue in degrees; None when no colour prevails."""
    hsv = _hsv(pixels)
    hue, saturation, value = hsv[..., 0] * (360 / 255), hsv[..., 1], hsv[..., 2]
    ground = (saturation < 12) & (value > 243)
    coloured = (saturation > 70) & (value > 60) & ~ground
    if coloured.sum() < 0.45 * max(1, (~ground).sum()) or coloured.mean() < LEAST_COLOURED:
        return None
    histogram, edges = np.histogram(hue[coloured], bins=36, range=(0, 360))
    smooth = histogram + np.roll(histogram, 1) + np.roll(histogram, -1)
    peak = int(smooth.argmax())
    middle = float(edges[peak] + 5)
    around = (hue[coloured] - middle + 180) % 360 - 180
    centre = (middle + float(around[np.abs(around) <= 20].mean())) % 360
    if _near(hue[coloured], centre, 26).mean() < 0.6:
        return None
    chosen = coloured & _near(hue, centre, 26)
    brightness, strength = float(value[chosen].mean()), float(saturation[chosen].mean())
    if centre < 45 and brightness < 165:
        return "brown", centre
    if (centre > 320 or centre < 12) and strength < 140 and brightness > 200:
        return "pink", centre
    name = min(
        ("red", "orange", "yellow", "green", "blue", "purple", "pink"),
        key=lambda n: abs((HUES[n].hue - centre + 180) % 360 - 180),
    )
    return name, centre


def recolour(pixels: Pixels, hue: float, colour: str) -> Pixels:
    """The picture with its main hue (degrees) turned into the named colour; other hues stay."""
    target = HUES[colour]
    hsv = _hsv(pixels)
    degrees = hsv[..., 0] * (360 / 255)
    chosen = _near(degrees, hue, 32) & (hsv[..., 1] > 12)
    offset = (degrees - hue + 180) % 360 - 180
    turned = (target.hue + 0.6 * offset) % 360
    hsv[..., 0] = np.where(chosen, turned * (255 / 360), hsv[..., 0])
    hsv[..., 1] = np.where(chosen, hsv[..., 1] * target.saturation, hsv[..., 1])
    # Pale parts (highlights, the smoothed border to the white ground) keep their brightness.
    share = np.clip(hsv[..., 1] / 90.0, 0, 1) if target.saturation > 0.1 else 1.0
    fade = 1 + (target.value - 1) * share
    if target.saturation <= 0.1:
        pale = 1 - np.clip(_hsv(pixels)[..., 1] / 90.0, 0, 1)
        fade = target.value + (1 - target.value) * pale
    hsv[..., 2] = np.where(chosen, hsv[..., 2] * fade, hsv[..., 2])
    whole = Image.fromarray(np.clip(hsv, 0, 255).round().astype(np.uint8), "HSV")
    return np.asarray(whole.convert("RGB"))


def without_colours(caption: str) -> str:
    """A caption without its colour words."""
    return " ".join(w for w in caption.split() if w not in COLOUR_WORDS)


def read_set(
    data: Path, source: PictureSet, names: Collection[str] = THINGS, size: int = SIZE
) -> list[tuple[Pixels, Pixels, Picture]]:
    """The pictures of one set that bear one of the names (lower case): colours as
    (size, size, 3), opacity as (size, size), words."""
    archive = data / "images" / f"{source.archive}.zip"
    rows = [
        row
        for row in zip_jsonl(archive, "captions.jsonl")
        if row["style"] == source.style and row["caption"].lower() in names
    ]
    read = []
    for row, (_, png) in zip(rows, zip_members(archive, [r["file"] for r in rows]), strict=True):
        image, alpha = rendered(png, size)
        found = main_colour(image)
        keywords = dict.fromkeys(words_of(str(k).replace("_", " ")) for k in row["keywords"])
        synonym = SYNONYMS.get(row["caption"].lower())
        called = ((synonym,) * 3 if synonym else ()) + tuple(k for k in keywords if k)
        colour = found[0] if found else ""
        words = Picture(words_of(row["caption"]), called, source.word, colour, source.weight)
        read.append((image, alpha, words))
    return read


def load(
    data: Path,
    *,
    sets: Sequence[PictureSet] = SETS,
    names: Collection[str] = THINGS,
    shifts: int = 2,
    seed: int = 0,
    size: int = SIZE,
) -> PictureData:
    """All sets, then up to ``shifts`` recoloured copies of each picture in which one colour
    prevails; ``size`` pixels a side."""
    read = [row for source in sets for row in read_set(data, source, names, size)]
    chance = np.random.default_rng(seed)
    for image, alpha, picture in list(read):
        found = main_colour(image)
        named = {w for text in (picture.caption, *picture.keywords) for w in text.split()}
        if found is None or named & PEOPLE:
            continue
        others = [c for c in HUES if c != found[0]]
        for colour in chance.permutation(others)[:shifts]:
            words = Picture(
                without_colours(picture.caption) or picture.caption,
                tuple(k for k in picture.keywords if k in SYNONYMS.values()),
                picture.style, str(colour), picture.weight, shifted=True,
            )  # fmt: skip
            read.append((recolour(image, found[1], str(colour)), alpha, words))
    pixels, opaque, pictures = zip(*read, strict=True)
    return PictureData(np.stack(pixels), list(pictures), np.stack(opaque))


def load_sharp(
    data: Path, *, sets: Sequence[PictureSet] = SETS, names: Collection[str] = THINGS
) -> PictureData:
    """What the full size is learned from: the sets that are published at it, and one recoloured
    copy each."""
    fine = [source for source in sets if source.side >= SHARP]
    return load(data, sets=fine, names=names, shifts=1, size=SHARP)


def load_others(
    data: Path,
    *,
    sets: Sequence[PictureSet] = SETS,
    names: Collection[str] = THINGS,
    count: int = 80,
    size: int = SHARP,
    seed: int = 0,
) -> PictureData:
    """Pictures that the training leaves out: of ``count`` names of the same sets, flags not
    counted."""
    captions = {
        str(row["caption"]).lower()
        for source in sets
        for row in zip_jsonl(data / "images" / f"{source.archive}.zip", "captions.jsonl")
        if row["style"] == source.style
    }
    others = sorted(c for c in captions - set(names) if not c.startswith("flag"))
    chosen = np.random.default_rng(seed).permutation(others)[:count]
    return load(data, sets=sets, names={str(c) for c in chosen}, shifts=0, size=size)


def caption_for(picture: Picture, chance: np.random.Generator) -> str:
    """One way of asking for the picture: its name or a synonym, its colour or not, its style,
    keywords."""
    name = picture.caption
    synonyms = [k for k in picture.keywords if k in SYNONYMS.values()]
    if synonyms and chance.random() < 0.5:
        name = synonyms[0]
    if picture.shifted or (picture.colour and chance.random() < 0.25):
        name = f"{picture.colour} {without_colours(name) or name}"
    extra = ""
    draw = chance.random()
    if picture.keywords and not picture.shifted:
        chosen = [str(k) for k in chance.permutation(list(picture.keywords))[:3]]
        if draw < 0.05:
            name = " ".join(dict.fromkeys(" ".join(chosen).split()))
        elif draw < 0.15:
            extra = " " + " ".join(chosen)
    style = f", {picture.style}" if chance.random() < 0.9 else ""
    return f"{name}{extra}{style}"
