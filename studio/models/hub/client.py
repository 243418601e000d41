"""The hub asked: searches and the pages of models, made of answers that are believed in nothing.

Whatever a server says in a place where something else belongs is left out; what cannot be done
without is missed in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from studio.core.card import MAX_CARD, Card
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.licences import licence_in, may_sell
from studio.models import fit
from studio.models.catalogue import entry_of
from studio.models.headers import MAX_CONFIG
from studio.models.hub import cardtext, layouts, names
from studio.models.hub.guess import TASKS, families_by_tags, kind_by_tags
from studio.models.hub.query import Query, Sort
from studio.models.net import Net, is_repo
from studio.models.remote import Found, Machine, ModelPage, RemoteFile, Variant
from studio.models.trouble import RefusedError
from studio.models.variants import split

if TYPE_CHECKING:
    from huggingface_hub.hf_api import HfApi, ModelInfo

__all__ = ["Query", "Sort", "found_of", "page", "search"]

_SORTS: Mapping[Sort, Any] = {
    "downloads": "downloads",
    "likes": "likes",
    "updated": "last_modified",
    "new": "created_at",
    "trending": "trending_score",
}
_FIELDS: list[Any] = [
    "author", "cardData", "createdAt", "downloads", "gated", "lastModified", "library_name",
    "likes", "pipeline_tag", "private", "tags", "trendingScore",
]  # fmt: skip
MAX_LIMIT = 200
SIFTED = 4
"""Models that are asked for, for each that is wanted: many are for other programs."""
MAX_LISTED = 20_000
"""Files of a repository that are looked at."""
MAX_TAGS = 300
MAX_NUMBER = 1 << 53
MAX_EXAMPLES = 6
TOGETHER = 4
"""Requests at a time."""
_ODD = (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError)
"""What the hub's own client raises over an answer that is not as it should be."""


def search(net: Net, query: Query, specs: Sequence[FamilySpec] = ()) -> tuple[Found, ...]:
    """The models of the hub that fit a query and, as far as their tags tell, a family.

    Raises StudioError.
    """
    limit = max(1, min(query.limit, MAX_LIMIT))
    words = " ".join(query.words.split())[:200]
    if is_repo(words) and "/" in words:
        exact = _exact(net, words, specs)
        if exact is not None:
            return (exact,)
    tasks = [query.task] if query.task else list(TASKS[query.kind] if query.kind else ("",))
    if words and "" not in tasks and not query.task:
        tasks.append("")  # makers forget to say what a model is for
    with net.worded(), ThreadPoolExecutor(TOGETHER) as pool:
        api = net.api()
        listed = list(pool.map(lambda task: _listed(api, words, task, query, limit), tasks))
    if all(not found and broken for found, broken in listed):
        raise _misunderstood()
    merged: dict[str, tuple[Any, Found]] = {}
    for infos, _ in listed:
        for info in infos:
            found = found_of(info, specs)
            if found is not None and _wanted(found, query, specs):
                merged.setdefault(found.repo, (_order(info, query.sort), found))
    best = sorted(merged.values(), key=lambda pair: pair[0], reverse=True)
    return tuple(found for _, found in best[:limit])


def page(
    net: Net,
    repo: str,
    machine: Machine,
    specs: Sequence[FamilySpec],
    revision: str | None = None,
) -> ModelPage:
    """All that can be told of one repository before it is downloaded; main by default.

    Raises StudioError.
    """
    net.url(repo, "main", "README.md")  # raises where it is no name of a repository
    with net.worded():
        info, files, refused = _told(net, repo, revision)
    commit = info.sha
    found = found_of(info, specs)
    if found is None or not isinstance(commit, str) or not _is_commit(commit):
        raise _misunderstood()
    reader = _Reader(net, found.repo, commit)
    held = {f.path: f for f in files}
    card = ""
    try:
        with net.worded():
            reader.prefetch(held)
            if "README.md" in held and held["README.md"].size <= MAX_CARD:
                card = reader.small("README.md").decode("utf-8", "replace")
            told = layouts.variants(
                files,
                reader.small,
                specs,
                piece=reader.piece,
                tags=found.tags,
                name=found.repo,
                refused=refused,
            )
    except StudioError as error:
        if not (isinstance(error.__cause__, RefusedError) and found.gated):
            raise
        told = _behind_a_gate(files, error)
    finally:
        reader.close()
    kind = layouts.kind_among(told, specs) or found.kind
    judged = tuple(replace(v, fit=fit.judge(v, kind, machine)) for v in told)
    best = fit.best(judged, machine)
    chosen = next((v for v in judged if v.id == best and not v.problem), None)
    said = Card.parse(card)
    families = tuple(dict.fromkeys(f for v in judged for f in v.families))
    entry = entry_of(found.repo)
    return ModelPage(
        found=replace(
            found,
            kind=kind,
            title=entry.title if entry else found.title,
            words=entry.words if entry else "",
            licence=found.licence or said.licence,
            size=chosen.size if chosen else None,
            fit=chosen.fit if chosen else None,
            families=families or found.families,
        ),
        revision=commit,
        card=cardtext.safe(said.text),
        variants=judged,
        best=best,
        base_models=_bases(info),
        examples=_examples(info) or (entry.examples if entry else ()),
        refused=refused,
    )


