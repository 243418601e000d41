"""The text as it grows: when it is long enough, and where it may end."""

from __future__ import annotations

import re

OVERRUN = 40
"""Words that a sentence may run on beyond the wished length."""

# Chinese and Japanese are written without spaces: there a character is counted as a word.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK_MARKS = "\u3000-\u303f\uff00-\uff0f\uff1a-\uff20"
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}{_CJK_MARKS}]+")
_CLOSING = "\"'”’»)\\]*_"
_END = re.compile(
    rf"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?…؟।][{_CLOSING}]*(?=\s+(\S))"
    r"|[。！？][”’」』]*()"
    r"|\S(?=[^\S\n]*\n)()"
)
_ENDED = re.compile(rf"[.!?…؟।。！？][{_CLOSING}」』]*$")
# What no text file should hold; tab and line feed stay.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def count_words(text: str) -> int:
    """Words of a text, as word processors count them."""
    return sum(1 for _ in _WORD.finditer(text))


class Page:
    """Takes pieces in and tells what can be shown of them: what was shown is never taken back.

    White space is held back until something follows it, so a text does not end in it. From
    `words` words on, the page is full at the end of the sentence or of the line; where that does
    not come within OVERRUN words, it is full there and ends in an ellipsis, which says so.
    """

    def __init__(self, start: str, words: int) -> None:
        """`start`: what the text goes on from; its words do not count."""
        self.text = start
        self.full = False
        self.words = 0
        self._words = words
        self._from = len(start)
        self._held = ""

    def add(self, piece: str) -> str:
        """What the text has grown by."""
        if self.full:
            return ""
        self._held += CONTROL.sub("", piece)
        if not self.text or self.text[-1].isspace():
            self._held = self._held.lstrip()
        if self.words >= self._words:
            end = self._end()
            if end is not None:
                self.full = True
                return self._grow(end)
        grown = self._grow(len(self.text) + len(self._held.rstrip()))
        if self.words >= self._words + OVERRUN:
            grown += self.cut()
        return grown

    def cut(self) -> str:
        """End here. The ellipsis where that is in the midst of a sentence, else nothing."""
        self.full = True
        self._held = ""
        if len(self.text) <= self._from or _ENDED.search(self.text, max(0, len(self.text) - 8)):
            return ""
        self._held = "…"
        return self._grow(len(self.text) + 1)

    def _end(self) -> int | None:
        """Where the sentence ends that is being written, if what is known shows it."""
        whole = self.text + self._held
        for match in _END.finditer(whole, max(self._from, len(self.text) - 8)):
            follows = match[1] or ""
            # “Stop!” said the fox: what goes on in small letters has not ended.
            if match.end() >= len(self.text) and not follows.islower():
                return match.end()
        return None

    def _grow(self, length: int) -> str:
        """Show the text up to `length` characters."""
        known = len(self.text)
        whole = self.text + self._held
        self.text, self._held = whole[:length], whole[length:]
        self.words = count_words(self.text[self._from :])
        return self.text[known:]
