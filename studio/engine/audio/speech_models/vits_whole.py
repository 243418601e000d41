"""VITS and MMS in the layout of transformers.js: `onnx/model.onnx` as it is, nothing apart.

Such a graph has neither speed nor expressiveness: speed is given to its sound afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from studio.core.recipe import Job
from studio.engine.audio.speech_models.base import (
    CHARACTERS,
    Manner,
    Told,
    graph_of,
    number_of,
    read_json,
    unusable,
    whole,
)
from studio.engine.audio.speech_models.letters import Letters
from studio.engine.audio.speech_models.seeded import SeededSession
from studio.engine.audio.stretch import stretch
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]


class VitsWhole:
    """A loaded VITS of one graph."""

    pitched = False

    def __init__(self, job: Job, bench: Workbench, brake: Brake, told: Told) -> None:
        """Raises StudioError where the folder is not a whole model of this kind."""
        folder = job.model
        config = read_json(folder / "config.json", folder)
        self.rate = whole(
            config.get("sampling_rate"), 16_000, 4_000, 192_000, folder, "sample rate"
        )
        size = whole(config.get("vocab_size"), 38, 1, 1_000_000, folder, "vocabulary")
        path = graph_of(folder / "onnx", "model") or graph_of(folder, "model")
        if path is None:
            raise unusable(folder, "it has neither safetensors nor onnx/model.onnx")
        self._letters = Letters(folder, size)
        self.names: tuple[str, ...] = ()
        self.language, self.longest = self._letters.language, CHARACTERS
        self.brake = brake
        self.notes: set[str] = set()
        self._session = SeededSession(job, bench, path, brake)
        if not {"input_ids"} <= set(self._session.inputs) <= {"input_ids", "attention_mask"}:
            raise unusable(folder, "its graph has other inputs than VITS")
        self.provider = bench.provider
        told(1, 1)

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        import numpy as np

        number_of(name, self.names)
        ids = self._letters.ids(text, reading)
        if not ids:
            return
        if manner.liveliness != 1.0:
            self.notes.add("This model’s expressiveness cannot be changed.")
        feed: dict[str, Any] = {"input_ids": np.array([ids])}
        if "attention_mask" in self._session.inputs:
            feed["attention_mask"] = np.ones_like(feed["input_ids"])
        made = self._session.run(feed, manner.seed)[0].reshape(-1).astype(np.float32)
        yield stretch(made, self.rate, manner.speed)
