"""A repository's list of files, made into the variants of its model that can be had.

What is told here of files on a server is told by the functions that judge files on the disk:
`variants.split` names them, `inspect.whole` says what is missing, `facts` what they are,
`store.suits` which family runs them, `recognise.sort` what converting would help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from studio.core.card import Card
from studio.core.controls import Extra
from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.models import checkpoints, onegraph
from studio.models.facts import kind_of
from studio.models.headers import (
    MAX_CONFIG,
    Header,
    header_length,
    parse_json,
    parse_safetensors,
)
from studio.models.hub import genai
from studio.models.inspect import INDEXES, OPTIONAL_PARTS, PICKLED, WEIGHTS, Look, whole
from studio.models.installed import InstalledModel, fits, has, suits, told
from studio.models.net import HUB
from studio.models.onnxfile import DamagedError, Graph
from studio.models.recognise import sort
from studio.models.remote import RemoteFile, Variant
from studio.models.taking import SMALL_FILE
from studio.models.variants import Part, model_name, split

Small = Callable[[str], bytes]
"""The contents of a small file of the repository. Raises StudioError, OSError."""
Piece = Callable[[str, int, int], bytes]
"""Bytes of a file from the first place up to the second. Raises StudioError, OSError."""

MAX_VARIANTS = 400
MAX_TOLD = 40_000
"""Files of all variants together; no honest repository comes near."""
MAX_READ = 48
"""Small files that are asked for; of many that are alike, as voices, some speak for all."""
ALIKE = 2
"""Voices of one repository whose settings are looked at."""
START = 64 << 10
MAX_HEADER = 8 << 20
"""Bytes of a safetensors header that are asked for, first and at most."""
_PRECISIONS = {
    "q4": "int4", "q4f16": "int4", "bnb4": "int4", "int4": "int4", "uint4": "int4", "q8": "int8",
    "q8f16": "int8", "int8": "int8", "uint8": "int8", "quantized": "int8", "fp16": "fp16",
    "bf16": "bf16", "fp32": "fp32",
}  # fmt: skip
_DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
_BITS = {
    "int4": "4 bits",
    "int8": "8 bits",
    "fp16": "16 bits",
    "bf16": "16 bits",
    "fp32": "32 bits",
}
_PRECISION = re.compile(r"(?<![a-z0-9])(int4|uint4|int8|uint8|fp16|bf16|fp32)(?![0-9])")
_HALVES, _MERGED = ("decoder_model", "decoder_with_past_model"), "decoder_model_merged"
"""Two graphs, and the one that does the same: where that is there, the engine takes it."""
_PIPELINES = {"sd15": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline"}
"""What checkpoints in one file become when they are added."""


def variants(
    files: Iterable[RemoteFile],
    small: Small,
    specs: Sequence[FamilySpec],
    *,
    piece: Piece | None = None,
    tags: Iterable[str] = (),
    name: str = "the model",
    refused: Iterable[str] = (),
) -> tuple[Variant, ...]:
    """The ways to have the model of a repository, those that can be run first.

    There is one at least: without files where nothing can be had, and its problem says why.
    `tags` are the words that the hub says of it; its own card's count alone where they differ in
    what a family asks, for only the card comes along. `refused` are the names of the files that
    are never taken. Raises what `small` and `piece` raise for reasons of the network; a file that
    is damaged or absurd becomes a variant's problem.
    """
    known = {f.path: f for f in files}
    teller = _Teller(known, small, specs, piece, tuple(tags), name)
    found: list[Variant] = []
    for part in split(known)[:MAX_VARIANTS]:
        if sum(len(v.files) for v in found) < MAX_TOLD:
            found.append(teller.tell(part))
    if not found:
        return (_nothing([*known, *refused]),)
    return tuple(sorted(found, key=lambda v: (bool(v.problem), not v.families)))


def kind_among(found: Sequence[Variant], specs: Sequence[FamilySpec]) -> Kind | None:
    """What the variants make, by the family that runs the first of them."""
    kinds = {s.id: s.kind for s in specs}
    return next((kinds[i] for v in found for i in v.families if i in kinds), None)


def _nothing(names: Sequence[str]) -> Variant:
    """Why there is nothing to be had in a repository with these files."""
    suffixes = {PurePosixPath(n).suffix.lower() for n in names}
    problem, hint = "There is no model in it that Triptych knows.", "Choose another model."
    if ".gguf" in suffixes:
        problem = "Its files are GGUF, made for llama.cpp, which Triptych does not run."
        hint = "Look for the same model as safetensors or ONNX."
    elif suffixes & PICKLED:
        problem = "Its weights are pickled, and loading such files would run a stranger's program."
        hint = "Look for the same model as ONNX or safetensors."
    return Variant(
        id="", title="", folder="", layout="", precision="", files=(), problem=problem, hint=hint
    )


@dataclass
class _Teller:
    """One repository, while its variants are told; each small file is asked for once."""

    files: Mapping[str, RemoteFile]
    small: Small
    specs: Sequence[FamilySpec]
    piece: Piece | None
    tags: tuple[str, ...]
    name: str
    _read: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _headers: dict[str, Header | None] = field(default_factory=dict)
    _voices: int = 0
    _card: Card | None = None

    def tell(self, part: Part) -> Variant:
        """What one part is, and who runs it."""
        names = self._needed(part)
        look = self._look(part, names)
        files = tuple(self.files[n] for n in names)
        blank = Variant(
            id=part.id,
            title=part.id or self.name.rpartition("/")[2],
            folder=part.folder,
            layout=part.layout,
            precision="",
            files=files,
        )
        single = self._single(part, look)
        if isinstance(single, StudioError):
            return replace(blank, problem=single.message, hint=single.hint)
        if single is not None and single.sort == "checkpoint":
            return self._checkpoint(blank, part, look, single)
        if not look.problem:
            whole(look)
        size = sum(f.size for f in files)
        model = told(look, size, self._card_of(), id=model_name(self.name, part.id), source=HUB)
        limited = genai.limits(part.folder, look)
        found = replace(
            blank,
            layout=model.facts.get("layout", part.layout),
            precision=self._precision(part, look, model.facts),
            providers=limited,
            pipeline=look.pipeline,
            role=model.role,
        )
        found = replace(found, title=_title(found, part, single) or blank.title)
        if model.problem:
            found = replace(found, problem=model.problem, hint=model.hint)
            return self._mended(found, part, look, model)
        problem, hint = genai.unfit(look, limited)
        if problem:
            return replace(found, problem=problem, hint=hint)
        if model.role:
            return replace(found, families=self._laid(model.role))
        return self._run(found, part, look, model)

    def _run(self, found: Variant, part: Part, look: Look, model: InstalledModel) -> Variant:
        """The families for a whole model, as it lies and as it becomes when it is added."""
        lying = tuple(s.id for s in self.specs if fits(s, model))
        try:
            converter = sort(self.name, look, model.facts)[1]
        except StudioError as error:
            return self._refused(found, look, model.facts, error)
        built: tuple[str, ...] = ()
        if converter == "text.genai":
            words = {*model.tags, model.pipeline_tag}
            built = self._who({"layout": "genai"}, words, ["genai_config.json"])
        if lying or built:
            families = tuple(dict.fromkeys([*built, *lying]))
            add = "" if lying else part.folder or "."
            return replace(found, families=families, converter=converter, add=add)
        return self._mended(found, part, look, model)

    def _who(
        self, facts: Mapping[str, str], words: set[str], names: Sequence[str]
    ) -> tuple[str, ...]:
        return tuple(s.id for s in self.specs if suits(s, facts, words, lambda n: has(names, n)))

    def _mended(self, found: Variant, part: Part, look: Look, model: InstalledModel) -> Variant:
        """A bare graph, or one whose card does not say what it does: adding writes that down."""
        facts = model.facts
        said = self._card_of().pipeline_tag or next(
            (t for t in self.tags if t in onegraph.TAGS), ""
        )
        tag = onegraph.tag_of(said, facts.get("model_type", ""))
        graphs = sorted(look.graphs)
        alone = len(graphs) == 1 and not look.headers
        if not tag and alone and kind_of(look) in (None, "image") and not said:
            tag = onegraph.named(f"{self.name} {graphs[0]}")
        config = "config.json" in look.configs
        if tag and graphs and not look.headers and (config or alone):
            after = ["config.json", "onnx/model.onnx"]
            who = self._who({**facts, "layout": "transformers.js"}, {tag}, after)
            asking = {s.id for s in self.specs if s.any_tags}
            families = tuple(f for f in who if f in asking)
            if families:
                add = part.folder or "."
                if not config:
                    add = _below(part, graphs[0])
                return replace(found, families=families, add=add, problem="", hint="")
        return found if found.problem else self._refused(found, look, facts)

    def _refused(
        self,
        found: Variant,
        look: Look,
        facts: Mapping[str, str],
        error: StudioError | None = None,
    ) -> Variant:
        """Nothing runs it: why, in the words that adding it would have."""
        if "auto_map" in look.config:
            return replace(
                found,
                problem="It only runs with a program that comes with it, and Triptych runs no "
                "program of a stranger.",
                hint="Choose another model.",
            )
        if error is not None:
            return replace(found, problem=error.message, hint=error.hint)
        kind = facts.get("model_type") or facts.get("pipeline") or facts.get("layout") or "unknown"
        return replace(
            found,
            problem=f"Nothing in Triptych runs models of the kind “{kind}”.",
            hint="Look for the same model in another layout, or choose another one.",
        )

    def _checkpoint(
        self, blank: Variant, part: Part, look: Look, single: checkpoints.Single
    ) -> Variant:
        """Stable Diffusion in one file: a folder of diffusers once it is added."""
        pipeline = _PIPELINES.get(single.base, "")
        facts = {"layout": "diffusers", "pipeline": pipeline}
        after = ["model_index.json", "scheduler/scheduler_config.json"]
        name = next(n for n in look.names if n.endswith(".safetensors"))
        told = replace(
            blank,
            title=single.what if not part.id else f"{part.id} ({single.what})",
            precision=self._precision(part, look, facts),
            pipeline=pipeline,
            families=self._who(facts, set(), after),
            converter="image.graphs",
            add=_below(part, name),
        )
        if not told.families:
            return self._refused(told, look, facts)
        return told

    def _laid(self, role: str) -> tuple[str, ...]:
        """The families that take models of a role beside their own."""
        return tuple(
            s.id
            for s in self.specs
            if any(isinstance(c, Extra) and c.role == role for c in s.controls)
        )

    def _needed(self, part: Part) -> list[str]:
        """The files of a part that are really used."""
        merged = any(PurePosixPath(n).name.startswith(_MERGED) for n in part.files)
        kept = []
        for name in part.files:
            file, place = self.files[name], PurePosixPath(name)
            weights = place.suffix.lower() in WEIGHTS or place.suffix.lower() in (".data", ".pb")
            if not weights and "_data" not in place.name and file.size > SMALL_FILE:
                continue
            if merged and place.name.startswith(_HALVES) and not place.name.startswith(_MERGED):
                continue
            kept.append(name)
        return kept

    def _look(self, part: Part, names: Sequence[str]) -> Look:
        """The part's folder as it will be, seen as far as small files and headers tell."""
        prefix = f"{part.folder}/" if part.folder else ""
        inside = [n for n in names if n.startswith(prefix)]
        below = tuple(n[len(prefix) :] for n in inside)
        look = Look(Path(part.folder), tuple(map(Path, inside)), below)
        for name, place in zip(inside, below, strict=True):
            look.sizes[place] = self.files[name].size
            if place.endswith(".json"):
                self._configure(look, part, name, place)
            elif place.endswith(".onnx"):
                look.graphs[place] = Graph()
            elif place.endswith(".safetensors"):
                header = self._header(name) if part.layout == "lora" and "/" not in place else None
                look.headers[place] = header or Header({}, {})
        return look

    def _configure(self, look: Look, part: Part, name: str, place: str) -> None:
        if place in INDEXES or place.endswith(".safetensors.index.json"):
            found = self._json(name)
            if found is not None:
                look.configs[place] = found
            elif place in INDEXES and not look.problem:
                look.problem, look.hint = f"Its {place} is damaged.", "Tell its maker of it."
        elif place.endswith("/config.json"):
            look.configs[place] = {}  # that a part has one is enough
        elif part.layout == "piper" and place.endswith(".onnx.json"):
            self._voices += 1
            found = self._json(name) if self._voices <= ALIKE else {"phoneme_id_map": 0, "audio": 0}
            look.configs[place] = found or {}

    def _json(self, name: str) -> dict[str, Any] | None:
        if name not in self._read:
            if len(self._read) >= MAX_READ or self.files[name].size > MAX_CONFIG:
                return None
            self._read[name] = parse_json(self.small(name))
        return self._read[name]

    def _header(self, name: str) -> Header | None:
        """The header of a safetensors file; None where it cannot be told."""
        if self.piece is None or name not in self.files:
            return None
        if name not in self._headers:
            self._headers[name] = None
            if len(self._headers) <= MAX_READ:
                self._headers[name] = _header_of(self.piece, name, self.files[name].size)
        return self._headers[name]

    def _single(self, part: Part, look: Look) -> checkpoints.Single | StudioError | None:
        """What a safetensors file without any settings is; an error where nothing can be made
        of it."""
        if part.layout != "lora" or any(i in look.configs for i in INDEXES):
            return None
        name = next((n for n in look.names if n.endswith(".safetensors")), "")
        header = self._header(_below(part, name))
        if header is None:
            return StudioError(
                f"“{name}” does not say what it holds.", "Choose another model, or ask its maker."
            )
        try:
            return checkpoints.tell(Path(name), header)
        except StudioError as error:
            return error

    def _precision(self, part: Part, look: Look, facts: Mapping[str, str]) -> str:
        """How exactly the weights are kept, as far as names, settings or a header tell."""
        if part.form in _PRECISIONS:
            return _PRECISIONS[part.form]
        said = _PRECISION.search(f"{part.folder}/{' '.join(look.graphs)}".lower())
        if said:
            return said[1].removeprefix("u")
        drawing = [n for n in look.headers if n.partition("/")[0] not in OPTIONAL_PARTS]
        heaviest = max(drawing, key=lambda n: look.sizes[n], default="")
        if heaviest:
            header = self._header(_below(part, heaviest))
            if header is not None and header.precision:
                return header.precision
        dtype = look.config.get("dtype") or look.config.get("torch_dtype")
        if isinstance(dtype, str) and dtype in _DTYPES and not look.graphs:
            return _DTYPES[dtype]
        whole_graph = facts.get("layout") in ("transformers.js", "kokoro", "piper", "onnx")
        return "fp32" if whole_graph else ""

    def _card_of(self) -> Card:
        if self._card is None:
            self._card = Card()
            if "README.md" in self.files:
                self._card = Card.parse(self.small("README.md").decode("utf-8", "replace"))
        return self._card


