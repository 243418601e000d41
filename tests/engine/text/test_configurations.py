"""Configurations of strangers: every one makes a graph or is told in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine.tensors import Tensors, safetensors_of
from studio.engine.text import causal_nets, masked_nets, seq2seq_nets
from studio.engine.text.net import Config, Net, Weights
from tests.engine import tiny_transformers

Build = Callable[[Config, Net], Any]

KINDS: dict[str, tuple[Callable[[Path, str], Path], list[Build], tuple[str, ...]]] = {
    **{
        k: (tiny_transformers.make_causal, [v.build], v.prefixes)
        for k, v in causal_nets.KINDS.items()
        if k in ("gpt2", "gpt_neox", "bloom", "opt", "qwen3")
    },
    **{
        k: (tiny_transformers.make_masked, [v.build], v.prefixes)
        for k, v in masked_nets.KINDS.items()
    },
    **{
        k: (tiny_transformers.make_rewriting, [v.encoder, v.decoder], v.prefixes)
        for k, v in seq2seq_nets.KINDS.items()
        if k in ("t5", "bart")
    },
}

ODD = (
    st.none() | st.booleans() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
    | st.integers(-2, 70) | st.sampled_from([2**20, 2**31, 10**30, 1e-9, -0.5, 1e300])
    | st.floats() | st.dictionaries(st.sampled_from(["rope_type", "rope_theta"]), st.text())
)  # fmt: skip


@pytest.fixture(scope="module", params=sorted(KINDS))
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Build], tuple[str, ...], Mapping[str, Any], Tensors]:
    make, builds, prefixes = KINDS[request.param]
    folder = make(tmp_path_factory.mktemp("configuration") / "model", request.param)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return builds, prefixes, config, safetensors_of(folder)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_configuration_is_read_or_told(
    published: tuple[list[Build], tuple[str, ...], Mapping[str, Any], Tensors],
    data: st.DataObject,
) -> None:
    builds, prefixes, config, tensors = published
    names = st.sampled_from(sorted(config))
    changed = data.draw(st.dictionaries(names, ODD, min_size=1, max_size=3))
    gone = data.draw(st.sets(names, max_size=2))
    odd = {k: v for k, v in {**config, **changed}.items() if k not in gone}
    for build in builds:
        net = Net(Weights(tensors, "odd", prefixes))
        try:
            build(Config(odd, "odd"), net)
        except StudioError:
            return
        assert net.graph()
        assert all(np.isfinite(v).all() for v in net.values.values())
