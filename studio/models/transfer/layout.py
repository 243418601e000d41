"""Where the files of a repository lie in a huggingface cache, and how they get their names there.

The layout is huggingface_hub's (its file_download.py, 2.4): `models--owner--name/blobs/HASH` holds
the bytes, `snapshots/COMMIT/path` links to them, `refs/BRANCH` names the commit, and whoever
brings a blob holds `.locks/models--owner--name/HASH.lock`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from studio.core.errors import StudioError
from studio.core.files import cannot_write, sync_folder
from studio.models.net import is_true
from studio.models.remote import RemoteFile
from studio.models.transfer.part import PART, Part

TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag created by huggingface_hub.\n"
    "# For information about cache directory tags, see:\n"
    "#\thttps://bford.info/cachedir/\n"
)


class TakenError(Exception):
    """Another program is bringing the same blob."""


class Layout:
    """One repository's place in one cache."""

    def __init__(self, cache: Path, repo: str) -> None:
        self.cache = cache
        self.folder = cache / f"models--{repo.replace('/', '--')}"
        self.blobs = self.folder / "blobs"
        self.snapshots = self.folder / "snapshots"
        self._locks = cache / ".locks" / self.folder.name

    def prepare(self) -> None:
        """Make the folders. Raises StudioError where that is impossible."""
        try:
            self.blobs.mkdir(parents=True, exist_ok=True)
            # Without it huggingface_hub takes the repository for a damaged one.
            self.snapshots.mkdir(exist_ok=True)
            self._locks.mkdir(parents=True, exist_ok=True)
            tag = self.cache / "CACHEDIR.TAG"
            with contextlib.suppress(FileExistsError), tag.open("x", encoding="ascii") as file:
                file.write(TAG)
        except OSError as error:
            raise cannot_write(self.blobs, error) from error

    def blob(self, file: RemoteFile) -> Path:
        return self.blobs / file.blob

    def pointer(self, revision: str, file: RemoteFile) -> Path:
        return self.snapshots.joinpath(revision, *file.path.split("/"))

    def find(self, revision: str, file: RemoteFile) -> Path | None:
        """Where the bytes of a file lie already, by size alone; None where they do not."""
        # Where links are impossible, huggingface_hub keeps the file itself in the snapshot.
        for place in (self.blob(file), self.pointer(revision, file)):
            with contextlib.suppress(OSError):
                if place.is_file() and place.stat().st_size == file.size:
                    return place
        return None

    @contextlib.contextmanager
    def held(self, file: RemoteFile) -> Iterator[None]:
        """The lock of one blob, as huggingface_hub takes it, so that two programs share a cache.

        Raises TakenError while another program has it.
        """
        from filelock import FileLock, Timeout

        place = self._locks / f"{file.blob}.lock"
        # Others of the same group may use the cache as well.
        lock = FileLock(place, mode=0o664, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise TakenError from None
        except OSError as error:
            raise cannot_write(place, error) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.release()

    def link(
        self, revision: str, files: tuple[RemoteFile, ...], fetched: Callable[[str], bool]
    ) -> None:
        """Put the files of a snapshot in their places; `fetched` tells which blobs are ours alone.

        Weights come before what tells the kind of a model, so that a program that dies meanwhile
        leaves nothing that looks like a whole one. Raises StudioError where it is impossible.
        """
        sync_folder(self.blobs)
        ordered = sorted(files, key=lambda f: (f.path.count("/") == 0, f.path.endswith(".json")))
        last = {file.blob: file.path for file in ordered}
        for file in ordered:
            pointer = self.pointer(revision, file)
            try:
                pointer.parent.mkdir(parents=True, exist_ok=True)
                self._link(pointer, file, fetched(file.blob) and last[file.blob] == file.path)
            except OSError as error:
                raise cannot_write(pointer, error) from error
        for folder in {self.pointer(revision, f).parent for f in ordered}:
            sync_folder(folder)
        sync_folder(self.snapshots)

    def point(self, ref: str, revision: str) -> None:
        """Let a branch or tag name a commit. Raises StudioError where it is impossible."""
        if not ref or ref == revision:
            return
        place = self.folder.joinpath("refs", *ref.split("/"))
        # Not beside it: whatever lies in refs is a branch to huggingface_hub.
        part = self.folder / f".{quote(ref, safe='')[:100]}{PART}"
        try:
            if place.is_file() and place.read_text("utf-8") == revision:
                return
            place.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="ascii", newline="") as file:
                file.write(revision)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
            sync_folder(place.parent)
        except (OSError, UnicodeDecodeError) as error:
            raise cannot_write(place, error if isinstance(error, OSError) else OSError()) from error

    def linked(self) -> set[str]:
        """The names of all blobs that some snapshot links to. Raises OSError."""
        found = set()
        for where, _, names in os.walk(self.snapshots, onerror=_raise):
            for name in names:
                path = Path(where, name)
                if path.is_symlink():
                    found.add(path.readlink().name)
        return found

    def remove(self, file: RemoteFile, *, whole: bool) -> None:
        """Take away what is not whole of a blob, and with `whole` the blob too. Raises OSError."""
        Part(self.blob(file), file).remove()
        self._fresh_link(file).unlink(missing_ok=True)
        if whole:
            self.blob(file).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away folders that hold nothing."""
        for folder in (self.snapshots, self.blobs, self.folder / "refs", self.folder):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _fresh_link(self, file: RemoteFile) -> Path:
        return self.blobs / f"{file.blob}.link{PART}"

    def _link(self, pointer: Path, file: RemoteFile, ours: bool) -> None:
        blob = self.blob(file)
        if pointer.is_symlink() and pointer.resolve() == blob.resolve() and pointer.exists():
            return
        if not blob.exists():
            return  # it is the file itself that lies there, and was found right
        part = self._fresh_link(file)
        part.unlink(missing_ok=True)
        if not is_true(os.environ.get("HF_HUB_DISABLE_SYMLINKS")):
            try:
                part.symlink_to(os.path.relpath(blob, pointer.parent))
                part.replace(pointer)
                return
            except (OSError, NotImplementedError):
                part.unlink(missing_ok=True)
        if ours:
            blob.replace(pointer)
        else:
            shutil.copyfile(blob, part)
            part.replace(pointer)


def room(folder: Path) -> int:
    """Free bytes of the disk that a folder lies on, or will. Raises StudioError."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(folder / "blobs", error) from error
    raise StudioError(f"{folder} cannot be reached.", "Check that the disk is connected.")


def _raise(error: OSError) -> None:
    raise error
