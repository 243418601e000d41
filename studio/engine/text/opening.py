"""Folders of transformers and transformers.js for text: read, checked, opened as sessions."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studio.core.controls import Choice, Option
from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.sessions import open_session
from studio.engine.tensors import Tensors, safetensors_of
from studio.engine.text.net import Config, Net, Precision, Weights, unfit
from studio.engine.tokenizer import JsonTokenizer
from studio.engine.workbench import Workbench, folder_stamp

if TYPE_CHECKING:
    import onnxruntime as ort

T = TypeVar("T")

PRECISION = Choice(
    name="precision",
    label="Precision",
    default="auto",
    folded=True,
    options=(
        Option(value="auto", label="chosen by the machine"),
        Option(value="full", label="full"),
        Option(value="int8", label="8 bits: faster, a quarter of the memory"),
    ),
    help="16 bits on a graphics card; on a processor full, and 8 bits for models above 4 GB.",
)

LARGE = 4 << 30
"""Bytes in single precision above which a processor gets 8 bits where nothing else was chosen."""

_MAX_JSON = 8 << 20

# What the community puts behind the name of a graph, best first.
_ON_CPU = ("", "_int8", "_quantized", "_uint8", "_q8", "_q4", "_fp16", "_q4f16", "_bnb4")
_ON_GPU = ("_fp16", "", "_q4f16", "_q4", "_int8", "_quantized", "_uint8", "_q8", "_bnb4")
_IN_EIGHT = ("_int8", "_quantized", "_uint8", "_q8", "_q4")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model's folder. Raises ValueError or OSError for anything else."""
    if path.stat().st_size > _MAX_JSON:
        raise ValueError("too large")
    try:
        found = json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def config_of(folder: Path) -> Config:
    """The `config.json` of a folder. Raises StudioError where there is no usable one."""
    try:
        return Config(read_json(folder / "config.json"), folder.name)
    except (OSError, ValueError) as error:
        raise unfit(folder.name, "its config.json is missing or cannot be read") from error


def settings_of(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object that may be missing or unreadable, and then says nothing."""
    try:
        return read_json(folder / name)
    except (OSError, ValueError):
        return {}


def taken(job: Job, bench: Workbench, what: str, load: Callable[[], T], size: int) -> T:
    """What `load` gives, or what the bench still holds of it."""
    try:
        stamp = folder_stamp(job.model)
    except OSError as error:
        raise unfit(job.model.name, "its folder cannot be read") from error
    wanted = (device.threads(job.device), *device.providers(job.device))
    key = (what, job.model.name, str(job.model.resolve()), stamp, wanted, job.device.cuda_graphs)
    return bench.take(key, load, size)


def weights_of(folder: Path) -> Tensors | None:
    """The weights of a transformers folder; None for a folder of graphs."""
    if next(folder.glob("*.safetensors"), None) is None:
        return None
    return safetensors_of(folder)


def single(tensors: Tensors) -> int:
    """Bytes of all weights in single precision."""
    return sum(4 * math.prod(tensors.shape(name)) for name in tensors)


def precision_for(job: Job, tensors: Tensors) -> Precision:
    """What a model in safetensors is computed in."""
    wanted = str(job.recipe.values.get("precision", "auto"))
    if device.providers(job.device)[0] == device.CUDA and wanted == "auto":
        return "fp16"
    if wanted == "int8" or (wanted == "auto" and single(tensors) > LARGE):
        return "int8"
    return "fp32"


def open_nets(
    job: Job,
    bench: Workbench,
    tensors: Tensors,
    prefixes: Sequence[str],
    builds: Sequence[Callable[[Config, Net], Any]],
) -> list[tuple[ort.InferenceSession, Any]]:
    """Sessions of our own graphs with the folder's weights, and what building them told.

    Raises StudioError where the configuration or the weights are not those of the architecture.
    """
    precision = precision_for(job, tensors)
    found = [_open_net(job, bench, tensors, prefixes, b, precision) for b in builds]
    if precision == "fp16" and bench.provider == device.CPU:
        # The GPU did not take it, and processors do not compute in 16 bits.
        found = [_open_net(job, bench, tensors, prefixes, b, "fp32") for b in builds]
    return found


def _open_net(
    job: Job,
    bench: Workbench,
    tensors: Tensors,
    prefixes: Sequence[str],
    build: Callable[[Config, Net], Any],
    precision: Precision,
) -> tuple[ort.InferenceSession, Any]:
    import onnxruntime as ort

    net = Net(Weights(tensors, job.model.name, prefixes), precision)
    told = build(config_of(job.model), net)
    values = {n: ort.OrtValue.ortvalue_from_numpy(v) for n, v in net.values.items()}
    with tempfile.TemporaryDirectory(prefix="triptych-text-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(net.graph())
        session = open_session(job, path, bench, values)
    # ONNX Runtime computes with the arrays where they lie: they live as long as the session.
    session.bound = (values, net.values)
    return session, told


def graphs_of(job: Job, *stems: str) -> dict[str, Path]:
    """The graphs of a transformers.js folder by their stems, all in the same variant.

    Of several variants the one that suits the device is taken. Empty where one stem has none.
    """
    wanted = str(job.recipe.values.get("precision", "auto"))
    order: tuple[str, ...] = _ON_GPU if device.providers(job.device)[0] == device.CUDA else _ON_CPU
    if wanted == "int8":
        order = tuple(dict.fromkeys([*_IN_EIGHT, *order]))
    places = (job.model / "onnx", job.model)
    if wanted == "auto" and order is _ON_CPU:
        whole = sum(_size(places[0] / f"{stem}.onnx") for stem in stems)
        order = order if whole <= LARGE else tuple(dict.fromkeys([*_IN_EIGHT, *order]))
    for place in places:
        for variant in order:
            paths = {stem: place / f"{stem}{variant}.onnx" for stem in stems}
            if all(p.is_file() for p in paths.values()):
                return paths
    return {}


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.parent.glob(path.name + "*"))


def sizes(paths: Sequence[Path]) -> int:
    """Bytes of graphs with the data beside them."""
    return sum(map(_size, paths))


def tokenizer_of(folder: Path) -> JsonTokenizer:
    """The folder's tokenizer. Raises StudioError where there is none that can be read."""
    from studio.engine.text import vocabularies

    try:
        if (folder / "tokenizer.json").is_file():
            return JsonTokenizer(folder / "tokenizer.json")
        older = vocabularies.find(folder)
    except Exception as error:  # tokenizers raises bare Exception for whatever it cannot parse
        raise unfit(folder.name, "its tokenizer cannot be read") from error
    if older is not None:
        return older
    if any(folder.glob("*.model")):
        raise StudioError(
            f"“{folder.name}” has its tokenizer only as a SentencePiece file.",
            "Get the model from a place where it has a tokenizer.json as well.",
        )
    raise unfit(folder.name, "its tokenizer.json is missing")
