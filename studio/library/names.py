"""Names of files that people can read and that every system can store."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no letter looks like a digit, and case does not matter."""
_ID = re.compile(rf"[{_ALPHABET}]{{8}}")
_SLUG_LETTERS = 48
_SLUG_BYTES = 120
"""Most systems allow 255 bytes in a name, and Windows 260 characters in a whole path."""


def new_id() -> str:
    """Forty random bits, short enough to stand in a file's name."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def stem(created: float, title: str, item_id: str) -> str:
    """`2026-11-23 red-fox-and-the-moon a1b2c3d4`: safe on Windows, unique by the id."""
    day = time.strftime("%Y-%m-%d", time.localtime(created))
    # With a date before it no title can be one of the names that Windows keeps for itself.
    return " ".join(part for part in (day, slug(title), item_id) if part)


def month(created: float) -> str:
    """The folder of an item: `2026/11`."""
    return time.strftime("%Y/%m", time.localtime(created))


def id_in(stem: str) -> str | None:
    """The item's id in the stem of a file's name."""
    last = stem.rpartition(" ")[2]
    return last if _ID.fullmatch(last) else None


def slug(title: str) -> str:
    """The letters and digits of a title in any script, in lower case, with dashes between words."""
    text = unicodedata.normalize("NFC", title[:400]).casefold()
    text = unicodedata.normalize("NFC", text)
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text)
    result = ""
    for word in kept.split():
        longer = f"{result}-{word}" if result else word
        if len(longer) > _SLUG_LETTERS or len(longer.encode("utf-8")) > _SLUG_BYTES:
            break
        result = longer
    if not result and kept.split():  # one long word, or a script without spaces
        result = kept.split()[0].encode("utf-8")[:_SLUG_BYTES].decode("utf-8", "ignore")
        result = result[:_SLUG_LETTERS]
    return result
