"""What somebody brought, told by its contents: a plan for making a model of it, or why not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from studio.core.card import Card
from studio.core.controls import Choice, Option
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.files import cannot_read
from studio.models import checkpoints, onegraph
from studio.models.cache import HUB, repository_id
from studio.models.facts import facts_of, kind_of, layout_of, role_of
from studio.models.headers import ARCHIVES, disguise
from studio.models.inspect import INDEXES, PICKLED, WEIGHTS, Look, look, lora_file
from studio.models.places import card_of, files_below, snapshot_of
from studio.models.plan import Plan, Taken, fingerprint, model_id, refused
from studio.models.taking import CONVERTED, GENAI, into_onnx, wanted

_SAID = {
    "vits": "VITS voice",
    "speecht5": "SpeechT5 voice",
    "musicgen": "MusicGen model",
    "hifigan": "HiFi-GAN vocoder, for speech models that need one",
}
_PRECISION = Choice(
    name="precision",
    label="Precision",
    help="How exactly the weights are kept. Smaller ones are faster and need less memory.",
    default="int4",
    options=(
        Option(value="int4", label="4 bits: small and fast"),
        Option(value="fp16", label="16 bits: for a GPU with much memory"),
        Option(value="fp32", label="32 bits: exact, large and slow"),
    ),
)


def recognise(path: Path) -> Plan:
    """What `path` is, and what is to be done with it.

    Looks at names, headers and samples: quick for any size. Raises StudioError, saying what it is
    as far as that is known, where no model can be made of it.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - symlinks give the names that people know
    try:
        if path.is_dir():
            return _folder(path)
        if path.is_file():
            return _file(path)
    except OSError as error:
        raise cannot_read(path, error) from error
    raise StudioError(f"There is no file or folder {path}.", "Check the path.")


# Files


def _file(path: Path) -> Plan:
    name, suffix = path.name, path.suffix.lower()
    if name in INDEXES or name.endswith(".index.json") or name == "README.md":
        return _folder(path.parent)
    real = disguise(path)
    if real == "pointer":
        raise refused(
            name,
            "it is only a pointer of Git LFS, not the weights",
            "Get the file itself: “git lfs pull” in its folder, or a download from the web page.",
        )
    if real == "page":
        raise refused(name, "it is a web page", "The download went wrong; get the file again.")
    if name.endswith(".onnx.json"):
        return _file(path.with_name(name.removesuffix(".json")))
    voices = PurePosixPath(name).match("voices*.bin") and sorted(path.parent.glob("kokoro*.onnx"))
    if voices:
        return _file(voices[0])
    if real == "pickle" or suffix in PICKLED:
        raise refused(
            name,
            "it is pickled, and loading such a file would run a stranger's program",
            "Look for the same model as safetensors or ONNX; most makers offer both.",
        )
    if real in ("zip", "archive") or suffix in ARCHIVES:
        raise refused(name, "it is an archive", "Unpack it first, then add what was in it.")
    if suffix == ".safetensors":
        return _safetensors(path)
    if suffix == ".onnx":
        return _onnx(path)
    with path.open("rb") as file:
        if file.read(4) == b"GGUF":
            raise _gguf(name)
    raise refused(
        name,
        "it is no model that Triptych knows",
        "Models are safetensors or ONNX files, and folders with them.",
    )


def _gguf(name: str) -> StudioError:
    return refused(
        name,
        "it is a GGUF file, made for llama.cpp, which Triptych does not run",
        "Get the same model as safetensors (its folder with config.json) and add that.",
    )


