"""The tiny language model and what it was built from, made once for this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import tiny_text


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama as transformers saves it; beside it lies `tiny`, the same for genai in fp32."""
    folder = tmp_path_factory.mktemp("text-source")
    tiny_text.make(folder / "tiny")
    return folder / "tiny-source"
