"""The test hub's answers about repositories: search, cards, trees, refs, and who is asking."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from tests.hub.faults import Answer
from tests.hub.repos import Commit, Repo
from tests.hub.trees import (
    Query,
    answer_json,
    iso,
    many,
    next_page,
    offset,
    paths_info,
    sibling,
    tree,
)

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
        return answer_json(answer, _refs(repo))
    if what == "auth-check":
        hub.may_read(request, repo, answer, files=True)
        return answer if answer.status != 200 else answer_json(answer, {"status": "ok"})
    revision, _, path = (unquote(part) for part in rest.partition("/"))
    try:
        commit = repo.at(revision or "main")
    except KeyError:
        answer.refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return answer
    if what in ("", "revision"):
        return _info(hub, repo, commit, answer, asked)
    if what == "tree":
        return tree(hub, request, answer, repo, commit, path, asked)
    if what == "paths-info":
        return answer_json(answer, paths_info(repo, commit, request))
    if what == "commits":
        return answer_json(answer, [_commit(c) for c in repo.history(commit.sha)])
    answer.refuse(404, "Sorry, we can't find the page you are looking for.")
    return answer


def _whoami(hub: Hub, request: Request, answer: Answer) -> Answer:
    user = hub.user_of(request)
    if user is None:
        answer.refuse(401, "Invalid username or password.")
        return answer
    return answer_json(
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
    start = offset(said.get("cursor"))
    if start + size < len(found):
        next_page(hub, answer, "/api/models", asked, start + size)
    fields = list(_LISTED)
    if expand:
        fields = [*_ALWAYS, *expand]
    elif said.get("full") in ("true", "True", "1"):
        fields += _FULL
    fields += [name for name in ("cardData", "config") if said.get(name, "").lower() == "true"]
    return answer_json(answer, [_told(r, r.head, fields) for r in found[start : start + size]])


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
        told["siblings"] = [sibling(p, b) for p, b in commit.files.items()]
    answer.headers["X-Repo-Commit"] = commit.sha
    return answer_json(answer, told)


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
        "createdAt": lambda: iso(repo.created),
        "disabled": lambda: repo.disabled,
        "downloads": lambda: repo.downloads,
        "downloadsAllTime": lambda: repo.downloads * 7,
        "gated": lambda: repo.gated,
        "lastModified": lambda: iso(commit.date),
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
    tags = [card.get("library_name"), *many(card.get("tags")), card.get("pipeline_tag")]
    tags += many(card.get("language"))
    tags += [f"base_model:{base}" for base in many(card.get("base_model"))]
    if card.get("license"):
        tags.append(f"license:{card['license']}")
    kinds = {"onnx": ".onnx", "safetensors": ".safetensors", "gguf": ".gguf"}
    files = repo.head.files
    tags += [tag for tag, end in kinds.items() if any(p.endswith(end) for p in files)]
    return list(dict.fromkeys(str(tag) for tag in [*tags, "region:us"] if tag))


def _base(card: Mapping[str, Any]) -> dict[str, Any] | None:
    names = many(card.get("base_model"))
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
        "date": iso(commit.date),
    }  # fmt: skip
