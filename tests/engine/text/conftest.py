"""The tiny language model, made once for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import tiny_text


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_text.make(tmp_path_factory.mktemp("text-model") / "tiny")


@pytest.fixture(scope="session")
def source(model: Path) -> Path:
    """What the model was built from, for transformers."""
    return model.with_name("tiny-source")


@pytest.fixture(scope="session")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a chat template as Qwen's and SmolLM's are, and room for 1024 tokens."""
    return tiny_text.make_chatty(tmp_path_factory.mktemp("chat-model") / "chatty")
