"""The letters of a VITS: a sentence as the numbers of `vocab.json`, as VitsTokenizer gives them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.engine.audio.speech_models.base import read_json, unusable
from studio.engine.speech.languages import short
from studio.engine.speech.reading import Reading


class Letters:
    """A vocabulary (`vocab.json`, else `tokenizer.json`) and `tokenizer_config.json`."""

    def __init__(self, folder: Path, size: int) -> None:
        """`size` is the model's vocabulary. Raises StudioError where the files do not fit it."""
        self.folder = folder
        settings_file = folder / "tokenizer_config.json"
        settings = read_json(settings_file, folder) if settings_file.is_file() else {}
        found: Any
        if (folder / "vocab.json").is_file():
            found = read_json(folder / "vocab.json", folder)
        else:
            model = read_json(folder / "tokenizer.json", folder).get("model")
            found = model.get("vocab") if isinstance(model, dict) else None
            if not isinstance(found, dict):
                raise unusable(folder, "it has no vocabulary")
        self._ids: dict[str, int] = {
            k: v for k, v in found.items() if isinstance(v, int) and 0 <= v < size
        }
        if len(self._ids) != len(found):
            raise unusable(folder, "its vocabulary belongs to another model")
        self.language = short(str(settings.get("language") or "eng"))
        self._blank = settings.get("add_blank") is not False
        self._lower = settings.get("normalize") is not False
        self._phonemes = settings.get("phonemize") is True
        self._roman = settings.get("is_uroman") is True
        # Signs of several characters, as <pad> and <unk>, are never read out of a text.
        self._signs = {sign for sign in self._ids if len(sign) == 1}

    def ids(self, text: str, reading: Reading) -> list[int]:
        """The numbers of a sentence; empty where it holds nothing that can be read.

        Raises StudioError for a script that has to be romanized first.
        """
        if self._phonemes:
            said = reading.phonemes(text, "en-us", "espeak")
        else:
            said = reading.words(text, self.language)
            if self.language == "ro":
                said = said.replace("ț", "ţ")
        if self._roman and not said.isascii():
            raise StudioError(
                "This voice reads its language in Latin letters (uroman), and the text is in "
                "another script.",
                "Give it a romanized text, or choose another voice.",
            )
        if self._lower and not self._phonemes:
            said = "".join(c if c in self._signs else c.lower() for c in said)
        said = "".join(c for c in said if c in self._signs)
        said = re.sub(r"\s+", " ", said).strip()
        if not any(c.isalnum() for c in said):
            return []
        numbers = [self._ids[c] for c in said]
        if not self._blank:
            return numbers
        spaced = [0] * (2 * len(numbers) + 1)
        spaced[1::2] = numbers
        return spaced
