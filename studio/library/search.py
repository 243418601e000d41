"""Words to search by: made fit for SQLite's FTS5, in every script, whatever a person types."""

from __future__ import annotations

import unicodedata

MAX_TEXT = 20_000
"""Characters of one field that can be found; longer prompts are found by their beginning."""
MAX_WORDS = 16
MAX_WORD = 64

# Scripts that put no spaces between words: each character is a word, and words are phrases.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def searchable(text: str) -> str:
    """`text` as FTS5's unicode61 can split it: emoji as words, unspaced scripts by character."""
    text = text[:MAX_TEXT]
    if text.isascii():
        return text.replace("\0", " ")
    parts = []
    for c in unicodedata.normalize("NFC", text):
        code = ord(c)
        if unicodedata.category(c) == "So":
            parts.append(f" u{code:x}emoji ")  # unicode61 would take it for a space
        elif code >= 0x0E00 and any(low <= code <= high for low, high in _UNSPACED):
            parts.append(f" {c} ")
        elif 0xD800 <= code < 0xE000 or code == 0:
            parts.append(" ")
        else:
            parts.append(c)
    return "".join(parts)


def match(words: str) -> str:
    """The FTS5 query for what a person typed: every word, each by its beginning; empty for none.

    There is nothing that a person could type which is a syntax error.
    """
    terms = []
    for word in words[: MAX_WORDS * MAX_WORD].split()[:MAX_WORDS]:
        text = " ".join(searchable(word[:MAX_WORD]).split())
        # A phrase without a letter or digit would match nothing at all.
        if any(c.isalnum() for c in text):
            terms.append('"' + text.replace('"', '""') + '"*')
    return " ".join(terms)
