"""Exports a graph without weights: a module of the right shape, traced, its weights left outside.

`python -m studio.engine.graphs_export FOLDER` reads a pickled Architecture from its own parent on
standard input and writes into FOLDER; it ends when that pipe is closed, finished or not.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.graphs import GRAPH, WEIGHTS, Architecture

if TYPE_CHECKING:
    import torch

OPSET = 18
SMALL_MODULES = 400
SMALL_WEIGHTS = 20_000_000
LOCATION = "weights"
"""What the graph calls the file of its weights; there is none, they are bound from memory."""


@contextlib.contextmanager
def thin(half: bool, tick: Callable[[], None]) -> Iterator[None]:
    """While it lasts, modules are built with parameters that take no memory, each of its own value.

    A parameter is one number that is told to have the parameter's shape. The exporter merges
    parameters that are equal, so that no two may be. Whoever would fill them with random numbers
    is not heard. `tick` is called for each; what it raises ends the building.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    count = 0
    register = torch.nn.Module.register_parameter

    def thinned(self: torch.nn.Module, name: str, param: torch.nn.Parameter | None) -> None:
        nonlocal count
        if param is not None and not hasattr(param, "_thin"):
            tick()
            count += 1
            # Neighbouring floats from 1/128 on: different ones, and nothing overflows.
            value = torch.tensor([0x3C000000 + count], dtype=torch.int32).view(torch.float32)
            if half:
                value = torch.tensor([0x2000 + count % 0x2000], dtype=torch.int16)
                value = value.view(torch.float16)
            param = torch.nn.Parameter(value[0].expand(param.shape), requires_grad=False)
            vars(param)["_thin"] = True
        register(self, name, param)

    class Unfilled(TorchFunctionMode):
        """Leaves parameters as they are when something is to be written into them."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            name = getattr(func, "__name__", "")
            target = args[0] if args else kwargs.get("tensor")
            writes = name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
            if writes and isinstance(target, torch.nn.Parameter):
                return target
            return func(*args, **kwargs)

    torch.nn.Module.register_parameter = thinned  # type: ignore[method-assign]
    try:
        with Unfilled():
            yield
    finally:
        torch.nn.Module.register_parameter = register  # type: ignore[method-assign]


def module_of(
    architecture: Architecture, tick: Callable[[], None] = lambda: None
) -> torch.nn.Module:
    """The architecture's module, ready to be traced, its parameters without memory.

    `tick` is called now and then; what it raises ends the building.
    """
    import torch

    with thin(architecture.half, tick):
        module = architecture.build().eval()
    kind = torch.float16 if architecture.half else torch.float32
    for owner in module.modules():
        for name, value in owner._buffers.items():
            if value is None or not value.is_floating_point():
                continue
            if name not in owner._non_persistent_buffers_set:
                # What a checkpoint holds has no value here, and none that equals another's.
                owner._buffers[name] = torch.rand(value.shape).to(kind)
    if architecture.half:
        _widen(module)
    return module


def _widen(module: torch.nn.Module) -> None:
    """Give 32 bits to the layers that transformers' models want them for (T5's `wo`)."""
    import torch

    kept = {n for m in module.modules() for n in getattr(m, "_keep_in_fp32_modules", None) or ()}
    for path, owner in module.named_modules():
        if not kept.isdisjoint(path.split(".")):
            for name, value in owner._parameters.items():
                if value is not None:
                    wide = value.detach().reshape(-1)[:1].float().expand(value.shape)
                    owner._parameters[name] = torch.nn.Parameter(wide, requires_grad=False)


def is_small(module: torch.nn.Module) -> bool:
    """Whether the export takes about a second, and not many."""
    weights = sum(p.numel() for p in module.parameters())
    return weights <= SMALL_WEIGHTS and sum(1 for _ in module.modules()) <= SMALL_MODULES


def uncomputed() -> None:
    """From here on, products of matrices and convolutions on the processor give zeros.

    Nobody reads what a traced module computes, and in 16 bits a processor takes minutes for it.
    Only for a process that does nothing else.
    """
    import torch

    def sizes(value: torch.Tensor) -> tuple[int, ...]:
        # As numbers: torch's own sizes may be tensors while a module is traced.
        return value.detach().numpy().shape

    def convolution(given: torch.Tensor, weight: torch.Tensor, bias: Any, *how: Any) -> Any:
        stride, padding, dilation, transposed, more, groups, *_ = how
        inner, kernel = sizes(given), sizes(weight)
        rest = zip(inner[2:], kernel[2:], stride, padding, dilation, strict=True)
        if transposed:
            back = [(n - 1) * s - 2 * pad + wide * (k - 1) + 1 for n, k, s, pad, wide in rest]
            steps = [n + m for n, m in zip(back, more, strict=True)]
            return torch.zeros((inner[0], kernel[1] * groups, *steps), dtype=given.dtype)
        steps = [(n + 2 * pad - wide * (k - 1) - 1) // s + 1 for n, k, s, pad, wide in rest]
        return torch.zeros((inner[0], kernel[0], *steps), dtype=given.dtype)

    def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.zeros((*sizes(left)[:-1], sizes(right)[-1]), dtype=left.dtype)

    def addmm(bias: torch.Tensor, left: torch.Tensor, right: torch.Tensor, **how: Any) -> Any:
        return product(left, right)

    library: Any = vars(torch.library)["Library"]("aten", "IMPL")
    for name, call in (
        ("_convolution", convolution),
        ("mm", product),
        ("bmm", product),
        ("addmm", addmm),
    ):
        library.impl(name, call, "CPU")
    _KERNELS.append(library)


_KERNELS: list[Any] = []
"""What `uncomputed` put in place; it is taken out again where nobody holds it."""


def export(architecture: Architecture, module: torch.nn.Module, folder: Path) -> None:
    """Write the graph of `module` and the list of its weights into a folder that exists."""
    import torch

    example = architecture.example()
    if architecture.half:
        example = tuple(t.half() if t.is_floating_point() else t for t in example)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters say much, to those who maintain them
        model = (_dynamo if architecture.exporter == "dynamo" else _script)(
            architecture, module, example
        )
    same: dict[int, list[str]] = {}
    state = module.state_dict(keep_vars=True)
    for name, value in state.items():
        same.setdefault(id(value), []).append(name)
    alike = {name: names for names in same.values() for name in names}
    listed = _outside(model, state)
    for entry in listed.values():
        entry["names"] = [architecture.bare(n) for n in alike[entry["names"][0]]]
    (folder / GRAPH).write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_text(json.dumps(listed, indent=0), "utf-8")


def _script(architecture: Architecture, module: torch.nn.Module, example: Any) -> Any:
    """The graph by the exporter of TorchScript, its parameters being inputs."""
    import onnx
    import torch

    buffer = io.BytesIO()
    torch.onnx.export(
        module,
        example,
        buffer,  # type: ignore[arg-type]  # a file as well as a path, for this exporter
        dynamo=False,
        opset_version=OPSET,
        input_names=list(architecture.inputs),
        output_names=list(architecture.outputs),
        dynamic_axes={k: dict(v) for k, v in architecture.dynamic.items()},
        export_params=False,
        do_constant_folding=False,
    )
    return onnx.load_from_string(buffer.getvalue())


def _dynamo(architecture: Architecture, module: torch.nn.Module, example: Any) -> Any:
    """The graph by the exporter of torch.export, not optimized, so that no weight is folded."""
    import onnx_ir
    import torch

    dynamic = torch.export.Dim.DYNAMIC
    shapes = tuple(
        dict.fromkeys(architecture.dynamic.get(name, ()), dynamic) for name in architecture.inputs
    )
    program = torch.onnx.export(
        module,
        example,
        dynamo=True,
        opset_version=OPSET,
        input_names=list(architecture.inputs),
        output_names=list(architecture.outputs),
        dynamic_shapes=(shapes,) if _takes_any_number(module) else shapes,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    state = module.state_dict()
    for name, value in program.model.graph.initializers.items():
        if name in state:
            assert value.const_value is not None
            value.const_value = onnx_ir.ExternalTensor(
                LOCATION,
                0,
                0,
                value.const_value.dtype,
                shape=onnx_ir.Shape(tuple(state[name].shape)),
                name=name,
            )
    return onnx_ir.to_proto(program.model)


def _takes_any_number(module: torch.nn.Module) -> bool:
    """Whether `forward` gathers its inputs by a star: torch.export nests their shapes then."""
    kinds = [p.kind for p in inspect.signature(module.forward).parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL]


def _outside(model: Any, state: dict[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    """Make every weight of the graph one whose values lie elsewhere; returns what they must be.

    Buffers that no checkpoint holds stay inside. Raises ValueError where the graph asks for
    something that is neither an input nor a weight.
    """
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    inside = {t.name for t in graph.initializer if t.name not in state}
    kept = [t for t in graph.initializer if t.name in inside]
    used = {name for node in graph.node for name in node.input}
    listed: dict[str, dict[str, Any]] = {}
    inputs = []
    for value in graph.input:
        if value.name not in state:
            inputs.append(value)
    del graph.input[:]
    graph.input.extend(inputs)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for name, tensor in state.items():
        if name not in used:
            continue
        plain = tensor.detach().reshape(-1)[:1].numpy()
        weight = numpy_helper.from_array(plain, name)
        kind = weight.data_type
        weight.ClearField("raw_data")
        weight.ClearField("dims")
        weight.dims.extend(tensor.shape)
        weight.data_location = onnx.TensorProto.EXTERNAL
        length = tensor.numel() * tensor.element_size()
        for key, text in (("location", LOCATION), ("offset", "0"), ("length", str(length))):
            entry = weight.external_data.add()
            entry.key, entry.value = key, text
        graph.initializer.append(weight)
        listed[name] = {
            "names": [name],
            "type": onnx.helper.tensor_dtype_to_np_dtype(kind).name,
            "shape": list(tensor.shape),
        }
    return listed


def main(folder: Path) -> None:
    """What the child process does: build, trace, write; it ends with its parent."""
    source = sys.stdin.buffer
    length = int.from_bytes(source.read(8), "little")
    data = source.read(length)

    def watch() -> None:
        source.read()
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()
    architecture = pickle.loads(data)  # from the process that started this one
    if architecture.blind and architecture.exporter == "script":
        uncomputed()
    export(architecture, module_of(architecture), folder)
    # Past the interpreter's own end, which must not meet a thread that waits on stdin.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
