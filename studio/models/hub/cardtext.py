"""A model card from a stranger, made harmless: words and links, nothing that would load.

The text is Markdown (CommonMark with tables); what a browser would do with the HTML in it is not
wanted at all, and pictures would be fetched from wherever they say.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 200_000
MAX_ROUNDS = 8

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LOUD = re.compile(r"(?is)<(script|style|iframe|object|svg|video|audio)\b.*?(?:</\1\s*>|\Z)")
_COMMENT = re.compile(r"(?s)<!--.*?(?:-->|\Z)")
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>")
_AUTOLINK = re.compile(r"<(https?://[^\s<>\"']{1,500})>")
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
_OPENED = re.compile(r"<(?=[A-Za-z/!?])")
_PICTURE = re.compile(
    r"!\[([^\[\]]{0,500})\](?:\([^()\s]{0,2000}(?:\s[^()]{0,500})?\)|\[[^\[\]]{0,200}\])?"
)
_BANG = re.compile(r"!+(?=\[)")
_LINK = re.compile(r"\[([^\[\]]{0,500})\]\(\s*<?([^()\s<>]{0,2000})>?(?:\s[^()]{0,500})?\)")
_DEFINITION = re.compile(r"(?m)^ {0,3}\[[^\[\]\n]{1,200}\]:[ \t]*<?(\S*?)>?(?:[ \t].*)?$")
_ELSEWHERE = re.compile(r"\](?=\((?!\s*<?https?://)|:(?!\s*<?https?://))", re.IGNORECASE)
"""What would begin a link to a place that is not on the web."""
_HARMLESS = re.compile(r"(?i)https?://")
_BLANK = "\u200b"


def safe(text: str) -> str:
    """The text without pictures, HTML and links to anywhere but the web."""
    kept: list[str] = []
    words: list[str] = []
    fence = ""
    for line in text[:MAX_CHARACTERS].replace("\r\n", "\n").replace("\0", "").split("\n"):
        mark = _FENCE.match(line)
        if not fence and mark:
            kept.append(_quiet("\n".join(words)))
            words, fence = [], mark[1]
            kept.append(_code(line))
        elif fence:
            kept.append(_code(line))
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip(" `~"):
                fence = ""
        else:
            words.append(line)
    kept.append(_quiet("\n".join(words)))
    return "\n".join(kept).strip()


def _code(line: str) -> str:
    """A line of code, looking the same, that is neither HTML nor a picture even outside code."""
    return _unlinked(_BANG.sub("!" + _BLANK, _OPENED.sub("<" + _BLANK, line)))


def _unlinked(text: str) -> str:
    return _ELSEWHERE.sub("]" + _BLANK, text)


def _quiet(text: str) -> str:
    text = _COMMENT.sub("", text)
    for _ in range(MAX_ROUNDS):
        plain = _LOUD.sub("", text)
        plain = _AUTOLINK.sub(r"\1", plain)
        plain = _BREAK.sub("\n", plain)
        plain = _TAG.sub("", plain)
        if plain == text:
            break
        text = plain
    text = _OPENED.sub("<" + _BLANK, text)
    for _ in range(MAX_ROUNDS):
        plain = _PICTURE.sub(_named, text)
        if plain == text:
            break
        text = plain
    text = _BANG.sub("", text)
    text = _LINK.sub(_link, text)
    text = _DEFINITION.sub(lambda m: m[0] if _HARMLESS.match(m[1]) else "", text)
    # Once more: where a link was there may be its words now, after what stood before it.
    return _unlinked(_BANG.sub("", _OPENED.sub("<" + _BLANK, text)))


def _named(match: re.Match[str]) -> str:
    return match[1].strip()


def _link(match: re.Match[str]) -> str:
    """A link to the web stays; any other leaves its words."""
    words, place = match[1], match[2]
    if not words.strip():
        return ""
    return match[0] if _HARMLESS.match(place) else words
