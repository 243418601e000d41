"""What the tests of the models share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all that hypothesis thinks of in a module: to make and to remove one for each
    example took longer than the tests themselves. Whoever uses it leaves nothing behind in a place
    of its own below it, or writes all of it each time."""
    return tmp_path_factory.mktemp("held")
