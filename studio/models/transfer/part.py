"""The bytes of one file while it is not whole, and the note beside them that proves them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from studio.core.errors import StudioError
from studio.core.files import cannot_write
from studio.models.remote import RemoteFile

PART = ".triptych.part"
NOTE = ".triptych.json"
PIECE = 1 << 20
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{1,200}"')


class Part:
    """A file that grows beside its final place, hashed as it grows; its name comes last.

    A note beside it tells how many bytes were on the disk for certain, and their hash. Of what a
    dead program left, no more than that is believed, and only where the hash agrees.
    One thread writes; another may call `keep`.
    """

    def __init__(self, blob: Path, file: RemoteFile) -> None:
        self.blob = blob
        self.path = blob.with_name(blob.name + PART)
        self.note = blob.with_name(blob.name + NOTE)
        self.file = file
        self.etag = ""
        """As the server wrote it with the bytes that are here; empty where it did not."""
        self.offset = 0
        """Bytes that are here and hashed."""
        self._hash = digest_of(file)
        self._file: IO[bytes] | None = None
        self._state = threading.Lock()  # offset, hash and ETag belong together
        self._disk = threading.Lock()  # one at a time keeps, begins anew or closes
        self._kept = -1

    def open(self, check: Callable[[], None]) -> None:
        """Take up what is here, as far as it can be proved; `check` raises to stop.

        Reads the beginning once. Raises StudioError where the disk does not allow it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Not buffered: what was written is with the system, whatever becomes of us.
            self._file = open(self.path, "r+b" if self.path.exists() else "x+b", buffering=0)  # noqa: PTH123,SIM115
            kept, digest, etag = read_note(self.note)
            if 0 < kept <= min(self.file.size, os.fstat(self._file.fileno()).st_size):
                left = kept
                while left:
                    check()
                    data = self._file.read(min(PIECE, left))
                    if not data:
                        break
                    self._hash.update(data)
                    left -= len(data)
                if not left and self._hash.hexdigest() == digest:
                    self.offset = self._kept = kept
                    self.etag = etag
        except OSError as error:
            raise cannot_write(self.path, error) from error
        if self.offset:
            self._cut(self.offset)
        else:
            self.restart()

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes at the end. Raises StudioError where the disk is full or gone."""
        assert self._file is not None
        view = memoryview(data)
        try:
            with self._state:
                while view:
                    count = self._file.write(view) or 0
                    self._hash.update(view[:count])
                    self.offset += count
                    view = view[count:]
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def keep(self) -> None:
        """Put on the disk for certain what is here, and note how much that is."""
        with self._disk:
            with self._state:
                file, offset, digest, etag = self._file, self.offset, self._hash.copy(), self.etag
            if file is None or offset in (0, self._kept):
                return
            try:
                os.fsync(file.fileno())
            except OSError as error:
                raise cannot_write(self.path, error) from error
            said = {"bytes": offset, "hash": digest.hexdigest(), "etag": etag}
            self._write_note(json.dumps(said).encode("ascii"))
            self._kept = offset

    def restart(self, etag: str = "") -> None:
        """Throw away what is here, and begin anew."""
        with self._disk, self._state:
            try:
                self._forget()
            except OSError as error:
                raise cannot_write(self.note, error) from error
            self._cut(0)
            self.offset, self._kept, self._hash = 0, -1, digest_of(self.file)
            self.etag = etag

    @property
    def whole(self) -> bool:
        return self.offset == self.file.size

    @property
    def right(self) -> bool:
        """Whether what is here is the file that was asked for."""
        return self.whole and self._hash.hexdigest() == self.file.blob

    def begins(self, other: hashlib._Hash) -> bool:
        """Whether `other` has hashed the very bytes that are here."""
        return other.digest() == self._hash.digest()

    def finish(self) -> None:
        """Give the file its final name. Raises StudioError where that is impossible."""
        if not self.right:
            raise AssertionError("a file that is not right gets no name")
        with self._disk:
            file, self._file = self._file, None
            assert file is not None
            try:
                with file:
                    os.fsync(file.fileno())
                self.path.replace(self.blob)
                self._forget()
            except OSError as error:
                raise cannot_write(self.blob, error) from error

    def close(self) -> None:
        """Keep what is here for the next time. Not an error where it is closed already."""
        with contextlib.suppress(StudioError):
            self.keep()  # else what was kept last is still true
        with self._disk:
            file, self._file = self._file, None
            if file is None:
                return
            with contextlib.suppress(OSError):
                file.close()
        if not self.offset:
            self.remove()

    def remove(self) -> None:
        """Take away what is not whole; for a part that is not open. Never raises."""
        with contextlib.suppress(OSError):  # the disk has gone: nothing to take away
            self._forget()
            self.path.unlink(missing_ok=True)

    def _write_note(self, data: bytes) -> None:
        # By one name always: a program that dies here leaves nothing that nobody takes away.
        fresh = self._fresh_note
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.note)
        except OSError as error:
            raise cannot_write(self.note, error) from error

    def _forget(self) -> None:
        self.note.unlink(missing_ok=True)
        self._fresh_note.unlink(missing_ok=True)

    @property
    def _fresh_note(self) -> Path:
        return self.note.with_name(self.note.name + ".new")

    def _cut(self, size: int) -> None:
        assert self._file is not None
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise cannot_write(self.path, error) from error


def digest_of(file: RemoteFile) -> hashlib._Hash:
    """A fresh hash of the kind that names a file: sha256 for LFS, git's sha1 else."""
    if file.lfs:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)


def is_right(path: Path, file: RemoteFile, check: Callable[[], None]) -> bool:
    """Whether a file on the disk is the one that was asked for, by its hash; `check` may stop it.

    Raises StudioError where it cannot be read.
    """
    digest = digest_of(file)
    try:
        with path.open("rb", buffering=0) as source:
            if os.fstat(source.fileno()).st_size != file.size:
                return False
            while data := source.read(PIECE):
                check()
                digest.update(data)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StudioError(
            f"“{path.name}” is here, but cannot be read ({error.strerror or error}).",
            "Check the disk and the permissions of its folder.",
        ) from error
    return digest.hexdigest() == file.blob


def read_note(path: Path) -> tuple[int, str, str]:
    """How many bytes a note tells of, their hash and ETag; (0, "", "") where it is none."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(PIECE))
    except (OSError, ValueError, RecursionError):
        return 0, "", ""
    if not isinstance(said, dict):
        return 0, "", ""
    count, digest, etag = said.get("bytes"), said.get("hash"), said.get("etag")
    if type(count) is not int or count < 0 or type(digest) is not str or type(etag) is not str:
        return 0, "", ""
    return count, digest, plain_etag(etag)


def plain_etag(etag: str) -> str:
    """An ETag as it may be sent back; empty for what is none."""
    return etag if _ETAG.fullmatch(etag) else ""
