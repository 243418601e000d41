"""What a person has chosen for the whole studio, and the file that keeps it."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from studio.core.controls import Value
from studio.core.files import write_atomic
from studio.core.notice import Notice
from studio.core.recipe import DeviceChoice, Provider

Theme = Literal["system", "dark", "light"]

MAX_THREADS = 256
MIN_MEMORY_MB, MAX_MEMORY_MB = 256, 1 << 20
MAX_CONNECTIONS = 32
MAX_DOWNLOAD_KB = 100_000_000
MAX_FOLDERS = 50
MAX_FILE = 8 << 20
"""Bytes; a larger settings file is not ours."""

_LANGUAGE = re.compile(r"system|[a-z]{2,3}(_[A-Za-z]{2,8})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of one person; every field has a default that works."""

    theme: Theme = "system"
    provider: Provider = "auto"
    threads: int = 0
    """For the engine; 0 leaves it to the engine."""
    memory_mb: int = 4096
    """How much a lane may keep loaded between jobs."""
    cuda_graphs: bool = False
    mark_ai: bool = True
    language: str = "system"
    library_folder: str = ""
    """Empty for the system's own place, as is `models_folder`."""
    models_folder: str = ""
    desktop_notices: bool = True
    stay_offline: bool = False
    """Never use the network; everything installed goes on working."""
    endpoint: str = ""
    """The hub to ask, as `https://models.example.org`; empty for HF_ENDPOINT or huggingface.co."""
    download_connections: int = 8
    """At once, over all downloads."""
    download_kb: int = 0
    """Kilobytes (1000 bytes) a second that downloads may take together; 0 for no limit."""
    downloads_folder: str = ""
    """Where new downloads go, a cache as huggingface_hub has it; empty for that of the system."""
    model_folders: tuple[str, ...] = ()
    """Further folders to look for models in, of plain folders or caches of the hub."""
    window_geometry: str = ""
    window_layout: str = ""
    last_values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """What was last in the form of each family, by the family's id."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Keys that this version does not know; a newer one may have written them."""

    @property
    def device(self) -> DeviceChoice:
        return DeviceChoice(self.provider, self.threads, self.memory_mb, self.cuda_graphs)

    def with_last(self, family: str, values: Mapping[str, Value]) -> Settings:
        return replace(self, last_values={**self.last_values, family: dict(values)})


class Loaded(NamedTuple):
    """The settings, and what of their file could not be used."""

    settings: Settings
    notices: tuple[Notice, ...] = ()


