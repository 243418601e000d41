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
    ) -> None:
        """Raises ValueError where the graph's inputs are not those that are needed."""
        self._name, self._session, self._brake = name, session, brake
        inputs = session.get_inputs()
        names = [i.name for i in inputs]
        if set(needed) <= set(names) <= {*needed, *optional}:
            self._names = {n: n for n in names}
        elif len(names) == len(needed) and not set(names) & set(needed):
            self._names = dict(zip(needed, names, strict=True))
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

    def __call__(self, **tensors: torch.Tensor) -> list[torch.Tensor]:
        """All outputs, in the graph's order and in its types. Others than its inputs are ignored.

        Raises Stopped where the brake was pulled, StudioError where the tensors do not fit the
        graph (the parts of a model are of different ones), MemoryError where memory ran out.
        """
        import torch
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

        feed: dict[str, Any] = {}
        for usual, name in self._names.items():
            array = tensors[usual].detach().numpy()
            wanted = self._types[name]
            if wanted in (np.int64, np.int32) and array.dtype.kind == "f":
                array = np.rint(array)  # timesteps between two trained ones
            feed[name] = np.asarray(array, dtype=wanted, order="C")
        try:
            return [torch.from_numpy(o) for o in self._brake.run(self._session, feed)]
        except InvalidArgument as error:
            raise StudioError(
                f"The parts of this model do not fit together: {self._name} takes other numbers.",
                "Install the model again, or choose another one.",
            ) from error
        except RuntimeError as error:
            # ONNX Runtime has no exception of its own for this.
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise


def _standin(
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


def _complete(cls: type[Any], config: Mapping[str, Any]) -> Any:
    """A diffusers configuration with the defaults of what it leaves out."""
    from diffusers.configuration_utils import FrozenDict

    parameters = inspect.signature(cls.__init__).parameters
    values = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return FrozenDict(values | dict(config))


def unet(config: Mapping[str, Any], graph: Graph) -> Any:
    """A UNet2DConditionModel. It remembers its last sample, timestep and output as `last`."""
    import torch
    from diffusers.models.unets.unet_2d_condition import (
        UNet2DConditionModel,
        UNet2DConditionOutput,
    )

    # Exporters leave the timestep a scalar, one number for the whole batch, or one for each row.
    shape, batch = graph.shape("timestep"), graph.shape("sample")[0]

    def forward(
        self: Any,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep_cond: torch.Tensor | None = None,
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        time = torch.as_tensor(timestep).reshape(-1)[:1]
        if not shape:
            time = time[0]
        elif shape[0] == batch:
            time = time.expand(sample.shape[0])
        given = {"timestep_cond": timestep_cond} if timestep_cond is not None else {}
        predicted = graph(
            sample=sample, timestep=time, encoder_hidden_states=encoder_hidden_states, **given
        )[0].to(sample.dtype)
        vars(self)["last"] = (sample, timestep, predicted)
        return UNet2DConditionOutput(sample=predicted) if return_dict else (predicted,)

    return _standin(UNet2DConditionModel, _complete(UNet2DConditionModel, config), forward)


def text_encoder(config: Mapping[str, Any], graph: Graph) -> Any:
    """A CLIPTextModel that gives the last hidden state and, where the graph has it, the pooled."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    def forward(
        self: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **others: Any,
    ) -> Any:
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        found = graph(input_ids=input_ids, attention_mask=attention_mask)
        named = dict(zip(graph.outputs, found, strict=True))
        return BaseModelOutputWithPooling(
            last_hidden_state=named.get("last_hidden_state", found[0]).float(),
            pooler_output=named.get("pooler_output"),
        )

    settings = CLIPTextConfig(**{k: v for k, v in config.items() if not k.startswith("_")})
    return _standin(CLIPTextModel, settings, forward)


def autoencoder(config: Mapping[str, Any], decode: Graph, encode: Callable[[], Graph]) -> Any:
    """The library's own AutoencoderKL with graphs for encoder and decoder.

    `encode` gives the encoder's graph when it is first needed.
    """
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    def decoded(self: Any, latents: torch.Tensor, *others: Any) -> torch.Tensor:
        return decode(latent_sample=latents)[0].to(latents.dtype)

    def encoded(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        moments = encode()(sample=pixels)[0].to(pixels.dtype)
        if moments.shape[1] == 2 * config["latent_channels"]:
            return moments
        # An export that gives latents instead of their distribution: one without any spread.
        return torch.cat([moments, torch.full_like(moments, -30.0)], dim=1)

    with torch.device("meta"):
        module = AutoencoderKL.from_config(dict(config))
    module.quant_conv = module.post_quant_conv = None  # they are inside the graphs
    module.decoder = _standin(torch.nn.Module, None, decoded)
    module.encoder = _standin(torch.nn.Module, None, encoded)
    return module.eval()