def found_of(info: ModelInfo, specs: Sequence[FamilySpec]) -> Found | None:
    """One model as the hub lists it; None where not even its name can be believed."""
    repo = info.id
    if not isinstance(repo, str) or not is_repo(repo) or "/" not in repo:
        return None
    tags = tuple(_texts(info.tags, MAX_TAGS))
    task = _text(info.pipeline_tag)
    card = _card(info)
    licence = _text(card.get("license_name")) or _text(card.get("license"))
    updated = info.last_modified
    families = families_by_tags(tags, task, specs, repo)
    kinds = {spec.id: spec.kind for spec in specs}
    return Found(
        repo=repo,
        title=repo.partition("/")[2],
        kind=kind_by_tags(tags, task) or next((kinds[f] for f in families), None),
        task=task,
        author=_text(info.author) or repo.partition("/")[0],
        licence=licence or licence_in(tags),
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        updated=updated.date().isoformat() if isinstance(updated, datetime) else "",
        gated=info.gated not in (None, False),
        private=info.private is True,
        families=families,
        tags=tags,
    )


def _exact(net: Net, repo: str, specs: Sequence[FamilySpec]) -> Found | None:
    """The repository that was written out, whatever runs it; None where there is none."""
    try:
        with net.worded():
            return found_of(net.api().model_info(repo, expand=_FIELDS), specs)
    except StudioError as error:
        from huggingface_hub.errors import RepositoryNotFoundError

        if isinstance(error.__cause__, RepositoryNotFoundError):
            return None
        raise
    except _ODD:
        return None


def _listed(
    api: HfApi, words: str, task: str, query: Query, limit: int
) -> tuple[list[ModelInfo], bool]:
    """What the hub lists, and whether its answer broke off in nonsense."""
    found: list[ModelInfo] = []
    listing = api.list_models(
        search=words or None,
        pipeline_tag=task or None,
        sort=_SORTS.get(query.sort, "downloads"),
        limit=min(limit * SIFTED, MAX_LIMIT * SIFTED),
        expand=_FIELDS,
    )
    try:
        for info in listing:
            found.append(info)
    except _ODD:
        return found, True
    return found, False


def _wanted(found: Found, query: Query, specs: Sequence[FamilySpec]) -> bool:
    if specs and not found.families:
        return False
    if query.kind is not None and found.kind is not None and found.kind != query.kind:
        return False
    return not query.sell or may_sell(found.licence)


def _order(info: ModelInfo, sort: Sort) -> float:
    """The place in the list, the largest first."""
    dates = {"updated": info.last_modified, "new": info.created_at}
    if sort in dates:
        date = dates[sort]
        return date.timestamp() if isinstance(date, datetime) else 0.0
    numbers = {"likes": info.likes, "trending": info.trending_score}
    return float(_count(numbers.get(sort, info.downloads)) or 0)


def _told(
    net: Net, repo: str, revision: str | None
) -> tuple[ModelInfo, tuple[RemoteFile, ...], dict[str, str]]:
    """A repository at one commit: what it says of itself, the files to be had, the others."""
    api = net.api()
    try:
        info = api.model_info(repo, revision=revision, securityStatus=True)
        if not isinstance(info.sha, str) or not _is_commit(info.sha):
            raise _misunderstood()
        tree = api.list_repo_tree(repo, recursive=True, revision=info.sha)
        files, refused = names.sort(_entries(islice(tree, MAX_LISTED)))
    except _ODD as error:
        raise _misunderstood() from error
    found = _found_by_scanners(info.security_repo_status)
    told = {**refused, **{f.path: found[f.path] for f in files if f.path in found}}
    return info, tuple(f for f in files if f.path not in found), told


def _entries(tree: Iterable[Any]) -> Iterator[tuple[object, object, object]]:
    from huggingface_hub.hf_api import RepoFile

    for entry in tree:
        if isinstance(entry, RepoFile):
            lfs = entry.lfs
            yield (entry.path, lfs.size, lfs.sha256) if lfs else (
                entry.path, entry.size, entry.blob_id
            )  # fmt: skip