class SettingsFile:
    """The settings on the disk: read with patience, written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Loaded:
        """The settings, and what of the file could not be used. Never raises for its content.

        A single bad value falls back to its default; a file that is no settings file at all is
        kept beside its place as `.bad`.
        """
        try:
            if self.path.stat().st_size > MAX_FILE:
                return self._start_over("it is far too large")
            data = json.loads(self.path.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            return Loaded(Settings())
        except OSError as error:
            notice = Notice(
                f"The settings could not be read ({error.strerror or type(error).__name__}).",
                f"Check {self.path}. The standard settings are used until then.",
            )
            return Loaded(Settings(), (notice,))
        except (ValueError, RecursionError):
            return self._start_over("it is damaged")
        if not isinstance(data, dict) or not _shallow(data):
            return self._start_over("it is damaged")
        return _from_dict(data)

    def save(self, settings: Settings) -> None:
        """Write all of it, or leave the old file. Raises StudioError where that is impossible."""
        data = dict(settings.extra)
        for one in fields(Settings):
            if one.name != "extra":
                data[one.name] = getattr(settings, one.name)
        data["last_values"] = {k: dict(v) for k, v in settings.last_values.items()}
        text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=True)
        write_atomic(self.path, text.encode("ascii") + b"\n")

    def _start_over(self, why: str) -> Loaded:
        bad = self.path.with_name(self.path.name + ".bad")
        hint = "The standard settings are used."
        with contextlib.suppress(OSError):
            self.path.replace(bad)
            hint += f" The old file is kept as {bad}."
        notice = Notice(f"The settings file could not be used: {why}.", hint)
        return Loaded(Settings(), (notice,))


def _from_dict(data: Mapping[str, Any]) -> Loaded:
    good: dict[str, Any] = {}
    bad: list[str] = []
    for name, fits in _FITS.items():
        if name in data:
            if fits(data[name]):
                # JSON knows lists only; what never changes is kept as a tuple.
                good[name] = tuple(data[name]) if isinstance(data[name], list) else data[name]
            else:
                bad.append(name)
    if "last_values" in data:
        good["last_values"], whole = _last_values(data["last_values"])
        if not whole:
            bad.append("last_values")
    known = {*_FITS, "last_values", "extra"}
    extra = {k: v for k, v in data.items() if k not in known}
    notices = tuple(
        Notice(
            f"The setting “{name.replace('_', ' ')}” in the settings file could not be used.",
            "Its standard value is used. You can change it in Settings.",
        )
        for name in bad
    )
    return Loaded(Settings(**good, extra=extra), notices)


def _last_values(data: object) -> tuple[dict[str, dict[str, Value]], bool]:
    """What of the last values can be used, and whether that is all."""
    if not isinstance(data, dict):
        return {}, False
    result: dict[str, dict[str, Value]] = {}
    whole = True
    for family, values in data.items():
        if isinstance(values, dict):
            result[family] = {k: v for k, v in values.items() if _plain(v)}
            whole &= len(result[family]) == len(values)
        else:
            whole = False
    return result, whole


def _shallow(data: object, limit: int = 50) -> bool:
    """Whether nesting stays within what can be written again on any stack."""
    if isinstance(data, dict | list):
        inner = data.values() if isinstance(data, dict) else data
        return limit > 0 and all(_shallow(value, limit - 1) for value in inner)
    return True


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool | int)


def _whole(low: int, high: int) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return low <= value <= high

    return fits


def _one_of(options: tuple[str, ...]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in options


def _yes_or_no(value: object) -> bool:
    return isinstance(value, bool)


def _folder(value: object) -> bool:
    # A lone surrogate or a NUL cannot be in a path that we could open everywhere.
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value:
        return False
    if value and not Path(value).is_absolute():
        return False
    return value.encode("utf-8", "ignore").decode("utf-8") == value


def _folders(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MAX_FOLDERS:
        return False
    return all(one != "" and _folder(one) for one in value)


def is_address(text: str) -> bool:
    """Whether this names a server (http or https), with nothing secret and no question in it."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    fits = text.isascii() and text.isprintable() and " " not in text and len(text) <= 500
    return parts.scheme in ("https", "http") and bool(host) and port != 0 and plain and fits


def _address(value: object) -> bool:
    return isinstance(value, str) and (value == "" or is_address(value))


def _short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 100_000 and value.isascii()


def _language(value: object) -> bool:
    return isinstance(value, str) and _LANGUAGE.fullmatch(value) is not None


_FITS: dict[str, Callable[[object], bool]] = {
    "theme": _one_of(get_args(Theme)),
    "provider": _one_of(get_args(Provider)),
    "threads": _whole(0, MAX_THREADS),
    "memory_mb": _whole(MIN_MEMORY_MB, MAX_MEMORY_MB),
    "cuda_graphs": _yes_or_no,
    "mark_ai": _yes_or_no,
    "language": _language,
    "library_folder": _folder,
    "models_folder": _folder,
    "desktop_notices": _yes_or_no,
    "stay_offline": _yes_or_no,
    "endpoint": _address,
    "download_connections": _whole(1, MAX_CONNECTIONS),
    "download_kb": _whole(0, MAX_DOWNLOAD_KB),
    "downloads_folder": _folder,
    "model_folders": _folders,
    "window_geometry": _short,
    "window_layout": _short,
}
