"""Files as the hub and its content network hand them out: resolve, redirect, bytes."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote

from tests.hub.faults import Answer
from tests.hub.repos import Blob, Repo

if TYPE_CHECKING:
    from tests.hub.hub import Hub
    from tests.hub.log import Seen
    from tests.hub.wire import Request

_COMPRESSED = (".json", ".md", ".txt", ".jinja", ".py", ".yaml", ".yml", ".csv")


def resolve(hub: Hub, request: Request, seen: Seen, repo: Repo, rest: str) -> Answer:
    """`/owner/name/resolve/REVISION/PATH`: what the file is, and where its bytes lie."""
    revision, _, path = (unquote(part) for part in rest.partition("/"))
    answer = Answer(stage="resolve", repo=repo.id, path=path)
    seen.repo, seen.path = repo.id, path
    if not hub.may_read(request, repo, answer, files=True):
        return answer
    try:
        commit = repo.at(revision)
    except KeyError:
        answer.refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return answer
    answer.headers["X-Repo-Commit"] = commit.sha
    blob = commit.files.get(path)
    if blob is None:
        answer.refuse(404, "Entry not found", "EntryNotFound")
        return answer
    answer.headers |= _told(blob)
    if hub.xet and blob.lfs:
        way = f"{hub.endpoint}/api/models/{repo.id}/xet-read-token/{commit.sha}"
        answer.headers["X-Xet-Hash"] = blob.xet
        answer.headers["Link"] = f'<{way}>; rel="xet-auth"'
    if blob.lfs:
        answer.status = 302
        answer.headers["Location"] = hub.cdn_url(repo, path, blob)
    else:
        answer.status = 307
        answer.headers["Location"] = (
            f"/api/resolve-cache/models/{repo.id}/{commit.sha}/{quote(path)}"
            f"?{quote(request.target, safe='')}=&etag=%22{blob.etag}%22"
        )
    return answer


def cached(hub: Hub, request: Request, seen: Seen, repo: Repo, rest: str) -> Answer:
    """`/api/resolve-cache/models/owner/name/COMMIT/PATH`: a file that git keeps, itself."""
    sha, _, path = (unquote(part) for part in rest.partition("?")[0].partition("/"))
    answer = Answer(stage="bytes", repo=repo.id, path=path)
    if request.method == "HEAD":
        answer.stage = "resolve"
    seen.repo, seen.path = repo.id, path
    if not hub.may_read(request, repo, answer, files=True):
        return answer
    commit = repo.commits.get(sha)
    blob = commit.files.get(path) if commit else None
    if commit is None or blob is None:
        answer.refuse(404, "Entry not found", "EntryNotFound")
        return answer
    name = path.rsplit("/", 1)[-1]
    answer.headers |= {
        "X-Repo-Commit": commit.sha,
        "ETag": f'"{blob.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)};",
    }
    answer.body = blob.content
    answer.select(request.headers)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if answer.status == 200 and packs and path.endswith(_COMPRESSED) and blob.content.size > 1000:
        answer.compress()
    return answer


def delivered(hub: Hub, request: Request, seen: Seen) -> Answer:
    """The content network: bytes of LFS files under signed addresses, and nothing else."""
    where, _, query = request.target.partition("?")
    answer = Answer(stage="bytes")
    signed = parse_qs(query)
    found = hub.delivered.get(where)
    if request.headers.get("authorization") and hub.strict:
        answer.refuse(400, "Only one auth mechanism allowed")
    elif found is None:
        answer.refuse(404, "NoSuchKey")
    elif signed.get("Signature", [""])[0] != signature(where, signed.get("Expires", [""])[0]):
        answer.refuse(403, "SignatureDoesNotMatch")
    elif float(signed["Expires"][0]) < time.time():
        answer.refuse(403, "Request has expired")
    if found is None:
        return answer
    repo, path, blob = found
    answer.repo = seen.repo = repo
    answer.path = seen.path = path
    if answer.status == 200:
        answer.body = blob.content
        # As in an object store: it is not the file's sha256, and means something there only.
        answer.headers = {
            "ETag": f'"{hashlib.md5(blob.etag.encode()).hexdigest()}-7"',
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
            "Last-Modified": "Tue, 04 Mar 2025 09:30:00 GMT",
        }
        answer.select(request.headers)
    return answer


def signature(where: str, expires: str) -> str:
    """What makes an address of the content network good until a moment."""
    return hashlib.sha256(f"{where} {expires}".encode()).hexdigest()[:32]


def _told(blob: Blob) -> dict[str, str]:
    etag = f'"{blob.etag}"'
    return {
        "X-Linked-Size": str(blob.content.size),
        "X-Linked-Etag": etag,
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }
