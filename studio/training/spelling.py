"""Training the guess at how an unknown English word is read: letter by letter, from its letters
around and what was said so far.

A network over a window of letters (Sejnowski and Rosenberg, "NETtalk: a parallel network that
learns to read aloud", 1986), taught on misaki's dictionary, whose phonemes are first aligned to
letters by Viterbi training (Daelemans and van den Bosch, "Language-independent data-oriented
grapheme-to-phoneme conversion", 1996).
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.engine.speech import letters, lexicon
from studio.engine.speech.letters import AROUND, SIGNS, Guesser
from studio.training import cards
from studio.training.loop import Loop

if TYPE_CHECKING:
    import torch

HELD_OUT = 25
"""One in so many words is kept to judge by, with all that begin like it."""
_SIGN = re.compile("[ˈˌ]?.")
_MOST = 2
"""Phonemes of one letter."""
_RARE = 5
"""Readings of a letter that come less often are taken for mistakes."""

CARD = """# How unknown English words are read

`letters.npz` is a small network that reads words of no dictionary letter by letter (see
`studio/engine/speech/letters.py`). Made by `python -m studio.training spelling`.

| | |
|---|---|
{rows}

Judged on words that were held out with all others that begin with the same five letters.

Learned from the dictionaries of [misaki](https://github.com/hexgrad/misaki), hexgrad: Apache-2.0.
The weights are under the Apache License 2.0.
"""

Pair = tuple[str, str]
Odds = dict[tuple[str, str], float]


@dataclass(frozen=True)
class SpellingConfig:
    """Sizes of the network and of its training."""

    letter: int = 20
    label: int = 16
    hidden: tuple[int, int] = (320, 160)
    batch: int = 1024
    rate: float = 2e-3
    seed: int = 0


def dictionary() -> list[Pair]:
    """Words of letters a to z with their phonemes, those that are read by their letters' names left
    out."""
    found: dict[str, str] = {}
    for name in ("us_silver", "us_gold"):
        for word, entry in lexicon._read(name).items():
            said = entry.get("DEFAULT") if isinstance(entry, dict) else entry
            plain = word.isascii() and word.isalpha() and len(word) > 2
            if said and plain and not word[1:].isupper() and re.search("[aeiouy]", word.lower()):
                found[word.lower()] = said
    return sorted(found.items())


def held_out(word: str) -> bool:
    """Whether a word is kept to judge by: words that begin alike are kept together, so that none
    is judged whose other forms were learned."""
    return zlib.crc32(word[:5].encode()) % HELD_OUT == 0


def align(word: str, signs: Sequence[str], odds: Odds) -> list[str] | None:
    """The signs that each letter stands for, the likeliest way; None where there are too many."""
    best: list[list[float]] = [[-math.inf] * (len(signs) + 1) for _ in range(len(word) + 1)]
    back = [[0] * (len(signs) + 1) for _ in range(len(word) + 1)]
    best[0][0] = 0.0
    for i, letter in enumerate(word):
        for j in range(max(0, len(signs) - _MOST * (len(word) - i)), len(signs) + 1):
            if best[i][j] == -math.inf:
                continue
            for size in range(min(_MOST, len(signs) - j) + 1):
                said = "".join(signs[j : j + size])
                way = best[i][j] + odds.get((letter, said), -12.0 - 3.0 * size)
                if way > best[i + 1][j + size]:
                    best[i + 1][j + size] = way
                    back[i + 1][j + size] = size
    if best[-1][-1] == -math.inf:
        return None
    found = []
    j = len(signs)
    for i in range(len(word), 0, -1):
        size = back[i][j]
        found.append("".join(signs[j - size : j]))
        j -= size
    return found[::-1]


def odds_of(pairs: Sequence[Pair], rounds: int = 4) -> Odds:
    """Logarithms of how likely a letter stands for some signs, from words that are aligned again
    and again."""
    counts: Counter[tuple[str, str]] = Counter()
    for word, said in pairs:  # to begin with: what stands at about the same place
        signs = _SIGN.findall(said)
        for i, letter in enumerate(word):
            j = min(len(signs) - 1, i * len(signs) // len(word))
            counts[letter, signs[j]] += 1
    odds = _logarithms(counts)
    for _ in range(rounds):
        counts = Counter()
        for word, said in pairs:
            chunks = align(word, _SIGN.findall(said), odds)
            counts.update(zip(word, chunks, strict=True) if chunks else ())
        odds = _logarithms(counts)
    return odds


def _logarithms(counts: Counter[tuple[str, str]]) -> Odds:
    totals: Counter[str] = Counter()
    for (letter, _), count in counts.items():
        totals[letter] += count
    return {key: math.log(count / totals[key[0]]) for key, count in counts.items()}


@dataclass
class Examples:
    """Letters with what they stand for, and all that is known when each is read."""

    windows: npt.NDArray[np.int64]
    """(letters, 2 AROUND + 1)"""
    before: npt.NDArray[np.int64]
    """(letters, 2): the labels of the two letters before; 0 where there are none."""
    stressed: npt.NDArray[np.float32]
    """(letters, 1): whether the word has had its stress."""
    labels: npt.NDArray[np.int64]


def examples(aligned: Iterable[tuple[str, Sequence[str]]], labels: Sequence[str]) -> Examples:
    """The letters of aligned words."""
    number = {label: n for n, label in enumerate(labels)}
    rows: list[tuple[Any, list[int], float, int]] = []
    for word, chunks in aligned:
        windows = letters.windows(word)
        before, stressed = [0, 0], 0.0
        for window, chunk in zip(windows, chunks, strict=True):
            rows.append((window, list(before), stressed, number[chunk]))
            before = [before[1], number[chunk] + 1]
            stressed = max(stressed, float("ˈ" in chunk))
    columns = list(zip(*rows, strict=True))
    return Examples(
        np.array(columns[0], np.int64), np.array(columns[1], np.int64),
        np.array(columns[2], np.float32)[:, None], np.array(columns[3], np.int64),
    )  # fmt: skip


@dataclass
class SpellingData:
    """What the network is taught, and the words that it is judged by."""

    labels: tuple[str, ...]
    train: Examples
    held_out: list[Pair]
    words: int


def load(most: int | None = None) -> SpellingData:
    """Align the dictionary; `most` takes some of its words only."""
    pairs = dictionary()
    pairs = pairs[:: max(1, len(pairs) // most)] if most else pairs
    learned = [p for p in pairs if not held_out(p[0])]
    odds = odds_of(learned[:: max(1, len(learned) // 15_000)])
    aligned = [(w, align(w, _SIGN.findall(said), odds)) for w, said in learned]
    counts = Counter(c for _, chunks in aligned if chunks for c in chunks)
    labels = tuple(sorted(label for label, count in counts.items() if count >= _RARE))
    kept = set(labels)
    usable = [(w, chunks) for w, chunks in aligned if chunks and kept.issuperset(chunks)]
    return SpellingData(
        labels, examples(usable, labels), [p for p in pairs if held_out(p[0])], len(usable)
    )


class SpellingTrainee:
    """Trains the network letter by letter."""

    def __init__(self, config: SpellingConfig, data: SpellingData) -> None:
        import torch
        from torch import nn

        torch.manual_seed(config.seed)
        self.config, self.data = config, data
        width = (2 * AROUND + 1) * config.letter + 2 * config.label + 1
        first, second = config.hidden
        self.model = nn.ModuleDict(
            {
                "letters": nn.Embedding(len(SIGNS) + 1, config.letter),
                "labels": nn.Embedding(len(data.labels) + 1, config.label),
                "first": nn.Linear(width, first),
                "second": nn.Linear(first, second),
                "out": nn.Linear(second, len(data.labels)),
            }
        )
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.rate)
        self._epoch = -1
        self._order = np.arange(0)

    def _loss(self, places: npt.NDArray[np.int64]) -> torch.Tensor:
        import torch
        from torch.nn import functional

        given = self.data.train
        m = self.model
        x = torch.cat(
            [
                m["letters"](torch.from_numpy(given.windows[places])).flatten(1),
                m["labels"](torch.from_numpy(given.before[places])).flatten(1),
                torch.from_numpy(given.stressed[places]),
            ],
            dim=1,
        )
        x = functional.relu(m["second"](functional.relu(m["first"](x))))
        return functional.cross_entropy(m["out"](x), torch.from_numpy(given.labels[places]))

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step; all letters come once in each epoch."""
        import torch

        count = len(self.data.train.labels)
        size = min(self.config.batch, count)
        epoch, place = divmod(step, count // size)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng((self.config.seed, epoch)).permutation(count)
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate * max(0.02, 1.0 - done)
        loss = self._loss(self._order[place * size : (place + 1) * size])
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def guesser(self) -> Guesser:
        """The network as the studio runs it."""
        return Guesser(self.data.labels, self.weights())

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by their names, in half precision as they are kept."""
        return {
            name.replace(".", "_"): value.numpy().astype(np.float16).astype(np.float32)
            for name, value in self.model.state_dict().items()
        }

    def evaluate(self) -> dict[str, float]:
        """Of held-out words: read right in all, read right but for stresses, phonemes wrong."""
        guess = self.guesser().spell
        return judged(self.data.held_out[:: max(1, len(self.data.held_out) // 1500)], guess)

    def state(self) -> dict[str, Any]:
        """Weights, moments, and the sizes that they belong to."""
        return {
            "config": asdict(self.config) | {"labels": list(self.data.labels)},
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a saved state back; raises ValueError when it belongs to another configuration."""
        if state["config"]["labels"] != list(self.data.labels):
            raise ValueError("the checkpoint belongs to other data")
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])


