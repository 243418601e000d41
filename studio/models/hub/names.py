"""Which files of a stranger's repository may be taken: told by their names, sizes and hashes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from studio.models.inspect import PICKLED
from studio.models.plan import is_device
from studio.models.remote import RemoteFile

MAX_PATH = 1024
"""Bytes of a path; the hub's own limit is far below."""
MAX_NAME = 255
"""Bytes of one name of it, as the disks of all systems have it."""
MAX_DEPTH = 16
MAX_SIZE = 1 << 50
CODE = frozenset(
    (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".exe", ".com", ".msi", ".bat", ".cmd",
     ".ps1", ".sh", ".bash", ".js", ".mjs", ".jar", ".wasm", ".class", ".scr", ".vbs", ".lnk",
     ".desktop", ".app", ".apk", ".deb", ".rpm", ".command", ".reg")
)  # fmt: skip
"""Programs; a model is weights and settings."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
"""What Windows has no names for, and what is no character at all."""
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def refusal(path: str) -> str:
    """Why no file of that name is ever written, in a few words; empty where it may be."""
    if not path or path.startswith("/") or path.endswith("/"):
        return "It names no place inside the model's folder."
    if len(path.encode("utf-8", "replace")) > MAX_PATH:
        return "Its name is too long."
    if "\\" in path or ":" in path:
        return "It names no place inside the model's folder."
    if _FORBIDDEN.search(path) or not path.isprintable():
        return "It has a name that not every system can write."
    parts = path.split("/")
    if len(parts) > MAX_DEPTH or any(len(p.encode()) > MAX_NAME for p in parts):
        return "Its name is too long."
    for part in parts:
        if part in ("", ".", "..") or part.startswith("~"):
            return "It names no place inside the model's folder."
        if part[-1] in " .":
            return "It has a name that not every system can write."
        if is_device(part):
            return "On some systems its name is that of a device."
    return _contents(PurePosixPath(path))


def _contents(path: PurePosixPath) -> str:
    """Why what a file holds, by its name, is never taken."""
    suffix = path.suffix.lower()
    if suffix in CODE:
        return "It is a program, and Triptych runs no program of a stranger."
    if suffix in PICKLED and not is_voice(path):
        return "It is pickled: loading it would run a stranger's program."
    return ""


def is_voice(path: PurePosixPath) -> bool:
    """Whether a `.bin` file holds the plain numbers of a voice, as those of Kokoro do."""
    near = path.parent.name in ("voices", "speakers") or path.match("voices*.bin")
    return path.suffix.lower() == ".bin" and near


def sort(
    listed: Iterable[tuple[object, object, object]],
) -> tuple[tuple[RemoteFile, ...], Mapping[str, str]]:
    """The files that may be taken, by name, and those that are not, with the reason.

    `listed` are path, size and hash as a server says them: anything may be in their place.
    """
    refused: dict[str, str] = {}
    found: list[RemoteFile] = []
    for path, size, blob in listed:
        if not isinstance(path, str):
            continue
        why = refusal(path) or _numbers(size, blob)
        if why:
            refused[shown(path)] = why
        elif isinstance(size, int) and isinstance(blob, str):
            found.append(RemoteFile(path, size, blob))
    twins = _twins([f.path for f in found])
    for path in twins:
        refused[path] = "Another file of the model has the same name on some systems."
    kept = [f for f in found if f.path not in twins]
    return tuple(sorted(kept, key=lambda f: f.path)), refused


def shown(path: str) -> str:
    """A name from anywhere, as it can stand in a list on the screen."""
    plain = "".join(c if c.isprintable() else "�" for c in path[:200])
    return plain or "�"


def _numbers(size: object, blob: object) -> str:
    if type(size) is not int or not 0 <= size < MAX_SIZE:
        return "The server does not say how large it is."
    if not isinstance(blob, str) or not _HASH.fullmatch(blob):
        return "The server does not say how it can be verified."
    return ""


def _twins(paths: list[str]) -> set[str]:
    """Those that would be one on a disk that knows no case, or a file and a folder at once."""
    keys = {path: _key(path) for path in paths}
    count = Counter(_key(path) for path in paths)
    folders = {parent for path in paths for parent in _above(keys[path])}
    return {path for path in paths if count[keys[path]] > 1 or keys[path] in folders}


def _above(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())
