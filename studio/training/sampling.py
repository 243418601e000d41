"""Sampling from an exported language model, and how much of what it writes is copied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from studio.training.language import BOS, EOS, Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Hashes = npt.NDArray[np.uint64]


class Sampler:
    """Draws texts from an onnxruntime-genai folder."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime_genai

        self._genai = onnxruntime_genai
        self._model = onnxruntime_genai.Model(str(folder))
        self.tokenizer = tokenizer

    def text(
        self, prompt: str, seed: int, *, temperature: float, top_p: float = 1.0, length: int = 512
    ) -> tuple[str, bool]:
        """What follows the prompt, and whether it came to its own end within ``length`` tokens."""
        start = [BOS, *self.tokenizer.encode(prompt, add_special_tokens=False).ids]
        settings = self._genai.GeneratorParams(self._model)
        settings.set_search_options(
            max_length=length, do_sample=True, temperature=temperature, top_p=top_p, top_k=0,
            random_seed=seed,
        )  # fmt: skip
        generator = self._genai.Generator(self._model, settings)
        generator.append_tokens(np.asarray(start, dtype=np.int32))
        written: list[int] = []
        while not generator.is_done():
            generator.generate_next_token()
            token = int(generator.get_next_tokens()[0])
            if token == EOS:
                return self.tokenizer.decode(written), True
            written.append(token)
        return self.tokenizer.decode(written), False


def _window_hashes(row: Tokens, length: int) -> Hashes:
    """A polynomial hash of every window of ``length`` tokens."""
    values = row.astype(np.uint64) + np.uint64(1)
    hashes = np.zeros(max(0, len(row) - length + 1), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(length):
            hashes = hashes * np.uint64(1_000_003) + values[offset : offset + len(hashes)]
    return hashes


def longest_copies(rows: list[Tokens], training: Tokens, limit: int = 128) -> list[int]:
    """For each row the length of its longest run of tokens that also stands in the training row."""
    best = [0] * len(rows)
    for length in [*range(4, 32, 2), *range(32, limit + 1, 8)]:
        alive = [i for i, row in enumerate(rows) if len(row) >= length and best[i] >= length - 8]
        if not alive:
            break
        wanted = [_window_hashes(rows[i], length) for i in alive]
        known = np.intersect1d(np.concatenate(wanted), _window_hashes(training, length))
        for i, hashes in zip(alive, wanted, strict=True):
            if np.isin(hashes, known).any():
                best[i] = length
    return best
