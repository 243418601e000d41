"""The token: in the system's keyring or for this run alone, for one server, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.models import token
from studio.models.token import SERVICE, Tokens, checked

SECRET = "hf_SecretOfNobody"
HUB, MIRROR = "https://huggingface.co:443", "https://mirror.example.org:443"


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
            raise keyring.errors.KeyringLocked(f"cannot unlock for {SECRET}")


Ring.__module__ = "keyring.backends.Stands"  # where the system's own are


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    for name in token.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_a_token_is_kept_for_its_server_alone(ring: Ring) -> None:
    tokens = Tokens(HUB)
    assert tokens.get() is None
    assert tokens.source == ""
    tokens.hold(f"  {SECRET}\n")
    assert tokens.keep()
    assert ring.held == {(SERVICE, HUB): SECRET}
    later = Tokens(HUB)
    assert later.get() == SECRET
    assert later.source == "keyring"
    assert Tokens(MIRROR).get() is None
    later.drop()
    assert ring.held == {}
    assert later.get() is None
    assert Tokens(HUB).get() is None
    later.drop()  # again is no matter


def test_without_a_keyring_it_lives_for_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends.fail import Keyring as Nothing
    from keyring.backends.null import Keyring as Forgetful

    for empty in (Nothing(), Forgetful()):  # type: ignore[no-untyped-call]
        keyring.set_keyring(empty)
        tokens = Tokens(HUB)
        assert tokens.get() is None
        tokens.hold(SECRET)
        assert not tokens.keep()
        assert tokens.get() == SECRET
        assert tokens.source == "run"
        assert "no keyring" in tokens.trouble
        assert Tokens(HUB).get() is None
        tokens.drop()
        assert tokens.get() is None

    def broken() -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(keyring, "get_keyring", broken)
    tokens = Tokens(HUB)
    assert tokens.get() is None
    assert tokens.trouble


def test_a_file_of_plain_text_is_no_keyring_of_the_system(ring: Ring) -> None:
    class PlaintextKeyring(Ring):
        """As keyrings.alt has it."""

    PlaintextKeyring.__module__ = "keyrings.alt.file"
    plain = PlaintextKeyring()
    keyring.set_keyring(plain)
    tokens = Tokens(HUB)
    tokens.hold(SECRET)
    assert not tokens.keep()
    assert plain.held == {}


def test_a_locked_keyring_is_told_and_nothing_of_it_reaches_the_log(
    ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ring.locked = True
    tokens = Tokens(HUB)
    assert tokens.get() is None
    assert "locked" in tokens.trouble
    tokens.hold(SECRET)
    assert not tokens.keep()
    assert tokens.source == "run"
    with pytest.raises(StudioError) as caught:
        tokens.drop()
    assert (
        SECRET not in f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caplog.text}"
    )
    assert tokens.get() is None
    assert caplog.records


def test_the_environment_counts_first(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.held[SERVICE, HUB] = "hf_FromTheKeyring"
    tokens = Tokens(HUB)
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_Older")
    assert tokens.get() == "hf_Older"
    monkeypatch.setenv("HF_TOKEN", f"{SECRET}\r\n")
    assert tokens.get() == SECRET
    assert tokens.source == "environment"
    with pytest.raises(StudioError, match="already gives"):
        tokens.hold("hf_Another")
    monkeypatch.setenv("HF_TOKEN", "two words")
    with pytest.raises(StudioError, match="HF_TOKEN") as caught:
        tokens.get()
    assert "two words" not in str(caught.value) + caught.value.hint
    monkeypatch.setenv("HF_TOKEN", " ")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN")
    assert tokens.get() == "hf_FromTheKeyring"
    assert tokens.source == "keyring"


@given(st.text(max_size=60) | st.from_regex(r"[!-~]{0,40}"))
def test_what_is_sent_fits_into_a_header(text: str) -> None:
    said = ""
    try:
        said = checked(text)
    except StudioError as error:
        told = error.message + error.hint
    else:
        told = ""
    assert len(text) < 8 or text not in told
    assert said.isascii()
    assert said.isprintable()
    assert not set(said) & set(" \t\r\n")