def _header_of(piece: Piece, name: str, size: int) -> Header | None:
    try:
        start = piece(name, 0, min(START, size))
        length = header_length(start[:8], size)
        if length > MAX_HEADER:
            return None
        raw = start[8 : 8 + length]
        if len(raw) < length:
            raw += piece(name, 8 + len(raw), 8 + length)
        return parse_safetensors(raw, size) if len(raw) == length else None
    except DamagedError:
        return None


def _title(told: Variant, part: Part, single: checkpoints.Single | None) -> str:
    """What a person chooses by: bits, then what it is made for."""
    if single is not None:
        return f"{part.id} ({single.what})" if part.id else single.what
    if told.layout == "piper":
        language, _, rest = part.id.partition("-")
        voice, _, quality = rest.rpartition("-")
        return f"{voice} ({language}, {quality})" if voice else part.id
    if part.layout == "lora" and part.id:
        return part.id
    bits = _BITS.get(told.precision, "")
    made = " and ".join(map(genai.said, told.providers))
    if not made and re.search(r"(^|[/_-])cpu([/_-]|$)", part.folder):
        made = genai.said(genai.CPU)
    said = ", ".join(filter(None, (bits, f"for {made}" if made else "")))
    exact = part.form or part.id
    return f"{said} ({exact})" if said and exact and exact != told.precision else said or exact


def _below(part: Part, name: str) -> str:
    """The place in the repository of a file of a part's folder."""
    return f"{part.folder}/{name}" if part.folder else name
