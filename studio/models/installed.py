"""What is known of a model on this computer, told by looking at its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from studio.core.card import Card
from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.core.recipe import Recipe
from studio.models.facts import facts_of, kind_of, names_of, role_of
from studio.models.inspect import Look, look
from studio.models.onegraph import BY_TYPE, TAGS

NOT_STATED = "not stated"
"""Stands for a licence or a source that nobody has told."""

_KINDS: dict[str, Kind] = {
    "abc-notation": "audio",
    "text-to-audio": "audio",
    "text-to-speech": "audio",
    "text-to-music": "audio",
    "text-to-image": "image",
    "unconditional-image-generation": "image",
    "image-to-image": "image",
    "text-generation": "text",
    "text2text-generation": "text",
    "fill-mask": "text",
    "summarization": "text",
    "background-removal": "image",
    "image-segmentation": "image",
    "depth-estimation": "image",
    "image-feature-extraction": "image",
}
"""What a card's words say of a model's kind; earlier ones win: a tune is written as text too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model's folder and what its card says."""

    id: str
    """What a recipe calls it: the folder's name; `owner/name` or `owner/name:variant` of a hub."""
    title: str
    kind: Kind | None
    """None where neither the card nor the layout tells."""
    path: Path
    """Where its files lie; what a job runs it from is `Store.opened`."""
    licence: str
    source: str
    """A URL, or words."""
    size: int
    """Bytes on the disk."""
    card: str
    """The card's Markdown."""
    tags: tuple[str, ...]
    pipeline_tag: str
    starter: bool
    """Ships with the program, and cannot be removed."""
    problem: str = ""
    """Why it cannot be used, in one sentence; empty where it can."""
    hint: str = ""
    role: str = ""
    """Empty for a model of its own; what it is where it is laid over another, as "lora"."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What its configuration says: `model_type`, `architecture`, `pipeline`, `genai`, …"""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists of names that are its own, as `voices`."""
    fingerprint: str = ""
    """What it was added from, by contents; empty where the studio did not add it."""
    files: tuple[str, ...] = ()
    """Its files below `path`, with `/`."""
    place: Path | None = None
    """The folder of models, or the cache of a hub, that it lies in."""
    repo: str = ""
    """The hub's repository, `owner/name`; empty for a folder of its own."""
    revision: str = ""
    """The commit of the repository, 40 hex digits."""
    variant: str = ""
    """Which of the repository's models it is; empty for the plain one."""
    older: tuple[str, ...] = ()
    """Other revisions of it that lie here whole, the newest first; `owner/name@revision`."""
    kept: bool = False
    """A person keeps to `revision`; else it is the newest that lies here whole."""
    shared: int = 0
    """Of `size`, the bytes that something else needs as well: they stay when it is removed."""
    last_used: str = ""
    """When a job used it last, an ISO time; empty where none has."""
    away: bool = False
    """Its disk is not there just now, or does not answer; it is as it was when last seen."""


def fits(spec: FamilySpec, model: InstalledModel) -> bool:
    """Whether a family can run a model: no problem, the files it needs, the words of the card.

    Looks at no disk.
    """
    if model.problem or model.role:
        return False
    words = {*model.tags, model.pipeline_tag}
    return suits(spec, model.facts, words, lambda need: has(model.files, need))


def suits(
    spec: FamilySpec,
    facts: Mapping[str, str],
    words: set[str],
    has: Callable[[str], bool],
) -> bool:
    """Whether a family can run a whole model of these facts and of a card with these words.

    `has` says whether there is a file for a glob pattern of `FamilySpec.needs`.
    """
    if any(facts.get(fact) not in values for fact, values in spec.where.items()):
        return False
    if not words.issuperset(spec.tags) or words.intersection(spec.without_tags):
        return False
    if spec.any_tags and not words.intersection(spec.any_tags):
        return False
    return all(has(need) for need in spec.needs)


def families(model: InstalledModel, specs: Iterable[FamilySpec]) -> list[FamilySpec]:
    """The families that can run a model."""
    return [spec for spec in specs if fits(spec, model)]


def has(names: Iterable[str], pattern: str) -> bool:
    """Whether one of these names is what `Path.glob` would find for a pattern."""
    wanted = _pattern(pattern)
    return any(wanted.fullmatch(name) for name in names)


@lru_cache(256)
def _pattern(glob: str) -> re.Pattern[str]:
    said = ""
    for part in re.split(r"(\*\*/|\*|\?)", glob):
        said += {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part)
    return re.compile(said)


def kind_in_words(words: Iterable[str]) -> Kind | None:
    """What a model makes, as far as the words of its card tell."""
    said = set(words)
    return next((kind for word, kind in _KINDS.items() if word in said), None)


def nameable(name: str) -> bool:
    """Whether a model may be called so: recipes have to be able to name it."""
    try:
        Recipe.from_dict({"kind": "text", "family": "any", "model": name, "seed": 0})
    except StudioError:
        return False
    return True


def describe(path: Path, *, name: str) -> InstalledModel:
    """What is known of a folder as a model of that name. Raises OSError."""
    files = tuple(sorted(p for p in path.rglob("*") if p.is_file()))
    model = told_of(path, files, sum(p.stat().st_size for p in files), id=path.name)
    return replace(model, id=name)


def told_of(
    path: Path,
    files: Sequence[Path],
    size: int,
    *,
    id: str,
    starter: bool = False,
    card: Card | None = None,
    source: str = "",
) -> InstalledModel:
    """What is known of a model's folder; `files` are those of its files that count.

    `card` and `source` are said of it by what it lies in. Raises OSError where one of its files is
    unreadable.
    """
    card = Card.read(path) if card is None else card
    return told(look(path, tuple(files)), size, card, id=id, starter=starter, source=source)


def told(
    seen: Look, size: int, card: Card, *, id: str, starter: bool = False, source: str = ""
) -> InstalledModel:
    """What is known of a folder that was looked at, or of one on a server as it would be here."""
    problem, hint = seen.problem, seen.hint
    facts = facts_of(seen)
    if not problem and facts.get("base") == "text":
        problem = "It is a LoRA for a language model, and Triptych lays none over those."
        hint = "Look for a model with it merged in."
    if not problem and card.problem:
        # Without its tags a model could be taken for one of another family.
        problem, hint = card.problem, "Mend its README.md, or get the model again."
    if not nameable(id):
        problem = "Its folder has a name that cannot stand in a recipe."
        hint = "Rename it with letters, digits, dots and dashes."
    tag = card.pipeline_tag
    if source and tag not in TAGS:  # cards of a hub leave it to the configuration
        tag = BY_TYPE.get(facts.get("model_type", ""), tag)
    makers = "made by the Triptych project" if starter else NOT_STATED
    return InstalledModel(
        id=id,
        title=card.title or id,
        kind=kind_in_words((tag, *card.tags)) or kind_of(seen),
        path=seen.folder,
        licence=card.licence or NOT_STATED,
        source=card.source or source or makers,
        size=size,
        card=card.text,
        tags=card.tags,
        pipeline_tag=tag,
        starter=starter,
        problem=problem,
        hint=hint,
        role=role_of(seen),
        facts=facts,
        names=names_of(seen),
        fingerprint=card.fingerprint,
        files=seen.names,
    )
