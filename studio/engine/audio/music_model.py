"""A MusicGen folder, loaded: transformers' safetensors, or the ONNX parts of transformers.js."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device, graphs
from studio.engine.audio import encodec, music_graphs
from studio.engine.audio.encodec import Codec, Shape
from studio.engine.audio.stepper import Stepper
from studio.engine.audio.weights import Plain
from studio.engine.image.layout import missing, read_json
from studio.engine.image.standins import Brake
from studio.engine.sessions import open_session, unreadable
from studio.engine.tokenizer import JsonTokenizer
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

    Array = npt.NDArray[Any]
    Codes = npt.NDArray[np.int64]
    Wave = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

Told = Callable[[float], None]
"""Hears how much is loaded, 0 to 1; what it raises ends the loading."""
MOST_WORDS = 256
"""Tokens of a prompt; MusicGen was taught with descriptions of a sentence or two."""
FORMS = ("", "_fp16", "_quantized", "_int8", "_q8", "_q4", "_q4f16", "_uint8", "_bnb4")
"""What transformers.js folders call the precisions of a graph, the preferred first."""


@dataclass(slots=True)
class Model:
    """What stays between jobs."""

    shape: Shape
    channels: int
    pad: int
    """The code that stands where there is none."""
    eos: int
    tokenizer: JsonTokenizer
    words: ort.InferenceSession
    stepper: Stepper
    codec: Codec
    brake: Brake
    provider: str
    single: bool = False
    """The codec's decoder is one graph, which takes codes of (1, 1, codebooks, frames)."""

    @property
    def books(self) -> int:
        """Rows of codes, those of all channels."""
        return self.shape.codebooks * self.channels

    def ids(self, prompt: str) -> tuple[list[int], bool]:
        """The prompt as the text encoder reads it, and whether its end was left out."""
        found = self.tokenizer.encode_plain(" ".join(prompt.split()))
        return [*found[: MOST_WORDS - 1], self.eos], len(found) >= MOST_WORDS

    def condition(self, ids: list[int], *, guided: bool) -> dict[str, Array]:
        """What the stepper begins with; guided, the words and beside them nothing at all."""
        import numpy as np

        row = np.array([ids], dtype=np.int64)
        mask = np.ones_like(row)
        made = self.brake.run(self.words, {"input_ids": row, "attention_mask": mask})
        batch = 2 if guided else 1

        def beside(value: Array) -> Array:
            return np.concatenate([value, np.zeros_like(value)]) if guided else value

        if self.stepper.merged:
            # There the mask takes away what the projection makes of nothing.
            return {
                "encoder_hidden_states": beside(made[0]),
                "encoder_attention_mask": beside(mask),
            }
        # Keys and values of nothing are zero, and so is what is attended to.
        names = music_graphs.past(range(self.stepper.layers), "past_key_values", "encoder")
        found = {n: beside(m) for n, m in zip(names, made, strict=True)}
        return found | {"encoder_attention_mask": np.repeat(mask, batch, axis=0)}

    def decode(self, codes: Codes) -> Iterator[Wave]:
        """The sound of one channel's codes, piece by piece."""
        if not self.single:
            yield from self.codec.decode(codes)
            return
        session = self.codec.sessions[encodec.SOUND]
        feed = {session.get_inputs()[0].name: codes[None, None]}
        yield self.brake.run(session, feed)[0][0, 0]


def load(job: Job, bench: Workbench, told: Told) -> Model:
    """The model of a job, from the bench where it is held, its brake off.

    Raises StudioError naming what is missing or wrong.
    """
    # The cache grows from step to step: nothing of it could be recorded and replayed.
    job = replace(job, device=replace(job.device, cuda_graphs=False))
    key = (
        "audio.music",
        job.model.name,
        folder_stamp(job.model),
        tuple(device.providers(job.device)),
        device.threads(job.device),
    )
    model = bench.take(key, lambda: _Parts(job, bench).open(told), folder_size(job.model))
    bench.provider = model.provider
    model.brake.release()
    return model


