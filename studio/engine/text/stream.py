"""What is taken out of an answer while it comes: thoughts, stop strings, odd characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from studio.engine.text.page import CONTROL

THOUGHTS: Final = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
"""How models mark what they think before they answer (DeepSeek, Qwen, SmolLM; Mistral)."""


class Thoughts:
    """Lets an answer through without the thoughts before it.

    Thoughts stand only at the beginning: a marker within the answer is a word of the answer.
    """

    def __init__(self, opened: str = "") -> None:
        """`opened`: the marker with which the prompt itself has begun the thoughts."""
        self._held = ""
        self._begun = False
        self._end = dict(THOUGHTS).get(opened, "")

    @property
    def inside(self) -> bool:
        """Whether the model is thinking, as far as is known."""
        return bool(self._end)

    @property
    def begun(self) -> bool:
        """Whether the answer itself has begun."""
        return self._begun

    def add(self, piece: str) -> str:
        """What of the answer can be shown."""
        if self._begun:
            return piece
        self._held += piece
        while True:
            if self._end:
                _, found, rest = self._held.partition(self._end)
                if not found:
                    # No more is kept than what may be the beginning of the end.
                    self._held = self._held[-len(self._end) :]
                    return ""
                self._held, self._end = rest, ""
            start = self._held.lstrip()
            self._end = next((end for mark, end in THOUGHTS if start.startswith(mark)), "")
            if not self._end:
                break
            self._held = start[len(next(m for m, e in THOUGHTS if e == self._end)) :]
        if any(mark.startswith(start) for mark, _ in THOUGHTS):
            return ""  # it may become a marker yet
        self._begun = True
        return self.rest()

    def rest(self) -> str:
        """What was held back and proved to be no thought, at the end."""
        held, self._held = ("" if self._end else self._held), ""
        return held


class Stops:
    """Lets a text through up to the first of several strings, and never a part of one."""

    def __init__(self, strings: Sequence[str]) -> None:
        """Empty strings are passed over."""
        self.hit = False
        self._strings = tuple(filter(None, strings))
        self._held = ""

    def add(self, piece: str) -> str:
        """What can be shown: what may be the beginning of a stop string is held back."""
        if self.hit:
            return ""
        self._held += piece
        places = [p for p in map(self._held.find, self._strings) if p >= 0]
        if places:
            self.hit = True
            shown, self._held = self._held[: min(places)], ""
            return shown
        keep = max((_overlap(self._held, s) for s in self._strings), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def rest(self) -> str:
        """What was held back and became no stop string, at the end."""
        held, self._held = self._held, ""
        return held


def stop_strings(text: str) -> tuple[str, ...]:
    r"""One stop string a line; `\n` written out stands for the end of a line."""
    return tuple(line.replace("\\n", "\n") for line in text.splitlines() if line.strip())


def _overlap(text: str, string: str) -> int:
    """How many characters at the end of `text` are the beginning of `string`, but not all of it."""
    for length in range(min(len(text), len(string) - 1), 0, -1):
        if text.endswith(string[:length]):
            return length
    return 0


class Reply:
    """The answer as it grows: no white space around it, and nothing that no text file holds."""

    def __init__(self, start: str) -> None:
        """`start`: what the answer begins with."""
        self.parts = [start]
        self._blank = not start or start[-1].isspace()
        self._held = ""

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def add(self, piece: str) -> str:
        """What the answer has grown by; white space waits until something follows it."""
        whole = self._held + CONTROL.sub("", piece)
        if self._blank:
            whole = whole.lstrip()
        shown = whole.rstrip()
        self._held = whole[len(shown) :]
        if shown:
            self._blank = False
            self.parts.append(shown)
        return shown
