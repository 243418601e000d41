"""Whole graphs that draw random numbers inside, opened so that they draw them from a given table.

Exported voices (Piper, Kokoro, VITS by transformers.js) hold RandomNormalLike and its kin, whose
numbers nobody can choose: the same recipe would sound different every time. Each such node is
replaced by a walk through a table that is one more input of the graph.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.recipe import Job
from studio.engine import sessions
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

    from studio.engine.image.standins import Brake

NORMAL, UNIFORM = "studio_normal", "studio_uniform"
LENGTH = 1_048_573
"""Numbers in a table; a prime, so that no row of a tensor begins where another one did."""
_STRIDE = 314_159
"""Between the places in the table where two nodes begin."""
_RANDOM = {
    "RandomNormalLike": (NORMAL, "mean", "scale", 0.0, 1.0),
    "RandomNormal": (NORMAL, "mean", "scale", 0.0, 1.0),
    "RandomUniformLike": (UNIFORM, "low", "high", 0.0, 1.0),
    "RandomUniform": (UNIFORM, "low", "high", 0.0, 1.0),
}
_CASTLIKE = 15
"""The version of the operators since which a type can be taken from another tensor."""
_SMALL = 1 << 12
"""Bytes: weights below it stay in the graph, where ONNX Runtime folds constants."""


class SeededSession:
    """A session whose random numbers are given: `run` takes a seed besides the inputs."""

    def __init__(self, job: Job, bench: Workbench, path: Path, brake: Brake) -> None:
        """Raises StudioError where the file is not a graph that can be run."""
        model, tables = _without_chance(path, job.model)
        weights = _taken_out(model)
        folder = Path(tempfile.mkdtemp(prefix="triptych-voice-"))
        try:
            graph = folder / path.name
            graph.write_bytes(model.SerializeToString())
            self._session = sessions.open_session(job, graph, bench, _values(weights))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._weights = weights  # ONNX Runtime computes with the arrays where they lie
        self._tables, self._brake = tables, brake
        self._types = {i.name: i.type for i in self._session.get_inputs()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, without the tables."""
        return tuple(n for n in self._types if n not in (NORMAL, UNIFORM))

    def whole(self, name: str) -> bool:
        """Whether an input takes whole numbers only."""
        return "int" in self._types[name]

    def run(self, feed: Mapping[str, npt.NDArray[Any]], seed: tuple[int, ...]) -> list[Any]:
        """All outputs; every input is brought to the type that the graph wants."""
        import numpy as np

        kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16,
                 "tensor(double)": np.float64, "tensor(int64)": np.int64,
                 "tensor(int32)": np.int32}  # fmt: skip
        given = {n: np.asarray(v, kinds.get(self._types[n])) for n, v in feed.items()}
        for name in self._tables:
            given[name] = table(name, seed)
        return self._brake.run(self._session, given)


def table(name: str, seed: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The random numbers of one run."""
    import numpy as np

    if name == NORMAL:
        return np.random.default_rng([*seed, 0]).standard_normal(LENGTH, dtype=np.float32)
    return np.random.default_rng([*seed, 1]).random(LENGTH, dtype=np.float32)


def _without_chance(path: Path, folder: Path) -> tuple[Any, tuple[str, ...]]:
    """The model with tables in place of its random nodes, and which tables it needs."""
    import onnx
    from onnx import TensorProto, helper

    try:
        model = onnx.load(str(path))  # data beside it is taken from its own folder only
        used: dict[str, None] = {}
        opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        for number, (graph, place, node) in enumerate(reversed(list(_random(model.graph)))):
            nodes = _walk(node, number, opset, used)
            del graph.node[place]
            for offset, made in enumerate(nodes):
                graph.node.insert(place + offset, made)
        for name in used:
            model.graph.input.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [LENGTH])
            )
    except Exception as error:  # protobuf and onnx raise whatever they like
        raise sessions.unreadable(path, folder) from error
    return model, tuple(used)


def _random(graph: Any) -> Iterator[tuple[Any, int, Any]]:
    """(graph, place, node) of every random node, those within loops and branches too."""
    for place, node in enumerate(graph.node):
        if node.op_type in _RANDOM:
            yield graph, place, node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _random(attribute.g)


def _walk(node: Any, number: int, opset: int, used: dict[str, None]) -> list[Any]:
    """What stands for one random node: numbers of the table, one after the other, in its shape."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    name, first, second, low, high = _RANDOM[node.op_type]
    used[name] = None
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    a, b = float(given.get(first, low)), float(given.get(second, high))
    factor, add = (b, a) if name == NORMAL else (b - a, a)
    stem = f"studio_{number}_"
    nodes = []

    def constant(what: str, value: Any) -> str:
        tensor = numpy_helper.from_array(value, f"{stem}{what}")
        nodes.append(helper.make_node("Constant", [], [f"{stem}{what}"], value=tensor))
        return f"{stem}{what}"

    def step(kind: str, what: str, *inputs: str, **options: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"{stem}{what}"], **options))
        return f"{stem}{what}"

    if node.input:
        shape = step("Shape", "shape", node.input[0])
        count = step("Size", "count", node.input[0])
    else:
        sizes = np.array(given["shape"], np.int64)
        shape = constant("shape", sizes)
        count = constant("count", np.array(sizes.prod(), np.int64))
    start = np.array(number * _STRIDE % LENGTH, np.int64)
    places = step(
        "Range", "places", constant("zero", np.array(0, np.int64)), count,
        constant("one", np.array(1, np.int64)),
    )  # fmt: skip
    places = step("Add", "moved", places, constant("start", start))
    places = step("Mod", "around", places, constant("length", np.array(LENGTH, np.int64)))
    drawn = step("Reshape", "drawn", step("Gather", "flat", name, places), shape)
    drawn = step("Mul", "scaled", drawn, constant("factor", np.array(factor, np.float32)))
    drawn = step("Add", "shifted", drawn, constant("add", np.array(add, np.float32)))
    if node.input and "dtype" not in given and opset >= _CASTLIKE:
        nodes.append(helper.make_node("CastLike", [drawn, node.input[0]], [node.output[0]]))
    else:
        kind = given.get("dtype", onnx.TensorProto.FLOAT)
        nodes.append(helper.make_node("Cast", [drawn], [node.output[0]], to=kind))
    return nodes


def _taken_out(model: Any) -> dict[str, Any]:
    """The large weights of a model, which no longer holds them: they are bound from memory."""
    import onnx
    from onnx import numpy_helper

    weights: dict[str, Any] = {}
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < _SMALL:
            continue
        weights[tensor.name] = numpy_helper.to_array(tensor)
        length = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", "weights"), ("offset", "0"), ("length", str(length))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    return weights


def _values(weights: Mapping[str, Any]) -> dict[str, ort.OrtValue]:
    import onnxruntime as ort

    return {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in weights.items()}
