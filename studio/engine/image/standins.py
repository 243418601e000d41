"""Weightless stand-ins for the modules of a diffusers pipeline; what they compute, sessions do.

A stand-in is an instance of the library's own class, so that the pipeline's checks hold, with its
configuration but without its layers.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.core.errors import StudioError
from studio.engine.image.handover import Stopped

if TYPE_CHECKING:
    import onnxruntime as ort
    import torch

_NUMPY = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Brake:
    """Stops whatever graph of a model runs, from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pulled = False
        self._running: Any = None

    @property
    def busy(self) -> bool:
        """A graph runs right now."""
        return self._running is not None

    def release(self) -> None:
        """Let graphs run again."""
        with self._lock:
            self._pulled = False

    def pull(self) -> None:
        """Stop the graph that runs, within some 0.1 s, and let none start."""
        with self._lock:
            self._pulled = True
            if self._running is not None:
                self._running.terminate = True

    def run(self, session: ort.InferenceSession, feed: Mapping[str, Any]) -> list[Any]:
        """All outputs of a session. Raises Stopped where the brake was pulled."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        with self._lock:
            if self._pulled:
                raise Stopped
            self._running = options
        try:
            result: list[Any] = session.run(None, feed, options)
        except Exception:
            if self._pulled:
                raise Stopped from None
            raise
        finally:
            self._running = None
        return result


class Graph:
    """A session that is called with torch tensors by the names the pipeline has for them.

    Exports differ in what they call their inputs: those that lack the usual names are bound by
    position. Tensors stay on the CPU, also where the session computes elsewhere: between two
    runs there is nothing but latents, and they are small.
    """

    def __init__(
        self,
        name: str,
        session: ort.InferenceSession,
        brake: Brake,
        needed: Sequence[str],
        optional: Sequence[str] = (),
        more: bool = False,
    ) -> None:
        """`more`: it may have further inputs, given in their order as `rest`.

        Raises ValueError where the graph's inputs are not those that are needed.
        """
        self._name, self._session, self._brake = name, session, brake
        inputs = session.get_inputs()
        names = [i.name for i in inputs]
        known = [n for n in names if n in {*needed, *optional}]
        self.rest = tuple(n for n in names if n not in known)
        """The names of the further inputs."""
        if set(needed) <= set(known) and (more or not self.rest):
            self._names = {n: n for n in known}
        elif len(names) == len(needed) and not set(names) & set(needed):
            self._names, self.rest = dict(zip(needed, names, strict=True)), ()
        else:
            raise ValueError(f"inputs {names} instead of {list(needed)}")
        self._types = {i.name: _NUMPY[i.type] for i in inputs if i.type in _NUMPY}
        if len(self._types) != len(inputs):
            raise ValueError(f"inputs of type {[i.type for i in inputs]}")
        self._shapes = {i.name: tuple(i.shape) for i in inputs}
        self.outputs: tuple[str, ...] = tuple(o.name for o in session.get_outputs())

    def wants(self, name: str) -> bool:
        return name in self._names

    def shape(self, name: str) -> tuple[int | str | None, ...]:
        """An input's shape: sizes where they are fixed, names or None where they are not."""
        return self._shapes[self._names[name]]

    def __call__(
        self, rest: Sequence[torch.Tensor] = (), **tensors: torch.Tensor
    ) -> list[torch.Tensor]:
        """All outputs, in the graph's order and in its types. Others than its inputs are ignored.

        Raises Stopped where the brake was pulled, StudioError where the tensors do not fit the
        graph (the parts of a model are of different ones), MemoryError where memory ran out.
        """
        import torch
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

        if not set(self._names) <= {n for n, t in tensors.items() if t is not None}:
            raise self._misfit()
        given = {name: tensors[usual] for usual, name in self._names.items()}
        given |= dict(zip(self.rest, rest, strict=True))
        feed: dict[str, Any] = {}
        for name, tensor in given.items():
            array = tensor.detach().numpy()
            wanted = self._types[name]
            if wanted in (np.int64, np.int32) and array.dtype.kind == "f":
                array = np.rint(array)  # timesteps between two trained ones
            feed[name] = np.asarray(array, dtype=wanted, order="C")
        try:
            return [torch.from_numpy(o) for o in self._brake.run(self._session, feed)]
        except InvalidArgument as error:
            raise self._misfit() from error
        except Exception as error:
            # ONNX Runtime has no exceptions of their own for these.
            said = str(error)
            if "allocate memory" in said:
                raise MemoryError(said) from error
            if any(words in said for words in ("broadcast", "reshaped", "shape mismatch")):
                raise self._misfit() from error
            raise

    def _misfit(self) -> StudioError:
        return StudioError(
            f"The parts of this model do not fit together: {self._name} takes other numbers.",
            "Install the model again, or choose another one; a ControlNet has to be made for the"
            " same kind of model.",
        )


def standin(
    cls: type[Any], config: Any, forward: Callable[..., Any], **attributes: Any
) -> torch.nn.Module:
    """An instance of exactly `cls` without its layers; `forward` takes it first, like a method."""
    import torch

    module: torch.nn.Module = object.__new__(cls)
    torch.nn.Module.__init__(module)
    # One empty parameter: whoever asks a module for its device or type looks at the first.
    anchor = torch.nn.Parameter(torch.empty(0, dtype=torch.float32), requires_grad=False)
    module.register_parameter("_anchor", anchor)
    # Past nn.Module's own attributes, and past those of the library's, which forward to `config`.
    vars(module)["_internal_dict" if hasattr(cls, "register_to_config") else "config"] = config
    vars(module)["forward"] = MethodType(forward, module)
    vars(module).update(attributes)
    return module.eval()


def complete(cls: type[Any], config: Mapping[str, Any]) -> Any:
    """A diffusers configuration with the defaults of what it leaves out."""
    from diffusers.configuration_utils import FrozenDict

    parameters = inspect.signature(cls.__init__).parameters
    values = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return FrozenDict(values | dict(config))
