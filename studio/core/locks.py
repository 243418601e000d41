"""A file lock that the system lets go of when its program dies, however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Held from `take` to `free`; another process that tries meanwhile is told so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Whether the lock is ours now. Raises OSError where the file cannot be made."""
        while self._file is None:
            file = self.path.open("ab")
            try:
                _lock(file)
            except OSError:
                file.close()
                return False
            # Between opening and locking, a tidy neighbour may have removed the file.
            if self._is_still(file):
                self._file = file
            else:
                file.close()
        return True

    def free(self, *, remove: bool = True) -> None:
        """Let go, and take the file away."""
        file, self._file = self._file, None
        if file is None:
            return
        if os.name == "nt":  # an open file cannot be removed there
            file.close()
        try:
            if remove:
                self.path.unlink(missing_ok=True)
        except OSError:
            pass  # somebody has taken it in between, and will remove it
        finally:
            file.close()

    def _is_still(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False
