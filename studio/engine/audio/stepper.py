"""A decoder with a cache of keys and values that stay where they are computed between two steps.

Runs the decoders of `music_graphs` and those of transformers.js folders (`decoder_model_merged`,
whose two branches are told apart by `use_cache_branch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnxruntime as ort

    from studio.engine.image.standins import Brake

Array = npt.NDArray[Any]

_NUMPY = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_PLACES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "cuda"}
"""Where outputs are left, by provider; elsewhere in the computer's own memory."""


class Stepper:
    """A decoder's session: `begin` a sequence, then `step` through it."""

    def __init__(self, session: ort.InferenceSession, brake: Brake) -> None:
        """Raises ValueError where the graph is no decoder with a cache."""
        self._session, self._brake = session, brake
        inputs = {i.name: i for i in session.get_inputs()}
        outputs = [o.name for o in session.get_outputs()]
        self._types = {n: _NUMPY[i.type] for n, i in inputs.items() if i.type in _NUMPY}
        self._own = [n for n in inputs if n.startswith("past_key_values.") and ".decoder." in n]
        self._text = [n for n in inputs if n.startswith("past_key_values.") and ".encoder." in n]
        self._after = [n.replace("past_key_values", "present") for n in self._own]
        self._kept = [n.replace("past_key_values", "present") for n in self._text]
        self.merged = "use_cache_branch" in inputs
        needed = {"input_ids", "encoder_attention_mask", *self._own, *self._text}
        known = needed | ({"encoder_hidden_states", "use_cache_branch"} if self.merged else set())
        wanted = {"logits", *self._after, *(self._kept if self.merged else ())}
        shapes = [inputs[n].shape[1::2] for n in (*self._own, *self._text)]
        if set(inputs) != known or not wanted <= set(outputs) or len(self._types) != len(inputs):
            raise ValueError(f"inputs {list(inputs)}, outputs {outputs}")
        if not shapes or any(not isinstance(d, int) for s in shapes for d in s):
            raise ValueError("keys and values of no fixed size")
        self._sizes = dict(zip((*self._own, *self._text), shapes, strict=True))
        self.single = inputs["input_ids"].shape[1] == 1
        """Takes one column at a time only."""
        self._place = _PLACES.get(session.get_providers()[0], "cpu")
        self._fixed: dict[str, Any] = {}
        self._past: dict[str, Any] = {}
        self._first = True

    @property
    def layers(self) -> int:
        return len(self._own) // 2

    def begin(self, fixed: Mapping[str, Array], batch: int) -> None:
        """A new sequence. `fixed` are the inputs that stay: mask, and the words' keys and values.

        A merged decoder computes those itself, from `encoder_hidden_states`, at its first step.
        """
        import onnxruntime as ort

        self._first = True
        self._fixed = {
            name: ort.OrtValue.ortvalue_from_numpy(
                np.ascontiguousarray(value, dtype=self._types[name]), self._place, 0
            )
            for name, value in fixed.items()
        }
        empty = self._own if not self.merged else (*self._own, *self._text)
        self._past = {name: self._empty(name, batch) for name in empty}

    def _empty(self, name: str, batch: int) -> Any:
        import onnxruntime as ort

        heads, size = self._sizes[name]
        value = np.zeros((batch, heads, 0, size), dtype=self._types[name])
        return ort.OrtValue.ortvalue_from_numpy(value, self._place, 0)

    def step(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits (rows, vocabulary) after the last of the columns `ids` (rows, columns).

        Raises Stopped where the brake was pulled.
        """
        columns = range(ids.shape[1]) if self.single else range(1)
        logits: Any = None
        for column in columns:
            logits = self._run(ids[:, column : column + 1] if self.single else ids)
        result: npt.NDArray[np.float32] = logits.numpy()[:, -1].astype(np.float32, copy=False)
        return result

    def _run(self, ids: npt.NDArray[np.int64]) -> Any:
        binding = self._session.io_binding()
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(ids))
        if self.merged:
            binding.bind_cpu_input("use_cache_branch", np.array([not self._first]))
        for name, value in (*self._fixed.items(), *self._past.items()):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output("logits", "cpu")
        kept = self._kept if self.merged and self._first else []
        for name in (*self._after, *kept):
            binding.bind_output(name, self._place)
        self._brake.run(_Bound(self._session, binding), {})
        logits, *present = binding.get_outputs()
        texts = {n: self._past[n] for n in self._text if n in self._past}
        if kept:
            texts = dict(zip(self._text, present[len(self._after) :], strict=True))
        self._past = dict(zip(self._own, present, strict=False)) | texts
        self._first = False
        return logits


class _Bound:
    """A session that is run with what is bound to it, for whoever runs sessions."""

    def __init__(self, session: ort.InferenceSession, binding: ort.IOBinding) -> None:
        self._session, self._binding = session, binding

    def run(self, names: None, feed: Mapping[str, Any], options: ort.RunOptions) -> list[Any]:
        self._session.run_with_iobinding(self._binding, options)
        return []
