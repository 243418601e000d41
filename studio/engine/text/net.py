"""Graphs of text models, put together node by node from a model's own configuration.

The models of transformers for text are few kinds of layers in a row, and ONNX Runtime has an
operator for each: written down directly, a graph stands in milliseconds without torch, takes the
weights as they lie in the safetensors file, and reads the past in place (onnxruntime-genai's model
builder works the same way, for other architectures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from studio.core.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnx

    Array = npt.NDArray[Any]

Precision = Literal["fp32", "fp16", "int8"]

CONTRIB = "com.microsoft"
OPSET = 21
_BLOCK = 32
"""Weights that share one scale in 8 bits; with 32, logits differ by 0.03 of their deviation."""

_ACTIVATIONS = {
    "relu": ("Relu", {}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_fast": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
}


class Config:
    """A model's `config.json`, every value checked as it is taken out."""

    def __init__(self, values: Mapping[str, Any], name: str) -> None:
        """`name`: what the model is called in what is said of it."""
        self._values, self.name = values, name

    def whole(self, *names: str, default: int | None = None, most: int = 1 << 20) -> int:
        """The first of `names` that is there: 1 to `most`. Raises StudioError."""
        value = self._first(names, default)
        if type(value) is not int or not 1 <= value <= most:
            raise self.unfit(f"its config.json has no usable {names[0]}")
        return value

    def number(self, *names: str, default: float | None = None) -> float:
        """The first of `names` that is there, positive. Raises StudioError."""
        value = self._first(names, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise self.unfit(f"its config.json has no usable {names[0]}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._first((name,), default)
        if not isinstance(value, bool):
            raise self.unfit(f"its config.json has no usable {name}")
        return value

    def word(self, *names: str, default: str | None = None) -> str:
        value = self._first(names, default)
        if not isinstance(value, str):
            raise self.unfit(f"its config.json has no usable {names[0]}")
        return value

    def part(self, name: str) -> Config:
        """A group of settings within; an empty one where it is not there."""
        value = self._values.get(name)
        return Config(value if isinstance(value, dict) else {}, self.name)

    def ids(self, name: str) -> list[int]:
        """One token id or several, as `eos_token_id`; none where it says nothing usable."""
        value = self._values.get(name)
        values = value if isinstance(value, list) else [value]
        return [v for v in values if type(v) is int and v >= 0]

    def refuse(self, name: str, *wanted: object) -> None:
        """Raise StudioError where a setting asks for what no graph here can do."""
        value = self._values.get(name)
        if value is not None and value not in wanted:
            raise self.unfit(f"its setting {name} is of a kind that Triptych does not know")

    def unfit(self, why: str) -> StudioError:
        return unfit(self.name, why)

    def _first(self, names: Sequence[str], default: object) -> object:
        found = (self._values[n] for n in names if self._values.get(n) is not None)
        return next(found, default)


def unfit(name: str, why: str) -> StudioError:
    """What is said of a model that cannot be run."""
    return StudioError(
        f"The model “{name}” cannot be used: {why}.",
        "Get the model again, or choose another one.",
    )


class Weights:
    """A model's tensors by the names of its layers, whatever its file puts before them.

    The same model is published as `h.0.ln_1.weight` and as `transformer.h.0.ln_1.weight`; old
    ones call the two halves of a normalization gamma and beta.
    """

    def __init__(
        self, tensors: Mapping[str, Array], name: str, prefixes: Sequence[str] = ()
    ) -> None:
        """`prefixes`: those of the architecture, longest first."""
        self.name = name
        self._tensors = tensors
        self._keys: dict[str, str] = {}
        for key in tensors:
            plain = next((key[len(p) :] for p in prefixes if key.startswith(p)), key)
            plain = plain.replace(".gamma", ".weight").replace(".beta", ".bias")
            self._keys.setdefault(plain, key)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def take(self, name: str, shape: Sequence[int]) -> Array:
        """The tensor of that name. Raises StudioError where it is missing or of another shape."""
        if name not in self._keys:
            raise unfit(self.name, f"its weights lack {name[:80]}")
        try:
            found = self._tensors[self._keys[name]]
        except (OSError, ValueError, KeyError) as error:
            raise unfit(self.name, "its weights cannot be read") from error
        if tuple(found.shape) != tuple(shape):
            raise unfit(self.name, f"{name[:80]} has another shape than its config.json says")
        return found


class Net:
    """A graph that grows node by node; values are called by their names.

    Between layers everything is of shape (tokens, width): one text at a time, so no batch.
    """

    def __init__(self, weights: Weights, precision: Precision = "fp32") -> None:
        from onnx import TensorProto

        self.weights, self.precision = weights, precision
        self.float = TensorProto.FLOAT16 if precision == "fp16" else TensorProto.FLOAT
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._stubs: list[onnx.TensorProto] = []
        self.values: dict[str, Array] = {}
        """The weights by the names that the graph has for them."""

    # -- the frame -------------------------------------------------------------------------

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        from onnx import helper

        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, name: str, kind: int, shape: Sequence[int | str]) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def declare(self, name: str, kind: int, shape: Sequence[int | str]) -> None:
        """An output that a node has written under this name already."""
        from onnx import helper

        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; the output's name."""
        name = f"v{len(self._nodes)}"
        self.node_named(op, inputs, (name,), domain=domain, **attributes)
        return name

    def node_named(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **a: Any
    ) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(op, list(inputs), list(outputs), domain=domain, **a))

    def constant(self, value: Any, kind: str = "int64") -> str:
        """A small tensor that is part of the graph."""
        import numpy as np
        from onnx import numpy_helper

        name = f"c{len(self._stubs)}"
        self._stubs.append(numpy_helper.from_array(np.asarray(value, dtype=kind), name))
        return name

    def bound(self, value: Array, name: str) -> str:
        """A large tensor that is handed to the session beside the graph."""
        import numpy as np
        from onnx import TensorProto, helper

        if name not in self.values:
            value = np.ascontiguousarray(value)
            stub = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(value.dtype))
            stub.dims.extend(value.shape)
            stub.data_location = TensorProto.EXTERNAL
            stub.external_data.add(key="location", value="weights")
            self._stubs.append(stub)
            self.values[name] = value
        return name

    def floats(self, value: Array, name: str) -> str:
        """Weights in the precision in which the graph computes."""
        import numpy as np

        kind = np.float16 if self.precision == "fp16" else np.float32
        return self.bound(value.astype(kind, copy=False), name)

    def weight(self, name: str, *shape: int) -> str:
        return self.floats(self.weights.take(name, shape), name)

    def graph(self) -> bytes:
        """The graph without its weights, which are `values`."""
        from onnx import helper

        graph = helper.make_graph(
            self._nodes, "text", self._inputs, self._outputs, initializer=self._stubs
        )
        model = helper.make_model(
            graph,
            ir_version=10,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
        )
        data: bytes = model.SerializeToString()
        return data

    # -- layers ----------------------------------------------------------------------------

    def linear(
        self, x: str, name: str, width: int, to: int, *, bias: bool = True, turned: bool = False
    ) -> str:
        """(tokens, width) -> (tokens, to) by the layer `name`. `turned`: stored as (in, out)."""
        shape = (width, to) if turned else (to, width)
        matrix = self.weights.take(f"{name}.weight", shape)
        offset = self.weights.take(f"{name}.bias", (to,)) if bias else None
        return self.multiply(x, matrix, offset, name, turned=turned)

    def multiply(
        self, x: str, matrix: Array, offset: Array | None, name: str, *, turned: bool = False
    ) -> str:
        """x times a matrix of (out, in), or (in, out) where it is `turned`, plus an offset."""
        inputs = [x]
        if self.precision == "int8":
            packed, scales = _eight_bits(matrix if turned else matrix.T)
            inputs += [self.bound(packed, f"{name}.packed"), self.bound(scales, f"{name}.scales")]
            if offset is not None:
                inputs += ["", "", self.floats(offset, f"{name}.bias")]
            width, to = matrix.shape if turned else matrix.shape[::-1]
            return self.node(
                "MatMulNBits", *inputs, domain=CONTRIB, K=width, N=to, bits=8, block_size=_BLOCK,
                accuracy_level=4,
            )  # fmt: skip
        inputs.append(self.floats(matrix, f"{name}.weight"))
        if offset is not None:
            inputs.append(self.floats(offset, f"{name}.bias"))
        return self.node("Gemm", *inputs, transB=0 if turned else 1)

    def norm(self, x: str, name: str, width: int, epsilon: float, *, affine: bool = True) -> str:
        """Layer normalization."""
        import numpy as np

        if affine:
            scale, shift = self.weight(f"{name}.weight", width), self.weight(f"{name}.bias", width)
        else:
            scale = self.floats(np.ones(width), f"ones.{width}")
            shift = self.floats(np.zeros(width), f"zeros.{width}")
        return self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def root_norm(self, x: str, name: str, width: int, epsilon: float) -> str:
        """Normalization by the root mean square."""
        scale = self.weight(f"{name}.weight", width)
        return self.node("SimplifiedLayerNormalization", x, scale, axis=-1, epsilon=epsilon)

    def activation(self, x: str, name: str) -> str:
        """Raises StudioError for a function that is not known."""
        if name in ("silu", "swish"):
            return self.node("Mul", x, self.node("Sigmoid", x))
        if name not in _ACTIVATIONS:
            raise unfit(self.weights.name, f"its activation {name[:40]} is not known here")
        op, attributes = _ACTIVATIONS[name]
        return self.node(op, x, **attributes)

    def add(self, a: str, b: str) -> str:
        return self.node("Add", a, b)

    def times(self, x: str, factor: float) -> str:
        kind = "float16" if self.precision == "fp16" else "float32"
        return self.node("Mul", x, self.constant(factor, kind))

    def rows(self, table: str, ids: str) -> str:
        """Rows of a table by their numbers (tokens,)."""
        return self.node("Gather", table, ids)

    def flat(self, value: str) -> str:
        """(1, tokens) -> (tokens,)."""
        return self.node("Reshape", value, self.constant([-1]))

    def last(self, x: str) -> str:
        """The last row alone: (tokens, width) -> (1, width)."""
        return self.node("Gather", x, self.constant([-1]), axis=0)

    def batched(self, x: str, width: int) -> str:
        """(tokens, width) -> (1, tokens, width), as attention wants it."""
        return self.node("Reshape", x, self.constant([1, -1, width]))

    def unbatched(self, x: str, width: int) -> str:
        return self.node("Reshape", x, self.constant([-1, width]))

    def split(self, x: str, *widths: int) -> list[str]:
        """Columns of those widths, side by side in x."""
        names = [f"s{len(self._nodes)}.{i}" for i in range(len(widths))]
        self.node_named("Split", [x, self.constant(list(widths))], names, axis=-1)
        return names

    def attend(
        self, query: str, key: str, value: str, heads: int, head: int, *, scale: float = 0.0,
        bias: str = "", ready: bool = False,
    ) -> str:  # fmt: skip
        """Attention in all directions: (tokens, heads · head) each -> the same.

        Keys and values that are `ready` have the shape (1, heads, tokens, head). `scale` 0 divides
        by the root of a head's width. `bias`: (1, heads, tokens, tokens).
        """
        more = {"scale": scale} if scale else {}
        wide = heads * head
        halves = [v if ready else self.batched(v, wide) for v in (key, value)]
        inputs = [self.batched(query, wide), *halves]
        if bias:
            inputs += ["", "", bias]
        found = self.node("MultiHeadAttention", *inputs, domain=CONTRIB, num_heads=heads, **more)
        return self.unbatched(found, wide)

    def logits(self, x: str, name: str = "logits") -> None:
        """The output: (tokens, vocabulary), single precision."""
        from onnx import TensorProto

        if self.precision == "fp16":
            x = self.node("Cast", x, to=TensorProto.FLOAT)
        self.output(x, name, TensorProto.FLOAT, ("rows", "vocabulary"))


def _eight_bits(matrix: Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A matrix (in, out) in 8 bits, a scale for every 32 weights of a column."""
    import numpy as np
    from onnxruntime.capi._pybind_state import quantize_matmul_8bits

    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    width, to = matrix.shape
    blocks = -(-width // _BLOCK)
    packed = np.zeros((to, blocks, _BLOCK), np.uint8)
    scales = np.zeros((to, blocks), np.float32)
    zeros = np.zeros((to, blocks), np.uint8)
    quantize_matmul_8bits(packed, matrix, scales, zeros, _BLOCK, to, width, True)
    return packed, scales
