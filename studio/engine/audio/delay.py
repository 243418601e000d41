"""MusicGen's delay pattern: each codebook is written one step after the one before it.

Copet et al. 2023, "Simple and Controllable Music Generation", section 2.2. In stereo the codebooks
of both channels alternate, left first, and those of one pair share their delay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

OPEN = -1
"""Stands where a code is still to be written."""


def delays(codebooks: int, channels: int) -> Codes:
    """By how many steps each of `codebooks` lags behind the first."""
    import numpy as np

    return np.arange(codebooks, dtype=np.int64) // channels


def lay(prompt: Codes, frames: int, channels: int, pad: int) -> Codes:
    """The columns to write: `prompt` (codebooks, n) in its place, OPEN for what is missing.

    (codebooks, frames + codebooks / channels); the first column is `pad` alone, as is everything
    before a codebook's first code and behind its last.
    """
    import numpy as np

    codebooks, given = prompt.shape
    late = delays(codebooks, channels)
    columns = np.full((codebooks, frames + int(late[-1]) + 1), pad, dtype=np.int64)
    for book, lag in enumerate(late):
        columns[book, 1 + lag : 1 + lag + frames] = OPEN
        columns[book, 1 + lag : 1 + lag + given] = prompt[book]
    return columns


def pick(columns: Codes, frames: int, channels: int) -> Codes:
    """The codes (codebooks, frames) out of finished columns: `lay` undone."""
    import numpy as np

    late = delays(len(columns), channels)
    return np.stack([columns[book, 1 + lag : 1 + lag + frames] for book, lag in enumerate(late)])


def whole(columns: Codes, upto: int, channels: int) -> int:
    """How many frames have all their codes once columns before `upto` are written."""
    return max(0, upto - 1 - int(delays(len(columns), channels)[-1]))
