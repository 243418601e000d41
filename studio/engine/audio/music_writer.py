"""MusicGen's loop: one column of codes after the other, guided, in the delay pattern.

Copet et al. 2023, "Simple and Controllable Music Generation"; classifier-free guidance: Ho and
Salimans 2022, with the logits of nothing as the other side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.engine.audio import delay

if TYPE_CHECKING:
    from studio.engine.audio.music_model import Model
    from studio.engine.sampling import Sampler

Codes = npt.NDArray[np.int64]

WINDOW = 30.0
"""Seconds that MusicGen was taught to write at once."""
KEPT = 10.0
"""Seconds of what was written that a longer piece goes on from."""
CHUNK = 64
"""Columns of what is given that are read at once."""


def compose(
    model: Model,
    condition: Mapping[str, npt.NDArray[Any]],
    sampler: Sampler,
    guidance: float,
    given: Codes,
    new: int,
) -> Iterator[Codes]:
    """`new` more frames after those given: all codes (codebooks, frames) so far, again and again.

    What is longer than WINDOW is written in several turns, each of which goes on from the last
    KEPT seconds. `given` has to leave room in the first one. Between two yields is one step, or
    the reading of CHUNK columns.
    """
    window, keep = (round(s * model.shape.frame_rate) for s in (WINDOW, KEPT))
    codes, goal = given, given.shape[1] + new
    while codes.shape[1] < goal:
        heard = given if codes is given else codes[:, -keep:]
        before = codes[:, : codes.shape[1] - heard.shape[1]]
        frames = heard.shape[1] + min(goal - codes.shape[1], window - heard.shape[1])
        for written in _turn(model, condition, sampler, guidance, heard, frames):
            codes = np.concatenate([before, written], axis=1)
            yield codes


def _turn(
    model: Model,
    condition: Mapping[str, npt.NDArray[Any]],
    sampler: Sampler,
    guidance: float,
    heard: Codes,
    frames: int,
) -> Iterator[Codes]:
    """Codes that begin with `heard` and are `frames` long at the end."""
    batch = 2 if guidance > 1 else 1
    columns = delay.lay(heard, frames, model.channels, model.pad)
    model.stepper.begin(condition, batch)
    read, start = 0, heard.shape[1] + 1
    for place in range(start, columns.shape[1]):
        while place - read > CHUNK:
            model.stepper.step(np.tile(columns[:, read : read + CHUNK], (batch, 1)))
            read += CHUNK
            yield heard
        logits = model.stepper.step(np.tile(columns[:, read:place], (batch, 1)))
        read = place
        if batch == 2:
            words, nothing = np.split(logits, 2)
            logits = nothing + guidance * (words - nothing)
        for book in np.flatnonzero(columns[:, place] == delay.OPEN):
            columns[book, place] = sampler.draw(logits[book])
        whole = delay.whole(columns, place + 1, model.channels)
        yield delay.pick(columns, max(whole, heard.shape[1]), model.channels)
