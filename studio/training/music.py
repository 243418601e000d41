"""The tune model's data: folk collections in ABC, checked bar by bar, transposed, and cut into musical tokens."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from studio.training.abc_notation import (
    FIFTHS,
    MODES,
    Token,
    Tune,
    clean,
    complete_bars,
    is_complete,
    lex,
    parse_key,
    render,
    transpose,
)
from studio.training.corpus import tar_texts
from studio.training.language import BOS, EOS, HeldOut, Tokens

VOCABULARY = 512
TRANSPOSITIONS = 4
HELD_OUT = 80
KEYS = ("C", "G", "D", "A", "F", "Bb", "E")
KINDS = (
    "hornpipe", "strathspey", "reel", "slip jig", "jig", "waltz", "march", "polka", "air", "minuet",
    "quickstep",
)  # fmt: skip
METRE_KINDS = {"6/8": "jig", "9/8": "slip jig", "3/4": "waltz", "12/8": "jig"}
# One token holds a note with its length, or a bar line with what follows it: lengths then add up in few steps.
PIECES = (
    r"R:[^\n]*\n|M:[^\n]*\n|L:[^\n]*\n|K:[^\n]*\n"
    r"|(\^\^|__|\^|_|=)?[A-Ga-gz][,']*(\d+(/\d*)?|/+\d*)?"
    r"|[|:\]]+[12]?\n?|\(3|[<>]+|\n"
)


@dataclass(frozen=True)
class MusicData:
    """Everything the tune model is trained and judged on."""

    tokenizer: Tokenizer
    train: Tokens
    held_out: dict[str, HeldOut]
    train_texts: list[str]
    held_out_texts: list[str]
    counts: dict[str, int]


def kind_of(title: str, field: str, metre: str) -> str:
    """The kind of tune: named in its R: field or title, else what the metre usually is."""
    words = f"{field} {title}".lower()
    return next((k for k in KINDS if k in words), METRE_KINDS.get(metre, "tune"))


def read_tune(block: str) -> Tune | str:
    """One X: block of a collection as a Tune, or in one word why it is not used."""
    header: dict[str, str] = {}
    body: list[str] = []
    in_body = False
    for line in block.split("\n"):
        match = re.match(r"^([A-Za-z]):(.*)$", line)
        if match and not in_body:
            header.setdefault(match[1], match[2].split("%")[0].strip())
            in_body = match[1] == "K"
        elif match and match[1] not in "wWNPQZ":
            return "changes"
        elif in_body and not match and line.strip() and not line.startswith("%"):
            body.append(line)
    if not body or "M" not in header or "K" not in header:
        return "header"
    metre = header["M"].replace(" ", "")
    metre = {"C": "4/4", "C|": "2/2"}.get(metre, metre)
    unit = header.get("L", "1/8").replace(" ", "")
    key = parse_key(header["K"])
    if key is None or not re.match(r"^\d+/[1-9]\d*$", metre) or not re.match(r"^1/[1-9]\d*$", unit):
        return "header"
    tokens = lex(clean("\n".join(body)))
    if tokens is None or len(tokens) < 30:
        return "notation"
    if tokens[-1].kind != "bar":
        tokens.append(Token("bar", "|]"))
    kind = kind_of(header.get("T", ""), header.get("R", ""), metre)
    tune = Tune(kind, metre, unit, key[0], key[1], tuple(tokens))
    good, total = complete_bars(tune)
    if total < 4 or good < total or not is_complete(tune, at_least=4):
        return "bars"
    return tune


def read_tunes(archive: Path) -> tuple[list[Tune], Counter[str]]:
    """The usable tunes of a collection without doubles, and a count of what became of all of them."""
    counts: Counter[str] = Counter()
    tunes: dict[str, Tune] = {}
    for _, text in tar_texts(archive, ".abc", encoding="latin-1"):
        for block in re.split(r"(?m)^(?=X:)", text)[1:]:
            counts["all"] += 1
            tune = read_tune(block)
            if isinstance(tune, str):
                counts[tune] += 1
                continue
            opening = "".join(token.text for token in tune.body)[:60]
            counts["double" if opening in tunes else "used"] += 1
            tunes.setdefault(opening, tune)
    return list(tunes.values()), counts


def transposed_texts(tunes: list[Tune], copies: int, chance: random.Random) -> list[str]:
    """The text of every tune, and of up to ``copies`` exact transpositions into usual keys."""
    texts = []
    for tune in tunes:
        texts.append(render(tune))
        keys = [
            key
            for key in KEYS
            if key != tune.tonic and -3 <= FIFTHS[key] + MODES[tune.mode] <= 4
        ]
        for key in chance.sample(keys, min(copies, len(keys))):
            moved = transpose(tune, key)
            if moved is not None:
                texts.append(render(moved))
    return texts


def train_tokenizer(texts: list[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A BPE tokenizer over ABC whose pieces never cross a note or a bar line."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<unk>", "<s>", "</s>"], min_frequency=2,
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: list[str]) -> Tokens:
    """Documents one after another, each between ``<s>`` and ``</s>``."""
    row = [t for e in tokenizer.encode_batch(texts) for t in (BOS, *e.ids, EOS)]
    return np.array(row, dtype=np.uint16)


def load(data: Path, seed: int = 0) -> MusicData:
    """Read ``data/music/music21_folk.tar.xz`` and make the training set."""
    chance = random.Random(seed)
    tunes, counts = read_tunes(data / "music" / "music21_folk.tar.xz")
    chance.shuffle(tunes)
    held_out = [render(tune) for tune in tunes[: min(HELD_OUT, len(tunes) // 10)]]
    train = transposed_texts(tunes[len(held_out) :], TRANSPOSITIONS, chance)
    tokenizer = train_tokenizer(train)
    chance.shuffle(train)
    tokens = encode(tokenizer, train)
    held = HeldOut(encode(tokenizer, held_out), sum(map(len, held_out)))
    return MusicData(
        tokenizer, tokens, {"tunes": held}, train, held_out, {**counts, "texts": len(train)}
    )
