"""A keyring in memory, in place of the system's."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import keyring.backend
import keyring.errors
import pytest

from studio.models import token


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory that stands for the system's."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.held[service, username]

    def _open(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("cannot unlock for hf_SecretOfNobody")


Ring.__module__ = "keyring.backends.Stands"  # where the system's own are


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    """What `keyring` finds, and no token in the environment."""
    for name in token.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)