def _found_by_scanners(status: object) -> dict[str, str]:
    """The files in which the hub's scanners found something."""
    issues = status.get("filesWithIssues") if isinstance(status, dict) else None
    return {
        issue["path"]: "The hub's scanners found something in it that may do harm."
        for issue in (issues if isinstance(issues, list) else [])
        if isinstance(issue, dict)
        and isinstance(issue.get("path"), str)
        and issue.get("level") in ("unsafe", "suspicious")
    }


def _behind_a_gate(files: Sequence[RemoteFile], error: StudioError) -> tuple[Variant, ...]:
    """What may be had once its maker agrees: the names and the sizes are told to anybody."""
    held = {f.path: f for f in files}
    return tuple(
        Variant(
            id=part.id,
            title=part.id,
            folder=part.folder,
            layout=part.layout,
            precision="",
            files=tuple(held[n] for n in part.files),
            problem=error.message,
            hint=error.hint,
        )
        for part in split(held)[: layouts.MAX_VARIANTS]
    )


class _Reader:
    """Small files, and pieces of large ones, of one commit; the likely ones are asked for early."""

    def __init__(self, net: Net, repo: str, commit: str) -> None:
        self._net, self._repo, self._commit = net, repo, commit
        self._pool = ThreadPoolExecutor(TOGETHER)
        self._early: dict[tuple[str, int, int], Any] = {}

    def prefetch(self, files: Mapping[str, RemoteFile]) -> None:
        """Ask for what is read of nearly every model, all at once."""
        for name in ("README.md", "config.json", "model_index.json", "genai_config.json"):
            if name in files and files[name].size <= MAX_CONFIG:
                key = (name, 0, MAX_CONFIG)
                self._early[key] = self._pool.submit(self._fetch, *key)

    def small(self, path: str) -> bytes:
        return self.piece(path, 0, MAX_CONFIG)

    def piece(self, path: str, start: int, end: int) -> bytes:
        early = self._early.get((path, start, end))
        found: bytes = early.result() if early else self._fetch(path, start, end)
        return found

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, path: str, start: int, end: int) -> bytes:
        """At most the bytes from `start` to `end`."""
        url = self._net.url(self._repo, self._commit, path)
        part = end < MAX_CONFIG or start > 0
        headers = {"Range": f"bytes={start}-{end - 1}"} if part else {}
        with self._net.get(url, headers) as response:
            if part and response.status == 200:  # it sends all of it: what comes before is passed
                _read(response.read, start)
            return _read(response.read, end - start)


def _read(read: Callable[[int], bytes], most: int) -> bytes:
    """So many bytes of an answer, or all where there are fewer."""
    found = bytearray()
    while len(found) < most and (some := read(min(most - len(found), 1 << 16))):
        found += some
    return bytes(found)


def _bases(info: ModelInfo) -> tuple[str, ...]:
    card = _card(info)
    said = card.get("base_model")
    return tuple(b for b in _texts([said] if isinstance(said, str) else said, 10) if is_repo(b))


def _examples(info: ModelInfo) -> tuple[str, ...]:
    """Prompts that the maker put beside the model's page."""
    card = _card(info)
    found: list[str] = []
    for widget in (info.widget_data, card.get("widget")):
        for entry in widget[:50] if isinstance(widget, list) else []:
            said = entry.get("text") if isinstance(entry, dict) else entry
            words = " ".join(said.split())[:300] if isinstance(said, str) else ""
            if words and words not in found:
                found.append(_plain(words))
    return tuple(found[:MAX_EXAMPLES])


def _card(info: ModelInfo) -> dict[str, Any]:
    """The front matter of its card, as the hub read it."""
    from huggingface_hub import ModelCardData

    if not isinstance(info.card_data, ModelCardData):
        return {}
    found: dict[str, Any] = info.card_data.to_dict()  # type: ignore[no-untyped-call]
    return found


def _text(value: object) -> str:
    if isinstance(value, list) and value:
        value = value[0]
    return _plain(" ".join(value.split())[:200]) if isinstance(value, str) else ""


def _texts(values: object, most: int) -> list[str]:
    listed = values if isinstance(values, list) else []
    return [t for v in listed[:most] if isinstance(v, str) and (t := _text(v))]


def _plain(text: str) -> str:
    """Without what is no character, or turns the reading of a line round."""
    return "".join(c for c in text if c.isprintable())


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_NUMBER else None


def _is_commit(text: str) -> bool:
    return len(text) == 40 and set(text) <= set("0123456789abcdef")


def _misunderstood() -> StudioError:
    return StudioError(
        "The server's answer makes no sense.",
        "Try again later; if another server is chosen in Settings, check its address.",
    )
