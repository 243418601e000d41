"""What every test stands on."""

from __future__ import annotations

import os

import hypothesis
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# No deadline: the first example pays for imports, and no test asserts a time.
hypothesis.settings.register_profile("studio", deadline=None)
hypothesis.settings.load_profile("studio")


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makers of tiny models keep their libraries off the network, for the rest of the process."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
