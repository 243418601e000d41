"""A hub and a folder for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.models.transfer.world import Program


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makers of tiny models keep their libraries off the network for the rest of the process."""
    from huggingface_hub import constants

    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_SYMLINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that claims to have synced at once: no test can see that, and all wait for it."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def program(hub: Hub, tmp_path: Path) -> Iterator[Program]:
    with Program(hub, tmp_path) as running:
        yield running
