"""The token: in the system's keyring or for this run alone, for one server, and nowhere else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.models import token
from studio.models.token import SERVICE, Tokens, checked
from tests.models.rings import Ring, ring

__all__ = ["ring"]
pytestmark = pytest.mark.usefixtures("ring")

SECRET = "hf_SecretOfNobody"
HUB, MIRROR = "https://huggingface.co:443", "https://mirror.example.org:443"


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """Where it stands that a keyring keeps a token."""
    return tmp_path / "data" / token.MARKS


def test_a_token_is_kept_for_its_server_alone(ring: Ring, marks: Path) -> None:
    tokens = Tokens(HUB, marks)
    assert tokens.get() is None
    assert tokens.source == ""
    tokens.hold(f"  {SECRET}\n")
    assert tokens.keep()
    assert ring.held == {(SERVICE, HUB): SECRET}
    later = Tokens(HUB, marks)
    assert later.get() == SECRET
    assert later.source == "keyring"
    assert Tokens(MIRROR, marks).get() is None
    later.drop()
    assert ring.held == {}
    assert later.get() is None
    assert Tokens(HUB, marks).get() is None
    later.drop()  # again is no matter


def test_without_a_keyring_it_lives_for_this_run(
    monkeypatch: pytest.MonkeyPatch, marks: Path
) -> None:
    from keyring.backends.fail import Keyring as Nothing
    from keyring.backends.null import Keyring as Forgetful

    for empty in (Nothing(), Forgetful()):  # type: ignore[no-untyped-call]
        keyring.set_keyring(empty)
        tokens = Tokens(HUB, marks)
        assert tokens.get() is None
        tokens.hold(SECRET)
        assert not tokens.keep()
        assert tokens.get() == SECRET
        assert tokens.source == "run"
        assert "no keyring" in tokens.trouble
        assert not marks.exists()
        assert Tokens(HUB, marks).get() is None
        tokens.drop()
        assert tokens.get() is None

    def broken() -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(keyring, "get_keyring", broken)
    write_atomic(marks, HUB.encode())
    tokens = Tokens(HUB, marks)
    assert tokens.get() is None
    assert tokens.trouble


def test_a_file_of_plain_text_is_no_keyring_of_the_system(ring: Ring, marks: Path) -> None:
    class PlaintextKeyring(Ring):
        """As keyrings.alt has it."""

    PlaintextKeyring.__module__ = "keyrings.alt.file"
    plain = PlaintextKeyring()
    keyring.set_keyring(plain)
    tokens = Tokens(HUB, marks)
    tokens.hold(SECRET)
    assert not tokens.keep()
    assert plain.held == {}


def test_a_locked_keyring_is_told_and_nothing_of_it_reaches_the_log(
    ring: Ring, caplog: pytest.LogCaptureFixture, marks: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    write_atomic(marks, HUB.encode())
    ring.locked = True
    tokens = Tokens(HUB, marks)
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


def test_the_environment_counts_first(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, marks: Path
) -> None:
    write_atomic(marks, f"{MIRROR}\n{HUB}\n".encode())
    ring.held[SERVICE, HUB] = "hf_FromTheKeyring"
    tokens = Tokens(HUB, marks)
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


def test_a_keyring_that_keeps_nothing_of_ours_is_left_in_peace(
    ring: Ring, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Ring, "_open", lambda self: asked.append("unlock, please"))
    tokens = Tokens(HUB, marks)
    assert tokens.get() is None
    tokens.drop()
    marks.parent.mkdir()
    marks.write_bytes(b"\xff\xfe" * 9)
    assert Tokens(HUB, marks).get() is None
    assert not asked
    tokens.hold(SECRET)
    assert tokens.keep()
    assert asked
    assert SECRET.encode() not in marks.read_bytes()


def test_a_token_that_turns_out_bad_leaves_the_one_before(ring: Ring, marks: Path) -> None:
    tokens = Tokens(HUB, marks)
    tokens.hold(SECRET)
    tokens.keep()

    def attempt() -> None:
        with tokens.trying("hf_AnotherOne"):
            assert tokens.get() == "hf_AnotherOne"
            assert tokens.source == "run"
            raise StudioError("The hub does not know it.")

    with pytest.raises(StudioError):
        attempt()
    assert tokens.get() == SECRET
    assert tokens.source == "keyring"
    assert ring.held == {(SERVICE, HUB): SECRET}


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