def open_ears(job: Job, bench: Workbench, model: Model, told: Told) -> None:
    """Load the graphs that turn a given sound into codes. Raises StudioError where they lack."""
    if encodec.WRITE not in model.codec.sessions:
        if model.single:
            raise StudioError(
                f"The model “{job.model.name}” cannot go on from a sound: this form of it has no"
                " encoder.",
                "Take the sound out, or install the model in its original form (safetensors).",
            )
        parts = _Parts(job, bench)
        for number, part in enumerate((encodec.HEAR, encodec.WRITE)):
            model.codec.sessions[part] = parts.bound(part, _part(told, number, 2))


def _part(told: Told, number: int, of: int) -> Told:
    """What hears of one part of several."""
    return lambda fraction: told((number + fraction) / of)


class _Parts:
    """Opens the parts of one model folder."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self._job, self._bench, self._folder = job, bench, job.model
        self._weights: Plain | None = None
        self._graphs: Mapping[str, graphs.Architecture] = {}

    def open(self, told: Told) -> Model:
        config = read_json(self._folder, "config.json")
        try:
            decoder = config["decoder"]
            shape = encodec.shape(config["audio_encoder"])
            channels, pad = int(decoder.get("audio_channels", 1)), int(decoder["pad_token_id"])
            eos = int(config["text_encoder"].get("eos_token_id") or 1)
            if channels not in (1, 2) or decoder["num_codebooks"] != shape.codebooks * channels:
                raise ValueError(f"{decoder['num_codebooks']} codebooks, {channels} channels")
            self._graphs = architectures_of(self._folder)
        except Exception as error:  # whatever a library says to a stranger's configuration
            log.warning("%s: %s", self._folder.name, error)
            raise unreadable(self._folder / "config.json", self._folder) from error
        tokenizer = self._tokenizer()
        brake = Brake()
        script = self._folder / "onnx"
        single = script.is_dir()
        told(0.0)
        if single:
            words = self._graph("text_encoder")
            sound = {encodec.SOUND: self._graph("encodec_decode")}
            told(0.3)
            stepping = self._graph("decoder_model_merged")
        else:
            words = self.bound(music_graphs.WORDS, _part(told, 0, 4))
            reading = (encodec.READ, encodec.SOUND)
            sound = {p: self.bound(p, _part(told, 1 + n, 4)) for n, p in enumerate(reading)}
            stepping = self.bound(music_graphs.STEP, _part(told, 3, 4))
        provider = self._bench.provider
        told(1.0)
        try:
            stepper = Stepper(stepping, brake)
        except ValueError as error:
            log.warning("%s: %s", self._folder.name, error)
            raise unreadable(script / "decoder_model_merged.onnx", self._folder) from error
        return Model(
            shape=shape,
            channels=channels,
            pad=pad,
            eos=eos,
            tokenizer=tokenizer,
            words=words,
            stepper=stepper,
            codec=Codec(shape, sound, brake),
            brake=brake,
            provider=provider,
            single=single,
        )

    def bound(self, part: str, told: Told) -> ort.InferenceSession:
        """A graph of the studio's own with this folder's weights."""
        if self._weights is None:
            self._weights = Plain(graphs.safetensors_of(self._folder))
        self._graphs = self._graphs or architectures_of(self._folder)
        told(0.0)
        return graphs.open_bound(self._job, self._bench, self._graphs[part], self._weights, told)

    def _graph(self, stem: str) -> ort.InferenceSession:
        """A graph that the folder brings, in the precision that is preferred of those there."""
        for form in FORMS:
            path = self._folder / "onnx" / f"{stem}{form}.onnx"
            if path.is_file():
                return open_session(self._job, path, self._bench)
        raise missing(self._folder, f"onnx/{stem}.onnx")

    def _tokenizer(self) -> JsonTokenizer:
        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise missing(self._folder, "tokenizer.json")
        try:
            return JsonTokenizer(path)
        except Exception as error:  # the Rust library raises plain Exceptions
            raise unreadable(path, self._folder) from error


def architectures_of(folder: Path) -> Mapping[str, graphs.Architecture]:
    """The graphs that a folder in safetensors is run with; none for one that brings its own."""
    if (folder / "onnx").is_dir():
        return {}
    return music_graphs.architectures(read_json(folder, "config.json"))
