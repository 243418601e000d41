"""The models in one repository, told by the names of its files: what a hub offers and what lies in
a cache are called the same.

A variant's name comes from its own files alone, never from what lies beside it: a model keeps its
name when another variant is downloaded. Where variants go by file names, those are transformers.js'
and diffusers': https://huggingface.co/docs/transformers.js/guides/dtypes,
https://huggingface.co/docs/diffusers/using-diffusers/loading#checkpoint-variants.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from studio.models.inspect import OPTIONAL_PARTS, PICKLED

WHOLE = "onnx"
"""The variant of the ONNX files that say no precision."""
USUAL = frozenset({"model", "pytorch_lora_weights", "adapter_model", "diffusion_pytorch_model"})
"""Names of weights that say nothing: such a file is the repository's model."""
FEW = 64
"""Small files beside loose weights that are taken for parts of each."""
FORM = r"fp32|fp16|bf16|int8|uint8|int4|uint4|quantized|bnb4|q[1-8](?:f16)?"
_ONNX_FORM = re.compile(rf"(.+)_({FORM})")
_SHARD = re.compile(r"(.*)-\d{5}-of-\d{5}")
_WEIGHTS_FORM = re.compile(rf"(.+)\.({FORM}|non_ema|ema)")
_DEVICE = re.compile(r"[a-z]+")
_UNSAID = re.compile(r"[^A-Za-z0-9._/+ -]+")
_USELESS = (".py", ".msgpack", ".ot", ".tflite", ".gguf", ".mlmodel", ".incomplete", ".part",
            ".mp4", ".gif", ".png", ".jpg", ".jpeg", ".webp", ".ipynb", ".pdf", ".mlpackage",
            ".xml")  # fmt: skip