def _beside(path: Path) -> Path | None:
    """The folder of a model that a file of weights belongs to; None where it stands alone."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "model_index.json").is_file():
            return folder
        near = folder == path.parent or path.parent.name == "onnx"
        if near and any((folder / name).is_file() for name in INDEXES):
            return folder
    return None


def _safetensors(path: Path) -> Plan:
    folder = _beside(path)
    header = look(path.parent, (path,))
    if path.name not in header.headers:
        raise refused(path.name, _of_itself(header.problem, path), header.hint)
    try:
        single = checkpoints.tell(path, header.headers[path.name])
    except StudioError:
        if folder is not None:
            return _folder(folder)
        raise
    metadata = header.headers[path.name].metadata
    title = metadata.get("modelspec.title") or metadata.get("ss_output_name") or path.stem
    front = {"license": metadata.get("modelspec.license", "")}
    lora = single.sort == "lora"
    if not lora:
        front["pipeline_tag"] = "text-to-image"
    return _plan(
        path,
        (Taken(path, path.name),),
        kind="image",
        title=title,
        name=path.stem,
        what=single.what,
        front=front,
        converter="" if lora else "image.graphs",
        role="lora" if lora else "",
    )


def _onnx(path: Path) -> Plan:
    folder = _beside(path)
    if folder is not None:
        return _folder(folder)
    config = path.with_name(f"{path.name}.json")
    voices = sorted(p for p in path.parent.glob("voices*") if p.suffix in (".bin", ".npz"))
    beside = [path, *([config] if config.is_file() else [])]
    if path.name.lower().startswith("kokoro") and voices:
        beside.append(voices[0])
    first = look(path.parent, (path,))
    graph = first.graphs.get(path.name)
    if graph is None or (first.problem and not graph.external and "layout" not in first.problem):
        raise refused(path.name, _of_itself(first.problem, path), first.hint)
    outside = {path.parent / e.location for e in graph.external}
    seen = look(path.parent, (*beside, *sorted(p for p in outside if p.is_file())))
    layout = layout_of(seen)
    if layout in ("piper", "kokoro"):
        if seen.problem:
            raise refused(path.name, seen.problem, seen.hint)
        return _found(path, path.stem, seen)
    if seen.problem and "layout" not in seen.problem:
        raise refused(path.name, _of_itself(seen.problem, path), seen.hint)
    shape = onegraph.tell(path, graph)
    files = tuple(
        Taken(p, f"onnx/{'model.onnx' if p == path else p.relative_to(path.parent).as_posix()}")
        for p in seen.files
        if p != config
    )
    return _plan(
        path,
        files,
        kind="image",
        title=path.stem,
        name=path.stem,
        what=shape.what,
        front={"pipeline_tag": shape.tag},
        written=shape.written,
        options=shape.options,
    )


def _of_itself(problem: str, path: Path) -> str:
    """What is wrong with a folder of this one file, said of the file."""
    return problem.replace(f"Its file {path.name} ", "it ", 1)


# Folders


def _folder(folder: Path) -> Plan:
    name, source = folder.name, ""
    snapshot = snapshot_of(folder)
    if snapshot is not None:
        folder, owner = snapshot
        repo = repository_id(owner)
        name = repo.rpartition("/")[2] or owner.name
        source = HUB + repo
    files = tuple(files_below(folder))
    if not files:
        raise refused(name, "the folder is empty", "Choose the folder that the model lies in.")
    inner = {p.relative_to(folder).parts[0] for p in files}
    if len(inner) == 1 and (folder / next(iter(inner))).is_dir():
        return _folder(folder / next(iter(inner)))
    indexed = any((folder / index).is_file() for index in INDEXES)
    weights = [p for p in files if p.parent == folder and p.suffix.lower() in WEIGHTS]
    if not indexed and len(weights) == 1:
        return _file(weights[0])
    seen = look(folder, files)
    if not indexed and len(weights) > 1 and layout_of(seen) != "kokoro":
        raise refused(name, f"there are {len(weights)} models in it", "Choose one of its files.")
    if not set(seen.headers) | set(seen.graphs) and any(p.suffix.lower() == ".gguf" for p in files):
        raise _gguf(name)
    if not indexed and not weights:
        _several(folder, name, inner)
    if seen.problem:
        raise refused(name, seen.problem, seen.hint)
    return _found(folder, name, seen, source)


def _several(folder: Path, name: str, inner: Iterable[str]) -> None:
    """Raise StudioError for a folder whose own folders are models, or parts of one."""
    inside = sorted(n for n in inner if any((folder / n / index).is_file() for index in INDEXES))
    if {"unet", "transformer"} & set(inside):
        raise refused(
            name,
            "its model_index.json is missing",
            "Get the model again; a download may have been cut short.",
        )
    if len(inside) > 1:
        raise refused(
            name,
            f"there are {len(inside)} models in it",
            f"Choose one of its folders: {', '.join(inside)[:200]}.",
        )


def _found(given: Path, name: str, seen: Look, source: str = "") -> Plan:
    """The plan for a whole folder, or for the files of a voice."""
    taken = wanted(seen)
    kept = look(seen.folder, tuple(t.path for t in taken))
    if kept.problem:
        raise refused(name, kept.problem, kept.hint)
    facts, layout = facts_of(kept), layout_of(kept)
    card = card_of(seen.folder) if given.is_dir() else ""
    said = Card.parse(card)
    what, converter, options = sort(name, kept, facts)
    kind = kind_of(kept)
    front = {"source": source}
    if layout == "diffusers" and not role_of(kept):
        front["pipeline_tag"] = "text-to-audio" if kind == "audio" else "text-to-image"
    if layout == "onnx":
        taken = tuple(into_onnx(t) for t in taken)
    if layout in ("onnx", "transformers.js") and kind in (None, "image"):
        tag = onegraph.tag_of(said.pipeline_tag, facts.get("model_type", ""))
        if not tag and len(kept.graphs) == 1:
            shape = onegraph.tell(given, next(iter(kept.graphs.values())))
            what, options, tag = shape.what, shape.options, shape.tag
        if tag:
            front["pipeline_tag"], kind = tag, "image"
    if converter == "text.genai":
        taken = tuple(t for t in taken if PurePosixPath(t.place).name.upper().startswith("LICEN"))
    if kind is None:
        raise refused(
            name,
            f"nothing in Triptych runs models of the kind “{facts.get('model_type') or layout}”",
            "Look in the README for the kinds of model that can be run.",
        )
    return _plan(
        given if given.is_dir() else seen.files[0],
        taken,
        kind=kind,
        title=said.title or name,
        name=name,
        what=what,
        card=card,
        front=front,
        converter=converter,
        options=options,
        role=role_of(kept),
        contents=[t.path for t in wanted(seen)],
    )


def sort(name: str, seen: Look, facts: Mapping[str, str]) -> tuple[str, str, tuple[Choice, ...]]:
    """What a folder is in words, the converter it needs, and what there is to choose.

    Raises StudioError, calling it `name`, where nothing in the studio can run it.
    """
    layout, model_type = facts.get("layout", ""), facts.get("model_type", "")
    architecture = facts.get("architecture", "")
    role = role_of(seen)
    if role == "lora":
        if not lora_file(seen):
            raise refused(name, "there is no LoRA among its files", "Choose the LoRA's own file.")
        base = checkpoints.BASES.get(facts.get("base", ""), "")
        if facts.get("base") == "text":
            raise refused(
                name, "it is a LoRA for a language model", "Look for a model with it merged in."
            )
        return f"LoRA for {base}" if base else "LoRA", "", ()
    if role == "controlnet":
        return "ControlNet, to guide pictures by another picture", "", ()
    if role == "preview":
        return "Tiny autoencoder, for previews while a picture is drawn", "", ()
    if role == "vocoder":
        return _SAID["hifigan"], "", ()
    if layout == "genai":
        if "genai" not in facts:
            raise refused(
                name, "its genai_config.json does not say what it is", "Get the model again."
            )
        return f"Language model ({facts.get('genai', 'genai')}) for onnxruntime-genai", "", ()
    if layout == "piper":
        return "Piper voice", "", ()
    if layout == "kokoro":
        return "Kokoro voices", "", ()
    if layout == "diffusers":
        if "model_index.json" not in seen.configs:
            raise refused(
                name,
                f"it is only one part of a model ({architecture})",
                "Add the whole folder, the one with model_index.json in it.",
            )
        if not seen.pipeline:
            raise refused(name, "its model_index.json names no pipeline", "Get the model again.")
        parts = "safetensors" if seen.headers else "ONNX"
        makes = "audio" if kind_of(seen) == "audio" else "image"
        what = f"{facts.get('pipeline', '').removesuffix('Pipeline')} pipeline with {parts} parts"
        return what, f"{makes}.graphs" if seen.headers else "", ()
    if layout == "transformers":
        if architecture in GENAI:
            return f"Language model ({model_type})", "text.genai", (_PRECISION,)
        converter = CONVERTED.get(model_type)
        if converter is None:
            raise refused(
                name,
                f"nothing in Triptych runs models of the kind “{architecture or model_type}”",
                "Look for the same model as ONNX, or choose another one.",
            )
        words = "Language model" if converter == "text.graphs" else "Sound model"
        return _SAID.get(model_type, f"{words} ({model_type})"), converter, ()
    if model_type == "speecht5":
        raise refused(
            name,
            "it is SpeechT5 as ONNX files, which Triptych does not run",
            "Look for the same voice as safetensors.",
        )
    words = _SAID.get(model_type) or f"{model_type or 'ONNX'} model"
    return f"{words} with ONNX files", "", ()


def _plan(
    source: Path,
    files: tuple[Taken, ...],
    *,
    kind: Kind,
    title: str,
    name: str,
    what: str,
    front: Mapping[str, str],
    card: str = "",
    written: Mapping[str, str] | None = None,
    converter: str = "",
    options: tuple[Choice, ...] = (),
    role: str = "",
    contents: Iterable[Path] | None = None,
) -> Plan:
    brought = list(contents if contents is not None else [t.path for t in files])
    return Plan(
        source=source,
        kind=kind,
        title=" ".join(title.split())[:120] or name,
        id=model_id(name),
        what=what,
        files=files,
        fingerprint=fingerprint(brought),
        size=sum(path.stat().st_size for path in brought),
        written=written or {},
        card=card,
        front={k: v for k, v in front.items() if v},
        converter=converter,
        role=role,
        options=options,
    )
