"""Whether a model's folder is whole and safe: told by looking at files, without loading any."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from studio.models import onnxfile
from studio.models.cache import stays_within
from studio.models.headers import Header, disguise, read_json, read_safetensors
from studio.models.onnxfile import DamagedError, Graph

PICKLED = frozenset({".ckpt", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".mar", ".h5"})
"""Weights that run code of a stranger when they are loaded; they never are."""
WEIGHTS = frozenset({".onnx", ".safetensors", ".gguf"})
INDEXES = ("genai_config.json", "model_index.json", "config.json", "adapter_config.json")
OPTIONAL_PARTS = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
"""Parts of a pipeline that people leave out, and that it draws without."""
_LOW_RANK = (
    *(".lora_down.", ".lora_up.", ".lora_A.", ".lora_B.", ".lora.down.", ".lora.up."),
    *("_lora.", ".hada_w1_a", ".hada_w2_a", ".lokr_w1", ".lokr_w2", ".alpha"),
)
_GET_AGAIN = "Get the model again; a download may have been cut short."


@dataclass(slots=True)
class Look:
    """A folder as it was looked at: its files, configurations and headers, and what is wrong."""

    folder: Path
    files: tuple[Path, ...]
    names: tuple[str, ...]
    """The files below the folder, with `/`."""
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: dict[str, Header] = field(default_factory=dict)
    graphs: dict[str, Graph] = field(default_factory=dict)
    problem: str = ""
    hint: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of files that are not on this disk, as those of a repository."""

    def size(self, name: str) -> int:
        """Bytes of one of the files. Raises OSError."""
        return self.sizes[name] if name in self.sizes else (self.folder / name).stat().st_size

    def has(self, name: str) -> bool:
        """Whether there is a file of that name, or a folder with one in it."""
        return name in self.names or any(n.startswith(f"{name}/") for n in self.names)

    @property
    def config(self) -> Mapping[str, Any]:
        """The `config.json` of the folder itself."""
        return self.configs.get("config.json", {})

    @property
    def pipeline(self) -> str:
        """diffusers' name of the pipeline; exports by other tools name it after themselves."""
        name = self.configs.get("model_index.json", {}).get("_class_name")
        return name.removeprefix("Onnx").removeprefix("ORT") if isinstance(name, str) else ""

    def precisions(self) -> Counter[str]:
        """Bytes of weights by precision, over all files."""
        found: Counter[str] = Counter()
        for header in self.headers.values():
            found[header.precision] += sum(t.size for t in header.tensors.values())
        for graph in self.graphs.values():
            found[graph.precision] += sum(graph.weights.values())
        del found[""]
        return found


def look(folder: Path, files: tuple[Path, ...]) -> Look:
    """Read what says what a folder with its `files` is, and check it.

    Raises OSError where a file cannot be read.
    """
    found = Look(folder, files, tuple(p.relative_to(folder).as_posix() for p in files))
    try:
        _look(found)
    except _WrongError as wrong:
        found.problem, found.hint = wrong.problem, wrong.hint
    return found


class _WrongError(Exception):
    """Why a folder cannot be used, and what to do."""

    def __init__(self, problem: str, hint: str = _GET_AGAIN) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


def _look(found: Look) -> None:
    folder, files = found.folder, found.files
    if not files:
        raise _WrongError("The folder is empty.", "Remove it.")
    for path in files:
        if path.suffix.lower() == ".json":
            name = path.relative_to(folder).as_posix()
            config = read_json(path)
            if config is not None:
                found.configs[name] = config
            elif name in INDEXES:
                _say_disguise(path, name)
                raise _WrongError(f"Its {name} is damaged.")
    for path in files:
        if path.suffix.lower() in WEIGHTS:
            _weights(found, path)
    _whole(found)


def whole(found: Look) -> None:
    """Check what is told of files that are not here: as `look` does, from their names alone."""
    try:
        _whole(found)
    except _WrongError as wrong:
        found.problem, found.hint = wrong.problem, wrong.hint


