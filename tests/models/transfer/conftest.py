"""A hub and a folder for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.models.transfer.world import Program


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def program(hub: Hub, tmp_path: Path) -> Iterator[Program]:
    with Program(hub, tmp_path) as running:
        yield running
