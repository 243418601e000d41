"""The token that opens private and gated models: in the system's keyring, or for this run alone.

It is kept for one server only, as it would be a secret told to any other. `HF_TOKEN` counts before
what is kept, as everywhere in the ecosystem. Nothing here writes it to a file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.files import write_atomic

log = logging.getLogger(__name__)

SERVICE = "Triptych"
MARKS = "signed-in.txt"
MAX_MARKS = 1 << 16
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_FORM = re.compile(r"[!-~]{8,4096}")
"""What can stand in a header: letters, digits and signs of ASCII, no space, no line end."""


class Tokens:
    """The token for one server, `server` being its origin as `https://huggingface.co`.

    Safe from any thread. The keyring is asked once, when the token is first needed, and only
    where `marks` (a file, which holds the names of servers and no secret) says that it keeps one:
    it may have to ask the person to be unlocked.
    """

    def __init__(self, server: str, marks: Path) -> None:
        self._server = server
        self._marks = marks
        self._lock = threading.RLock()
        self._asked = False
        self._token: str | None = None
        self._in_ring = False
        self._trouble = ""

    def get(self) -> str | None:
        """The token, or None where there is none."""
        said = from_environment()
        if said:
            return said
        with self._lock:
            if not self._asked:
                self._asked = True
                self._token = self._kept()
            return self._token

    @property
    def source(self) -> str:
        """Where the token is from: "environment", "keyring", "run", or "" where there is none."""
        if from_environment():
            return "environment"
        if self.get() is None:
            return ""
        return "keyring" if self._in_ring else "run"

    @property
    def trouble(self) -> str:
        """Why the keyring of the system cannot be used, in a sentence; empty where it can."""
        self.get()
        return self._trouble

    def hold(self, token: str) -> None:
        """Use this token from now on, for as long as this process runs. Raises StudioError."""
        if from_environment():
            raise StudioError(
                "The environment already gives a token, and that one counts.",
                "Unset HF_TOKEN and start again to sign in here.",
            )
        with self._lock:
            self._token = checked(token)
            self._asked, self._in_ring = True, False

    @contextlib.contextmanager
    def trying(self, token: str) -> Iterator[None]:
        """Hold this token; the one before is held again where something is raised within."""
        with self._lock:
            before = self._asked, self._token, self._in_ring
        self.hold(token)
        try:
            yield
        except BaseException:
            with self._lock:
                self._asked, self._token, self._in_ring = before
            raise

    def keep(self) -> bool:
        """Put the token that is held into the keyring; whether the keyring took it."""
        with self._lock:
            self._trouble = ""
            ring = self._ring()
            if ring is None or self._token is None:
                return False
            try:
                ring.set_password(SERVICE, self._server, self._token)
            except Exception as error:
                self._refused(error)
                return False
            self._in_ring = True
            self._mark(True)
            return True

    def drop(self) -> None:
        """Forget the token, in the keyring as well."""
        with self._lock:
            self._asked, self._token, self._in_ring, self._trouble = True, None, False, ""
            ring = self._ring() if self._marked() else None
            if ring is None:
                return
            try:
                if ring.get_password(SERVICE, self._server) is not None:
                    ring.delete_password(SERVICE, self._server)
            except Exception as error:
                self._refused(error)
                raise StudioError(
                    "The keyring of this system did not give the token away.",
                    f"Remove the entry “{SERVICE}” in the system's own keyring program.",
                ) from None
            self._mark(False)

    def _marked(self) -> bool:
        return self._server in _lines(self._marks)

    def _mark(self, kept: bool) -> None:
        servers = _lines(self._marks) - {self._server}
        if kept:
            servers.add(self._server)
        write_atomic(self._marks, "".join(f"{s}\n" for s in sorted(servers)).encode("ascii"))

    def _kept(self) -> str | None:
        ring = self._ring() if self._marked() else None
        if ring is None:
            return None
        try:
            found = ring.get_password(SERVICE, self._server)
        except Exception as error:  # each system's backend has errors of its own
            self._refused(error)
            return None
        self._in_ring = found is not None and _FORM.fullmatch(found) is not None
        return found if self._in_ring else None

    def _ring(self) -> Any:
        """The system's keyring, or None where there is none; files of text do not count as one."""
        try:
            import keyring

            ring = keyring.get_keyring()
        except Exception as error:
            self._refused(error)
            return None
        if not _is_of_the_system(ring):
            self._trouble = "This system has no keyring that can be used."
            return None
        return ring

    def _refused(self, error: BaseException) -> None:
        # Its kind alone: the text of a backend's error is not known to be free of secrets.
        log.warning("the keyring refused: %s", type(error).__name__)
        self._trouble = "The keyring of this system is locked or does not answer."


def _lines(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            return set(file.read(MAX_MARKS).decode("ascii").split())
    except (OSError, ValueError):
        return set()


def from_environment() -> str | None:
    """The token that the environment gives, as huggingface_hub reads it; None where there is none.

    Raises StudioError where it cannot be one.
    """
    for name in VARIABLES:
        said = os.environ.get(name, "").replace("\r", "").replace("\n", "").strip()
        if said:
            return checked(said, name)
    return None


def checked(token: str, name: str = "") -> str:
    """The token as it is sent. Raises StudioError, which never holds it."""
    found = token.strip()
    if _FORM.fullmatch(found):
        return found
    raise StudioError(
        f"What {name} holds is no token." if name else "This is no token.",
        "A token is one long word as hf_…; copy it from the settings of your account on the hub.",
    )


def _is_of_the_system(ring: Any) -> bool:
    """Whether a keyring is the system's own: those of files (keyrings.alt) may be plain text."""
    backends = getattr(ring, "backends", None)
    if backends is not None:  # several as one: the first is what is written to
        return any(_is_of_the_system(one) for one in list(backends)[:1])
    module = type(ring).__module__
    return module.startswith("keyring.backends.") and module.split(".")[2] not in ("fail", "null")
