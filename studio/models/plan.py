"""What is to be done to make a model of what somebody brought: told before anything is touched."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.controls import Choice, Value, complete
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.models.inspect import PICKLED, WEIGHTS

SAMPLES = 512
SAMPLE = 4 << 10
HEAD = 1 << 20
"""Bytes from the beginning of each file, and samples over the rest, that tell two models apart."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])\s*(\.|$)")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that is taken as it is, and its place in the new folder, with `/`."""

    path: Path
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How something becomes a model of the studio."""

    source: Path
    """What was given, or the folder that it belongs to."""
    kind: Kind
    title: str
    id: str
    """The name that its folder will have, if that is free."""
    what: str
    """What it was recognised as, for a person."""
    files: tuple[Taken, ...]
    fingerprint: str
    """Of the contents of what was brought; the same thing under another name has the same."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Small files to write: place -> text."""
    card: str = ""
    """The text of the model card that came with it."""
    front: Mapping[str, str] = field(default_factory=dict)
    """What its card's front matter has to say, where it says nothing of it yet."""
    converter: str = ""
    """An id of the engine's converters; empty where the files run as they are."""
    role: str = ""
    options: tuple[Choice, ...] = ()
    """What a person may choose before it begins, with good defaults."""

    size: int = 0
    """Bytes of the weights that were brought."""

    def values(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Every option's value. Raises StudioError for what there is not to choose."""
        if given and not self.options:
            raise StudioError(
                f"There is nothing to choose for this: {', '.join(given)[:80]}.",
                "Leave that out; it is taken as it is.",
            )
        return complete(self.options, given)

    def variant(self, values: Mapping[str, Value]) -> str:
        """What was chosen otherwise than usual, in a word; empty where nothing was."""
        usual = {option.name: option.default for option in self.options}
        return str(values["precision"]) if values.get("precision") != usual.get("precision") else ""

    def identity(self, values: Mapping[str, Value]) -> str:
        """The fingerprint of what will be made: of the contents and of what was chosen."""
        if not values:
            return self.fingerprint
        chosen = json.dumps(dict(sorted(values.items())))
        return hashlib.sha256(f"{self.fingerprint} {chosen}".encode()).hexdigest()[:40]


def fingerprint(files: Iterable[Path]) -> str:
    """The same for the same weights and configurations, whatever they are called.

    Reads a little of each file: a second for 20 GB. Raises OSError.
    """
    seen = sorted(_digest(path) for path in files if counts(path))
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:40]


def counts(path: Path) -> bool:
    """Whether a file is part of what makes a model this model and no other."""
    suffix = path.suffix.lower()
    return suffix in WEIGHTS or suffix in PICKLED or path.name.endswith(("_data", ".data"))


def _digest(path: Path) -> str:
    size = path.stat().st_size
    found = hashlib.sha256(f"{size}".encode())
    with path.open("rb") as file:
        found.update(file.read(HEAD))
        step = max(SAMPLE, (size - HEAD) // SAMPLES)
        for at in range(HEAD, size, step):
            file.seek(at)
            found.update(file.read(SAMPLE))
        file.seek(max(0, size - SAMPLE))
        found.update(file.read(SAMPLE))
    return found.hexdigest()


def model_id(name: str) -> str:
    """A name as a folder of models may have on every system, and as recipes can say it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", plain).strip(".-_")[:80].rstrip(".-")
    if not plain or not plain[0].isalnum():
        plain = f"model-{plain}".strip("-")
    return f"model-{plain}" if is_device(plain) else plain


def is_device(name: str) -> bool:
    """Whether a file of that name would be a device on Windows, as `nul` or `com1.txt`."""
    return _DEVICES.match(name) is not None


def refused(name: str, why: str, hint: str) -> StudioError:
    """What is said of something that cannot be added."""
    return StudioError(f"“{name}” cannot be added: {why[:1].lower()}{why[1:].rstrip('.')}.", hint)
