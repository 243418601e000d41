"""Measures how fast this computer runs models: small graphs of the layers that take the time.

A language model goes through all its weights for each token, so that its speed is theirs: bytes a
second, for each way of keeping them. A picture is convolutions and matrices: operations a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.core.recipe import DeviceChoice
from studio.core.speed import Speed
from studio.engine import device
from studio.engine.gpus import free_memory

if TYPE_CHECKING:
    import onnxruntime as ort

WIDTH = 4096
"""Of the square matrices that are gone through, as in a model of 7 billion weights."""
WEIGHTS = 192 << 20
"""Bytes of them: more than stays in the caches of a processor between two tokens."""
BLOCK = 32
"""Weights that share one scale, as the models are built here."""
CHANNELS, SIDE = 320, 64
"""Of the convolution and the matrix: those of Stable Diffusion's first and last blocks."""
ROUNDS = 12
"""The quickest counts: whatever else ran made the others slower."""
ROOM = 2 << 30
"""Bytes that have to be free."""
BUSY = 0.25
"""Part of the processor that others may use meanwhile."""

Stop = Callable[[], bool]


def measure(stopped: Stop) -> Speed | None:
    """What the processor does here; takes about three seconds.

    None where it was stopped, or the computer is busy or short of memory: a figure taken then
    would be no figure of the computer.
    """
    import psutil

    if free_memory() < ROOM or psutil.cpu_percent(0.5) > BUSY * 100:
        return None
    reading: dict[str, float] = {}
    for precision, bits in (("int4", 4), ("int8", 8), ("fp32", 32)):
        if stopped():
            return None
        session, size = _matrices(bits)
        seconds = _quickest(session, stopped)
        if seconds is None:
            return None
        reading[precision] = size / seconds
        del session
    session, operations = _layers()
    seconds = _quickest(session, stopped)
    return None if seconds is None else Speed(reading, operations / seconds)


def _quickest(session: ort.InferenceSession, stopped: Stop) -> float | None:
    import numpy as np

    given = session.get_inputs()[0]
    feed = {given.name: np.ones([int(n) for n in given.shape], np.float32)}
    took = []
    for _ in range(ROUNDS):
        if stopped():
            return None
        began = time.perf_counter()
        session.run(None, feed)
        took.append(time.perf_counter() - began)
    return min(took)


def _matrices(bits: int) -> tuple[ort.InferenceSession, int]:
    """Matrices one after the other, as a token passes them, and their bytes with their scales."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    each = WIDTH * WIDTH * bits // 8
    scales = np.full(WIDTH * WIDTH // BLOCK, 1e-3, np.float32)
    count = max(1, WEIGHTS // each)
    held, nodes = [], []
    noise = np.random.default_rng(0)
    for n in range(count):
        if bits == 32:
            weights = np.tile(
                noise.standard_normal((BLOCK, WIDTH), np.float32), (WIDTH // BLOCK, 1)
            )
            nodes.append(helper.make_node("MatMul", [f"x{n}", f"w{n}"], [f"x{n + 1}"]))
        else:
            shape = (WIDTH, WIDTH // BLOCK, BLOCK * bits // 8)
            weights = noise.integers(0, 256, shape, np.uint8)
            held.append(numpy_helper.from_array(scales, f"s{n}"))
            nodes.append(
                helper.make_node(
                    "MatMulNBits", [f"x{n}", f"w{n}", f"s{n}"], [f"x{n + 1}"],
                    domain="com.microsoft", K=WIDTH, N=WIDTH, bits=bits, block_size=BLOCK,
                    accuracy_level=4,
                )
            )  # fmt: skip
        held.append(numpy_helper.from_array(weights, f"w{n}"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH])
        for name in ("x0", f"x{count}")
    ]
    size = each + (scales.nbytes if bits < 32 else 0)
    return _session(helper.make_graph(nodes, "reading", ends[:1], ends[1:], held)), count * size


def _layers() -> tuple[ort.InferenceSession, int]:
    """A convolution and a matrix of a denoiser, and the operations in them."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    noise = np.random.default_rng(0)
    kernel = noise.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32)
    matrix = noise.standard_normal((CHANNELS, CHANNELS * 8), np.float32)
    places = SIDE * SIDE
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["c", "flat"], ["f"]),
        helper.make_node("Transpose", ["f"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["t", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "drawing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [places, CHANNELS * 8])],
        [
            numpy_helper.from_array(kernel, "k"),
            numpy_helper.from_array(matrix, "m"),
            numpy_helper.from_array(np.array([CHANNELS, places], np.int64), "flat"),
        ],
    )
    return _session(graph), 2 * places * (kernel.size + matrix.size)


def _session(graph: Any) -> ort.InferenceSession:
    """The graph on the processor, with the threads that models get here."""
    import onnxruntime as ort
    from onnx import helper

    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads(DeviceChoice())
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=[device.CPU])
