"""The test hub's answers about repositories: search, cards, trees, refs, and who is asking."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from tests.hub.content import Bytes
from tests.hub.faults import Answer
from tests.hub.repos import Blob, Commit, Repo

if TYPE_CHECKING:
    from tests.hub.hub import Hub
    from tests.hub.wire import Request

_EXPANDABLE = frozenset(
    {
        *("author", "baseModels", "cardData", "childrenModelCount", "config", "createdAt"),
        *("disabled", "downloads", "downloadsAllTime", "evalResults", "gated", "gguf"),
        *("inference", "inferenceProviderMapping", "lastModified", "library_name", "likes"),
        *("mask_token", "model-index", "pipeline_tag", "private", "resourceGroup"),
        *("safetensors", "securityRepoStatus", "sha", "siblings", "spaces", "tags"),
        *("transformersInfo", "trendingScore", "usedStorage", "widgetData"),
    }
)
_ALWAYS = ("_id", "id", "modelId")
_LISTED = (
    *_ALWAYS, "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag",
    "library_name", "createdAt",
)  # fmt: skip
_FULL = ("author", "gated", "lastModified", "sha", "siblings")
_PAGE = (
    *_LISTED, *_FULL, "disabled", "cardData", "config", "spaces", "usedStorage", "widgetData",
    "safetensors",
)  # fmt: skip
_SORTS: Mapping[str, Callable[[Repo], Any]] = {
    "downloads": lambda r: r.downloads,
    "likes": lambda r: r.likes,
    "lastModified": lambda r: r.head.date,
    "createdAt": lambda r: r.created,
    "trendingScore": lambda r: r.trending,
}

Query = list[tuple[str, str]]


def answered(hub: Hub, request: Request) -> Answer:
    """`/api/…`, but for the files themselves."""
    where, _, query = request.target.partition("?")
    asked = [
        (key.removesuffix("[]"), value) for key, value in parse_qsl(query, keep_blank_values=True)
    ]
    answer = Answer(stage="api", path=where)
    if not hub.known(request, answer):
        return answer
    if where == "/api/whoami-v2":
        return _whoami(hub, request, answer)
    if where == "/api/models":
        return _listing(hub, request, answer, asked)
    parts = where.removeprefix("/api/models/").split("/", 3)
    if not where.startswith("/api/models/") or len(parts) < 2:
        answer.refuse(404, "Sorry, we can't find the page you are looking for.")
        return answer
    id = f"{unquote(parts[0])}/{unquote(parts[1])}"
    if moved := hub.moved(id):
        answer.status = 307
        answer.headers["Location"] = request.target.replace(f"/{id}", f"/{moved}", 1)
        return answer
    repo = hub.readable(request, id, answer)
    if repo is None:
        return answer
    answer.repo = id
    what, rest = parts[2] if len(parts) > 2 else "", parts[3] if len(parts) > 3 else ""
    if what == "refs":
        return _json(answer, _refs(repo))
    if what == "auth-check":
        hub.may_read(request, repo, answer, files=True)
        return answer if answer.status != 200 else _json(answer, {"status": "ok"})
    revision, _, path = (unquote(part) for part in rest.partition("/"))
    try:
        commit = repo.at(revision or "main")
    except KeyError:
        answer.refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return answer
    if what in ("", "revision"):
        return _info(hub, repo, commit, answer, asked)
    if what == "tree":
        return _tree(hub, request, answer, _entries(repo, commit, path, asked), path, asked)
    if what == "paths-info":
        return _json(answer, _paths_info(repo, commit, request))
    if what == "commits":
        return _json(answer, [_commit(c) for c in repo.history(commit.sha)])
    answer.refuse(404, "Sorry, we can't find the page you are looking for.")
    return answer


def _whoami(hub: Hub, request: Request, answer: Answer) -> Answer:
    user = hub.user_of(request)
    if user is None:
        answer.refuse(401, "Invalid username or password.")
        return answer
    return _json(
        answer,
        {
            "type": "user", "id": "5f" * 12, "name": user.name, "fullname": user.name.title(),
            "email": f"{user.name}@example.org", "emailVerified": True, "canPay": False,
            "periodEnd": None, "isPro": False, "avatarUrl": "/avatars/1.svg", "orgs": [],
            "auth": {
                "type": "access_token",
                "accessToken": {
                    "displayName": "studio", "role": "read", "createdAt": "2026-01-01T00:00:00.000Z"
                },
            },
        },
    )  # fmt: skip


def _listing(hub: Hub, request: Request, answer: Answer, asked: Query) -> Answer:
    said = dict(asked)
    expand = [v for k, v in asked if k == "expand"]
    unknown = set(expand) - _EXPANDABLE
    sort = said.get("sort", "trendingScore")
    if unknown or sort not in _SORTS:
        answer.refuse(400, f"Invalid option: {', '.join(sorted(unknown)) or sort}")
        return answer
    found = [r for r in hub.repos if hub.sees(request, r) and _fits(r, asked)]
    found.sort(key=lambda r: r.id)
    found.sort(key=_SORTS[sort], reverse=said.get("direction", "-1") != "1")
    size = min(int(said.get("limit", 1000)), hub.page)
    start = _offset(said.get("cursor"))
    if start + size < len(found):
        _next(hub, answer, "/api/models", asked, start + size)
    fields = list(_LISTED)
    if expand:
        fields = [*_ALWAYS, *expand]
    elif said.get("full") in ("true", "True", "1"):
        fields += _FULL
    fields += [name for name in ("cardData", "config") if said.get(name, "").lower() == "true"]
    return _json(answer, [_told(r, r.head, fields) for r in found[start : start + size]])


def _fits(repo: Repo, asked: Query) -> bool:
    tags, name = _tags(repo), repo.id.lower()
    for key, value in asked:
        match key:
            case "search" if not all(word in name for word in value.lower().split()):
                return False
            case "filter" if not all(tag in tags for tag in value.split(",")):
                return False
            case "author" if repo.owner != value:
                return False
            case "pipeline_tag" if repo.card().get("pipeline_tag") != value:
                return False
            case "library" if value not in tags:
                return False
            case "gated" if (value.lower() == "true") != bool(repo.gated):
                return False
    return True


def _info(hub: Hub, repo: Repo, commit: Commit, answer: Answer, asked: Query) -> Answer:
    said = dict(asked)
    expand = [v for k, v in asked if k == "expand"]
    if unknown := set(expand) - _EXPANDABLE:
        answer.refuse(400, f"Invalid option: {', '.join(sorted(unknown))}")
        return answer
    fields = [*_ALWAYS, *expand] if expand else list(_PAGE)
    if said.get("securityStatus"):
        fields.append("securityRepoStatus")
    told = _told(repo, commit, fields)
    if said.get("blobs"):
        told["siblings"] = [_sibling(p, b) for p, b in commit.files.items()]
    answer.headers["X-Repo-Commit"] = commit.sha
    return _json(answer, told)


def _told(repo: Repo, commit: Commit, fields: Iterable[str]) -> dict[str, Any]:
    card = repo.card(commit.sha)
    every: dict[str, Callable[[], Any]] = {
        "_id": lambda: hashlib.sha1(repo.id.encode()).hexdigest()[:24],
        "id": lambda: repo.id,
        "modelId": lambda: repo.id,
        "author": lambda: repo.owner,
        "baseModels": lambda: _base(card),
        "cardData": lambda: card or None,
        "config": lambda: _config(commit),
        "createdAt": lambda: _time(repo.created),
        "disabled": lambda: repo.disabled,
        "downloads": lambda: repo.downloads,
        "downloadsAllTime": lambda: repo.downloads * 7,
        "gated": lambda: repo.gated,
        "lastModified": lambda: _time(commit.date),
        "library_name": lambda: card.get("library_name"),
        "likes": lambda: repo.likes,
        "model-index": lambda: None,
        "pipeline_tag": lambda: card.get("pipeline_tag"),
        "private": lambda: repo.private,
        "safetensors": lambda: _parameters(commit),
        "securityRepoStatus": lambda: {
            "scansDone": True,
            "filesWithIssues": [{"path": p, "level": s} for p, s in repo.unsafe.items()],
        },
        "sha": lambda: commit.sha,
        "siblings": lambda: [{"rfilename": path} for path in commit.files],
        "spaces": list,
        "tags": lambda: _tags(repo),
        "trendingScore": lambda: repo.trending,
        "usedStorage": lambda: sum(b.content.size for b in commit.files.values()),
        "widgetData": lambda: card.get("widget"),
    }
    told = {name: every[name]() for name in dict.fromkeys(fields) if name in every}
    # The hub leaves out what it does not know, rather than telling null.
    return {name: value for name, value in told.items() if value is not None}


def _tags(repo: Repo) -> list[str]:
    card = repo.card()
    tags = [card.get("library_name"), *_many(card.get("tags")), card.get("pipeline_tag")]
    tags += _many(card.get("language"))
    tags += [f"base_model:{base}" for base in _many(card.get("base_model"))]
    if card.get("license"):
        tags.append(f"license:{card['license']}")
    kinds = {"onnx": ".onnx", "safetensors": ".safetensors", "gguf": ".gguf"}
    files = repo.head.files
    tags += [tag for tag, end in kinds.items() if any(p.endswith(end) for p in files)]
    return list(dict.fromkeys(str(tag) for tag in [*tags, "region:us"] if tag))


def _base(card: Mapping[str, Any]) -> dict[str, Any] | None:
    names = _many(card.get("base_model"))
    relation = card.get("base_model_relation", "finetune")
    return {"relation": relation, "models": [{"id": n} for n in names]} if names else None


def _config(commit: Commit) -> dict[str, Any] | None:
    blob = commit.files.get("config.json")
    try:
        said = json.loads(blob.content.read()) if blob else None
    except ValueError:
        return None
    keys = ("architectures", "model_type", "quantization_config")
    return {k: said[k] for k in keys if k in said} if isinstance(said, dict) else None


def _parameters(commit: Commit) -> dict[str, Any] | None:
    found: dict[str, int] = {}
    for path, blob in commit.files.items():
        if not path.endswith(".safetensors"):
            continue
        size = int.from_bytes(blob.content.read(0, 8), "little")
        if size > blob.content.size:
            continue
        for name, tensor in json.loads(blob.content.read(8, 8 + size)).items():
            if name != "__metadata__":
                count = math.prod(tensor["shape"])
                found[tensor["dtype"]] = found.get(tensor["dtype"], 0) + count
    return {"parameters": found, "total": sum(found.values())} if found else None


def _sibling(path: str, blob: Blob) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": path, "size": blob.content.size, "blobId": blob.oid}
    if blob.lfs:
        told["lfs"] = {
            "sha256": blob.etag, "size": blob.content.size, "pointerSize": blob.pointer.size
        }  # fmt: skip
    return told


def _entry(repo: Repo, commit: Commit, path: str, expand: bool) -> dict[str, Any]:
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
    if expand:
        told["lastCommit"] = {"id": commit.sha, "title": commit.title, "date": _time(commit.date)}
        if blob is not None:
            status = repo.unsafe.get(path, "safe")
            told["securityFileStatus"] = {
                "status": status,
                "avScan": {"status": status, "message": None},
                "pickleImportScan": {"status": status, "pickleImports": []},
            }
    return told


def _entries(
    repo: Repo, commit: Commit, folder: str, asked: Query
) -> Callable[[int, int], tuple[list[dict[str, Any]], int]] | None:
    said = {key: value.lower() == "true" for key, value in asked}
    root = f"{folder}/" if folder else ""
    paths: dict[str, None] = {}
    for path in commit.files:
        if path.startswith(root):
            # An empty part (an absolute path) is a name as it came: nothing is tidied here.
            below = path.removeprefix(root).split("/")
            deepest = len(below) if said.get("recursive") else 1
            for depth in range(1, deepest + 1):
                paths.setdefault(root + "/".join(below[:depth]))
    if folder and not paths:
        return None
    names = list(paths)

    def page(start: int, size: int) -> tuple[list[dict[str, Any]], int]:
        chosen = names[start : start + size]
        told = [_entry(repo, commit, name, said.get("expand", False)) for name in chosen]
        return told, len(names)

    return page


def _tree(
    hub: Hub,
    request: Request,
    answer: Answer,
    page: Callable[[int, int], tuple[list[dict[str, Any]], int]] | None,
    folder: str,
    asked: Query,
) -> Answer:
    if page is None:
        answer.refuse(404, f"{folder} does not exist on this revision", "EntryNotFound")
        return answer
    said = dict(asked)
    most = hub.page if said.get("expand", "").lower() != "true" else max(1, hub.page // 20)
    size = min(int(said.get("limit", most)), most)
    start = _offset(said.get("cursor"))
    entries, total = page(start, size)
    if start + size < total:
        _next(hub, answer, request.target.partition("?")[0], asked, start + size)
    return _json(answer, entries)


def _paths_info(repo: Repo, commit: Commit, request: Request) -> list[dict[str, Any]]:
    if request.headers.get("content-type", "").startswith("application/json"):
        said = json.loads(request.body)
        paths, expand = said["paths"], bool(said.get("expand"))
    else:
        form = parse_qsl(request.body.decode())
        paths = [v for k, v in form if k == "paths"]
        expand = dict(form).get("expand", "").lower() == "true"
    folders = {p.rsplit("/", n)[0] for p in commit.files for n in range(1, p.count("/") + 1)}
    there = [p for p in _many(paths) if p in commit.files or p in folders]
    return [_entry(repo, commit, path, expand) for path in there]


def _refs(repo: Repo) -> dict[str, Any]:
    def told(kind: str, names: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": sha} for n, sha in names.items()
        ]

    return {
        "tags": told("tags", repo.tags), "branches": told("heads", repo.branches),
        "converts": [], "pullRequests": [],
    }  # fmt: skip


def _commit(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.sha, "title": commit.title, "message": "", "authors": [{"user": "someone"}],
        "date": _time(commit.date),
    }  # fmt: skip


def _next(hub: Hub, answer: Answer, where: str, asked: Query, start: int) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps({"$gt": start}).encode()).decode()
    query = urlencode([*((k, v) for k, v in asked if k != "cursor"), ("cursor", cursor)])
    answer.headers["Link"] = f'<{hub.endpoint}{where}?{query}>; rel="next"'


def _offset(cursor: str | None) -> int:
    return int(json.loads(base64.urlsafe_b64decode(cursor))["$gt"]) if cursor else 0


def _json(answer: Answer, value: object) -> Answer:
    answer.headers["Content-Type"] = "application/json; charset=utf-8"
    answer.body = Bytes(json.dumps(value, default=str).encode())
    return answer


def _many(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