_INDEXES = ("genai_config.json", "model_index.json", "config.json", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a repository: what it is called, where it lies, and all files that make it."""

    id: str
    """Empty for the repository's plain model; as `q4`, `cpu-int4-rtn-block-32`, `en_US-amy-low`."""
    folder: str
    """The model's folder in the repository, with `/`; empty for its root."""
    layout: str
    """What its names promise, as `InstalledModel.facts["layout"]` will say it."""
    form: str
    """The precision that the names of its files say, as `fp16`; empty where they say none."""
    files: tuple[str, ...]
    """Names in the repository, the card and the licence of its root with them; sorted."""


class _Files(tuple[PurePosixPath, ...]):
    """Sorted files, and what is asked of them for each: a repository may have thousands."""

    @cached_property
    def known(self) -> frozenset[PurePosixPath]:
        return frozenset(self)

    @cached_property
    def near(self) -> dict[PurePosixPath, list[str]]:
        """The names in each folder, sorted."""
        found: dict[PurePosixPath, list[str]] = {}
        for file in self:
            found.setdefault(file.parent, []).append(file.name)
        return {folder: sorted(names) for folder, names in found.items()}

    def named(self, file: PurePosixPath) -> list[str]:
        """The names beside a file that begin as its own does, up to the dot."""
        near = self.near.get(file.parent, [])
        return near[bisect_left(near, f"{file.stem}.") : bisect_left(near, f"{file.stem}/")]

    @cached_property
    def drawn(self) -> frozenset[PurePosixPath]:
        """The folders with an ONNX file in them."""
        return frozenset(f.parent for f in self if f.suffix == ".onnx")


def model_name(repo: str, variant: str) -> str:
    """What recipes call a model from a hub."""
    return f"{repo}:{variant}" if variant else repo


def name_parts(model: str) -> tuple[str, str]:
    """Repository and variant of a model's name; ("", "") where it is from no hub."""
    repo, _, variant = model.partition(":")
    owner, _, name = repo.partition("/")
    return (repo, variant) if owner and name else ("", "")


def split(names: Iterable[str]) -> tuple[Part, ...]:
    """The models among a repository's files, in the order of their folders and names.

    Tells from names alone: whether they are whole, and what runs them, the contents say.
    """
    files = _Files(PurePosixPath(n) for n in sorted(set(names)) if not _hidden(n))
    homes = _homes(files)
    below: dict[PurePosixPath, list[PurePosixPath]] = {home: [] for home in homes}
    for file in files:
        home = next((folder for folder in file.parents if folder in below), None)
        if home is not None:
            below[home].append(file)
    parts = [part for home in homes for part in _models(home, _Files(below[home]))]
    common = [f.as_posix() for f in files if len(f.parts) == 1 and _about(f.name)]
    return _told_apart([_with(part, common) for part in parts])


def graph_data(graph: str, names: Iterable[str]) -> list[str]:
    """The files beside an ONNX file that by their names hold its weights."""
    stem = graph.removesuffix(".onnx")
    said = re.compile(rf"{re.escape(graph)}[_.]data(_\d+)?|{re.escape(stem)}\.(data|weights?)")
    return [n for n in names if said.fullmatch(n)]


def _hidden(name: str) -> bool:
    """Whether a name is left out: hidden, or none that a file in a repository has."""
    path = PurePosixPath(name)
    return path.as_posix() != name or any(p.startswith((".", "__", "/")) for p in path.parts)


def _about(name: str) -> bool:
    return name == "README.md" or name.upper().startswith(("LICEN", "NOTICE", "COPYING"))


def _homes(files: _Files) -> list[PurePosixPath]:
    """The folders that are models, the deepest first."""
    root = PurePosixPath()
    indexed: dict[PurePosixPath, set[str]] = {}
    for file in files:
        if file.name in _INDEXES:
            indexed.setdefault(file.parent, set()).add(file.name)
    homes: set[PurePosixPath] = set()
    for folder in sorted(indexed, key=lambda f: len(f.parts)):
        above = [f for f in (folder, *folder.parents) if f != folder]
        own = indexed[folder] & {"genai_config.json", "model_index.json"}
        if own or not homes.intersection(above):
            homes.add(folder)
    homes |= {f.parent for f in files if _voice(f, files) and homes.isdisjoint(f.parents)}
    loose = [f for f in files if f.suffix in (".onnx", ".safetensors") and f.parent == root]
    if loose and root not in homes:
        homes.add(root)
    return sorted(homes, key=lambda f: (-len(f.parts), f.as_posix()))


def _voice(file: PurePosixPath, files: _Files) -> bool:
    """Whether this is a Piper voice: an ONNX file with its settings beside it."""
    return file.suffix == ".onnx" and file.with_name(f"{file.name}.json") in files.known


def _models(home: PurePosixPath, files: _Files) -> Iterator[Part]:
    names = {f.name for f in files if f.parent == home}
    rest = [f for f in files if _small(f)]
    if "genai_config.json" in names:
        graphs = [f for f in files if f.suffix == ".onnx" or _data(f, files)]
        yield _part(_slug(home), home, "genai", "", [*rest, *graphs])
    elif "model_index.json" in names:
        yield from _pipelines(home, files, rest)
    elif any(_voice(f, files) for f in files):
        yield from _voices(home, files, rest)
    elif names.intersection(_INDEXES):
        layout = "lora" if "adapter_config.json" in names else "transformers"
        yield from _weights(home, files, rest, layout)
        yield from _graphs(home, files, rest)
    else:
        yield from _loose(home, files, rest)


def _pipelines(home: PurePosixPath, files: _Files, rest: Sequence[PurePosixPath]) -> Iterator[Part]:
    """A pipeline of diffusers; a checkpoint of the same model in one file beside it stays.

    Where only some of its parts are graphs, those in safetensors go with them.
    """
    parts = [f for f in files if f.parent != home]
    weights = [f for f in parts if f.suffix == ".safetensors"]
    graphs = [f for f in parts if f.suffix == ".onnx"]
    drawn = {_component(f, home) for f in graphs}
    held = {_component(f, home) for f in weights}
    if drawn <= held:
        yield from _weights(home, parts, rest, "diffusers")
    if graphs:
        formed = {form for _, form in map(_form_of, weights)}
        plain = [f for f in weights if not _form_of(f)[1] or "" not in formed]
        others = [f for f in plain if _component(f, home) not in drawn | OPTIONAL_PARTS]
        graphs += [*others, *(f for f in parts if _data(f, files))]
        yield _part(_slug(home, WHOLE), home, "diffusers", "", [*rest, *graphs])


def _component(file: PurePosixPath, home: PurePosixPath) -> str:
    """Which part of a pipeline a file belongs to; graphs have an autoencoder in two halves."""
    name = file.relative_to(home).parts[0]
    return name.removesuffix("_decoder").removesuffix("_encoder") if "vae" in name else name


def _weights(
    home: PurePosixPath,
    files: Sequence[PurePosixPath],
    rest: Sequence[PurePosixPath],
    layout: str,
) -> Iterator[Part]:
    """The safetensors of a folder by their forms; a part without the form comes in the plain one,
    as diffusers loads it."""
    formed: dict[str, dict[PurePosixPath, list[PurePosixPath]]] = {}
    for file in files:
        if file.suffix == ".safetensors":
            stem, form = _form_of(file)
            formed.setdefault(form, {}).setdefault(file.with_name(stem), []).append(file)
    plain = formed.get("", {})
    covered = {f.parent for fs in plain.values() for f in fs}
    for form, stems in formed.items():
        if form in ("ema", "non_ema") or (form and layout == "lora"):
            continue
        held = [f for fs in stems.values() for f in fs]
        has = {f.parent for f in held}
        held += [f for fs in plain.values() for f in fs if f.parent not in has]
        if form and covered - {f.parent for f in held}:
            continue
        others = [f for f in rest if not _index_of_another(f, form)]
        yield _part(_slug(home, form), home, layout, form, [*others, *held])


def _form_of(file: PurePosixPath) -> tuple[str, str]:
    """Stem and form of a file of weights: `a.fp16-00001-of-00002.safetensors` is a in fp16."""
    stem = file.name.removesuffix(".safetensors")
    shard = _SHARD.fullmatch(stem)
    stem = shard[1] if shard else stem
    formed = _WEIGHTS_FORM.fullmatch(stem)
    return (formed[1], formed[2]) if formed else (stem, "")


def _index_of_another(file: PurePosixPath, form: str) -> bool:
    """Whether this lists the shards of another form: `a.safetensors.index.fp16.json`."""
    if ".safetensors.index" not in file.name:
        return False
    said = file.name.rpartition(".safetensors.index")[2].removesuffix(".json").strip(".")
    return said not in ("", form)


def _graphs(home: PurePosixPath, files: _Files, rest: Sequence[PurePosixPath]) -> Iterator[Part]:
    """ONNX files by their forms; a graph that is there in one form only goes with all."""
    formed: dict[str, dict[PurePosixPath, PurePosixPath]] = {}
    for file in files:
        if file.suffix == ".onnx":
            found = _ONNX_FORM.fullmatch(file.stem)
            stem, form = (found[1], found[2]) if found else (file.stem, "")
            formed.setdefault(form, {})[file.with_name(stem)] = file
    plain = formed.get("", {})
    nested = any(f.parent != home for fs in formed.values() for f in fs.values())
    own = {f for fs in formed.values() for g in fs.values() for f in _beside(g, files)}
    odd = [f for f in files if _data(f, files) and f not in own]
    for form, stems in formed.items():
        held = [*stems.values(), *(f for stem, f in plain.items() if stem not in stems)]
        data = [f for graph in held for f in _beside(graph, files)]
        layout = "transformers.js" if nested else "onnx"
        yield _part(_slug(home, form or WHOLE), home, layout, form, [*rest, *held, *data, *odd])


def _beside(graph: PurePosixPath, files: _Files) -> list[PurePosixPath]:
    return [graph.with_name(n) for n in graph_data(graph.name, files.named(graph))]


def _data(file: PurePosixPath, files: _Files) -> bool:
    """Whether by its name a file holds weights of a graph."""
    near = file.suffix in (".data", ".weight", ".weights", ".pb") or "onnx_data" in file.name
    return near and file.parent in files.drawn


def _voices(home: PurePosixPath, files: _Files, rest: Sequence[PurePosixPath]) -> Iterator[Part]:
    """Piper's voices, each by its own name wherever it lies."""
    graphs = [f for f in files if _voice(f, files)]
    settings = {f.with_name(f"{f.name}.json") for f in graphs}
    near: dict[PurePosixPath, list[PurePosixPath]] = {}
    for file in rest:
        if file not in settings:
            near.setdefault(file.parent, []).append(file)
    for graph in graphs:
        own = graph.with_name(f"{graph.name}.json")
        others = _own(graph, near.get(graph.parent, []), files)
        yield _part(_said(graph.stem), graph.parent, "piper", "", [*others, graph, own])


def _loose(home: PurePosixPath, files: _Files, rest: Sequence[PurePosixPath]) -> Iterator[Part]:
    """Files of weights without a word beside them: each is a model."""
    kokoro = [f for f in files if f.match("voices*.bin") and f.parent == home]
    kokoro += [f for f in files if f.parent == home / "voices" and f.suffix == ".bin"]
    for file in files:
        if file.parent != home or file.suffix not in (".onnx", ".safetensors"):
            continue
        if file.suffix == ".safetensors":
            name = "" if file.stem in USUAL else _said(file.stem)
            yield _part(name, home, "lora", "", [*_own(file, rest, files), file])
            continue
        name = WHOLE if file.stem in USUAL else _said(file.stem)
        layout = "kokoro" if kokoro else "onnx"
        held = [*_own(file, rest, files), *kokoro, file, *_beside(file, files)]
        yield _part(name, home, layout, "", held)


def _own(
    file: PurePosixPath, rest: Sequence[PurePosixPath], files: _Files
) -> Sequence[PurePosixPath]:
    """What goes with one of many models in a folder: all the rest, where that is not much."""
    if len(rest) <= FEW:
        return rest
    return [f for f in map(file.with_name, files.named(file)) if _small(f)]


def _small(file: PurePosixPath) -> bool:
    """Whether a file goes with every form: settings, tokenizers, voices, words."""
    voice = "voices" in file.parts[:-1] or file.parent.name == "speakers"
    if file.suffix.lower() in PICKLED and not voice:
        return False
    if file.name == "README.md" or file.suffix.lower() in (".onnx", ".safetensors"):
        return False
    if file.suffix in (".data", ".weight", ".weights", ".pb") or "onnx_data" in file.name:
        return False
    return not file.name.lower().endswith(_USELESS)


def _part(
    name: str, home: PurePosixPath, layout: str, form: str, files: Iterable[PurePosixPath]
) -> Part:
    folder = "" if home == PurePosixPath() else home.as_posix()
    return Part(name, folder, layout, form, tuple(sorted({f.as_posix() for f in files})))


def _with(part: Part, common: Sequence[str]) -> Part:
    files = tuple(sorted({*part.files, *common}))
    return Part(part.id, part.folder, part.layout, part.form, files)


def _slug(home: PurePosixPath, form: str = "") -> str:
    """What a variant is called by its folder, where that is not the root, and its form."""
    parts = list(home.parts)
    # `cuda/cuda-fp16` says it twice.
    while len(parts) > 1 and _first(parts[-2]) == _first(parts[-1]):
        del parts[-2]
    return _said("/".join([*parts, *([form] if form else [])]))


def _first(name: str) -> str:
    found = _DEVICE.match(name.lower())
    return found[0] if found else name


def _said(name: str) -> str:
    """A name as a recipe can say it."""
    return _UNSAID.sub("-", name).strip(" ")


def _told_apart(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Those whose names are the same by chance, by the whole names of their folders."""
    seen: set[str] = set()
    found = []
    for part in sorted(parts, key=lambda p: (p.folder, p.id)):
        name = part.id
        if name.casefold() in seen:
            name = _said("/".join(p for p in (part.folder, name or part.layout) if p))
        if name.casefold() in seen:
            continue  # the same once more
        seen.add(name.casefold())
        found.append(Part(name, part.folder, part.layout, part.form, part.files))
    return tuple(found)
