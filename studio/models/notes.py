"""What the studio notes of models beyond their files: when each was used, and which revision of it
a person wants to keep to.

Losing this file loses no model; a bad one is begun anew.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.files import write_atomic
from studio.models.cache import REVISION

MAX_FILE = 16 << 20
MAX_NAME = 300
FRESH = 60.0
"""Seconds within which another use of the same model is not worth writing down."""


class Notes:
    """Safe to use from several threads, and by several programs: the last one's words count."""

    def __init__(self, path: Path | None) -> None:
        """None keeps them for this run only."""
        self._path = path
        self._lock = threading.Lock()
        self._used: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._read = False
        self._seen = (0, 0)

    def refresh(self) -> None:
        """See what other programs have written meanwhile."""
        with self._lock:
            self._load(again=True)

    def last_used(self, model: str) -> str:
        """An ISO time in UTC; empty where no job has used it."""
        with self._lock:
            self._load()
            return self._used.get(model, "")

    def use(self, model: str) -> None:
        """A job uses it now. What cannot be written down is no reason to stop a job."""
        now = datetime.now(UTC)
        with self._lock:
            self._load(again=True)
            before = self._used.get(model, "")
            if before and abs((now - datetime.fromisoformat(before)).total_seconds()) < FRESH:
                return
            self._used[model] = now.isoformat(timespec="seconds")
            try:
                self._save()
            except StudioError:
                pass

    def kept_in(self, repo: str) -> dict[str, str]:
        """The models of a repository that a person wants to keep to a revision of."""
        with self._lock:
            self._load(again=True)  # another process writes it when the window asks for that
            kept = self._kept.items()
            return {m: revision for m, revision in kept if m.partition(":")[0] == repo}

    def keep(self, model: str, revision: str) -> None:
        """Keep to a revision; empty for the newest again. Raises StudioError."""
        with self._lock:
            self._load(again=True)
            if revision:
                self._kept[model] = revision
            else:
                self._kept.pop(model, None)
            self._save()

    def forget(self, model: str) -> None:
        """It is not there any more, and will not come back."""
        with self._lock:
            self._load(again=True)
            if self._used.pop(model, None) is not None or self._kept.pop(model, None) is not None:
                self._save()

    def _load(self, *, again: bool = False) -> None:
        if self._path is None or (self._read and not again):
            return
        self._read = True
        data: Any = None
        try:
            seen = self._path.stat()
            if (seen.st_mtime_ns, seen.st_size) == self._seen:
                return
            self._seen = (seen.st_mtime_ns, seen.st_size)
            if seen.st_size <= MAX_FILE:
                data = json.loads(self._path.read_bytes().decode("utf-8"))
        except (OSError, ValueError, RecursionError):
            pass
        if isinstance(data, dict):
            self._used = {k: v for k, v in _words(data.get("used")).items() if _time(v)}
            kept = _words(data.get("kept"))
            self._kept = {k: v for k, v in kept.items() if REVISION.fullmatch(v)}

    def _save(self) -> None:
        if self._path is not None:
            data = {"used": self._used, "kept": self._kept}
            write_atomic(self._path, json.dumps(data, indent=1, sort_keys=True).encode("ascii"))


def _words(data: object) -> Mapping[str, str]:
    if not isinstance(data, dict):
        return {}
    return {
        k: v
        for k, v in data.items()
        if isinstance(k, str) and isinstance(v, str) and len(k) <= MAX_NAME and len(v) <= MAX_NAME
    }


def _time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
