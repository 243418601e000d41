"""The tiny tune model, made once for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import tiny_audio


@pytest.fixture(scope="session")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with random weights."""
    return tiny_audio.make(tmp_path_factory.mktemp("untaught-model") / "tiny", steps=0)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_audio.make(tmp_path_factory.mktemp("tune-model") / "tiny")