def _whole(found: Look) -> None:
    """Raise _WrongError where parts are missing, or where nothing could run what is there."""
    suffixes = {PurePosixPath(name).suffix.lower() for name in found.names}
    if not suffixes & WEIGHTS:
        if suffixes & PICKLED:
            raise _WrongError(
                "Its weights are pickled, and loading such files would run a stranger's program.",
                "Look for the same model as ONNX or safetensors.",
            )
        if any(name in found.configs for name in INDEXES):
            raise _WrongError("There are no weights in this folder.")
        raise _WrongError(
            "There is no model in this folder.",
            "Choose the folder that the model lies in, or its safetensors or ONNX file.",
        )
    if not known_layout(found):
        raise _WrongError(
            "It is in no layout that Triptych knows.",
            "A model needs a genai_config.json, a model_index.json or a config.json.",
        )
    missing = _missing(found)
    if missing:
        raise _WrongError(f"A part of it is missing: {missing[:100]}.")
    if ".safetensors" in suffixes and ".onnx" not in suffixes and _quantized(found):
        raise _WrongError(
            "Its weights are quantized for another program.",
            "Get the model with its original weights; Triptych makes them smaller itself.",
        )


def _quantized(found: Look) -> bool:
    """Whether weights are packed as AWQ, GPTQ, bitsandbytes and others do: transformers and
    diffusers write down in `config.json` how they have to be unpacked."""
    return any(
        "quantization_config" in config
        for name, config in found.configs.items()
        if PurePosixPath(name).name == "config.json"
    )


def known_layout(found: Look) -> bool:
    """Whether the folder's own files say how it is run."""
    return any(name in found.configs for name in INDEXES) or bool(
        piper_voice(found) or is_kokoro(found) or lora_file(found)
    )


def piper_voice(found: Look) -> str:
    """The ONNX file of a Piper voice in the folder; empty where there is none."""
    names = set(found.names)
    for name in sorted(names):
        config = found.configs.get(f"{name}.json", {})
        if name.endswith(".onnx") and "phoneme_id_map" in config and "audio" in config:
            return name
    return ""


def is_kokoro(found: Look) -> bool:
    """Whether the folder is Kokoro in one of its two layouts."""
    names = found.names
    if found.config.get("model_type") == "style_text_to_speech_2":
        return True
    archive = any(PurePosixPath(n).match("voices*.bin") and "/" not in n for n in names)
    single = any("/" not in n and n.endswith(".onnx") for n in names)
    voices = any(n.startswith("voices/") and n.endswith(".bin") for n in names)
    return single and (archive or voices) and "config.json" not in found.configs


def lora_file(found: Look) -> str:
    """The file of low-rank weights for another model; empty where the folder is none."""
    for name, header in found.headers.items():
        if "/" not in name and is_lora(header):
            return name
    return ""


def is_lora(header: Header) -> bool:
    """Whether most of a file's tensors are halves of low-rank updates (kohya, diffusers, PEFT)."""
    count = sum(1 for name in header.tensors if any(mark in name for mark in _LOW_RANK))
    return count > 0 and 2 * count >= len(header.tensors)


def _weights(found: Look, path: Path) -> None:
    """Read the header of a file of weights. Raises _WrongError, OSError."""
    name = path.relative_to(found.folder).as_posix()
    try:
        if path.suffix.lower() == ".onnx":
            found.graphs[name] = graph = onnxfile.read(path)
            _outside(found, path, graph)
        elif path.suffix.lower() == ".safetensors":
            found.headers[name] = read_safetensors(path)
        else:
            with path.open("rb") as file:
                if file.read(4) != b"GGUF":
                    raise DamagedError("no GGUF file")
    except DamagedError:
        _say_disguise(path, name)
        raise _WrongError(f"Its file {name} is damaged.") from None


