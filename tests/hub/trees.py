"""What the test hub tells of a repository's files, page by page."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from tests.hub.content import Bytes
from tests.hub.faults import Answer
from tests.hub.repos import Blob, Commit, Repo

if TYPE_CHECKING:
    from tests.hub.hub import Hub
    from tests.hub.wire import Request

Query = list[tuple[str, str]]
"""What was asked after the question mark, in its order."""


def tree(
    hub: Hub,
    request: Request,
    answer: Answer,
    repo: Repo,
    commit: Commit,
    folder: str,
    asked: Query,
) -> Answer:
    """`/tree/REVISION/FOLDER`: one page of it."""
    said = dict(asked)
    expand = said.get("expand", "").lower() == "true"
    paths = _paths(commit, folder, recursive=said.get("recursive", "").lower() == "true")
    if folder and not paths:
        answer.refuse(404, f"{folder} does not exist on this revision", "EntryNotFound")
        return answer
    most = max(1, hub.page // 20) if expand else hub.page
    size = min(int(said.get("limit", most)), most)
    start = offset(said.get("cursor"))
    if start + size < len(paths):
        next_page(hub, answer, request.target.partition("?")[0], asked, start + size)
    chosen = paths[start : start + size]
    return answer_json(answer, [_entry(repo, commit, path, expand, hub.xet) for path in chosen])


def _paths(commit: Commit, folder: str, *, recursive: bool) -> list[str]:
    """Files and folders below a folder, in the order of the files."""
    root = f"{folder}/" if folder else ""
    paths: dict[str, None] = {}
    for path in commit.files:
        if path.startswith(root):
            # An empty part (an absolute path) is a name as it came: nothing is tidied here.
            below = path.removeprefix(root).split("/")
            for depth in range(1, (len(below) if recursive else 1) + 1):
                paths.setdefault(root + "/".join(below[:depth]))
    return list(paths)


def paths_info(repo: Repo, commit: Commit, request: Request) -> list[dict[str, Any]]:
    """What is at some paths; those that are nowhere are left out."""
    if request.headers.get("content-type", "").startswith("application/json"):
        said = json.loads(request.body)
        paths, expand = said["paths"], bool(said.get("expand"))
    else:
        form = parse_qsl(request.body.decode())
        paths = [v for k, v in form if k == "paths"]
        expand = dict(form).get("expand", "").lower() == "true"
    folders = {p.rsplit("/", n)[0] for p in commit.files for n in range(1, p.count("/") + 1)}
    there = [p for p in many(paths) if p in commit.files or p in folders]
    return [_entry(repo, commit, path, expand) for path in there]


def sibling(path: str, blob: Blob) -> dict[str, Any]:
    """A file in the list that comes with a card."""
    told: dict[str, Any] = {"rfilename": path, "size": blob.content.size, "blobId": blob.oid}
    if blob.lfs:
        told["lfs"] = {
            "sha256": blob.etag, "size": blob.content.size, "pointerSize": blob.pointer.size
        }  # fmt: skip
    return told


def _entry(
    repo: Repo, commit: Commit, path: str, expand: bool, xet: bool = False
) -> dict[str, Any]:
    blob = commit.files.get(path)
    if blob is None:
        oid = hashlib.sha1(f"{commit.sha}{path}".encode()).hexdigest()
        told: dict[str, Any] = {"type": "directory", "oid": oid, "size": 0, "path": path}
    else:
        told = {"type": "file", "oid": blob.oid, "size": blob.content.size, "path": path}
        if blob.lfs:
            told["lfs"] = {
                "oid": blob.etag, "size": blob.content.size, "pointerSize": blob.pointer.size
            }  # fmt: skip
            if xet:
                told["xetHash"] = blob.xet
    if expand:
        told["lastCommit"] = {"id": commit.sha, "title": commit.title, "date": iso(commit.date)}
        if blob is not None:
            status = repo.unsafe.get(path, "safe")
            told["securityFileStatus"] = {
                "status": status,
                "avScan": {"status": status, "message": None},
                "pickleImportScan": {"status": status, "pickleImports": []},
            }
    return told


def next_page(hub: Hub, answer: Answer, where: str, asked: Query, start: int) -> None:
    """Tells where the next page is."""
    cursor = base64.urlsafe_b64encode(json.dumps({"$gt": start}).encode()).decode()
    query = urlencode([*((k, v) for k, v in asked if k != "cursor"), ("cursor", cursor)])
    answer.headers["Link"] = f'<{hub.endpoint}{where}?{query}>; rel="next"'


def offset(cursor: str | None) -> int:
    """Where a page begins."""
    return int(json.loads(base64.urlsafe_b64decode(cursor))["$gt"]) if cursor else 0


def answer_json(answer: Answer, value: object) -> Answer:
    """Makes a value the body of an answer."""
    answer.headers["Content-Type"] = "application/json; charset=utf-8"
    answer.body = Bytes(json.dumps(value, default=str).encode())
    return answer


def many(value: Any) -> list[Any]:
    """A list, of what may be one thing or none."""
    return [] if value is None else value if isinstance(value, list) else [value]


def iso(moment: datetime) -> str:
    """A moment as the hub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
