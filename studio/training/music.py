"""The tune model's data: folk collections in ABC, checked bar by bar, transposed, and cut into
musical tokens."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.core import abc, score
from studio.training.corpus import tar_texts
from studio.training.language import BOS, EOS, HeldOut, Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SOURCE = Path("music", "music21_folk.tar.xz")
VOCABULARY = 512
TRANSPOSITIONS = 4
HELD_OUT = 80
LOWEST, HIGHEST = 57, 88
"""MIDI pitches that a transposed tune may reach."""
TONICS = ("C", "G", "D", "A", "F", "Bb", "E")
KINDS = (
    "hornpipe", "strathspey", "reel", "slip jig", "jig", "waltz", "march", "polka", "air", "minuet",
    "quickstep",
)  # fmt: skip
METRE_KINDS = {"6/8": "jig", "9/8": "slip jig", "3/4": "waltz", "12/8": "jig"}
# One token holds a note with its length, or a bar line with what follows it: bars then add up in
# few steps.
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
    held_out_texts: list[str]
    counts: dict[str, int]


def kind_of(tune: abc.Tune) -> str:
    """The kind of tune: named in its R: field or title, else what the metre usually is."""
    words = f"{tune.rhythm} {tune.title}".lower()
    return next((k for k in KINDS if k in words), METRE_KINDS.get(str(tune.metre), "tune"))


def is_whole(tune: abc.Tune, at_least: int = 4) -> bool:
    """Whether all bars are complete and the beat never stumbles. Raises AbcError as `score.bars`
    does."""
    judged = score.check(tune)
    return judged.bars >= at_least and judged.complete == judged.bars and not judged.stumbles


def read_tune(block: str) -> abc.Tune | str:
    """One X: block of a collection as a Tune, or in one word why it is not used."""
    try:
        tune = abc.parse(block)
        if len(tune.body) < 30 or abs(tune.key.fifths) > 5:
            return "unusual"
        if not is_whole(tune):
            return "bars"
    except abc.AbcError:
        return "notation"
    body = tune.body
    if body[-1].kind != "bar":
        body = (*body, abc.Token("bar", "|]"))
    return replace(tune, rhythm=kind_of(tune), title="", tempo=None, body=body)


def read_tunes(archive: Path) -> tuple[list[abc.Tune], Counter[str]]:
    """The usable tunes of a collection without doubles, and a count of what became of all of
    them."""
    counts: Counter[str] = Counter()
    tunes: dict[str, abc.Tune] = {}
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


def header(rhythm: str, metre: str, unit: str, key: str) -> str:
    """The four lines that a text of the tune model begins with."""
    return f"R:{rhythm}\nM:{metre}\nL:{unit}\nK:{key}\n"


def render(tune: abc.Tune) -> str:
    """The text of a tune as the model learns it: header, then the body without spaces, four bars a
    line."""
    top = header(tune.rhythm, str(tune.metre), f"1/{4 / tune.unit}", str(tune.key))
    return top + score.compact(tune) + "\n"


def in_range(tune: abc.Tune) -> bool:
    """Whether a tune stays on and near the treble staff."""
    heard = [p for bar in score.bars(tune) for note in bar.notes for p in note.pitches]
    return bool(heard) and min(heard) >= LOWEST and max(heard) <= HIGHEST


def transposed_texts(tunes: list[abc.Tune], copies: int, chance: random.Random) -> list[str]:
    """The text of every tune, and of up to ``copies`` exact transpositions into usual keys."""
    texts = []
    for tune in tunes:
        texts.append(render(tune))
        keys = [abc.Key(tonic, tune.key.mode) for tonic in TONICS if tonic != tune.key.tonic]
        keys = [key for key in keys if -3 <= key.fifths <= 4]
        for key in chance.sample(keys, min(copies, len(keys))):
            try:
                moved = abc.transpose(tune, key)
                if in_range(moved):
                    texts.append(render(moved))
            except abc.AbcError:
                continue
    return texts


def train_tokenizer(texts: list[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A BPE tokenizer over ABC whose pieces never cross a note or a bar line."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

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
    """Read the collection under ``data`` and make the training set."""
    chance = random.Random(seed)
    tunes, counts = read_tunes(data / SOURCE)
    chance.shuffle(tunes)
    held_out = [render(tune) for tune in tunes[: min(HELD_OUT, len(tunes) // 10)]]
    train = transposed_texts(tunes[len(held_out) :], TRANSPOSITIONS, chance)
    tokenizer = train_tokenizer(train)
    chance.shuffle(train)
    held = HeldOut(encode(tokenizer, held_out), sum(map(len, held_out)))
    return MusicData(
        tokenizer,
        encode(tokenizer, train),
        {"tunes": held},
        held_out,
        {**counts, "texts": len(train)},
    )
