"""What the sampler may draw, how often, and that transformers keeps the same tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio.core.errors import StudioError
from studio.engine.sampling import PENALTY_WINDOW, Sampler, candidates

Logits = npt.NDArray[np.float32]

LOGITS = hnp.arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.floats(-40, 40, width=32),
)
PROBABILITY = st.floats(0.01, 1.0)


def probabilities(logits: Logits, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    scores = (logits.astype(np.float64) - logits.max()) / temperature
    weights = np.exp(scores)
    result: npt.NDArray[np.float64] = weights / weights.sum()
    return result


@given(LOGITS, st.integers(0, 2**32 - 1))
def test_temperature_zero_takes_the_greatest(logits: Logits, seed: int) -> None:
    assert Sampler(seed, temperature=0).draw(logits) == int(logits.argmax())


@given(LOGITS, st.integers(0, 2**32 - 1), st.floats(0.05, 2), PROBABILITY, PROBABILITY)
def test_the_same_seed_draws_the_same(
    logits: Logits, seed: int, temperature: float, top_p: float, min_p: float
) -> None:
    drawn = [
        [sampler.draw(logits) for _ in range(5)]
        for sampler in (
            Sampler(seed, temperature=temperature, top_p=top_p, min_p=min_p, repetition_penalty=1.2)
            for _ in range(2)
        )
    ]
    assert drawn[0] == drawn[1]
    assert all(0 <= token < len(logits) for token in drawn[0])


@given(LOGITS, st.integers(0, 70), PROBABILITY, st.floats(0, 1))
def test_what_is_kept(logits: Logits, top_k: int, top_p: float, min_p: float) -> None:
    scores = logits.astype(np.float64) - float(logits.max())
    ids, weights = candidates(scores, top_k, top_p, min_p)
    order = sorted(range(len(logits)), key=lambda i: (-np.exp(scores[i]), i))
    assert ids.tolist() == order[: len(ids)]  # the most probable ones, lower ids first
    assert len(ids) >= 1
    if top_k:
        assert len(ids) <= top_k
    assert np.all(weights >= min_p)
    # Without the last one the rest would not reach top-p; at 1 it is off, and all are kept.
    pool = np.exp(scores[order[: top_k or None]])
    assert top_p == 1 or len(ids) == 1 or weights[:-1].sum() < top_p * pool.sum()


@settings(deadline=None)  # the first example pays for the imports
# All different: of equals transformers keeps whichever its sort puts first.
@given(
    st.lists(st.integers(-4000, 4000), min_size=1, max_size=60, unique=True),
    st.integers(1, 70),
    st.floats(0.05, 0.999),
    st.floats(0.001, 0.9),
)
def test_transformers_keeps_the_same(
    hundredths: list[int], top_k: int, top_p: float, min_p: float
) -> None:
    import torch
    from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = np.array(hundredths, dtype=np.float64) / 100
    # On the border of a rule rounding decides.
    scores = logits - logits.max()
    pool = np.sort(np.exp(scores))[::-1][:top_k]
    assume(np.abs(np.cumsum(pool) / pool.sum() - top_p).min() > 1e-9)
    assume(np.abs(np.exp(scores) - min_p).min() > 1e-9)
    row = torch.from_numpy(logits.copy())[None]
    none = torch.zeros((1, 0), dtype=torch.long)
    for warp in (TopKLogitsWarper(top_k), TopPLogitsWarper(top_p), MinPLogitsWarper(min_p)):
        row = warp(none, row)
    theirs = set(torch.isfinite(row[0]).nonzero().flatten().tolist())
    assert set(candidates(scores, top_k, top_p, min_p)[0].tolist()) == theirs


@given(LOGITS, st.integers(0, 9))
def test_only_allowed_tokens_are_drawn(logits: Logits, seed: int) -> None:
    allowed = np.arange(0, len(logits), 2)
    assert Sampler(seed).draw(logits, allowed) % 2 == 0


def test_tokens_come_as_often_as_they_are_probable() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    for temperature in (1.0, 0.5):
        sampler = Sampler(3, temperature=temperature)
        drawn = np.bincount([sampler.draw(logits) for _ in range(20_000)], minlength=4) / 20_000
        assert np.abs(drawn - probabilities(logits, temperature)).max() < 0.012


def test_what_was_said_becomes_less_probable() -> None:
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = np.array([2.0, 1.9, -1.0, -1.1], dtype=np.float32)
    assert Sampler(0, temperature=0).draw(logits) == 0
    assert Sampler(0, temperature=0, repetition_penalty=1.2, history=[0]).draw(logits) == 1
    # Negative scores become more negative, as in transformers.
    low = logits[2:]
    assert Sampler(0, temperature=0, repetition_penalty=1.2, history=[0]).draw(low) == 1
    theirs = RepetitionPenaltyLogitsProcessor(1.2)(
        torch.tensor([[0, 2]]), torch.from_numpy(logits)[None].clone()
    )
    assert int(theirs.argmax()) == 1


def test_the_penalty_forgets() -> None:
    logits = np.array([2.0, 1.9, 0.0], dtype=np.float32)
    history = [0] + [2] * PENALTY_WINDOW
    assert Sampler(0, temperature=0, repetition_penalty=1.2, history=history).draw(logits) == 0


def test_a_large_vocabulary_is_cut_as_a_small_one() -> None:
    scores = np.random.default_rng(0).normal(0, 3, 50_000)
    scores -= scores.max()
    for top_k, top_p, min_p in ((0, 0.9, 0.0), (0, 0.9999, 0.0), (2000, 0.9, 0.0), (0, 0.9, 0.01)):
        ids, weights = candidates(scores, top_k, top_p, min_p)
        order = np.argsort(-scores, kind="stable")[: top_k or None]
        pool = np.exp(scores[order])
        before = np.cumsum(pool) - pool
        kept = order[(before < top_p * pool.sum()) & (pool >= min_p)]
        assert abs(len(kept) - len(ids)) <= 1  # the sums are rounded in another order
        assert ids[: len(kept) - 1].tolist() == kept[: len(ids)][: len(kept) - 1].tolist()
        assert weights[0] == 1.0


@pytest.mark.parametrize("bad", [np.nan, -np.inf, np.inf])
def test_no_numbers_are_told(bad: float) -> None:
    with pytest.raises(StudioError) as caught:
        Sampler(1).draw(np.full(10, bad, dtype=np.float32))
    assert caught.value.hint


def test_a_tiny_temperature_and_huge_logits_do_no_harm() -> None:
    logits = np.array([1e30, -1e30, 3e38], dtype=np.float32)
    assert Sampler(1, temperature=1e-300).draw(logits) == 2
    assert Sampler(1, temperature=2.0).draw(logits) == 2
