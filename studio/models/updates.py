"""Whether there is a newer Triptych: asked of one address, only when a person asks for it.

The address gives a JSON object with `version` and, if it likes, `page`, where people get it. It
learns what any web server learns of who asks it: the network address, and the program's name and
version.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from studio import __version__
from studio.core.errors import StudioError

ADDRESS = ""
"""Where releases are told of; empty for as long as there is no such place."""
VARIABLE = "TRIPTYCH_UPDATES"
"""Names another address, for those who hand Triptych out themselves."""
LONGEST = 1 << 16
"""Bytes of an answer that are read."""

_VERSION = re.compile(r"(\d{1,6}(?:\.\d{1,6}){0,3})((?:a|b|rc|\.dev)\d{1,6})?")


@dataclass(frozen=True, slots=True)
class Release:
    """The newest version that there is, and where people get it (may be empty)."""

    version: str
    page: str = ""


def address() -> str:
    """What would be asked; empty where there is nothing to ask."""
    return os.environ.get(VARIABLE, ADDRESS)


def newer(found: str, own: str = __version__) -> bool:
    """Whether a version comes after our own; previews (1.2rc1) come before what they preview."""
    return _order(found) > _order(own)


def read(data: bytes) -> Release:
    """The answer of a server, whatever it is. Raises StudioError where it tells of no release."""
    try:
        said = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        said = None
    version = said.get("version") if isinstance(said, dict) else None
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise StudioError(
            "The server did not say which version is the newest.",
            "Look where you got Triptych, or try again later.",
        )
    page = said.get("page")
    good = isinstance(page, str) and len(page) < 2000 and urlsplit(page).scheme == "https"
    return Release(version, page if good else "")


def ask(conn: Connection, where: str, offline: bool) -> None:
    """The process that asks: says the Release over the pipe, or the StudioError, and ends."""
    from studio.models.net import Net

    answer: Release | StudioError
    try:
        parts = urlsplit(where)
        net = Net(f"{parts.scheme}://{parts.netloc}", offline=lambda: offline)
        with net.worded(), net.get(where) as response:
            answer = read(response.read(LONGEST))
    except StudioError as error:
        answer = error
    conn.send(answer)


def _order(version: str) -> tuple[tuple[int, ...], bool, str, int]:
    found = _VERSION.fullmatch(version)
    if found is None:
        return ((), False, "", 0)
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    preview = found[2] or ""
    word = preview.rstrip("0123456789").strip(".")
    # A developers' version comes before an alpha, which the alphabet does not know.
    rank = {"dev": "", "": ""}.get(word, word)
    return (
        tuple(numbers),
        not preview,
        rank,
        int(preview[len(preview.rstrip("0123456789")) :] or 0),
    )
