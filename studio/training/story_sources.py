"""Where the story model's texts come from: each source read into Documents of a kind and style."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from studio.training import verse
from studio.training.corpus import read_jsonl, read_text

OLD_TALES = (
    "Celtic-Fairy-Tales", "English-Fairy-Tales", "Grimm-s-Fairy-Stories", "Indian-Fairy-Tales",
    "The-Blue-Fairy-Book", "The-Happy-Prince", "Japanese-Fairy-Tales", "Fairy-Tales-of-Hans",
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """One text, its kind and style, how often it goes into an epoch, perhaps an idea told with it,
    and whether it breaks off."""

    kind: str
    style: str
    text: str
    copies: int = 1
    idea: str = ""
    fragment: bool = False


def tidy(text: str) -> str:
    """Plain quotes and dashes, single spaces, paragraphs set apart by one empty line."""
    for fancy, plain in (
        ("’", "'"),
        ("‘", "'"),
        ("“", '"'),
        ("”", '"'),
        ("—", " - "),
        ("–", "-"),
        ("…", "..."),
    ):
        text = text.replace(fancy, plain)
    text = re.sub(r"[ \t]+", " ", text.replace("_", ""))
    return re.sub(r" *\n *", "\n", re.sub(r"\n\s*\n\s*", "\n\n", text)).strip()


def usable(text: str) -> bool:
    """Whether a text is long enough, of letters we know, and free of markup."""
    odd = sum(not c.isascii() for c in text)
    return (
        len(text) >= 200 and odd <= len(text) * 0.002 and not re.search(r"[\[\]{}<>|#*]|http", text)
    )


def begins(text: str) -> bool:
    """Whether a TinyStories piece is a story from its beginning; the collections hold some later
    halves."""
    if re.match(r"(?:Once|One|There|Long|In|On|At|Every|It was)\b", text):
        return True
    first = text.split(".")[0]
    introduces = re.search(
        r"\b(?:was|were|lived|liked|loved|had|played|playing|went|wanted)\b", first
    )
    pronoun = re.match(r"(?:[^A-Z]|He|She|They|It|But|So|Then|And|The)\b", text)
    return bool(introduces) and not pronoun and len(text) >= 500


def tiny_stories(folder: Path) -> list[Document]:
    """TinyStories, each once."""
    texts = dict.fromkeys(tidy(t) for t in read_text(folder / "stories.txt").split("<|endoftext|>"))
    return [
        Document("story", "for a child" if i % 5 else "in plain words", t, 4)
        for i, t in enumerate(texts)
        if usable(t) and begins(t)
    ]


def story_books(folder: Path) -> list[Document]:
    """Picture-book stories under CC BY."""
    texts = [tidy(row["text"]) for row in read_jsonl(folder / "stories_ccby.jsonl")]
    return [
        Document("story", ("for a child", "in plain words")[i % 2], t, 3)
        for i, t in enumerate(texts)
        if usable(t)
    ]


def new_fables(path: Path) -> list[Document]:
    """Fables written by small open models; who they are about and where is told in their
    prompts."""
    found = []
    for i, row in enumerate(read_jsonl(path)):
        text = re.sub(r"^(?:Title:[^\n]*|[*#][^\n]*)\n+", "", tidy(row["text"])).strip('" \n')
        who = re.search(r"Main Character: ([^\n]+)", row["prompt"])
        where = re.search(r"Setting: ([^\n]+?)(?: where| in which|\n)", row["prompt"])
        idea = f"{who[1].strip()} in {where[1].strip()}" if who and where else ""
        if usable(text) and text[-1] in '.!?"':
            style = ("in plain words", "in a grand style", "for a child")[i % 3]
            found.append(Document("fable", style, text, 2, idea))
    return found


def old_fables(path: Path) -> list[Document]:
    """Aesop, with the moral as the last line."""
    found = []
    for i, row in enumerate(read_jsonl(path)):
        text = tidy(row["text"]) + ("\n\n" + tidy(row["moral"]) if row.get("moral") else "")
        if usable(text):
            found.append(Document("fable", ("for a child", "in plain words")[i % 2], text, 5))
    return found


def poems(
    path: Path, chance: random.Random, *, most: int = 3000, rhymes: int = 2200
) -> list[Document]:
    """Short clean poems in a grand style, and rhymes in short words."""
    grand: list[Document] = []
    short: list[Document] = []
    for row in read_jsonl(path):
        lines = verse.clean_poem(row["text"])
        if lines is None:
            continue
        text = "\n".join(lines)
        if verse.is_rhyme(lines):
            style = "for a child" if len(short) % 4 else "in plain words"
            short.append(Document("rhyme", style, text, 4))
        elif row["period"] != "1700-1800" and len(text) <= 800 and verse.rhyme_share(lines) >= 0.4:
            style = "in a grand style" if len(grand) % 5 else "in plain words"
            grand.append(Document("poem", style, text, 2))
    chance.shuffle(grand)
    chance.shuffle(short)
    return grand[:most] + short[:rhymes]


def old_tales(path: Path, chance: random.Random, *, most: int = 400) -> list[Document]:
    """Pieces of old fairy tales, some paragraphs each."""
    pieces: list[str] = []
    for book in read_text(path).split("<<<")[1:]:
        name, _, text = book.partition(">>>")
        if not name.startswith(OLD_TALES):
            continue
        piece = ""
        for paragraph in re.split(r"\n\s*\n", text)[20:]:
            line = tidy(paragraph.replace("\n", " "))
            if len(line) < 40 or not usable(line * 6) or line.isupper():
                piece = ""
                continue
            piece = f"{piece}\n\n{line}".strip()
            if len(piece) > 700:
                if len(piece) < 1300:
                    pieces.append(piece)
                piece = ""
    chance.shuffle(pieces)
    return [Document("story", "in a grand style", p, fragment=True) for p in pieces[:most]]


def read_documents(data: Path, chance: random.Random) -> dict[str, list[Document]]:
    """All sources under ``data/text``, by name."""
    text = data / "text"
    return {
        "TinyStories": tiny_stories(text / "tinystories_pieces"),
        "story books": story_books(text / "pratham_books_en")
        + story_books(text / "african_storybook_en"),
        "new fables": new_fables(text / "tinyfabulist" / "fables_permissive_models.jsonl"),
        "Aesop": old_fables(text / "aesop_for_children" / "fables.jsonl"),
        "verse": poems(text / "english_gutenberg_poetry" / "poems_short.jsonl", chance),
        "old tales": old_tales(text / "gitenberg_children" / "books.txt", chance),
    }
