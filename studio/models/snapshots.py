"""The models in a repository of a hub's cache: which are there, from which revision, and how whole.

Each variant is told from the revision that counts: the one that is to be kept, else that of
`refs/main`, else the youngest in which it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from studio.core.card import Card
from studio.models.cache import HUB, Entry, Repository, Snapshot
from studio.models.inspect import PICKLED, WEIGHTS
from studio.models.installed import InstalledModel, told_of
from studio.models.variants import Part, model_name, split

_GET_AGAIN = "Get the model again; what is here already is kept."
_UNFINISHED = "Another program has begun to download it and has not finished."
_REFUSED = "Do not use it; get the model from a source that you trust."


def models_of(repository: Repository, kept: Mapping[str, str]) -> list[InstalledModel]:
    """The models in a repository; the files of each are looked at, none is loaded.

    `kept` are revisions that a person wants to keep to, by the model's id. Gives nothing where
    only the studio itself has begun to download. Raises OSError.
    """
    found: dict[str, list[InstalledModel]] = {}
    for snapshot in repository.snapshots:
        parts = split(e.name for e in snapshot.entries)
        for part in parts:
            model = _model(repository, snapshot, part, parts)
            found.setdefault(part.id, []).append(model)
    if not found:
        return _without_models(repository)
    models = []
    for variant in sorted(found):
        seen = sorted(found[variant], key=lambda m: m.revision != kept.get(m.id))
        best = next((m for m in seen if not m.problem), seen[0])
        older = tuple(m.revision for m in seen if m is not best and not m.problem)
        stays = bool(best.revision) and best.revision == kept.get(best.id)
        models.append(replace(best, older=older, kept=stays))
    return models


def at_revision(repository: Repository, variant: str, revision: str) -> InstalledModel | None:
    """A model as it is at a revision, of which the first digits are enough. Raises OSError."""
    for snapshot in repository.snapshots:
        if snapshot.revision.startswith(revision):
            parts = split(e.name for e in snapshot.entries)
            for part in parts:
                if part.id == variant:
                    model = _model(repository, snapshot, part, parts)
                    return replace(model, id=f"{model.id}@{snapshot.revision[:12]}")
    return None


def entries_of(repository: Repository, revision: str, variant: str) -> tuple[Entry, ...]:
    """The files that make a model at a revision."""
    snapshot = repository.snapshot(revision)
    if snapshot is None:
        return ()
    parts = split(e.name for e in snapshot.entries)
    part = next((p for p in parts if p.id == variant), None)
    names = set(part.files) if part else set()
    return tuple(e for e in snapshot.entries if e.name in names)


def _model(
    repository: Repository, snapshot: Snapshot, part: Part, others: Iterable[Part]
) -> InstalledModel:
    """What is known of one of the models in a snapshot; `others` are all that lie there."""
    entries = [e for e in snapshot.entries if e.name in set(part.files)]
    folder = snapshot.folder / part.folder
    here = [e for e in entries if e.size >= 0 and not e.strange]
    below = sorted(e.path for e in here if folder in e.path.parents)
    sizes = {e.blob or e.name: e.size for e in here}
    mine = {(snapshot.revision, e.name) for e in entries}
    needed = {n for p in others if p.id != part.id for n in p.files}
    shared = {
        e.blob or e.name
        for e in here
        if e.name in needed or repository.users.get(e.blob, set()) - mine
    }
    name = repository.id.rpartition("/")[2]
    model = told_of(
        folder,
        below,
        sum(sizes.values()),
        id=model_name(repository.id, part.id),
        card=_card(snapshot, folder),
        source=HUB + repository.id,
    )
    title = name if model.title == model.id else model.title
    model = replace(
        model,
        title=f"{title} ({part.id})" if part.id else title,
        place=repository.folder.parent,
        repo=repository.id,
        revision=snapshot.revision,
        variant=part.id,
        shared=sum(sizes[one] for one in shared),
    )
    problem, hint = _lacks(repository, entries)
    return replace(model, problem=problem, hint=hint) if problem else model


def _card(snapshot: Snapshot, folder: Path) -> Card:
    """The card that lies with the model, else that of its repository."""
    names = {e.name: e for e in snapshot.entries if not e.strange}
    own = PurePosixPath(folder.relative_to(snapshot.folder).as_posix())
    for place in (own, *own.parents):
        entry = names.get((place / "README.md").as_posix())
        if entry is not None:
            return Card.read(entry.path.parent)
    return Card()


def _lacks(repository: Repository, entries: Iterable[Entry]) -> tuple[str, str]:
    """What of a model's files is missing or leads astray, and what to do."""
    for entry in entries:
        name = entry.name[:100]
        if entry.strange:
            return f"Its file {name} is a link that leads out of its folder.", _REFUSED
        if entry.size < 0 and any(n.startswith(f"{entry.blob}.") for n in repository.unfinished):
            return _UNFINISHED, _GET_AGAIN
        if entry.size < 0:
            return f"Its file {name} is not there: only a link to it is.", _GET_AGAIN
    return "", ""


def _without_models(repository: Repository) -> list[InstalledModel]:
    """What is said of a repository in which no model is."""
    snapshot = next((s for s in repository.snapshots if s.entries), None)
    foreign = any(n.endswith(".incomplete") for n in repository.unfinished)
    if snapshot is None and not foreign:
        return []
    folder = snapshot.folder if snapshot else repository.folder
    entries = snapshot.entries if snapshot else ()
    here = [e for e in entries if e.size >= 0 and not e.strange]
    model = told_of(
        folder,
        sorted(e.path for e in here),
        sum(e.size for e in here),
        id=repository.id,
        card=_card(snapshot, folder) if snapshot else Card(),
        source=HUB + repository.id,
    )
    problem, hint = _lacks(repository, entries)
    suffixes = {PurePosixPath(e.name).suffix.lower() for e in entries}
    if foreign and not problem:
        problem, hint = _UNFINISHED, _GET_AGAIN
    elif not problem and not suffixes & (WEIGHTS | PICKLED):
        problem = "Only the small files of it have been downloaded, not its weights."
        hint = _GET_AGAIN
    name = repository.id.rpartition("/")[2]
    return [
        replace(
            model,
            title=name if model.title == model.id else model.title,
            place=repository.folder.parent,
            repo=repository.id,
            revision=snapshot.revision if snapshot else "",
            problem=problem or model.problem or "It is in no layout that Triptych knows.",
            hint=hint or model.hint,
        )
    ]