def _say_disguise(path: Path, name: str) -> None:
    """Raise _WrongError where the file is plainly something else."""
    real = disguise(path)
    if real == "pointer":
        raise _WrongError(
            f"Its file {name} is only a pointer of Git LFS, not the weights.",
            "Get the file itself: “git lfs pull” in its folder, or a download from the web page.",
        )
    if real in ("zip", "archive"):
        raise _WrongError(f"Its file {name} is an archive.", "Unpack it first.")
    if real == "pickle":
        raise _WrongError(
            f"Its file {name} is pickled, whatever its name says.",
            "Look for the same model as ONNX or safetensors.",
        )
    if real == "page":
        raise _WrongError(
            f"Its file {name} is a web page, not weights.",
            "The download was answered with an error page. Get the model again.",
        )


def _outside(found: Look, path: Path, graph: Graph) -> None:
    """Check the weights that a graph keeps in other files. Raises _WrongError."""
    followed: set[Path] = set()
    for external in sorted(graph.external, key=lambda e: (e.location, e.end)):
        said = external.location
        parts = (*PurePosixPath(said).parts, *PureWindowsPath(said).parts)
        absolute = PurePosixPath(said).is_absolute() or PureWindowsPath(said).anchor
        if absolute or ".." in parts or "\0" in said or not said:
            raise _WrongError(
                f"Its file {path.name} wants weights from outside its folder "
                f"({said[:60]!r}), which a model may not.",
                "Do not use this file; get the model from a source that you trust.",
            )
        target = path.parent / said
        size = -1
        with contextlib.suppress(OSError):
            size = target.stat().st_size if target.is_file() else -1
        name = target.relative_to(found.folder).as_posix()
        if size < 0:
            raise _WrongError(f"A part of it is missing: {name[:100]}.")
        if target not in followed and not stays_within(target, found.folder):
            raise _WrongError(
                f"Its file {path.name} wants weights from outside its folder, by the link "
                f"{name[:100]}, which a model may not.",
                "Put the file itself in the place of the link, if you trust both.",
            )
        followed.add(target)
        if external.end > size:
            _say_disguise(target, name)
            raise _WrongError(f"Its file {name[:100]} is damaged.")


def _missing(found: Look) -> str:
    """The first part that the folder's own indexes name and that is not there."""
    model = found.configs.get("genai_config.json", {}).get("model")
    if isinstance(model, dict):
        for part in model.values():
            name = part.get("filename") if isinstance(part, dict) else None
            if isinstance(name, str) and not found.has(name):
                return name
    for name, part in found.configs.get("model_index.json", {}).items():
        # A component is a pair of library and class; [null, null] is one that was left out.
        named = isinstance(part, list) and len(part) == 2 and all(isinstance(x, str) for x in part)
        # ONNX exports keep an autoencoder in two halves; only drawing on a picture needs both.
        there = found.has(name) or found.has(f"{name}_decoder")
        if named and not there and name not in OPTIONAL_PARTS:
            return name
    for name, index in found.configs.items():
        shards = index.get("weight_map") if name.endswith(".safetensors.index.json") else None
        if isinstance(shards, dict):
            base = PurePosixPath(name).parent
            for shard in sorted({s for s in shards.values() if isinstance(s, str)}):
                if not found.has((base / shard).as_posix()):
                    return (base / shard).as_posix()
    return _unweighted(found)


def _unweighted(found: Look) -> str:
    """A part of a pipeline that has a configuration and none of its weights."""
    if "model_index.json" not in found.configs or any("/" not in n for n in found.headers):
        return ""  # a checkpoint in one file lies beside the configurations of its parts
    for name in found.configs["model_index.json"]:
        if f"{name}/config.json" in found.configs and name not in OPTIONAL_PARTS:
            inside = [p for p in (*found.headers, *found.graphs) if p.startswith(f"{name}/")]
            pickled = [
                n for n in found.names
                if n.startswith(f"{name}/") and PurePosixPath(n).suffix.lower() in PICKLED
            ]  # fmt: skip
            if pickled and not inside:
                raise _WrongError(
                    f"The weights of its {name} are pickled, and loading such files would run a "
                    "stranger's program.",
                    "Look for the same model as ONNX or safetensors.",
                )
            if not inside:
                return f"{name} (weights)"
    return ""
