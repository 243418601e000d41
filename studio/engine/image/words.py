"""Prompts with weights, (word:1.2) and [word], and longer than one encoding, as token ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from studio.engine.image.encoders import MARK

if TYPE_CHECKING:
    import torch

STRONGER = 1.1
"""What each pair of round brackets multiplies by, and each pair of square ones divides by."""
MOST = 4.0
PIECES = 16
"""Encodings that are joined, at most."""

DEEPEST = 16
"""Brackets within brackets; further ones are read as they stand."""

_TOKEN = re.compile(
    r"\\([\\()\[\]])|(\()|(\[)|:[ ]?(\d{1,4}(?:\.\d{0,8})?|\.\d{1,8})[ ]?\)|(\))|(\])"
    r"|([^\\()\[\]:]+|.)",
    re.S,
)


def parse(text: str) -> list[tuple[str, float]]:
    """A prompt as pieces with their weights; brackets that do not close end with the text.

    The grammar is that of AUTOMATIC1111's stable-diffusion-webui (modules/prompt_parser.py): (a)
    is 1.1, (a:1.5) is 1.5, [a] is 1/1.1, brackets nest, and a backslash takes their meaning away.
    """
    found: list[tuple[str, float]] = []
    round_, square = list[int](), list[int]()

    def weigh(start: int, factor: float) -> None:
        found[start:] = [(t, w * factor) for t, w in found[start:]]

    for escaped, opens, opens2, weight, closes, closes2, plain in _TOKEN.findall(text):
        room = len(round_) + len(square) < DEEPEST
        if opens and room:
            round_.append(len(found))
        elif opens2 and room:
            square.append(len(found))
        elif weight and round_:
            weigh(round_.pop(), float(weight))
        elif closes and round_:
            weigh(round_.pop(), STRONGER)
        elif closes2 and square:
            weigh(square.pop(), 1 / STRONGER)
        else:
            said = escaped or plain or opens or opens2 or closes or closes2 or f":{weight})"
            found.append((said, 1.0))
    for start in round_:
        weigh(start, STRONGER)
    for start in square:
        weigh(start, 1 / STRONGER)
    joined: list[tuple[str, float]] = []
    for said, weight in found:
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + said, weight)
        else:
            joined.append((said, weight))
    return [(t, min(MOST, w)) for t, w in joined]


def plain(text: str) -> str:
    """A prompt without its weights."""
    return "".join(t for t, _ in parse(text))


def weighted(text: str) -> bool:
    """Not all words of a prompt count the same, or it says something of brackets."""
    return bool(text) and parse(text) != [(text, 1.0)]


def pieces(tokenizer: Any, text: str) -> int:
    """How many encodings a prompt takes."""
    room = int(tokenizer.model_max_length) - 2
    return max(1, -(-len(_ids(tokenizer, text)) // room))


class Marked:
    """A tokenizer whose ids say how much each word counts, `count` encodings long.

    Stands where a pipeline has the tokenizer: called with a text, it answers as the pipeline
    expects, in the ids that `studio.engine.image.encoders` reads. A `count` of 0 leaves the
    length to the pipeline, as for T5, which takes many words at once.
    """

    def __init__(self, tokenizer: Any, count: int) -> None:
        self._tokenizer, self._count = tokenizer, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(
        self,
        text: str | Sequence[str],
        padding: str = "max_length",
        max_length: int | None = None,
        **others: Any,
    ) -> SimpleNamespace:
        """`input_ids` (batch, length) and `attention_mask`, as tensors."""
        import torch

        texts = [text] if isinstance(text, str) else list(text)
        if padding == "longest":  # asked only to warn of what is cut off
            ids = torch.zeros(len(texts), 1, dtype=torch.int64)
        else:
            ids = torch.tensor([self._row(t, max_length) for t in texts])
        return SimpleNamespace(input_ids=ids, attention_mask=torch.ones_like(ids))

    def _row(self, text: str, max_length: int | None) -> list[int]:
        tokenizer, words = self._tokenizer, _ids(self._tokenizer, text)
        length = tokenizer.model_max_length if self._count else int(max_length or 0)
        starts = [tokenizer.bos_token_id] if self._count else []
        room = length - 1 - len(starts)
        row: list[int] = []
        for number in range(self._count or 1):
            piece = [*starts, *words[number * room : (number + 1) * room], tokenizer.eos_token_id]
            row += piece + [tokenizer.pad_token_id] * (length - len(piece))
        return row


def _ids(tokenizer: Any, text: str) -> list[int]:
    """Ids without the marks around them, each with its weight above."""
    ids: list[int] = []
    for said, weight in parse(text):
        mark = 0 if weight == 1.0 else max(1, round(weight * 1000)) << MARK
        found = tokenizer(said, add_special_tokens=False)["input_ids"] if said.strip() else []
        ids += [i | mark for i in found]
    return ids


def blank(tokenizer: Any, length: int) -> torch.Tensor:
    """The ids (1, length) of a text without words."""
    ids: torch.Tensor = tokenizer(
        "", padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    return ids
