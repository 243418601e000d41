"""Makes docs/starter-models.md: what the starter models make, by fixed seeds and not by hand.

`python packaging/samples.py` writes the page and what it shows into `docs/samples/`. Every sample
is the first that its seed gives, made through the program itself; nothing is chosen or mended.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]

if TYPE_CHECKING:
    from studio.core.controls import Value
    from studio.core.family import Kind
    from studio.library import Item, Library

SEED = 1
COLUMNS, CELL, CAPTION = 6, 176, 34
"""Of the sheet of pictures: how many beside each other, and pixels."""


@dataclass(frozen=True)
class Wish:
    """One thing to be made."""

    prompt: str
    values: dict[str, Value] = field(default_factory=dict)


STORIES = (
    Wish("a fox who is afraid of the dark", {"kind": "story"}),
    Wish("a little boat and a big storm", {"kind": "story"}),
    Wish("the ant and the lazy cricket", {"kind": "fable"}),
    Wish("the moon over the garden", {"kind": "poem"}),
    Wish("a cat in a hat", {"kind": "rhyme"}),
)
PICTURES = (
    "red apple, 3d", "green cat, flat", "blue bird, cartoon", "yellow house, 3d",
    "purple rocket, sticker", "pink star, 3d", "tree, flat", "dog, blob", "fish, cartoon",
    "car, 3d", "cake, sticker", "moon, flat", "orange cat, 3d", "blue car, sticker",
    "red fish, flat", "green tree, 3d", "rose, cartoon", "strawberry, 3d", "rabbit, flat",
    "owl, blob", "boat, 3d", "guitar, flat", "clock, cartoon", "mushroom, 3d",
)  # fmt: skip
TUNES = (
    Wish("A merry jig in G on the fiddle"),
    Wish("A slow sad waltz in D minor on the flute"),
    Wish("A lively reel with drums", {"form": "AABB"}),
    Wish("A gentle lullaby in C on the music box, 16 bars"),
)
SPOKEN = (
    "The rain had stopped, and the whole street smelled of wet leaves.",
    "Did you really walk 12 miles on the 3rd of May, 2024?",
    "“Good morning,” said the fox. “Would you like some tea?”",
    "She sells sea shells for $4.50 each, by the sea shore.",
)


class Maker:
    """Makes things through engines of their own and keeps them in a library that is thrown away."""

    def __init__(self, home: Path) -> None:
        from studio.core.paths import resources
        from studio.library import Library
        from studio.models import Store

        self.library: Library = Library.open(home / "library")
        self.store = Store([resources() / "models"])
        self.cache = home / "cache"

    def make(self, kind: Kind, family: str, wishes: Sequence[Wish]) -> Iterator[Item]:
        """The items of some wishes, in order. Ends at once where no shipped model does it."""
        from studio.cli.errand import Lane, new_job
        from studio.core.controls import complete
        from studio.core.recipe import DeviceChoice, Recipe

        with Lane(kind) as lane:
            spec = lane.spec(family)
            model = self.store.default_for(spec) if spec is not None else None
            if spec is None or model is None:
                return
            for wish in wishes:
                values = complete(spec.controls, {"prompt": wish.prompt, **wish.values})
                recipe = Recipe(kind, family, model.id, SEED, values)
                with tempfile.TemporaryDirectory() as folder:
                    job = new_job(
                        recipe,
                        Path(folder),
                        model.path,
                        inputs={},
                        device=DeviceChoice("cpu", 0),
                        cache=self.cache,
                        mark_ai=True,
                        extras={},
                    )
                    for output in lane.make(job, lambda _news: None).outputs:
                        yield self.library.take_in(output)


def sheet(items: Sequence[Item], captions: Sequence[str], path: Path) -> None:
    """The pictures in rows, each with its prompt below it."""
    from PIL import Image, ImageDraw, ImageFont

    from studio.core.paths import resources

    rows = -(-len(items) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.truetype(str(resources() / "fonts" / "Inter-Regular.otf"), 14)
    for number, (item, words) in enumerate(zip(items, captions, strict=True)):
        row, column = divmod(number, COLUMNS)
        x, y = column * CELL, row * (CELL + CAPTION)
        with Image.open(item.main) as picture:
            flat = Image.alpha_composite(
                Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")
            )
            page.paste(flat.convert("RGB").resize((CELL - 16, CELL - 16)), (x + 8, y + 8))
        draw.text((x + CELL / 2, y + CELL), words, fill="#333333", font=font, anchor="ma")
    page.quantize(256).save(path, optimize=True)


def texts(maker: Maker) -> Iterator[str]:
    from studio.core import media

    for wish, item in zip(STORIES, maker.make("text", "text.chat", STORIES), strict=False):
        yield f"### “{wish.prompt}” ({wish.values['kind']})\n"
        body = media.body(item.main.read_text("utf-8")).strip()
        yield "\n".join(f"> {line}".rstrip() for line in body.splitlines()) + "\n"


def pictures(maker: Maker, folder: Path) -> Iterator[str]:
    wishes = [Wish(p) for p in PICTURES]
    items = list(maker.make("image", "image.diffusion", wishes))
    sheet(items, PICTURES, folder / "pictures.png")
    yield "![Twenty-four pictures with their prompts](samples/pictures.png)\n"


def tunes(maker: Maker, folder: Path) -> Iterator[str]:
    from studio.library.exporters import export

    for number, item in enumerate(maker.make("audio", "audio.tune", TUNES), start=1):
        export(item, folder / f"tune-{number}.png")
        export(item, folder / f"tune-{number}.ogg")
        yield f"### “{TUNES[number - 1].prompt}”\n"
        yield f"[Listen](samples/tune-{number}.ogg)\n"
        yield f"![Sheet music](samples/tune-{number}.png)\n"


def speech(maker: Maker, folder: Path) -> Iterator[str]:
    from studio.library.exporters import export

    wishes = [Wish(words) for words in SPOKEN]
    for number, item in enumerate(maker.make("audio", "audio.speech", wishes), start=1):
        export(item, folder / f"speech-{number}.ogg")
        yield f"- [{SPOKEN[number - 1]}](samples/speech-{number}.ogg)"
    yield ""


def main() -> None:
    docs = ROOT / "docs"
    folder = docs / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = [
        "# What the starter models make\n",
        f"Made by `python packaging/samples.py`, all with seed {SEED}: each is the first that the "
        "program gave, none was chosen. The models' own pages say how they were trained and "
        "measured: " + ", ".join(
            f"[{path.name}](../resources/models/{path.name}/README.md)"
            for path in sorted((ROOT / "resources" / "models").iterdir())
        ) + ".\n",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as home:
        maker = Maker(Path(home))
        try:
            for title, made in (
                ("Texts", texts(maker)),
                ("Pictures", pictures(maker, folder)),
                ("Tunes", tunes(maker, folder)),
                ("Speech", speech(maker, folder)),
            ):
                written = list(made)
                if any(written):
                    parts += [f"## {title}\n", *written]
        finally:
            maker.library.close()
    (docs / "starter-models.md").write_text("\n".join(parts).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
