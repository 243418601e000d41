"""Kokoro: phonemes in misaki's alphabet and a voice's style to sound (StyleTTS 2 with iSTFTNet).

Two layouts: onnx-community's (`onnx/model*.onnx`, `tokenizer.json`, `voices/*.bin`, raw float32)
and kokoro-onnx's (`kokoro*.onnx` with `voices*.bin`, a NumPy archive).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine.audio.speech_models.base import (
    CHARACTERS,
    Manner,
    Told,
    graph_of,
    number_of,
    read_json,
    unusable,
)
from studio.engine.audio.speech_models.seeded import SeededSession
from studio.engine.audio.stretch import stretch
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]

RATE = 24_000
TOKENS = 510
"""Phonemes that it reads at once."""
STYLE = 256
"""Numbers of a voice's style, one row for each length of a sentence."""
_MOST = 64 << 20
"""Bytes of one voice."""
_LANGUAGES = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br",
    "j": "ja", "z": "zh",
}  # fmt: skip
# The vocabulary of hexgrad/Kokoro-82M (config.json), for folders that bring none.
_VOCABULARY = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13,
    "“": 14, "”": 15, " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22,
    "\uab67": 23, "A": 24, "I": 25, "O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42,
    "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53,
    "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61, "t": 62, "u": 63,
    "v": 64, "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75,
    "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87,
    "ɟ": 90, "ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112,
    "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125,
    "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133, "ʊ": 135, "ʋ": 136,
    "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157,
    "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip


class Kokoro:
    """A loaded Kokoro."""

    rate, language, longest = RATE, "en-us", CHARACTERS
    pitched = False

    def __init__(self, job: Job, bench: Workbench, brake: Brake, told: Told) -> None:
        """Raises StudioError where the folder is not a whole model of this kind."""
        folder = job.model
        path = graph_of(folder / "onnx", "model") or next(
            iter(sorted(folder.glob("*kokoro*.onnx")) or sorted(folder.glob("*.onnx"))), None
        )
        if path is None:
            raise unusable(folder, "it has no .onnx file")
        self._styles = _styles(folder)
        # The usual voice is American where there is one: `af_heart` is what Kokoro itself takes.
        self.names = tuple(sorted(self._styles, key=lambda n: (n != "af_heart", n)))
        self._vocabulary = _vocabulary(folder)
        self.brake = brake
        self.notes: set[str] = set()
        self._session = SeededSession(job, bench, path, brake)
        inputs = set(self._session.inputs)
        self._tokens = "input_ids" if "input_ids" in inputs else "tokens"
        if inputs != {self._tokens, "style", "speed"}:
            raise unusable(folder, "its graph has other inputs than Kokoro")
        self.provider = bench.provider
        told(1, 1)

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        import numpy as np

        voice = self.names[number_of(name, self.names)]
        language = _LANGUAGES.get(voice[:1], "en-us") if voice[1:2] in "fm" else "en-us"
        if language in ("ja", "zh"):
            raise StudioError(
                f"The voice “{voice}” speaks a language whose script cannot be read here yet.",
                "Choose a voice whose name begins with a or b (English).",
            )
        said = reading.phonemes(text, language, "misaki")
        ids = [self._vocabulary[c] for c in said if c in self._vocabulary]
        if not any(c.isalpha() for c in said) or not ids:
            return
        style = self._styles[voice]
        # Some exports take a whole number for the speed: then the sound itself is stretched.
        stretched = self._session.whole("speed")
        for some in _pieces(ids, self._vocabulary.get(" ", -1)):
            feed = {
                self._tokens: np.array([[0, *some, 0]]),
                "style": style[min(len(some), len(style) - 1)][None],
                "speed": np.array([1.0 if stretched else manner.speed]),
            }
            made = self._session.run(feed, manner.seed)[0].reshape(-1).astype(np.float32)
            yield stretch(made, RATE, manner.speed) if stretched else made


def _pieces(ids: list[int], blank: int) -> Iterator[list[int]]:
    """Phonemes in pieces that the model takes, cut between words."""
    while len(ids) > TOKENS:
        cut = next((i for i in range(TOKENS, TOKENS // 2, -1) if ids[i] == blank), TOKENS)
        yield ids[:cut]
        ids = ids[cut:]
    yield ids


def _vocabulary(folder: Path) -> dict[str, int]:
    """The numbers of the phonemes, from the folder's own files where it has them."""
    for name, way in (("tokenizer.json", ("model", "vocab")), ("config.json", ("vocab",))):
        if not (folder / name).is_file():
            continue
        found: Any = read_json(folder / name, folder)
        for key in way:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict) and found:
            return {k: v for k, v in found.items() if isinstance(v, int) and len(k) == 1 and v}
    return _VOCABULARY


def _styles(folder: Path) -> dict[str, Any]:
    """The voices of a folder by their names: (lengths, STYLE) each. Raises StudioError."""
    import numpy as np

    styles: dict[str, Any] = {}
    try:
        for path in sorted((folder / "voices").glob("*.bin")):
            if path.stat().st_size <= _MOST:
                styles[path.stem] = np.fromfile(path, "<f4").reshape(-1, STYLE)
        for path in sorted([*folder.glob("voices*.bin"), *folder.glob("voices*.npz")]):
            # A NumPy archive is a zip of arrays; anything pickled in it is refused.
            with zipfile.ZipFile(path) as archive:
                if any(entry.file_size > _MOST for entry in archive.infolist()):
                    raise ValueError("a voice too large")
            with np.load(path, allow_pickle=False) as arrays:
                for name in arrays.files:
                    styles[name] = np.asarray(arrays[name], np.float32).reshape(-1, STYLE)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise unusable(folder, "one of its voices cannot be read") from error
    styles = {n: s for n, s in styles.items() if len(s) and np.isfinite(s).all()}
    if not styles:
        raise unusable(folder, "it has no voices (voices/*.bin or voices*.bin)")
    return styles