def judged(pairs: Sequence[Pair], guess: Any) -> dict[str, float]:
    """In percent: words read right, words right but for stress, phonemes wrong."""
    from studio.training.voice_judging import errors

    right = plain = wrong = count = 0
    for word, said in pairs:
        made = guess(word)
        bare, true = (re.sub("[ˈˌ]", "", p) for p in (made, said))
        right += made.replace("ˌ", "") == said.replace("ˌ", "")
        plain += bare == true
        wrong += errors(list(true), list(bare))
        count += len(true)
    words = max(1, len(pairs))
    return {
        "words right %": 100.0 * right / words,
        "right but for stress %": 100.0 * plain / words,
        "phonemes wrong %": 100.0 * wrong / max(1, count),
    }


def write(trainee: SpellingTrainee, path: Path) -> None:
    """The network in one file, in half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    arrays: dict[str, Any] = {n: v.astype(np.float16) for n, v in trainee.weights().items()}
    with part.open("wb") as stream:
        np.savez_compressed(stream, labels=np.array(trainee.data.labels), **arrays)
    part.replace(path)


def make(
    folder: Path, loop: Loop, config: SpellingConfig | None = None, most: int | None = None
) -> dict[str, Any]:
    """Train with `loop` and write `letters.npz` into `folder`; gives outcome and figures."""
    data = load(most)
    trainee = SpellingTrainee(config or SpellingConfig(), data)
    outcome = loop.run(trainee)
    write(trainee, folder / letters.FILE)
    figures = {
        "words learned from": float(data.words),
        "parameters": float(sum(p.numel() for p in trainee.model.parameters())),
        **judged(data.held_out, trainee.guesser().spell),
    }
    rows = "\n".join(f"| {name} | {cards.number(value)} |" for name, value in figures.items())
    (folder / "README.md").write_text(CARD.format(rows=rows), "utf-8")
    return {
        "model": letters.FILE, "texts": [], "training": {"spelling": asdict(outcome)},
        "figures": figures,
    }  # fmt: skip
