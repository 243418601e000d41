"""Which printed poems are clean enough to learn from, and which of them rhyme in short lines."""

from __future__ import annotations

import re

_NOT_VERSE = re.compile(
    r"[\[\]{}<>*|\\=+#@_/\d]|\b[IVXLC]{2,}\b|\b[A-Z]{4,}\b|Illustration|Footnote|(?:\. ){3}"
)
_VOWELS = "aeiouy"
_OLD_WORDS = re.compile(
    r"\b(thy|thee|thou|thine|hath|doth|o'er|ne'er|e'er|'tis|'twas|ye|art|dost|wilt|shalt|lo|unto|whence"
    r"|lord|god|saviour|sin|soul|grave|tomb|death|dead)\b",
    re.IGNORECASE,
)


def clean_poem(text: str) -> list[str] | None:
    """The lines of a poem (empty between stanzas) without line numbers, or None where apparatus is
    left."""
    lines: list[str] = []
    for raw in text.split("\n"):
        line = re.sub(r"[ \t]+", " ", raw.replace("—", " - ").replace("–", "-")).strip()
        line = re.sub(r"\s+\d{1,4}$", "", line)
        line = line.replace("“", '"').replace("”", '"').replace("’", "'").replace("‘", "'")
        line = (
            re.sub(r"\s*-\s*-\s*", " - ", line).replace(";-", ";").replace(",-", ",").rstrip(" -")
        )
        if line or (lines and lines[-1]):
            lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    written = [line for line in lines if line]
    if not 4 <= len(written) <= 24 or not all(line.isascii() for line in written):
        return None
    if any(_NOT_VERSE.search(line) or not 12 <= len(line) <= 64 for line in written):
        return None
    if not written[0][0].isupper() or written[-1][-1] not in ".!?\"'":
        return None
    return lines


def ending(line: str) -> str:
    """The rhyming part of a line by spelling: its last word from the last vowel group on."""
    words = re.findall(r"[a-z']+", line.lower())
    if not words:
        return ""
    word: str = words[-1].replace("'", "")
    core = word[:-1] if word.endswith("e") and len(word) > 3 else word
    at = len(core)
    while at and core[at - 1] not in _VOWELS:
        at -= 1
    while at and core[at - 1] in _VOWELS:
        at -= 1
    tail = core[at:]
    return tail if len(tail) > 1 else word[-2:]


def rhyme_share(lines: list[str]) -> float:
    """Part of the lines that rhyme with the next or the next but one of their stanza, by
    spelling."""
    stanzas: list[list[str]] = [[]]
    for line in lines:
        if line:
            stanzas[-1].append(line)
        else:
            stanzas.append([])
    rhymed, total = 0, 0
    for stanza in stanzas:
        ends = [ending(line) for line in stanza]
        last = [re.findall(r"[a-z']+", line.lower())[-1:] for line in stanza]
        total += len(stanza)
        for i, end in enumerate(ends):
            near = [j for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < len(stanza)]
            rhymed += any(ends[j] == end and last[j] != last[i] for j in near)
    return rhymed / max(1, total)


def is_rhyme(lines: list[str]) -> bool:
    """Whether a poem is a rhyme as children know it: few short lines of short words, most of them
    rhyming."""
    written = [line for line in lines if line]
    words = re.findall(r"[A-Za-z']+", " ".join(written))
    return (
        len(written) <= 16
        and max(map(len, written)) <= 46
        and sum(map(len, words)) / len(words) <= 4.1
        and rhyme_share(lines) >= 0.6
        and not _OLD_WORDS.search(" ".join(written))
    )
