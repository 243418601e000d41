"""The models on this computer: folders in the ecosystem's own layouts, known by their contents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from studio.core.card import Card
from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.core.recipe import Recipe
from studio.models.facts import facts_of, kind_of, names_of, role_of
from studio.models.inspect import look

NOT_STATED = "not stated"
"""Stands for a licence or a source that nobody has told."""

Stamp = tuple[tuple[str, int, int], ...]

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
    """The folder's name; what a recipe calls it."""
    title: str
    kind: Kind | None
    """None where neither the card nor the layout tells."""
    path: Path
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


class Store:
    """The models in some folders; where a name is in two of them, the first folder's counts.

    Safe to use from several threads.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Stamp, InstalledModel]] = {}

    def installed(self) -> list[InstalledModel]:
        """Every model's folder as it is now, those that cannot be used with their problem."""
        found: dict[str, InstalledModel] = {}
        twins: list[InstalledModel] = []
        with self._lock:
            known, self._known = self._known, {}
            for number, folder in enumerate(self.folders):
                for path in _subfolders(folder):
                    model = self._read(path, number == 0, known)
                    # Two names that differ by case are one on most systems.
                    if model.id.casefold() in found:
                        twins.append(_twin(model))
                    else:
                        found[model.id.casefold()] = model
        return [*found.values(), *twins]

    def find(self, model_id: str) -> InstalledModel | None:
        """The model that a recipe calls `model_id`, usable or not; None where there is none."""
        # Its own folder alone is read: this is asked for at every press of Make.
        earlier: set[str] = set()
        with self._lock:
            for number, folder in enumerate(self.folders):
                for path in _subfolders(folder):
                    if path.name == model_id:
                        model = self._read(path, number == 0, self._known)
                        return _twin(model) if model_id.casefold() in earlier else model
                    earlier.add(path.name.casefold())
        return None

    def fitting(self, spec: FamilySpec) -> list[InstalledModel]:
        """The models that a family can run, the starter models first."""
        return [m for m in self.installed() if fits(spec, m)]

    def default_for(self, spec: FamilySpec) -> InstalledModel | None:
        """What a family runs when nobody has chosen."""
        return next(iter(self.fitting(spec)), None)

    @staticmethod
    def fits(spec: FamilySpec, model: InstalledModel) -> bool:
        """Whether a family can run a model: the function `fits`, for those who hold a store."""
        return fits(spec, model)

    def _read(
        self, path: Path, starter: bool, known: dict[Path, tuple[Stamp, InstalledModel]]
    ) -> InstalledModel:
        try:
            files = tuple(sorted(p for p in path.rglob("*") if p.is_file()))
            stamp = tuple(
                (p.relative_to(path).as_posix(), (s := p.stat()).st_size, s.st_mtime_ns)
                for p in files
            )
            if path in known and known[path][0] == stamp:
                model = known[path][1]
            else:
                model = _describe(path, files, sum(size for _, size, _ in stamp), starter)
            self._known[path] = (stamp, model)
            return model
        except OSError as error:
            model = _describe(path, (), 0, starter)
            return replace(
                model,
                problem=f"It cannot be read ({error.strerror or type(error).__name__}).",
                hint="Check the permissions of its folder.",
            )


def fits(spec: FamilySpec, model: InstalledModel) -> bool:
    """Whether a family can run a model: no problem, the files it needs, the words of the card."""
    if model.problem or model.role:
        return False
    words = {*model.tags, model.pipeline_tag}
    return suits(
        spec, model.facts, words, lambda need: any(p.is_file() for p in model.path.glob(need))
    )


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


def _twin(model: InstalledModel) -> InstalledModel:
    return replace(
        model,
        problem=f"There is another model called “{model.id}”.",
        hint="Rename one of the two folders.",
    )


def _subfolders(folder: Path) -> list[Path]:
    try:
        inside = sorted(folder.iterdir(), key=lambda p: p.name.casefold())
        return [p for p in inside if p.is_dir() and not p.name.startswith(".")]
    except OSError:
        return []  # no such folder yet: nothing has been installed


def describe(path: Path, *, name: str) -> InstalledModel:
    """What is known of a folder as a model of that name. Raises OSError."""
    files = tuple(sorted(p for p in path.rglob("*") if p.is_file()))
    model = _describe(path, files, sum(p.stat().st_size for p in files), starter=False)
    return replace(model, id=name)


def _describe(path: Path, files: tuple[Path, ...], size: int, starter: bool) -> InstalledModel:
    """What is known of a model's folder. Raises OSError where one of its files is unreadable."""
    card = Card.read(path)
    seen = look(path, files)
    problem, hint = seen.problem, seen.hint
    facts = facts_of(seen)
    if not problem and facts.get("base") == "text":
        problem = "It is a LoRA for a language model, and Triptych lays none over those."
        hint = "Look for a model with it merged in."
    if not problem and card.problem:
        # Without its tags a model could be taken for one of another family.
        problem, hint = card.problem, "Mend its README.md, or get the model again."
    if not nameable(path.name):
        problem = "Its folder has a name that cannot stand in a recipe."
        hint = "Rename it with letters, digits, dots and dashes."
    kind = kind_in_words((card.pipeline_tag, *card.tags))
    return InstalledModel(
        id=path.name,
        title=card.title or path.name,
        kind=kind or kind_of(seen),
        path=path,
        licence=card.licence or NOT_STATED,
        source=card.source or ("made by the Triptych project" if starter else NOT_STATED),
        size=size,
        card=card.text,
        tags=card.tags,
        pipeline_tag=card.pipeline_tag,
        starter=starter,
        problem=problem,
        hint=hint,
        role=role_of(seen),
        facts=facts,
        names=names_of(seen),
        fingerprint=card.fingerprint,
    )


def kind_in_words(words: Iterable[str]) -> Kind | None:
    """What a model makes, as far as the words of its card tell."""
    said = set(words)
    return next((kind for word, kind in _KINDS.items() if word in said), None)


def nameable(name: str) -> bool:
    """Whether a model's folder may be called so: recipes have to be able to name it."""
    try:
        Recipe.from_dict({"kind": "text", "family": "any", "model": name, "seed": 0})
    except StudioError:
        return False
    return True
