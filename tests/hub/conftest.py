"""The hub's own tests run against a hub that is fresh for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Both servers, with nothing on them yet."""
    with Hub() as running:
        yield running


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The client as it is out of the box, whatever other tests set in this process."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.utils._http import default_client_factory

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    # Made anew, with this environment, and not as the studio has it made.
    huggingface_hub.set_client_factory(default_client_factory)
    yield
    huggingface_hub.close_session()
