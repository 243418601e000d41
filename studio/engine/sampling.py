"""How the next token is chosen: temperature, top-k, top-p, min-p and the repetition penalty.

One module for every family that writes tokens, because onnxruntime-genai knows no min-p and its
sampling is not the same on every provider. Sources:
repetition penalty: Keskar et al. 2019, "CTRL", section 4.1, in the sign-aware form of transformers;
temperature: Ackley, Hinton, Sejnowski 1985; top-k: Fan, Lewis, Dauphin 2018, "Hierarchical Neural
Story Generation"; top-p: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration";
min-p: Nguyen et al. 2024, "Turning Up the Heat". They apply in the order of transformers:
penalty, temperature, top-k, top-p, min-p.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from studio.core.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Logits = npt.NDArray[np.float32]
    Floats = npt.NDArray[np.float64]
    Ids = npt.NDArray[np.intp]

PENALTY_WINDOW = 64
"""Tokens the repetition penalty looks back on; what llama.cpp calls repeat_last_n."""

_FIRST = 1024
"""So many of the most probable tokens usually hold top-p; only where not are all sorted."""


class Leaning(Protocol):
    """Something that shifts the scores by what was said so far."""

    def lean(self, scores: Floats) -> None:
        """Shift the scores (vocabulary,), in place, before temperature."""

    def said(self, token: int) -> None:
        """A token was drawn."""


class Sampler:
    """Draws tokens one after another; the same seed and logits give the same tokens.

    `temperature` 0 takes the most probable token. `top_k` 0, `top_p` 1, `min_p` 0 and
    `repetition_penalty` 1 switch these off. `wished` leans the scores after the penalty.
    """

    def __init__(
        self,
        seed: int,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        history: Iterable[int] = (),
        wished: Leaning | None = None,
    ) -> None:
        import numpy as np

        self._random = np.random.Generator(np.random.PCG64(seed))
        self._temperature = temperature
        self._top_k, self._top_p, self._min_p = top_k, top_p, min_p
        self._penalty = repetition_penalty
        self._seen: deque[int] = deque(history, maxlen=PENALTY_WINDOW)
        self._wished = wished

    def draw(self, logits: Logits, allowed: Ids | None = None) -> int:
        """The next token for `logits` of shape (vocabulary,), one of `allowed` where that is given.

        Raises StudioError where the logits are no numbers, as those of a damaged model are.
        """
        import numpy as np

        plain = self._penalty == 1.0 and allowed is None and self._wished is None
        if self._temperature == 0 and plain:
            # The same answer without a copy of a hundred thousand numbers at each token.
            return self._drawn(logits.reshape(-1), int(logits.argmax()))
        scores = logits.astype(np.float64).reshape(-1)
        if self._penalty != 1.0 and self._seen:
            seen = np.unique(np.fromiter(self._seen, np.intp))
            seen = seen[seen < len(scores)]
            values = scores[seen]
            scores[seen] = np.where(values > 0, values / self._penalty, values * self._penalty)
        if self._wished is not None:
            self._wished.lean(scores)
        if allowed is not None and len(allowed):
            kept = np.full_like(scores, -np.inf)
            kept[allowed] = scores[allowed]
            scores = kept
        token = int(scores.argmax())
        _check(scores, token)
        if self._temperature > 0:
            # Shifted by the greatest first, so that no temperature can make them overflow.
            scores -= scores[token]
            # Dividing by a tiny temperature may give -inf, which is what is meant.
            with np.errstate(over="ignore"):
                scores /= self._temperature
            ids, weights = candidates(scores, self._top_k, self._top_p, self._min_p)
            sums = np.cumsum(weights)
            place = int(np.searchsorted(sums, self._random.random() * sums[-1], side="right"))
            token = int(ids[min(place, len(ids) - 1)])
        self._seen.append(token)
        if self._wished is not None:
            self._wished.said(token)
        return token

    def _drawn(self, scores: npt.NDArray[Any], token: int) -> int:
        _check(scores, token)
        self._seen.append(token)
        return token


def _check(scores: npt.NDArray[Any], token: int) -> None:
    """Raises StudioError where the greatest of the scores is no number."""
    import numpy as np

    if not np.isfinite(scores[token]):
        raise StudioError(
            "The model gave no usable numbers; its files may be damaged.",
            "Install the model again, or choose another one.",
        )


def candidates(scores: Floats, top_k: int, top_p: float, min_p: float) -> tuple[Ids, Floats]:
    """The tokens that may be drawn, most probable first, and their weights (not normalized).

    `scores`: (vocabulary,), the greatest 0, after temperature. Each rule keeps a front part of the
    tokens in falling order, so the shortest of the front parts is what all of them keep. At least
    one token is always kept; of equals the lower id comes first.
    """
    import numpy as np

    weights = np.exp(scores)
    kept: Any = np.flatnonzero(weights > 0)
    if 0 < top_k < len(kept):
        # The k-th greatest and all its equals; the sort below decides between the equals.
        least = np.partition(weights, -top_k)[-top_k]
        kept = kept[weights[kept] >= least]
        kept = kept[np.argsort(-weights[kept], kind="stable")][:top_k]
    total = weights[kept].sum()
    if min_p > 0:
        # Relative to the most probable token, whose weight is 1.
        kept = kept[weights[kept] >= min(min_p, 1.0)]
    if top_p < 1 and len(kept) > _FIRST:
        least = np.partition(weights[kept], -_FIRST)[-_FIRST]
        front = kept[weights[kept] >= least]
        if weights[front].sum() >= top_p * total:
            kept = front
    kept = kept[np.argsort(-weights[kept], kind="stable")]
    if top_p < 1:
        before = np.cumsum(weights[kept]) - weights[kept]
        # A token stays while those before it have not reached top-p yet; the first always does.
        kept = kept[: max(1, int(np.searchsorted(before, top_p * total, side="left")))]
    return kept, weights[kept]
