"""Decoders run token by token on ONNX Runtime: the past stays where it is, nothing is copied.

Two kinds of graphs are known. Ours (`causal_nets`, `seq2seq_nets`) write the past into buffers of
a fixed room. Those of the community (onnx-community, transformers.js, Optimum) give it back longer
than they took it, under several schemes of names; what comes out of one call is bound as it lies
to the next.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from studio.core.errors import StudioError
from studio.engine.device import CUDA, in_use

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

    Logits = npt.NDArray[np.float32]

CHUNK = 64
"""Prompt tokens per call, where a graph takes a prompt in pieces."""
BEAT = 0.1
"""Seconds of a call after which somebody is asked whether it is still wanted."""

_TYPES = {
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
}
_PAST = re.compile(r"^past(_key_values)?[._]?")
_PRESENT = re.compile(r"^present(_key_values)?[._]?")


class State(Protocol):
    """A decoder in the midst of a text."""

    def read(self, ids: Sequence[int]) -> Iterator[None]:
        """Take tokens in; yields while it works, and may be closed at any yield."""
        ...

    def step(self, token: int) -> None:
        """Take one token in."""
        ...

    @property
    def logits(self) -> Logits:
        """Scores of the token that follows, (vocabulary,); valid until the next call."""
        ...


def patiently(call: Callable[[ort.RunOptions], object]) -> Iterator[None]:
    """`call` in a thread; yields every BEAT. Closed before its end, the call is broken off."""
    import onnxruntime as ort

    options = ort.RunOptions()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            call(options)
        except BaseException as error:  # raised again where the caller waits
            failed.append(error)

    thread = threading.Thread(target=work, name="reading", daemon=True)
    thread.start()
    try:
        thread.join(BEAT)
        while thread.is_alive():
            yield
            thread.join(BEAT)
    finally:
        options.terminate = True
        thread.join()
    if failed:
        raise failed[0]


class InPlace:
    """A graph of ours: its past lies in buffers of a fixed room."""

    def __init__(
        self,
        session: ort.InferenceSession,
        room: int,
        given: Mapping[str, ort.OrtValue] | None = None,
    ) -> None:
        """`room`: tokens in all. `given`: inputs that stay the same, as those of an encoder."""
        import numpy as np
        import onnxruntime as ort

        self._session, self._room, self._length = session, room, 0
        self._binding = session.io_binding()
        where = "cuda" if in_use(session.get_providers()) == CUDA else "cpu"
        self._inputs = {i.name for i in session.get_inputs()}
        for tensor in session.get_inputs():
            if not tensor.name.startswith("past_key_values."):
                continue
            shape = [room if d == "room" else int(d) for d in tensor.shape]
            kind = np.dtype(_TYPES[tensor.type])
            value = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, kind), where, 0)
            self._binding.bind_ortvalue_input(tensor.name, value)
            self._binding.bind_ortvalue_output(_PAST.sub("present.", tensor.name), value)
        for name, value in (given or {}).items():
            self._binding.bind_ortvalue_input(name, value)
        (width,) = (o.shape[-1] for o in session.get_outputs() if o.name == "logits")
        self._logits = np.zeros((1, int(width)), np.float32)
        self._out = ort.OrtValue.ortvalue_from_numpy(self._logits)
        self._binding.bind_ortvalue_output("logits", self._out)
        self._small: dict[str, tuple[npt.NDArray[Any], ort.OrtValue]] = {}
        self._one = np.zeros((1, 1), np.int64)

    @property
    def logits(self) -> Logits:
        return self._logits.reshape(-1)

    def read(self, ids: Sequence[int]) -> Iterator[None]:
        import numpy as np

        for start in range(0, len(ids), CHUNK):
            self._bind(np.asarray([ids[start : start + CHUNK]], np.int64))
            yield from patiently(
                lambda options: self._session.run_with_iobinding(self._binding, options)
            )
            yield

    def step(self, token: int) -> None:
        self._one[0, 0] = token
        self._bind(self._one)
        self._session.run_with_iobinding(self._binding)

    def _bind(self, ids: npt.NDArray[np.int64]) -> None:
        import numpy as np

        before, self._length = self._length, self._length + ids.shape[1]
        if self._length > self._room:
            raise ValueError("more tokens than there is room for")
        self._put("input_ids", ids)
        if "position_ids" in self._inputs:
            self._put("position_ids", np.arange(before, self._length, dtype=np.int64)[None])
        self._put("seqlens_k", np.array([self._length - 1], np.int32))
        self._put("total_sequence_length", np.array(self._length, np.int32))

    def _put(self, name: str, value: npt.NDArray[Any]) -> None:
        """Hand a small input over: by its place where that has not changed, else anew."""
        import numpy as np
        import onnxruntime as ort

        known = self._small.get(name)
        if known is None or known[0].shape != value.shape:
            # An array of our own: the binding reads it where it lies.
            array = np.array(value)
            known = self._small[name] = (array, ort.OrtValue.ortvalue_from_numpy(array))
        else:
            known[0][...] = value
        # On a GPU, binding is what copies it there.
        self._binding.bind_ortvalue_input(name, known[1])


class _Graph:
    """What a graph of the community takes and gives, found out once."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.session = session
        self.inputs = {str(i.name): i for i in session.get_inputs()}
        self.pasts = [n for n in self.inputs if _PAST.match(n)]
        outputs = [str(o.name) for o in session.get_outputs()]
        self.presents = {_PRESENT.sub("", n): n for n in outputs if _PRESENT.match(n)}
        self.place = "cuda" if in_use(session.get_providers()) == CUDA else "cpu"


