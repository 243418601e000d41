"""Sessions that replay recorded CUDA graphs: inputs and outputs keep their places on the device.

Imported only where such a session is opened; onnxruntime is loaded with this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

REMEMBERED = 8
"""Sizes for which a recording is kept; each holds its buffers on the device."""


@dataclass(slots=True)
class _Recording:
    """The buffers of one set of shapes; `number` is the recording's own at ONNX Runtime."""

    number: int
    inputs: dict[str, ort.OrtValue]
    binding: ort.IOBinding


class CapturedSession:
    """What an InferenceSession is, but that `run` copies into fixed buffers and replays a graph.

    A CUDA graph holds for one set of shapes and addresses (ONNX Runtime, CUDA execution provider,
    "Using CUDA Graphs"): every set gets a recording of its own, told apart by `gpu_graph_id`. The
    first run with new shapes is done plainly and tells the shapes of the outputs.
    """

    def __init__(self, session: ort.InferenceSession, device: str = "cuda") -> None:
        self._session = session
        self._place = device
        self._recordings: dict[tuple[Any, ...], _Recording] = {}

    def __getattr__(self, name: str) -> Any:
        """Everything else is the session's own."""
        return getattr(self._session, name)

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, npt.NDArray[Any]],
        run_options: ort.RunOptions | None = None,
    ) -> list[npt.NDArray[Any]]:
        """As InferenceSession.run; arrays in, arrays out."""
        options = run_options or ort.RunOptions()
        feed = {name: np.ascontiguousarray(a) for name, a in input_feed.items()}
        key = tuple((n, a.shape, a.dtype.str) for n, a in sorted(feed.items()))
        recording = self._recordings.get(key)
        if recording is None:
            if len(self._recordings) >= REMEMBERED:
                # One more would hold more memory than it saves time: run it as it is.
                options.add_run_config_entry("gpu_graph_id", "-1")
                result: list[npt.NDArray[Any]] = self._session.run(None, feed, options)
                return _chosen(self._session, output_names, result)
            recording = self._record(feed, options)
            self._recordings[key] = recording
        for name, array in feed.items():
            recording.inputs[name].update_inplace(array)
        again = ort.RunOptions() if run_options is None else run_options
        again.add_run_config_entry("gpu_graph_id", str(recording.number))
        self._session.run_with_iobinding(recording.binding, again)
        return _chosen(
            self._session, output_names, [v.numpy() for v in recording.binding.get_outputs()]
        )

    def _record(self, feed: Mapping[str, npt.NDArray[Any]], options: ort.RunOptions) -> _Recording:
        options.add_run_config_entry("gpu_graph_id", "-1")
        plain: list[npt.NDArray[Any]] = self._session.run(None, dict(feed), options)
        binding = self._session.io_binding()
        inputs = {
            name: ort.OrtValue.ortvalue_from_numpy(array, self._place, 0)
            for name, array in feed.items()
        }
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for output, array in zip(self._session.get_outputs(), plain, strict=True):
            binding.bind_ortvalue_output(
                output.name,
                ort.OrtValue.ortvalue_from_shape_and_type(array.shape, array.dtype, self._place, 0),
            )
        return _Recording(len(self._recordings) + 1, inputs, binding)


def _chosen(
    session: ort.InferenceSession,
    names: Sequence[str] | None,
    arrays: list[npt.NDArray[Any]],
) -> list[npt.NDArray[Any]]:
    """The outputs that were asked for; all of them for None."""
    if names is None:
        return arrays
    places = {o.name: i for i, o in enumerate(session.get_outputs())}
    return [arrays[places[n]] for n in names]
