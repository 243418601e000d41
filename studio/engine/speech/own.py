"""A person's own list of pronunciations: `word = respelling` or `word = /phonemes/`, one a line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from studio.core.errors import StudioError

FIRST = 0xE000
"""Words that are given in phonemes stand in the text as signs from here on (a private area)."""
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Pronunciations:
    """What is read instead of some words."""

    words: dict[str, str] = field(default_factory=dict)
    """Word -> other words, to be read like any text."""
    phonemes: dict[str, str] = field(default_factory=dict)
    """Word -> IPA, for voices that read phonemes."""

    @classmethod
    def parse(cls, text: str) -> Pronunciations:
        """The list in a text; `#` begins a remark. Raises StudioError naming the line at fault."""
        words: dict[str, str] = {}
        phonemes: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            word, equals, said = (part.strip() for part in line.partition("="))
            if not (word and equals and said) or number > _MOST:
                raise StudioError(
                    f"Line {number} of the pronunciations cannot be read: “{line[:40]}”.",
                    "Write a word, an equals sign and how it is said, as in: GIF = jif",
                )
            if len(said) > 2 and said[0] == said[-1] == "/":
                phonemes[word] = said[1:-1]
            else:
                words[word] = said
        return cls(words, phonemes)

    def respelled(self, text: str, *, marked: bool) -> str:
        """The text with the list's words replaced; `marked` puts signs for those in phonemes."""
        table: dict[str, str] = {word.casefold(): said for word, said in self.words.items()}
        if marked:
            signs = {word.casefold(): chr(FIRST + at) for at, word in enumerate(self.phonemes)}
            table |= signs
        if not table:
            return text
        names = sorted(table, key=len, reverse=True)
        pattern = r"(?<!\w)(?:" + "|".join(map(re.escape, names)) + r")(?!\w)"
        return re.sub(pattern, lambda m: table.get(m[0].casefold(), m[0]), text, flags=re.I)

    def marked(self, sign: str) -> str | None:
        """The IPA that a sign of `respelled` stands for; None for any other sign."""
        at = ord(sign) - FIRST
        return list(self.phonemes.values())[at] if 0 <= at < len(self.phonemes) else None
