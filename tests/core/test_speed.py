"""What was measured of this computer is believed where it holds, and never where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core import speed
from studio.core.speed import Speed, load, save

CPU = "CPUExecutionProvider"
FOUND = Speed({"int4": 1.5e10, "fp32": 2e10}, 2e11)


def test_what_was_measured_is_there_again(tmp_path: Path) -> None:
    assert load(tmp_path, CPU) is None
    save(tmp_path / "new", CPU, FOUND)
    assert load(tmp_path / "new", CPU) == FOUND
    assert load(tmp_path / "new", "CUDAExecutionProvider") is None


@pytest.mark.parametrize("key", ["machine", "cores", "provider", "onnxruntime"])
def test_it_holds_for_one_machine_and_one_runtime(tmp_path: Path, key: str) -> None:
    save(tmp_path, CPU, FOUND)
    path = tmp_path / speed.NAME
    told = json.loads(path.read_bytes())
    assert told["of"].pop(key)
    path.write_text(json.dumps(told))
    assert load(tmp_path, CPU) is None


def test_a_cache_that_cannot_be_written_stays_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    save(tmp_path / "file", CPU, FOUND)
    assert load(tmp_path / "file", CPU) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=5), c, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(["reading", "computing", "of", ""]),
)
def test_any_file_is_figures_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, value: object, key: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "speed"
    plain, path = folder / "plain", folder / speed.NAME
    if not plain.exists():
        save(plain, CPU, FOUND)
    told = json.loads((plain / speed.NAME).read_bytes())
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({**told, key: value} if key else value))
    found = load(folder, CPU)
    if found is not None:
        assert all(0 <= n < float("inf") for n in (found.computing, *found.reading.values()))
