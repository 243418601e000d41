"""The hub's own tests run against a hub that is fresh for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Both servers, with nothing on them yet."""
    with Hub() as running:
        yield running
