"""Repositories of the test hub: files by commit, branches, tags, and what the card says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.hub.content import Bytes, Content, Source, content

GITATTRIBUTES = tuple(
    f"*.{end}"
    for end in (
        *("7z", "arrow", "bin", "bz2", "ckpt", "ftz", "gguf", "gz", "h5", "joblib", "mlmodel"),
        *("model", "msgpack", "npy", "npz", "onnx", "onnx.data", "onnx_data", "ot", "parquet"),
        *("pb", "pickle", "pkl", "png", "pt", "pth", "rar", "safetensors", "tar", "tflite"),
        *("tgz", "wasm", "wav", "xz", "zip", "zst"),
    )
)
"""What a new repository keeps in LFS."""
LFS_FROM = 10 << 20
"""A file of so many bytes is kept in LFS whatever its name."""
_FIRST = datetime(2025, 3, 4, 9, 30, tzinfo=UTC)

Gated = Literal[False, "auto", "manual"]


@dataclass(frozen=True)
class Blob:
    """A file of a commit, kept by git itself or by LFS."""

    content: Content
    lfs: bool

    @cached_property
    def pointer(self) -> Bytes:
        """What git keeps of a file in LFS."""
        text = f"oid sha256:{self.content.sha256}\nsize {self.content.size}\n"
        return Bytes(f"version https://git-lfs.github.com/spec/v1\n{text}".encode())

    @property
    def oid(self) -> str:
        """git's name of the file, which of an LFS file is that of its pointer."""
        return self.pointer.git if self.lfs else self.content.git

    @property
    def xet(self) -> str:
        """A name as Xet's storage would give it."""
        return hashlib.sha256(self.etag.encode()).hexdigest()

    @property
    def etag(self) -> str:
        """The ETag that the hub tells, and the blob's name in the cache."""
        return self.content.sha256 if self.lfs else self.content.git


@dataclass(frozen=True)
class Commit:
    """All files at one moment."""

    sha: str
    files: Mapping[str, Blob]
    title: str
    date: datetime
    parent: str | None


class Repo:
    """One repository: `Repo("owner/name", {"config.json": "{}", "model.onnx": Noise(1 << 20)})`.

    Files are given as text, bytes, a path on the disk or a `Content`; whether one is kept in
    LFS follows its name and size as on the hub, unless `lfs` names patterns of its own. What the
    listing tells (licence, task, library, tags, base model) is read out of README.md's front
    matter, as the hub does, and can be overruled by `card`.
    """

    def __init__(
        self,
        id: str,
        files: Mapping[str, Source] | None = None,
        *,
        card: Mapping[str, Any] | None = None,
        downloads: int = 0,
        likes: int = 0,
        trending: int = 0,
        gated: Gated = False,
        private: bool = False,
        disabled: bool = False,
        lfs: tuple[str, ...] = GITATTRIBUTES,
        created: datetime = _FIRST,
        unsafe: Mapping[str, str] | None = None,
    ) -> None:
        self.id = id
        self.downloads = downloads
        self.likes = likes
        self.trending = trending
        self.gated: Gated = gated
        self.private = private
        self.disabled = disabled
        self.created = created
        self.unsafe = dict(unsafe or {})
        """Files that the hub's scanners found something in: path to `suspicious` or `unsafe`."""
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self._card = dict(card or {})
        self._lfs = lfs
        self.commit(files or {}, title="initial commit")

    @classmethod
    def of_folder(cls, id: str, folder: Path, **more: Any) -> Repo:
        """A repository of all files of a folder."""
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        return cls(id, dict(sorted(files.items())), **more)

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def head(self) -> Commit:
        """What `main` stands at."""
        return self.commits[self.branches["main"]]

    def commit(
        self, changes: Mapping[str, Source | None], *, title: str = "Update", branch: str = "main"
    ) -> str:
        """Moves a branch on by one commit, with files added, changed or (`None`) taken away."""
        parent = self.branches.get(branch) or self.branches.get("main")
        files = dict(self.commits[parent].files) if parent else {}
        for path, source in changes.items():
            if source is None:
                del files[path]
            else:
                files[path] = self._blob(path, content(source))
        date = self.created + timedelta(hours=len(self.commits))
        # Marks stand for the contents: hashing gigabytes can wait until someone asks.
        tree = sorted((path, blob.content.mark) for path, blob in files.items())
        said = [self.id, parent, title, date.isoformat(), tree]
        sha = hashlib.sha1(json.dumps(said).encode()).hexdigest()
        self.commits[sha] = Commit(sha, dict(sorted(files.items())), title, date, parent)
        self.branches[branch] = sha
        return sha

    def tag(self, name: str, revision: str = "main") -> None:
        """Gives a commit a name that stays."""
        self.tags[name] = self.at(revision).sha

    def at(self, revision: str) -> Commit:
        """The commit of a branch, a tag or a commit's own name; KeyError where there is none."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.commits[self.branches.get(name) or self.tags.get(name) or revision]

    def history(self, revision: str = "main") -> list[Commit]:
        """The commits that led to a revision, the newest first."""
        found: list[Commit] = []
        at: str | None = self.at(revision).sha
        while at:
            found.append(self.commits[at])
            at = found[-1].parent
        return found

    def card(self, revision: str = "main") -> dict[str, Any]:
        """The front matter of README.md, and what was given in its place."""
        readme = self.at(revision).files.get("README.md")
        return _front_matter(readme.content.read() if readme else b"") | self._card

    def _blob(self, path: str, held: Content) -> Blob:
        name = path.rsplit("/", 1)[-1]
        return Blob(held, held.size >= LFS_FROM or any(fnmatch(name, p) for p in self._lfs))


def _front_matter(text: bytes) -> dict[str, Any]:
    parts = text.decode("utf-8", "replace").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    said = yaml.safe_load(parts[1])
    return said if isinstance(said, dict) else {}