class Growing:
    """A graph of the community: its past grows by concatenation."""

    def __init__(
        self,
        first: ort.InferenceSession,
        then: ort.InferenceSession,
        heads: int,
        given: Mapping[str, ort.OrtValue] | None = None,
    ) -> None:
        """`first` reads the prompt, `then` what follows; often they are the same graph.

        `heads`: heads of keys and values, for graphs that do not say it. `given`: inputs that
        stay the same, as the states of an encoder.
        """
        self._first, self._heads = _Graph(first), heads
        self._then = self._first if then is first else _Graph(then)
        self._given = dict(given or {})
        self._past: dict[str, ort.OrtValue] = {}
        self._ids: list[int] = []
        self._scores: Logits | None = None

    @property
    def logits(self) -> Logits:
        if self._scores is None:
            raise ValueError("nothing was read yet")
        return self._scores

    def read(self, ids: Sequence[int]) -> Iterator[None]:
        # Only a graph that always takes a past can go on from one by several tokens.
        whole = "use_cache_branch" in self._first.inputs or not self._first.pasts
        step = len(ids) if whole else CHUNK
        for start in range(0, len(ids), step):
            yield from patiently(functools.partial(self._run, ids[start : start + step]))
            yield

    def step(self, token: int) -> None:
        self._run([token])

    def _run(self, ids: Sequence[int], options: ort.RunOptions | None = None) -> None:
        import numpy as np

        graph = self._then if self._ids else self._first
        before = len(self._ids)
        self._ids += ids
        if not graph.pasts:  # a graph without a past reads everything anew
            ids, before = self._ids, 0
        feeds: dict[str, Any] = {
            "input_ids": [ids],
            "decoder_input_ids": [ids],
            "position_ids": [range(before, before + len(ids))],
            "attention_mask": [[1] * (before + len(ids))],
            "decoder_attention_mask": [[1] * (before + len(ids))],
            "use_cache_branch": [before > 0],
            "num_logits_to_keep": 1,
        }
        binding = graph.session.io_binding()
        for name, tensor in graph.inputs.items():
            held = self._given.get(name) or self._past.get(name)
            if held is not None:
                binding.bind_ortvalue_input(name, held)
            elif name in feeds:
                binding.bind_cpu_input(name, np.asarray(feeds[name], _TYPES[tensor.type]))
            elif name in graph.pasts:
                binding.bind_cpu_input(name, self._empty(tensor))
            else:
                raise StudioError(
                    f"This model wants something that Triptych does not know: {name[:60]}.",
                    "Choose another model.",
                )
        binding.bind_output("logits", "cpu")
        for name in graph.presents.values():
            binding.bind_output(name, graph.place)
        graph.session.run_with_iobinding(binding, options)
        logits, *made = binding.get_outputs()
        given = dict(zip(graph.presents, made, strict=True))
        for name in self._then.pasts:
            value = given.get(_PAST.sub("", name))
            # A merged graph gives the encoder's half only when it first computes it.
            if value is not None and (name not in self._past or 0 not in value.shape()):
                self._past[name] = value
        self._scores = logits.numpy()[0, -1].astype(np.float32)

    def _empty(self, tensor: Any) -> npt.NDArray[Any]:
        """A past of no tokens, in the shape that the graph states by numbers and names."""
        import numpy as np

        shape = []
        for size in tensor.shape:
            if isinstance(size, int):
                shape.append(size)
            elif "head" in str(size):
                shape.append(self._heads)
            else:
                shape.append(1 if str(size).startswith("batch") else 0)
        return np.zeros(shape, _TYPES[tensor.type])
